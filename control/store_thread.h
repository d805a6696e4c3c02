// SPDX-License-Identifier: BSD-3-Clause
// A thread that does one piece of work at a time for the loop, so that the loop need not wait for
// what the work waits for.
//
// The functions are the control thread's. What the work touches belongs to the thread from
// store_thread_go() until done() is called, and to control at all other times.
#pragma once

#include <stdbool.h>

#include <pthread.h>

struct event_base;
struct store_thread;

// work() runs in the thread, done() in the loop afterwards. base is borrowed.
// Returns NULL with errno.
struct store_thread *store_thread_start(struct event_base *base, void (*work)(void *context),
					void (*done)(void *context), void *context);

// Waits for the work under way, whose done() is not called any more. NULL is taken.
void store_thread_stop(struct store_thread *thread);

// Does the work once. Not before done() of the time before.
void store_thread_go(struct store_thread *thread);

// pthread_create() of a thread that gets no signals: these are for the control thread.
int store_thread_spawn(pthread_t *id, void *(*run)(void *context), void *context);
