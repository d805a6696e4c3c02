// SPDX-License-Identifier: BSD-3-Clause
#include "control/preload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/bytes.h"

struct preload {
	struct admission *admission;
	struct preload_order order;
	preload_done done; // NULL: no order is under way
	void *context;
	uint64_t *handles;
	uint32_t ordered, answered, refused;
};

struct preload *preload_create(struct admission *admission)
{
	struct preload *preload = calloc(1, sizeof(*preload));

	if (preload != NULL)
		preload->admission = admission;
	return preload;
}

void preload_destroy(struct preload *preload)
{
	if (preload == NULL)
		return;
	free(preload->handles);
	free(preload);
}

static void id_make(uint64_t seed, uint32_t n, uint8_t id[static WIRE_SESSION_ID_BYTES])
{
	bytes_write64(id, seed);
	bytes_write64(id + 8, n);
}

static bool backend_takes(const struct backends *backends, uint16_t service)
{
	for (uint32_t i = 0; i < backends->count; i++) {
		const struct backends_entry *entry = &backends->entries[i];

		if (entry->connected && !entry->draining && entry->service == service)
			return true;
	}
	return false;
}

int preload_begin(struct preload *preload, const struct preload_order *order, preload_done done,
		  void *context)
{
	const struct admission *admission = preload->admission;
	const uint32_t max = admission->settings->session.max;

	if (preload->done != NULL)
		return -EBUSY;
	if (admission->draining)
		return -ESHUTDOWN;
	if (admission->sessions > max || order->count > max - admission->sessions)
		return -ENOSPC;
	if (!backend_takes(admission->backends, order->service))
		return -EAGAIN;
	preload->handles = calloc(order->count, sizeof(*preload->handles));
	if (preload->handles == NULL)
		return -ENOMEM;
	preload->order = *order;
	preload->ordered = preload->answered = preload->refused = 0;
	preload->done = done;
	preload->context = context;
	return 0;
}

static void finish_if_answered(struct preload *preload)
{
	const preload_done done = preload->done;
	uint64_t *handles = preload->handles;

	if (done == NULL || preload->answered < preload->order.count)
		return;
	preload->done = NULL;
	preload->handles = NULL;
	done(preload->context, handles, preload->order.count, preload->refused);
	free(handles);
}

// Orders session n. Returns 0, -EAGAIN (its worker has enough to do) or -EPERM (refused).
static int order_one(struct preload *preload, uint32_t n)
{
	const struct preload_order *order = &preload->order;
	const uint32_t workers = preload->admission->settings->gateway.workers;
	struct command command = {
	    .kind = COMMAND_PRELOAD,
	    .backend = DIRECTORY_NONE,
	    .token = n,
	    .path = order->client,
	    .birth = {.first = order->first, .service = order->service},
	};
	uint8_t *last = command.path.peer.ip + 12;

	id_make(order->seed, n, command.birth.id);
	bytes_write32(last, bytes_read32(last) + n);
	return admission_preload(preload->admission,
				 order->worker == PRELOAD_ALL_WORKERS ? n % workers : order->worker,
				 &command);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void preload_tick(struct preload *preload)
{
	const uint64_t begun_us = now_us();

	if (preload->done == NULL)
		return;
	for (uint32_t i = 0; i < PRELOAD_TICK_MAX && preload->ordered < preload->order.count; i++) {
		const int rc = order_one(preload, preload->ordered);

		if (rc == -EAGAIN)
			break;
		preload->ordered++;
		preload->answered += rc != 0;
		preload->refused += rc != 0;
		if (now_us() - begun_us >= PRELOAD_TICK_US)
			break;
	}
	finish_if_answered(preload);
}

void preload_notice(struct preload *preload, const struct notice *notice)
{
	if (preload->done == NULL || notice->token >= preload->ordered)
		return;
	preload->handles[notice->token] = notice->handle;
	preload->answered++;
	preload->refused += notice->handle == 0;
	finish_if_answered(preload);
}
