// SPDX-License-Identifier: BSD-3-Clause
// The client's session: attempts, what the gateway says, how it is lost and ended.
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "endpoint/client_state.h"
#include "protocol/sequence.h"

// The line of an event; what comes with traffic has none.
static void event_write(struct holdfast_client *client, const struct holdfast_client_event *event)
{
	static const struct {
		enum holdfast_log_level level; // 0: no line
		const char *text;
	} lines[] = {
	    [HOLDFAST_CLIENT_EVENT_CONNECTED] = {HOLDFAST_LOG_NOTICE, "connected"},
	    [HOLDFAST_CLIENT_EVENT_DISCONNECTED] = {HOLDFAST_LOG_NOTICE, "disconnected"},
	    [HOLDFAST_CLIENT_EVENT_REFUSED] = {HOLDFAST_LOG_WARNING, "attempt refused"},
	    [HOLDFAST_CLIENT_EVENT_EXHAUSTED] = {HOLDFAST_LOG_WARNING, "slower attempts"},
	    [HOLDFAST_CLIENT_EVENT_LOST] = {HOLDFAST_LOG_WARNING, "session lost"},
	    [HOLDFAST_CLIENT_EVENT_RENEWED] = {HOLDFAST_LOG_NOTICE, "new session"},
	    [HOLDFAST_CLIENT_EVENT_CHANNEL_DOWN] = {HOLDFAST_LOG_NOTICE, "channel down"},
	    [HOLDFAST_CLIENT_EVENT_CHANNEL_UP] = {HOLDFAST_LOG_NOTICE, "channel up"},
	    [HOLDFAST_CLIENT_EVENT_CHANNEL_RESET] = {HOLDFAST_LOG_WARNING, "channel reset"},
	    [HOLDFAST_CLIENT_EVENT_DRAINING] = {HOLDFAST_LOG_NOTICE, "gateway draining"},
	    [HOLDFAST_CLIENT_EVENT_SLEEPING] = {HOLDFAST_LOG_INFO, "asleep"},
	    [HOLDFAST_CLIENT_EVENT_CLOSED] = {HOLDFAST_LOG_NOTICE, "closed"},
	};

	if (event->kind >= sizeof(lines) / sizeof(lines[0]) || lines[event->kind].level == 0)
		return;
	journal_write(&client->journal, client->now_us, lines[event->kind].level,
		      "%s, channel %u, code %u, epoch %u%s%s%s", lines[event->kind].text,
		      event->channel, event->code, client->epoch, event->resumed ? ", resumed" : "",
		      event->reason[0] != '\0' ? ": " : "", event->reason);
}

static void event_tell(struct holdfast_client *client, const struct holdfast_client_event *event)
{
	event_write(client, event);
	if (client->options.on_event != NULL)
		client->options.on_event(client->options.context, client, event);
}

void client_event(struct holdfast_client *client, enum holdfast_client_event_kind kind,
		  uint8_t channel, uint16_t code, const char *reason)
{
	const struct holdfast_client_event event = {
	    .kind = kind, .channel = channel, .code = code, .reason = reason};

	event_tell(client, &event);
}

static void attempt_write(struct holdfast_client *client)
{
	char gateway[PEER_ADDRESS_TEXT_BYTES];

	peer_address_format(&client->gateways[client->gateway], gateway);
	journal_write(&client->journal, client->now_us, HOLDFAST_LOG_INFO,
		      "attempt %u to %s, waiting %u ms", client->epoch, gateway,
		      (uint32_t)((client->give_up_us - client->now_us) / 1000));
}

void client_say(struct holdfast_client *client, const struct frame *header, const uint8_t *body,
		uint32_t body_bytes)
{
	uint8_t *bytes;

	if (client->socket < 0)
		return;
	bytes = outgoing_place(&client->outgoing, &client->io, client->socket,
			       WIRE_HEADER_BYTES + body_bytes);
	if (bytes == NULL)
		return;
	frame_encode_header(header, bytes);
	if (body_bytes > 0)
		memcpy(bytes + WIRE_HEADER_BYTES, body, body_bytes);
	outgoing_add(&client->outgoing, WIRE_HEADER_BYTES + body_bytes);
}

static void socket_drop(struct holdfast_client *client)
{
	if (client->socket >= 0)
		client->io.ops->close(client->io.sockets, client->socket);
	client->socket = -1;
	outgoing_reset(&client->outgoing);
}

static void streams_freeze(struct holdfast_client *client)
{
	for (uint32_t i = 0; i < client->channels_count; i++)
		stream_freeze(client->channels[i].stream);
}

