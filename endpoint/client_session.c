// SPDX-License-Identifier: BSD-3-Clause
// What the gateway says to a client, from its answers to HELLO on.
#include <errno.h>

#include "endpoint/client_state.h"
#include "protocol/sequence.h"

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
	client_event_tell(client, &event);
}

// The process behind a channel has lost its numbers: the channel begins anew, with the next HELLO
// and under another handle, and the others go on.
static void channel_reset(struct holdfast_client *client, uint8_t channel)
{
	client_channel_restart(client, channel);
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

void client_asleep(struct holdfast_client *client)
{
	client->sleeping = false;
	client_streams_freeze(client);
	client->state = HOLDFAST_CLIENT_IDLE;
	client_event(client, HOLDFAST_CLIENT_EVENT_SLEEPING, 0, 0, "");
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
			client_asleep(client);
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
