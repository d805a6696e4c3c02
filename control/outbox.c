// SPDX-License-Identifier: BSD-3-Clause
#include "control/outbox.h"

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

struct outbox {
	struct dataplane *dataplane;
	struct tally *tally;
	uint32_t workers;
	bool held;
	struct queue queues[DIRECTORY_WORKERS_MAX];
};

struct outbox *outbox_create(struct dataplane *dataplane, uint32_t workers, struct tally *tally)
{
	struct outbox *outbox = calloc(1, sizeof(*outbox));

	if (outbox == NULL)
		return NULL;
	outbox->dataplane = dataplane;
	outbox->workers = workers;
	outbox->tally = tally;
	return outbox;
}

static struct command *queue_at(const struct queue *queue, uint32_t index)
{
	return &queue->commands[(queue->first + index) % queue->room];
}

void outbox_destroy(struct outbox *outbox)
{
	if (outbox == NULL)
		return;
	for (uint32_t worker = 0; worker < outbox->workers; worker++) {
		struct queue *queue = &outbox->queues[worker];

		for (uint32_t i = 0; i < queue->count; i++) {
			if (queue_at(queue, i)->packet != NULL)
				dataplane_packet_free(queue_at(queue, i)->packet);
		}
		free(queue->commands);
	}
	free(outbox);
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
static bool sent_now(struct outbox *outbox, uint32_t worker, const struct command *command)
{
	return !outbox->held && outbox->queues[worker].count == 0 &&
	       dataplane_command(outbox->dataplane, worker, command) == 0;
}

static void keep(struct outbox *outbox, uint32_t worker, const struct command *command)
{
	queue_push(&outbox->queues[worker], command);
	if (!outbox->held)
		outbox->tally->outbox_queued++;
}

void outbox_decide(struct outbox *outbox, uint32_t worker, const struct command *command)
{
	if (!sent_now(outbox, worker, command))
		keep(outbox, worker, command);
}

void outbox_decide_all(struct outbox *outbox, const struct command *command)
{
	for (uint32_t worker = 0; worker < outbox->workers; worker++)
		outbox_decide(outbox, worker, command);
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

void outbox_end(struct outbox *outbox, uint32_t worker, uint64_t handle, uint16_t code,
		uint8_t reason, uint32_t token)
{
	struct command *last = end_joinable(&outbox->queues[worker], code, reason, token);

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

	outbox_decide(outbox, worker, &command);
}

int outbox_offer(struct outbox *outbox, uint32_t worker, const struct command *command)
{
	if (sent_now(outbox, worker, command))
		return 0;
	if (outbox->queues[worker].count >= OUTBOX_REPEATED_MAX) {
		outbox->tally->outbox_refused++;
		return -EAGAIN;
	}
	keep(outbox, worker, command);
	return 0;
}

void outbox_hold(struct outbox *outbox)
{
	outbox->held = true;
}

void outbox_release(struct outbox *outbox)
{
	outbox->held = false;
	outbox_flush(outbox);
}

bool outbox_empty(const struct outbox *outbox, uint32_t worker)
{
	return outbox->queues[worker].count == 0;
}

uint32_t outbox_waiting(const struct outbox *outbox)
{
	uint32_t waiting = 0;

	for (uint32_t worker = 0; worker < outbox->workers; worker++)
		waiting += outbox->queues[worker].count;
	return waiting;
}

static void queue_flush(struct outbox *outbox, uint32_t worker)
{
	struct queue *queue = &outbox->queues[worker];

	while (queue->count > 0) {
		if (dataplane_command(outbox->dataplane, worker, queue_at(queue, 0)) != 0)
			return;
		queue->first = (queue->first + 1) % queue->room;
		queue->count--;
	}
}

void outbox_flush(struct outbox *outbox)
{
	if (outbox->held)
		return;
	for (uint32_t worker = 0; worker < outbox->workers; worker++)
		queue_flush(outbox, worker);
}
