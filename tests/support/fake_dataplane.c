// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/fake_dataplane.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <urcu/urcu-qsbr.h>

struct dataplane *fake_create(uint32_t workers, uint32_t slots)
{
	struct dataplane *dataplane = calloc(1, sizeof(*dataplane));

	dataplane->workers = workers;
	dataplane->slots = slots;
	dataplane->packets_max = 4096;
	dataplane->sessions = calloc(slots, sizeof(*dataplane->sessions));
	dataplane->lanes = calloc(DIRECTORY_BACKENDS_MAX, sizeof(*dataplane->lanes));
	dataplane->mailboxes = calloc(workers, sizeof(*dataplane->mailboxes));
	dataplane->notices = calloc(FAKE_NOTICES_MAX, sizeof(*dataplane->notices));
	for (uint32_t i = 0; i < workers; i++)
		dataplane->mailboxes[i].room = FAKE_COMMANDS_MAX;
	urcu_qsbr_register_thread();
	return dataplane;
}

static void directory_free(struct directory *directory)
{
	if (directory == NULL)
		return;
	free(directory->backends);
	free(directory);
}

void fake_destroy(struct dataplane *dataplane)
{
	for (uint32_t worker = 0; worker < dataplane->workers; worker++)
		fake_discard(dataplane, worker, COMMAND_SEND);
	for (uint32_t i = 0; i < dataplane->notices_count; i++) {
		if (dataplane->notices[i].packet != NULL)
			dataplane_packet_free(dataplane->notices[i].packet);
	}
	assert(dataplane->packets == 0);
	directory_free(dataplane->directory);
	free(dataplane->sessions);
	free(dataplane->lanes);
	free(dataplane->mailboxes);
	free(dataplane->notices);
	free(dataplane);
	urcu_qsbr_unregister_thread();
}

// ---- What control calls --------------------------------------------------------------------

void dataplane_publish(struct dataplane *dataplane, struct directory *directory)
{
	directory_free(dataplane->directory);
	dataplane->directory = directory;
	dataplane->published++;
}

const struct directory *dataplane_directory(const struct dataplane *dataplane)
{
	return dataplane->directory;
}

int dataplane_command(struct dataplane *dataplane, uint32_t worker, const struct command *command)
{
	struct fake_mailbox *mailbox = &dataplane->mailboxes[worker];

	assert(worker < dataplane->workers);
	if (mailbox->count >= mailbox->room || mailbox->count == FAKE_COMMANDS_MAX)
		return -EAGAIN;
	mailbox->commands[mailbox->count++] = *command;
	return 0;
}

struct rte_mbuf *dataplane_frame(struct dataplane *dataplane, uint8_t **frame)
{
	if (dataplane->packets == dataplane->packets_max)
		return NULL;
	struct rte_mbuf *packet = calloc(1, sizeof(*packet));

	dataplane->packets++;
	memcpy(packet->data + FAKE_FRAME_BYTES - sizeof(dataplane), &dataplane, sizeof(dataplane));
	*frame = packet->data;
	return packet;
}

void dataplane_frame_set_bytes(struct rte_mbuf *packet, uint32_t bytes)
{
	packet->bytes = bytes;
}

void dataplane_packet_free(struct rte_mbuf *packet)
{
	struct dataplane *dataplane;

	memcpy(&dataplane, packet->data + FAKE_FRAME_BYTES - sizeof(dataplane), sizeof(dataplane));
	dataplane->packets--;
	free(packet);
}

uint32_t dataplane_notices(struct dataplane *dataplane, struct notice *notices, uint32_t max)
{
	const uint32_t count = dataplane->notices_count < max ? dataplane->notices_count : max;

	memcpy(notices, dataplane->notices, count * sizeof(*notices));
	dataplane->notices_count -= count;
	memmove(dataplane->notices, dataplane->notices + count,
		dataplane->notices_count * sizeof(*notices));
	return count;
}

uint32_t dataplane_slots(const struct dataplane *dataplane)
{
	return dataplane->slots;
}

uint32_t dataplane_slot_next(const struct dataplane *dataplane, uint32_t slot)
{
	while (slot < dataplane->slots && !dataplane->sessions[slot].used)
		slot++;
	return slot;
}

uint32_t dataplane_slot_run(const struct dataplane *dataplane, uint32_t slot, uint32_t *end)
{
	slot = dataplane_slot_next(dataplane, slot);
	*end = slot;
	while (*end < dataplane->slots && dataplane->sessions[*end].used)
		(*end)++;
	return slot;
}

void dataplane_judge_prefetch(const struct dataplane *dataplane, uint32_t slot)
{
	(void)dataplane;
	(void)slot;
}

