// SPDX-License-Identifier: BSD-3-Clause
#include "control/store_flush.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "control/log.h"
#include "control/store_thread.h"

struct store_flush {
	int fd;
	int stop; // eventfd: readable from stop on
	int every_ms;
	pthread_t thread;
	// Since when there is something to flush; 0: nothing. Writers: who marks, the thread.
	_Atomic uint64_t marked_ms;
	_Atomic uint64_t flushing_ms;  // the same of what is being flushed. Writer: the thread
	_Atomic uint64_t done, failed; // writer: the thread
};

// Returns whether the disk has all that was marked before.
static void flush_once(struct store_flush *flush)
{
	const uint64_t marked_ms = atomic_load(&flush->marked_ms);

	if (marked_ms == 0)
		return;
	// In this order, so that who looks meanwhile sees one of them at least.
	atomic_store(&flush->flushing_ms, marked_ms);
	atomic_store(&flush->marked_ms, 0);
	if (fdatasync(flush->fd) == 0) {
		atomic_fetch_add(&flush->done, 1);
	} else {
		if (atomic_fetch_add(&flush->failed, 1) == 0)
			log_line(LOG_LEVEL_ERROR, "store: the disk does not take the file: %s",
				 strerror(errno));
		// It is as old as it was, whatever was marked since.
		atomic_store(&flush->marked_ms, marked_ms);
	}
	atomic_store(&flush->flushing_ms, 0);
}

static void *flush_run(void *context)
{
	struct store_flush *flush = context;
	struct pollfd stop = {.fd = flush->stop, .events = POLLIN};

	while (poll(&stop, 1, flush->every_ms) <= 0)
		flush_once(flush);
	flush_once(flush);
	return NULL;
}

struct store_flush *store_flush_start(int fd, uint32_t every_ms)
{
	struct store_flush *flush = calloc(1, sizeof(*flush));
	int rc;

	if (flush == NULL)
		return NULL;
	flush->fd = fd;
	flush->every_ms = (int)every_ms;
	flush->stop = eventfd(0, EFD_CLOEXEC);
	rc = flush->stop < 0 ? errno : store_thread_spawn(&flush->thread, flush_run, flush);
	if (rc == 0)
		return flush;
	if (flush->stop >= 0)
		close(flush->stop);
	free(flush);
	errno = rc;
	return NULL;
}

void store_flush_stop(struct store_flush *flush)
{
	if (flush == NULL)
		return;
	eventfd_write(flush->stop, 1);
	pthread_join(flush->thread, NULL);
	close(flush->stop);
	free(flush);
}

void store_flush_mark(struct store_flush *flush, uint64_t now_ms)
{
	uint64_t nothing = 0;

	atomic_compare_exchange_strong(&flush->marked_ms, &nothing, now_ms);
}

struct store_flush_view store_flush_look(const struct store_flush *flush)
{
	uint64_t marked_ms = atomic_load(&flush->marked_ms);
	const uint64_t flushing_ms = atomic_load(&flush->flushing_ms);

	// A flush that failed just now has put it back, behind the first look.
	if (marked_ms == 0)
		marked_ms = atomic_load(&flush->marked_ms);
	return (struct store_flush_view){
	    .done = atomic_load(&flush->done),
	    .failed = atomic_load(&flush->failed),
	    .oldest_ms = flushing_ms != 0 ? flushing_ms : marked_ms,
	};
}
