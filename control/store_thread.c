// SPDX-License-Identifier: BSD-3-Clause
#include "control/store_thread.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

struct store_thread {
	pthread_t id;
	void (*work)(void *context);
	void (*done)(void *context);
	void *context;
	// The lock hands over what the work touches; nobody holds it while the work is done.
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool wanted, stop; // under lock. Writers: control; the thread takes `wanted` away
	int finished;      // eventfd: counts pieces of work
	struct event *event;
	bool busy; // control's own
};

int store_thread_spawn(pthread_t *id, void *(*run)(void *context), void *context)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(id, NULL, run, context);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

// Waits for work. Returns whether there is some.
static bool wait_wanted(struct store_thread *thread)
{
	bool wanted;

	pthread_mutex_lock(&thread->lock);
	while (!thread->wanted && !thread->stop)
		pthread_cond_wait(&thread->changed, &thread->lock);
	wanted = thread->wanted;
	thread->wanted = false;
	pthread_mutex_unlock(&thread->lock);
	return wanted;
}

static void *thread_run(void *context)
{
	struct store_thread *thread = context;

	while (wait_wanted(thread)) {
		thread->work(thread->context);
		// Gives back what the work touched.
		pthread_mutex_lock(&thread->lock);
		pthread_mutex_unlock(&thread->lock);
		eventfd_write(thread->finished, 1);
	}
	return NULL;
}

static void on_finished(evutil_socket_t fd, short what, void *context)
{
	struct store_thread *thread = context;
	eventfd_t count;

	if (eventfd_read(thread->finished, &count) != 0)
		return;
	pthread_mutex_lock(&thread->lock);
	pthread_mutex_unlock(&thread->lock);
	thread->busy = false;
	thread->done(thread->context);
}

struct store_thread *store_thread_start(struct event_base *base, void (*work)(void *context),
					void (*done)(void *context), void *context)
{
	struct store_thread *thread = calloc(1, sizeof(*thread));
	int rc;

	if (thread == NULL)
		return NULL;
	thread->work = work;
	thread->done = done;
	thread->context = context;
	pthread_mutex_init(&thread->lock, NULL);
	pthread_cond_init(&thread->changed, NULL);
	thread->finished = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = thread->finished < 0 ? errno : 0;
	if (rc == 0)
		thread->event =
		    event_new(base, thread->finished, EV_READ | EV_PERSIST, on_finished, thread);
	if (rc == 0 && (thread->event == NULL || event_add(thread->event, NULL) != 0))
		rc = ENOMEM;
	if (rc == 0)
		rc = store_thread_spawn(&thread->id, thread_run, thread);
	if (rc == 0)
		return thread;
	if (thread->event != NULL)
		event_free(thread->event);
	if (thread->finished >= 0)
		close(thread->finished);
	free(thread);
	errno = rc;
	return NULL;
}

void store_thread_stop(struct store_thread *thread)
{
	if (thread == NULL)
		return;
	pthread_mutex_lock(&thread->lock);
	thread->stop = true;
	pthread_cond_signal(&thread->changed);
	pthread_mutex_unlock(&thread->lock);
	pthread_join(thread->id, NULL);
	event_free(thread->event);
	close(thread->finished);
	pthread_cond_destroy(&thread->changed);
	pthread_mutex_destroy(&thread->lock);
	free(thread);
}

void store_thread_go(struct store_thread *thread)
{
	assert(!thread->busy);
	thread->busy = true;
	pthread_mutex_lock(&thread->lock);
	thread->wanted = true;
	pthread_cond_signal(&thread->changed);
	pthread_mutex_unlock(&thread->lock);
}
