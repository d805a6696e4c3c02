-- SPDX-License-Identifier: BSD-3-Clause
-- Part of holdfast.lua, the Wireshark dissector: what the C sources know, held to them by
-- tests/lint/check-dissector, which reads these lines as they stand here.

-- Numbers of include/holdfast/wire.h under their names there, without WIRE_.
local WIRE = {
	VERSION = 1,
	PORT_DEFAULT = 7400,
	HEADER_BYTES = 24,
	CHANNELS_MAX = 8,
	WINDOW_MAX = 4096,
	NAK_PAIR_BYTES = 8,
	OPTIONS_BYTES_MAX = 900,
	OPTIONS_DEPTH_MAX = 4,
}

local ANY = 65535

-- Frame types, as in protocol/frame.c: name, least and most bytes of the body, flags that it can
-- carry, who sends it, whether it has a handle, whether it has a channel.
local RULES = {
	[1] = {"HELLO", 40, ANY, 0x08, "ENDPOINT", "NONE", false},
	[2] = {"RETRY", 36, 36, 0x00, "GATEWAY", "NONE", false},
	[3] = {"WELCOME", 40, ANY, 0x00, "GATEWAY", "NEEDED", false},
	[4] = {"REJECT", 32, ANY, 0x00, "GATEWAY", "EITHER", false},
	[5] = {"OPEN", 64, ANY, 0x08, "GATEWAY", "NEEDED", true},
	[6] = {"OPEN_ACK", 32, 32, 0x00, "BACKEND", "NEEDED", true},
	[7] = {"DATA", 0, ANY, 0x07, "ANY", "NEEDED", true},
	[8] = {"ACK", 0, 0, 0x00, "ANY", "NEEDED", true},
	[9] = {"NAK", 8, 256, 0x00, "ANY", "NEEDED", true},
	[10] = {"DATAGRAM", 0, ANY, 0x00, "ANY", "NEEDED", true},
	[11] = {"HEARTBEAT", 8, 8, 0x00, "GATEWAY", "NEEDED", false},
	[12] = {"HEARTBEAT_ACK", 8, 8, 0x00, "ENDPOINT", "NEEDED", false},
	[13] = {"EVENT", 0, ANY, 0x00, "GATEWAY", "NEEDED", true},
	[14] = {"EVENT_ACK", 0, 0, 0x00, "ENDPOINT", "NEEDED", false},
	[15] = {"CLOSE", 4, ANY, 0x00, "ANY", "NEEDED", true},
	[16] = {"CLOSE_ACK", 0, 0, 0x00, "ANY", "NEEDED", true},
	[17] = {"UNKNOWN", 0, 0, 0x00, "ANY", "NEEDED", false},
	[18] = {"SLEEP", 0, 0, 0x00, "CLIENT", "NEEDED", false},
	[19] = {"CONFIRM", 4, 4, 0x00, "ENDPOINT", "NEEDED", false},
}

-- include/holdfast/errors.h; 0 is acceptance, in OPEN_ACK.
local CODES = {
	[0] = "OK",
	[1] = "VERSION_MISMATCH",
	[2] = "MALFORMED",
	[3] = "STATE_MISMATCH",
	[4] = "NOT_AUTHORIZED",
	[5] = "UNKNOWN_SERVICE",
	[6] = "NO_BACKEND",
	[7] = "OVERLOADED",
	[8] = "DRAINING",
	[9] = "STALE_EPOCH",
	[10] = "INVALID_TIMEOUT",
	[11] = "STORE_UNAVAILABLE",
	[12] = "EVICTED",
	[13] = "EXPIRED",
	[14] = "SUPERSEDED",
	[15] = "NORMAL",
	[16] = "PROTOCOL_ERROR",
	[17] = "NAME_IN_USE",
}

-- Keys of options and what their values are, as in protocol/options_table.c.
local OPTIONS = {
	services = "TEXTS", client = "TEXT", timeout_ms = "U32", grace_ms = "U32", token = "BIN",
	meta = "BIN", agent = "TEXT", service = "TEXT", backend = "TEXT", instance = "U64",
	capacity = "U64", gateway = "TEXT", heartbeat_ms = "U32", window = "U32", frame_max = "U32",
	generation = "U64", resumed = "BOOL", backends = "TEXTS", gateways = "TEXTS", worker = "U32",
	workers = "U32", reason = "TEXT", subject = "TEXT", event = "TEXT", epoch = "U32",
}

local FLAGS = {MORE = 0x01, BUNDLE = 0x02, REPLAYED = 0x04, RESUME = 0x08, SEALED = 0x80}

return {WIRE = WIRE, RULES = RULES, CODES = CODES, OPTIONS = OPTIONS, FLAGS = FLAGS}
