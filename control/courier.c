// SPDX-License-Identifier: BSD-3-Clause
#include "control/courier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/log.h"

enum { QUEUE_MIN = 64 };

// A ring that grows.
struct queue {
	struct command *commands;
	uint32_t room;
	uint32_t count;
	uint32_t first;
};

struct courier {
	struct dataplane *dataplane;
	struct tally *tally;
	uint32_t workers;
	bool held;
	struct queue queues[DIRECTORY_WORKERS_MAX];
};

struct courier *courier_create(struct dataplane *dataplane, uint32_t workers, struct tally *tally)
{
	struct courier *courier = calloc(1, sizeof(*courier));

	if (courier == NULL)
		return NULL;
	courier->dataplane = dataplane;
	courier->workers = workers;
	courier->tally = tally;
	return courier;
}

static struct command *queue_at(const struct queue *queue, uint32_t index)
{
	return &queue->commands[(queue->first + index) % queue->room];
}

void courier_destroy(struct courier *courier)
{
	if (courier == NULL)
		return;
	for (uint32_t worker = 0; worker < courier->workers; worker++) {
		struct queue *queue = &courier->queues[worker];

		for (uint32_t i = 0; i < queue->count; i++) {
			if (queue_at(queue, i)->packet != NULL)
				dataplane_packet_free(queue_at(queue, i)->packet);
		}
		free(queue->commands);
	}
	free(courier);
}

static void queue_grow(struct queue *queue)
{
	const uint32_t room = queue->room == 0 ? QUEUE_MIN : 2 * queue->room;
	struct command *commands = malloc(room * sizeof(*commands));

	if (commands == NULL) {
		log_line(LOG_LEVEL_ERROR, "no memory to keep a decision for a worker: giving up");
		abort();
	}
	for (uint32_t i = 0; i < queue->count; i++)
		commands[i] = *queue_at(queue, i);
	free(queue->commands);
	queue->commands = commands;
	queue->room = room;
	queue->first = 0;
}

static void queue_push(struct queue *queue, const struct command *command)
{
	if (queue->count == queue->room)
		queue_grow(queue);
	queue->count++;
	*queue_at(queue, queue->count - 1) = *command;
}

// Straight into the mailbox where nothing waits in front.
static bool sent_now(struct courier *courier, uint32_t worker, const struct command *command)
{
	return !courier->held && courier->queues[worker].count == 0 &&
	       dataplane_command(courier->dataplane, worker, command) == 0;
}

static void keep(struct courier *courier, uint32_t worker, const struct command *command)
{
	queue_push(&courier->queues[worker], command);
	if (!courier->held)
		courier->tally->commands_queued++;
}

void courier_decide(struct courier *courier, uint32_t worker, const struct command *command)
{
	if (!sent_now(courier, worker, command))
		keep(courier, worker, command);
}

void courier_decide_all(struct courier *courier, const struct command *command)
{
	for (uint32_t worker = 0; worker < courier->workers; worker++)
		courier_decide(courier, worker, command);
}

// The last waiting command, where one more handle of such an end has room.
static struct command *end_joinable(const struct queue *queue, uint16_t code, uint8_t reason,
				    uint32_t token)
{
	if (queue->count == 0)
		return NULL;
	struct command *last = queue_at(queue, queue->count - 1);

	if (last->kind != COMMAND_END || last->code != code || last->reason != reason ||
	    last->token != token || last->count == DATAPLANE_HANDLES_MAX)
		return NULL;
	return last;
}

void courier_end(struct courier *courier, uint32_t worker, uint64_t handle, uint16_t code,
		 uint8_t reason, uint32_t token)
{
	struct command *last = end_joinable(&courier->queues[worker], code, reason, token);

	if (last != NULL) {
		last->handles[last->count++] = handle;
		return;
	}
	const struct command command = {
	    .kind = COMMAND_END,
	    .reason = reason,
	    .count = 1,
	    .code = code,
	    .token = token,
	    .handles = {handle},
	};

	courier_decide(courier, worker, &command);
}

int courier_offer(struct courier *courier, uint32_t worker, const struct command *command)
{
	if (sent_now(courier, worker, command))
		return 0;
	if (courier->queues[worker].count >= COURIER_REPEATED_MAX) {
		courier->tally->commands_refused++;
		return -EAGAIN;
	}
	keep(courier, worker, command);
	return 0;
}

void courier_hold(struct courier *courier)
{
	courier->held = true;
}

void courier_release(struct courier *courier)
{
	courier->held = false;
	courier_flush(courier);
}

bool courier_empty(const struct courier *courier, uint32_t worker)
{
	return courier->queues[worker].count == 0;
}

uint32_t courier_waiting(const struct courier *courier)
{
	uint32_t waiting = 0;

	for (uint32_t worker = 0; worker < courier->workers; worker++)
		waiting += courier->queues[worker].count;
	return waiting;
}

static void queue_flush(struct courier *courier, uint32_t worker)
{
	struct queue *queue = &courier->queues[worker];

	while (queue->count > 0) {
		if (dataplane_command(courier->dataplane, worker, queue_at(queue, 0)) != 0)
			return;
		queue->first = (queue->first + 1) % queue->room;
		queue->count--;
	}
}

void courier_flush(struct courier *courier)
{
	if (courier->held)
		return;
	for (uint32_t worker = 0; worker < courier->workers; worker++)
		queue_flush(courier, worker);
}