bool dataplane_judge(const struct dataplane *dataplane, uint32_t slot,
		     struct dataplane_judged *judged)
{
	if (!dataplane->sessions[slot].used)
		return false;
	*judged = dataplane->sessions[slot].judged;
	return true;
}

uint64_t dataplane_find(const struct dataplane *dataplane,
			const uint8_t id[static WIRE_SESSION_ID_BYTES])
{
	for (uint32_t slot = 0; slot < dataplane->slots; slot++) {
		const struct fake_session *session = &dataplane->sessions[slot];

		if (session->used && memcmp(session->id, id, WIRE_SESSION_ID_BYTES) == 0)
			return session->judged.handle;
	}
	return 0;
}

void dataplane_judge_lane(const struct dataplane *dataplane, uint16_t backend, uint16_t lane,
			  uint32_t *now_ms, struct liveness *liveness)
{
	*now_ms = dataplane->lanes[backend][lane].now_ms;
	*liveness = dataplane->lanes[backend][lane].liveness;
}

void dataplane_lane_heard(struct dataplane *dataplane, uint16_t backend, uint16_t lane,
			  const struct path *path)
{
	struct fake_lane *at = &dataplane->lanes[backend][lane];

	at->heard_times++;
	at->liveness = (struct liveness){.heard_ms = at->now_ms, .sent_ms = at->now_ms};
}

void dataplane_gauges(const struct dataplane *dataplane, uint32_t worker,
		      struct dataplane_gauges *gauges)
{
	memset(gauges, 0, sizeof(*gauges));
	for (uint32_t slot = 0; slot < dataplane->slots; slot++) {
		const struct fake_session *session = &dataplane->sessions[slot];

		if (session->used && session->judged.owner == worker)
			gauges->sessions[session->judged.state]++;
	}
}

void dataplane_counters(const struct dataplane *dataplane, uint32_t worker,
			struct counters *counters)
{
	*counters = dataplane->counters[worker];
}

void dataplane_histograms(const struct dataplane *dataplane, uint32_t worker,
			  struct histogram sums[static HISTOGRAMS_COUNT])
{
	for (uint32_t i = 0; i < HISTOGRAMS_COUNT; i++)
		histogram_sum(&sums[i], &dataplane->histograms[worker][i]);
}

uint32_t dataplane_ports(const struct dataplane *dataplane, struct dataplane_port_view *views,
			 uint32_t max)
{
	for (uint32_t i = 0; i < dataplane->ports_count && i < max; i++)
		views[i] = dataplane->ports[i];
	return dataplane->ports_count;
}

void dataplane_tick(struct dataplane *dataplane)
{
	dataplane->ticks++;
}

// ---- What tests call -----------------------------------------------------------------------

bool fake_command(struct dataplane *dataplane, uint32_t worker, struct command *command)
{
	struct fake_mailbox *mailbox = &dataplane->mailboxes[worker];

	if (mailbox->count == 0)
		return false;
	*command = mailbox->commands[0];
	mailbox->count--;
	memmove(mailbox->commands, mailbox->commands + 1,
		mailbox->count * sizeof(mailbox->commands[0]));
	return true;
}

uint32_t fake_discard(struct dataplane *dataplane, uint32_t worker, enum command_kind kind)
{
	struct fake_mailbox *mailbox = &dataplane->mailboxes[worker];
	uint32_t count = 0;

	for (uint32_t i = 0; i < mailbox->count; i++) {
		count += mailbox->commands[i].kind == kind;
		if (mailbox->commands[i].packet != NULL)
			dataplane_packet_free(mailbox->commands[i].packet);
	}
	mailbox->count = 0;
	return count;
}

bool fake_sent(struct dataplane *dataplane, uint32_t worker, struct frame *frame,
	       uint8_t body[static FAKE_FRAME_BYTES])
{
	struct command command;

	while (fake_command(dataplane, worker, &command)) {
		if (command.kind != COMMAND_SEND) {
			if (command.packet != NULL)
				dataplane_packet_free(command.packet);
			continue;
		}
		const enum frame_fault fault =
		    frame_decode(command.packet->data, command.packet->bytes, frame);

		assert(fault == FRAME_OK);
		memcpy(body, frame->body, frame->body_bytes);
		frame->body = body;
		dataplane_packet_free(command.packet);
		return true;
	}
	return false;
}

void fake_notice(struct dataplane *dataplane, const struct notice *notice)
{
	assert(dataplane->notices_count < FAKE_NOTICES_MAX);
	dataplane->notices[dataplane->notices_count++] = *notice;
}