static void options_fill(const struct holdfast_client *client, struct options *options)
{
	*options = (struct options){.present = OPTIONS_SERVICES | OPTIONS_AGENT,
				    .services_count = client->channels_count,
				    .agent = options_text("libholdfast/0.1.0")};
	for (uint32_t i = 0; i < client->channels_count; i++)
		options->services[i] = options_text(client->services[i]);
	if (client->label[0] != '\0') {
		options->present |= OPTIONS_CLIENT;
		options->client = options_text(client->label);
	}
	if (client->options.token_bytes > 0) {
		options->present |= OPTIONS_TOKEN;
		options->token =
		    (struct options_text){(const char *)client->token, client->options.token_bytes};
	}
	if (client->options.meta_bytes > 0) {
		options->present |= OPTIONS_META;
		options->meta =
		    (struct options_text){(const char *)client->meta, client->options.meta_bytes};
	}
	if (client->options.timeout_ms != 0) {
		options->present |= OPTIONS_TIMEOUT_MS;
		options->timeout_ms = client->options.timeout_ms;
	}
	if (client->options.grace_ms >= 0) {
		options->present |= OPTIONS_GRACE_MS;
		options->grace_ms = (uint32_t)client->options.grace_ms;
	}
}

int client_greet(struct holdfast_client *client)
{
	struct handshake block = {.epoch = client->epoch, .count = (uint8_t)client->channels_count};
	struct options options;

	memcpy(block.session, client->id, sizeof(block.session));
	for (uint32_t i = 0; i < client->channels_count; i++)
		stream_triple(client->channels[i].stream, &block.triples[i]);
	options_fill(client, &options);
	return greeting_begin(&client->greeting, &block, client->welcomed, &options,
			      client->options.frame_max, client->now_us);
}

// Begins the next attempt.
void client_attempt(struct holdfast_client *client)
{
	if (client->fresh_socket)
		socket_drop(client);
	if (client->socket < 0) {
		client->socket = client->io.ops->open(
		    client->io.sockets, &client->gateways[client->gateway], &client->local);
		if (client->socket < 0) {
			client_back_off(client, reconnect_local_us(sockets_random32(&client->io)),
					"no way to the gateway from here");
			return;
		}
		client->fresh_socket = false;
	}
	streams_freeze(client);
	reconnect_begin(&client->reconnect, client->now_us);
	client->stats.attempts++;
	client->epoch++;
	if (client_greet(client) != 0) { // they fitted when the client was created
		client_back_off(client, reconnect_local_us(sockets_random32(&client->io)),
				"no memory for a HELLO");
		return;
	}
	client->give_up_us = client->now_us + reconnect_timeout_us(&client->reconnect);
	client->state = HOLDFAST_CLIENT_CONNECTING;
	attempt_write(client);
}

void client_back_off(struct holdfast_client *client, uint64_t delay_us, const char *reason)
{
	const bool was = client->state == HOLDFAST_CLIENT_CONNECTED;

	streams_freeze(client);
	greeting_end(&client->greeting);
	client->attempt_us = client->now_us + delay_us;
	client->state = HOLDFAST_CLIENT_BACKING_OFF;
	client->sleeping = false;
	if (was)
		client_event(client, HOLDFAST_CLIENT_EVENT_DISCONNECTED, 0, client->code, reason);
	else
		journal_write(&client->journal, client->now_us, HOLDFAST_LOG_INFO,
			      "next attempt in %" PRIu64 " ms: %s", delay_us / 1000, reason);
}

void client_reconnect(struct holdfast_client *client, const char *reason)
{
	const bool exhausted = reconnect_exhausted(&client->reconnect, client->now_us);

	client_back_off(
	    client,
	    reconnect_delay_us(&client->reconnect, client->now_us, sockets_random32(&client->io)),
	    reason);
	if (exhausted)
		client_event(client, HOLDFAST_CLIENT_EVENT_EXHAUSTED, 0, client->code, reason);
}

struct giving {
	struct holdfast_client *client;
	uint8_t channel;
};

static void give_back(void *arg, const struct stream_handed *message)
{
	const struct giving *giving = arg;
	struct holdfast_client *client = giving->client;
	const struct holdfast_returned returned = {
	    .bytes = message->bytes,
	    .len = message->len,
	    .mark = message->mark == STREAM_NOT_SENT ? HOLDFAST_NOT_SENT : HOLDFAST_MAYBE_DELIVERED,
	    .tag = message->tag,
	    .channel = giving->channel,
	};

	client->stats.counters.messages_returned++;
	if (client->options.on_returned != NULL)
		client->options.on_returned(client->options.context, client, &returned);
}

