// SPDX-License-Identifier: BSD-3-Clause
#include "control/event_pack.h"

#include "control/rpc.h"
#include "holdfast/errors.h"

enum { KEYS_OF_ALL = 3, KEYS_OF_SESSION = 3, KEYS_OF_REFUSAL = 4 };

static bool has_reason(enum event_kind kind)
{
	return kind == EVENT_SESSION_DETACHED || kind == EVENT_SESSION_ENDED ||
	       kind == EVENT_SESSION_LET_GO;
}

uint32_t event_pack_keys(const struct event *event)
{
	switch (event->kind) {
	case EVENT_BACKEND_CONNECTED:
	case EVENT_BACKEND_RETURNED:
	case EVENT_BACKEND_RESET:
	case EVENT_BACKEND_LOST:
	case EVENT_BACKEND_DRAINING:
	case EVENT_BACKEND_FORGOTTEN:
		return KEYS_OF_ALL + 2;
	case EVENT_REFUSED:
		return KEYS_OF_ALL + KEYS_OF_REFUSAL;
	case EVENT_GATEWAY_STATE:
	case EVENT_CONFIG_CHANGED:
		return KEYS_OF_ALL + 1;
	default:
		return KEYS_OF_ALL + KEYS_OF_SESSION + (has_reason(event->kind) ? 2 : 0);
	}
}

static void pack_session(msgpack_packer *packer, const struct event *event)
{
	const struct event_session *session = &event->session;
	char text[RPC_ID_TEXT_BYTES];

	rpc_pack_key_text(packer, "session", rpc_id_text(session->id, text));
	rpc_pack_key_uint(packer, "handle", session->handle);
	rpc_pack_key_uint(packer, "epoch", session->epoch);
	if (!has_reason(event->kind))
		return;
	rpc_pack_key_text(packer, "reason",
			  session_reason_name((enum session_reason)session->reason));
	rpc_pack_text(packer, "code");
	if (session->code == HOLDFAST_OK)
		msgpack_pack_nil(packer);
	else
		rpc_pack_text(packer, holdfast_code_name(session->code));
}

static void pack_refusal(msgpack_packer *packer, const struct event_refusal *refusal)
{
	char from[ADDRESS_TEXT_BYTES];

	rpc_pack_key_text(packer, "role", refusal->backend ? "backend" : "client");
	rpc_pack_key_text(packer, "path", address_format(&refusal->from, from));
	rpc_pack_key_text(packer, "code", holdfast_code_name(refusal->code));
	rpc_pack_key_uint(packer, "more", refusal->more);
}

void event_pack(msgpack_packer *packer, uint64_t offset, const struct event *event)
{
	rpc_pack_key_uint(packer, "offset", offset);
	rpc_pack_key_uint(packer, "time", event->time_ms);
	rpc_pack_key_text(packer, "kind", events_name(event->kind));
	switch (event->kind) {
	case EVENT_BACKEND_CONNECTED:
	case EVENT_BACKEND_RETURNED:
	case EVENT_BACKEND_RESET:
	case EVENT_BACKEND_LOST:
	case EVENT_BACKEND_DRAINING:
	case EVENT_BACKEND_FORGOTTEN:
		rpc_pack_key_text(packer, "service", event->backend.service);
		rpc_pack_key_text(packer, "backend", event->backend.name);
		break;
	case EVENT_REFUSED:
		pack_refusal(packer, &event->refusal);
		break;
	case EVENT_GATEWAY_STATE:
		rpc_pack_key_text(packer, "state", event->state);
		break;
	case EVENT_CONFIG_CHANGED:
		rpc_pack_key_text(packer, "key", event->key);
		break;
	default:
		pack_session(packer, event);
	}
}