void fake_frame(struct dataplane *dataplane, uint8_t worker, const struct path *path,
		uint16_t backend, uint16_t lane, const uint8_t *bytes, uint32_t bytes_count)
{
	struct notice notice = {
	    .kind = NOTICE_FRAME,
	    .worker = worker,
	    .backend = backend,
	    .lane = lane,
	    .path = *path,
	    .frame_bytes = bytes_count,
	};
	uint8_t *frame;

	notice.packet = dataplane_frame(dataplane, &frame);
	assert(notice.packet != NULL && bytes_count < FAKE_FRAME_BYTES - sizeof(dataplane));
	memcpy(frame, bytes, bytes_count);
	dataplane_frame_set_bytes(notice.packet, bytes_count);
	notice.frame = frame;
	fake_notice(dataplane, &notice);
}

uint32_t fake_hello(uint8_t *bytes, uint8_t flags, const struct handshake *handshake,
		    const struct options *options)
{
	const struct frame frame = {.type = WIRE_HELLO, .flags = flags};

	frame_encode_header(&frame, bytes);
	const uint32_t used =
	    WIRE_HEADER_BYTES + handshake_encode(handshake, bytes + WIRE_HEADER_BYTES);
	const int more = options_encode(options, bytes + used, WIRE_OPTIONS_BYTES_MAX);

	assert(more >= 0);
	return used + (uint32_t)more;
}

struct fake_session *fake_session(struct dataplane *dataplane, uint32_t slot, uint8_t owner)
{
	struct fake_session *session = &dataplane->sessions[slot];

	memset(session, 0, sizeof(*session));
	session->used = true;
	memcpy(session->id, &slot, sizeof(slot));
	session->judged = (struct dataplane_judged){
	    .handle = (uint64_t)slot << 32 | (slot + 1),
	    .state = SESSION_CONNECTED,
	    .owner = owner,
	    .timeout_ms = LIVENESS_TIMEOUT_DEFAULT_MS,
	    .grace_ms = LIVENESS_GRACE_DEFAULT_MS,
	    .channels = 1,
	    .backends = {DIRECTORY_NONE},
	};
	return session;
}

static void tell(struct dataplane *dataplane, uint32_t worker, const struct command *command,
		 uint64_t handle, enum notice_kind kind)
{
	struct notice notice = {
	    .kind = kind,
	    .worker = (uint8_t)worker,
	    .reason = command->reason,
	    .code = command->code,
	    .token = command->token,
	    .handle = handle,
	    .backend = DIRECTORY_NONE,
	};

	memcpy(notice.id, dataplane->sessions[handle >> 32].id, sizeof(notice.id));
	fake_notice(dataplane, &notice);
}

static void work_on(struct dataplane *dataplane, uint32_t worker, const struct command *command,
		    uint64_t handle, uint32_t now_ms)
{
	struct fake_session *session = &dataplane->sessions[handle >> 32];
	struct dataplane_judged *judged = &session->judged;
	const bool mine = session->used && judged->handle == handle && judged->owner == worker;

	if (command->kind == COMMAND_HEARTBEAT && mine) {
		if (!judged->liveness.asked)
			judged->liveness.asked_first_ms = now_ms;
		judged->liveness.asked = true;
		judged->liveness.asked_ms = now_ms;
		judged->liveness.sent_ms = now_ms;
	} else if (command->kind == COMMAND_DETACH && mine) {
		judged->state = SESSION_DETACHED;
		judged->detached_ms = now_ms;
	} else if (command->kind == COMMAND_END) {
		const bool ends = mine && judged->state != SESSION_CLOSING;

		tell(dataplane, worker, command, handle, ends ? NOTICE_CLOSING : NOTICE_REFUSED);
		if (ends)
			judged->state = SESSION_CLOSING;
	}
}

void fake_work(struct dataplane *dataplane, uint32_t now_ms)
{
	struct command command;

	for (uint32_t worker = 0; worker < dataplane->workers; worker++) {
		while (fake_command(dataplane, worker, &command)) {
			for (uint32_t i = 0; i < command.count; i++)
				work_on(dataplane, worker, &command, command.handles[i], now_ms);
			if (command.packet != NULL)
				dataplane_packet_free(command.packet);
		}
	}
}

void fake_clock(struct dataplane *dataplane, uint32_t now_ms)
{
	for (uint32_t slot = 0; slot < dataplane->slots; slot++)
		dataplane->sessions[slot].judged.now_ms = now_ms;
}

struct path fake_path(const uint8_t ip[static 4], uint16_t port, uint8_t local)
{
	struct path path = {.peer = {.ip = {[10] = 0xff, [11] = 0xff}}, .local = local};

	memcpy(path.peer.ip + 12, ip, 4);
	memcpy(&path.peer.port, &port, sizeof(port));
	return path;
}