static void hand_back(struct holdfast_client *client)
{
	for (uint32_t i = 0; i < client->channels_count; i++) {
		struct giving giving = {client, (uint8_t)i};

		stream_hand_back(client->channels[i].stream, give_back, &giving);
	}
}

// Whether this code ends a session that should have gone on: one that the gateway knew, or says
// that it does not know. An end that either side wished for is none.
static bool session_lost(const struct holdfast_client *client, uint16_t code)
{
	return code != HOLDFAST_NORMAL &&
	       (client->welcomed || holdfast_code_policy(code) == HOLDFAST_NEW_SESSION);
}

void client_over(struct holdfast_client *client, uint16_t code, const char *reason)
{
	if (client->state == HOLDFAST_CLIENT_CLOSED)
		return;
	client->code = code;
	client->state = HOLDFAST_CLIENT_CLOSED;
	greeting_end(&client->greeting);
	hand_back(client);
	if (client->socket >= 0)
		outgoing_flush(&client->outgoing, &client->io, client->socket);
	socket_drop(client);
	if (session_lost(client, code))
		client_event(client, HOLDFAST_CLIENT_EVENT_LOST, 0, code, reason);
	client_event(client, HOLDFAST_CLIENT_EVENT_CLOSED, 0, code, reason);
}

static void session_begin(struct holdfast_client *client)
{
	client->io.ops->random(client->io.sockets, client->id, sizeof(client->id));
	client->epoch = 0;
	client->handle = 0;
	client->event = 0;
	client->welcomed = false;
	client->stale = 0;
	client->stats.sessions++;
}

void client_lost(struct holdfast_client *client, uint16_t code, const char *reason)
{
	client->code = code;
	streams_freeze(client);
	if (client->closing || !client->options.renew ||
	    holdfast_code_policy(code) != HOLDFAST_NEW_SESSION) {
		client_over(client, code, reason);
		return;
	}
	// The streams are new before anything is told: what a callback sends goes with the new
	// session.
	for (uint32_t i = 0; i < client->channels_count; i++) {
		struct giving giving = {client, (uint8_t)i};

		client->channels[i].held = false;
		stream_restart(client->channels[i].stream, give_back, &giving);
	}
	client_event(client, HOLDFAST_CLIENT_EVENT_LOST, 0, code, reason);
	session_begin(client);
	client_event(client, HOLDFAST_CLIENT_EVENT_RENEWED, 0, 0, "");
	client_reconnect(client, reason);
}

// The streams take the numbers of a WELCOME. Returns false where they do not fit.
static bool streams_thaw(struct holdfast_client *client, const struct handshake *welcome,
			 const struct options *options)
{
	const struct stream_path path = {
	    .handle = client->handle,
	    .window =
		(options->present & OPTIONS_WINDOW) != 0 ? options->window : WIRE_WINDOW_DEFAULT,
	    .frame_max = client->frame_max,
	    .rtt_us = (uint32_t)(client->now_us - client->greeting.began_us),
	};

	for (uint32_t i = 0; i < client->channels_count; i++) {
		struct frame_triple own;

		stream_triple(client->channels[i].stream, &own);
		if (handshake_check(&own, &welcome->triples[i]) != HANDSHAKE_GOOD ||
		    stream_thaw(client->channels[i].stream, &path, &welcome->triples[i],
				client->now_us) != 0)
			return false;
	}
	return true;
}

static void welcome_take(struct holdfast_client *client, const struct handshake *welcome,
			 const struct options *options)
{
	uint32_t timeout_ms = 10000, interval_ms = 2000;

	if (client->handle != client->greeting.handle)
		client->event = 0; // numbered from 1 for each handle
	client->handle = client->greeting.handle;
	if ((options->present & OPTIONS_FRAME_MAX) != 0)
		client->frame_max = options->frame_max;
	if (welcome->count != client->channels_count || (client->welcomed && !options->resumed) ||
	    !streams_thaw(client, welcome, options)) {
		client_lost(client, HOLDFAST_STATE_MISMATCH, "the gateway has other numbers");
		return;
	}
	if ((options->present & OPTIONS_TIMEOUT_MS) != 0)
		timeout_ms = options->timeout_ms;
	if ((options->present & OPTIONS_HEARTBEAT_MS) != 0)
		interval_ms = options->heartbeat_ms;
	client->silence_us = ((uint64_t)timeout_ms + interval_ms) * 1000;
	client->welcomed = true;
	client->stats.handshake_us = client->now_us - client->greeting.began_us;
	client->state = HOLDFAST_CLIENT_HANDSHAKING;
	client->give_up_us = client->now_us + 2 * reconnect_timeout_us(&client->reconnect);
}

