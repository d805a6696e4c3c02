// SPDX-License-Identifier: BSD-3-Clause
// What the application is told: an event, and its line in the journal.
#include "endpoint/client_state.h"

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

void client_event_tell(struct holdfast_client *client, const struct holdfast_client_event *event)
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

	client_event_tell(client, &event);
}
