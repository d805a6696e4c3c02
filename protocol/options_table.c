// SPDX-License-Identifier: BSD-3-Clause
#include "protocol/options_table.h"

#define AT(member) offsetof(struct options, member)
#define NAME(key)                                                                                  \
	{                                                                                          \
		.bytes = key, .len = sizeof(key) - 1                                               \
	}
#define TEXT(key, member, least, most)                                                             \
	{                                                                                          \
		.name = NAME(key), .kind = OPTIONS_TEXT, .min = least, .max = most,                \
		.offset = AT(member)                                                               \
	}
#define BIN(key, member, most)                                                                     \
	{                                                                                          \
		.name = NAME(key), .kind = OPTIONS_BIN, .max = most, .offset = AT(member)          \
	}
#define PLAIN(key, member, what)                                                                   \
	{                                                                                          \
		.name = NAME(key), .kind = what, .offset = AT(member)                              \
	}
#define TEXTS(key, member, number, holes)                                                          \
	{                                                                                          \
		.name = NAME(key), .kind = OPTIONS_TEXTS, .min = 1, .max = WIRE_NAME_MAX,          \
		.nil = holes, .offset = AT(member), .count = AT(number)                            \
	}

const struct options_row options_table[OPTIONS_ROWS] = {
    TEXTS("services", services, services_count, false),
    TEXT("client", client, 0, WIRE_CLIENT_LABEL_MAX),
    PLAIN("timeout_ms", timeout_ms, OPTIONS_U32),
    PLAIN("grace_ms", grace_ms, OPTIONS_U32),
    BIN("token", token, WIRE_OPTIONS_BYTES_MAX),
    BIN("meta", meta, WIRE_META_MAX),
    TEXT("agent", agent, 0, WIRE_NAME_MAX),
    TEXT("service", service, 1, WIRE_NAME_MAX),
    TEXT("backend", backend, 1, WIRE_NAME_MAX),
    PLAIN("instance", instance, OPTIONS_U64),
    PLAIN("capacity", capacity, OPTIONS_U64),
    TEXT("gateway", gateway, 0, WIRE_NAME_MAX),
    PLAIN("heartbeat_ms", heartbeat_ms, OPTIONS_U32),
    PLAIN("window", window, OPTIONS_U32),
    PLAIN("frame_max", frame_max, OPTIONS_U32),
    PLAIN("generation", generation, OPTIONS_U64),
    PLAIN("resumed", resumed, OPTIONS_BOOL),
    TEXTS("backends", backends, backends_count, true),
    TEXTS("gateways", gateways, gateways_count, false),
    PLAIN("worker", worker, OPTIONS_U32),
    PLAIN("workers", workers, OPTIONS_U32),
    TEXT("reason", reason, 0, WIRE_OPTIONS_BYTES_MAX),
    TEXT("subject", subject, 0, WIRE_NAME_MAX),
    TEXT("event", event, 0, WIRE_NAME_MAX),
    PLAIN("epoch", epoch, OPTIONS_U32),
};

bool options_table_fits(const struct options_row *row, struct options_text text)
{
	if (text.bytes == NULL && row->kind == OPTIONS_TEXTS)
		return row->nil;
	return text.len >= row->min && text.len <= row->max;
}