void client_next_gateway(struct holdfast_client *client)
{
	client->gateway = (client->gateway + 1) % client->gateways_count;
	client->silent_attempts = 0;
	client->fresh_socket = true;
}

static void reject_take(struct holdfast_client *client, const struct frame_reject *reject)
{
	const char *reason = holdfast_code_text(reject->code);

	client->code = reject->code;
	greeting_end(&client->greeting);
	switch (holdfast_code_policy(reject->code)) {
	case HOLDFAST_GO_ON:
		if (++client->stale >= CLIENT_STALE_MAX) {
			client_over(client, reject->code, "another process uses this session");
			return;
		}
		if (reject->epoch_standing > client->epoch)
			client->epoch = reject->epoch_standing;
		client_event(client, HOLDFAST_CLIENT_EVENT_REFUSED, 0, reject->code, reason);
		client_reconnect(client, reason);
		return;
	case HOLDFAST_GO_ON_SLOW:
		if (reject->code == HOLDFAST_DRAINING)
			client_next_gateway(client);
		client_event(client, HOLDFAST_CLIENT_EVENT_REFUSED, 0, reject->code, reason);
		client_back_off(client,
				reconnect_refused_us(&client->reconnect, reject->retry_after_ms,
						     sockets_random32(&client->io)),
				reason);
		return;
	case HOLDFAST_NEW_SESSION:
		client_lost(client, reject->code, reason);
		return;
	default:
		client_over(client, reject->code, reason);
	}
}

// The first frame under the handle: the gateway has confirmed.
static void confirmed(struct holdfast_client *client)
{
	const bool resumed = client->greeting.resume;
	const uint64_t gap_us = client->heard_us != 0 ? client->now_us - client->heard_us : 0;
	const struct holdfast_client_event event = {.kind = HOLDFAST_CLIENT_EVENT_CONNECTED,
						    .reason = "",
						    .resumed = resumed,
						    .gap_ms = gap_us / 1000};

	greeting_end(&client->greeting);
	reconnect_confirm(&client->reconnect, client->now_us);
	client->state = HOLDFAST_CLIENT_CONNECTED;
	client->code = 0;
	client->stale = client->silent_attempts = 0;
	client->stats.connections++;
	client->stats.resumes += resumed;
	if (gap_us / 1000 > client->stats.gap_max_ms)
		client->stats.gap_max_ms = gap_us / 1000;
	client->heard_us = client->now_us;
	event_tell(client, &event);
}

// The process behind a channel has lost its numbers: the channel begins anew, with the next HELLO
// and under another handle, and the others go on.
static void channel_reset(struct holdfast_client *client, uint8_t channel)
{
	struct giving giving = {client, channel};

	client->channels[channel].held = false;
	stream_restart(client->channels[channel].stream, give_back, &giving);
	client_event(client, HOLDFAST_CLIENT_EVENT_CHANNEL_RESET, channel, 0, "");
	if (client->state == HOLDFAST_CLIENT_CONNECTED)
		client_reconnect(client, "a channel was reset");
}

static void event_act(struct holdfast_client *client, struct options_text name, uint8_t channel)
{
	if (options_text_equal(name, options_text(WIRE_EVENT_DRAINING))) {
		client_event(client, HOLDFAST_CLIENT_EVENT_DRAINING, 0, 0, "");
		if (client->gateways_count == 1)
			return;
		client_next_gateway(client);
		client_back_off(client, 0, "the gateway is draining");
	} else if (channel >= client->channels_count) {
		return;
	} else if (options_text_equal(name, options_text(WIRE_EVENT_CHANNEL_DOWN))) {
		client_event(client, HOLDFAST_CLIENT_EVENT_CHANNEL_DOWN, channel, 0, "");
	} else if (options_text_equal(name, options_text(WIRE_EVENT_CHANNEL_UP))) {
		// Its probes have become rare: they begin anew.
		stream_pause(client->channels[channel].stream);
		stream_wake(client->channels[channel].stream, client->now_us);
		client_event(client, HOLDFAST_CLIENT_EVENT_CHANNEL_UP, channel, 0, "");
	} else if (options_text_equal(name, options_text(WIRE_EVENT_CHANNEL_RESET))) {
		channel_reset(client, channel);
	}
}

// What is not known here is acknowledged, too: it would be repeated for ever.
static void event_take(struct holdfast_client *client, const struct frame *frame)
{
	const struct frame answer = {
	    .type = WIRE_EVENT_ACK, .aux = frame->aux, .handle = client->handle};
	struct options options;

	if (options_decode(frame->body, frame->body_bytes, &options) != 0)
		return;
	client_say(client, &answer, NULL, 0);
	if (!sequence_event_later(client->event, frame->aux))
		return;
	client->event = frame->aux;
	event_act(client, options.event, frame->channel);
}

static void close_take(struct holdfast_client *client, const struct frame *frame)
{
	const struct frame answer = {
	    .type = WIRE_CLOSE_ACK, .channel = frame->channel, .handle = client->handle};
	struct frame_close close;

	frame_decode_close(frame, &close);
	client_say(client, &answer, NULL, 0);
	if (client->close_said)
		client_over(client, client->close_code, "closed");
	else
		client_lost(client, close.code, holdfast_code_text(close.code));
}

static void unknown_take(struct holdfast_client *client)
{
	if (client->close_said) {
		client_over(client, client->close_code, "closed");
	} else if (client->state == HOLDFAST_CLIENT_CONNECTED &&
		   client->now_us - client->heard_us >= CLIENT_QUIET_US &&
		   client->now_us - client->unknown_us >= CLIENT_UNKNOWN_US) {
		client->unknown_us = client->now_us;
		client_reconnect(client, "the gateway does not know this session here");
	}
}

static void data_take(struct holdfast_client *client, const struct frame *frame)
{
	const struct holdfast_message datagram = {
	    .bytes = frame->body, .len = frame->body_bytes, .channel = frame->channel};

	if (frame->channel >= client->channels_count)
		return;
	if (frame->type == WIRE_DATAGRAM) {
		client->stats.counters.datagrams_received++;
		if (client->options.on_datagram != NULL)
			client->options.on_datagram(client->options.context, client, &datagram);
		return;
	}
	if (stream_receive(client->channels[frame->channel].stream, frame, client->now_us) ==
	    -EPROTO) {
		client->close_code = HOLDFAST_PROTOCOL_ERROR;
		holdfast_client_close(client, 0);
	}
}

static void heartbeat_take(struct holdfast_client *client, const struct frame *frame)
{
	const struct frame answer = {
	    .type = WIRE_HEARTBEAT_ACK, .aux = frame->aux, .handle = client->handle};

	client->stats.counters.heartbeats++;
	client_say(client, &answer, frame->body, frame->body_bytes);
}

// A frame under the session's handle, while CONNECTED.
static void session_take(struct holdfast_client *client, const struct frame *frame)
{
	client->heard_us = client->now_us;
	switch (frame->type) {
	case WIRE_DATA:
	case WIRE_ACK:
	case WIRE_NAK:
	case WIRE_DATAGRAM:
		if (frame->type == WIRE_ACK && client->sleeping && frame->channel == 0) {
			client->sleeping = false;
			streams_freeze(client);
			client->state = HOLDFAST_CLIENT_IDLE;
			client_event(client, HOLDFAST_CLIENT_EVENT_SLEEPING, 0, 0, "");
			return;
		}
		data_take(client, frame);
		break;
	case WIRE_HEARTBEAT:
		heartbeat_take(client, frame);
		break;
	case WIRE_EVENT:
		event_take(client, frame);
		break;
	case WIRE_CLOSE:
		close_take(client, frame);
		break;
	case WIRE_CLOSE_ACK:
		if (client->close_said)
			client_over(client, client->close_code, "closed");
		break;
	default:
		client->stats.counters.frames_ignored++;
	}
}

void client_frame(struct holdfast_client *client, const uint8_t *bytes, uint32_t len)
{
	struct handshake welcome;
	struct frame_reject reject;
	struct options options;
	struct frame frame;

	if (frame_decode(bytes, len, &frame) != FRAME_OK ||
	    !frame_legal_from(frame.type, FRAME_FROM_GATEWAY)) {
		client->stats.counters.frames_ignored++;
		return;
	}
	switch (greeting_receive(&client->greeting, &frame, &welcome, &reject, &options,
				 client->now_us)) {
	case GREETING_WELCOMED:
		welcome_take(client, &welcome, &options);
		return;
	case GREETING_REJECTED:
		reject_take(client, &reject);
		return;
	case GREETING_RETRIED:
		return;
	case GREETING_IGNORED:
		break;
	}
	if (client->state == HOLDFAST_CLIENT_HANDSHAKING &&
	    greeting_confirmed_by(&client->greeting, &frame))
		confirmed(client);
	if (frame.handle != client->handle || client->state != HOLDFAST_CLIENT_CONNECTED)
		client->stats.counters.frames_ignored++;
	else if (frame.type == WIRE_UNKNOWN)
		unknown_take(client);
	else if (frame.type != WIRE_WELCOME && frame.type != WIRE_REJECT)
		session_take(client, &frame);
}
