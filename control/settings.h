// SPDX-License-Identifier: BSD-3-Clause
// The gateway's settings: what the configuration file says, one struct for each section.
//
// A plain value. The gateway's own is changed by the control thread alone, when the file is read
// anew or a key is set, and only in keys that settings_key.c calls live. Every number has its unit
// in its name; bounds and meaning of each key stand in settings_key.c.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "control/metrics_address.h"
#include "control/settings_key.h"
#include "dataplane/dataplane.h"

enum {
	SETTINGS_ERROR_BYTES = 256,
	SETTINGS_PATH_BYTES = 108, // as long as a Unix socket's path can be
	SETTINGS_TEXT_BYTES = 256,
	SETTINGS_FILE_BYTES = 400, // of a configuration file's name
	SETTINGS_SOURCE_BYTES = SETTINGS_FILE_BYTES + 16,
	SETTINGS_WARNINGS_MAX = 16,
	SETTINGS_WARNING_BYTES = 200,
	SETTINGS_PREFIXES_MAX = 64,
	SETTINGS_LISTEN_MAX = 16,
	SETTINGS_NAMES_MAX = 64, // allowed backends of one service
};

// [gateway]
struct settings_gateway {
	char name[WIRE_NAME_MAX + 1];
	uint32_t workers;
	uint16_t port; // UDP
	char control[SETTINGS_PATH_BYTES];
};

enum settings_exception { SETTINGS_EXCEPTION_NONE, SETTINGS_EXCEPTION_TAP };

// [port NAME]; its addresses stand in settings.addresses, with the index of the port.
struct settings_port {
	char name[32];
	char device[256];
	uint16_t mtu; // bytes; 0: the device's own
	uint16_t vlan;
	enum settings_exception exception;
	enum dataplane_checksum checksum;
};

// An address range; IPv4 as ::ffff:a.b.c.d with 96 added to its bits.
struct settings_prefix {
	uint8_t ip[16];
	uint8_t bits; // 0 to 128
};

// [backend]
struct settings_backend {
	uint32_t listen_count;                   // 0: nobody can register
	uint32_t from_count;                     // 0: nobody can register
	uint8_t listen[SETTINGS_LISTEN_MAX][16]; // own addresses; each stands in settings.addresses
	struct settings_prefix from[SETTINGS_PREFIXES_MAX];
};

// [session]
struct settings_session {
	uint32_t max; // sessions in all
	uint32_t timeout_ms;
	uint32_t heartbeat_ms; // 0: by rule
	uint32_t grace_ms;
	uint32_t window;     // frames
	uint32_t client_max; // sessions of one token subject; 0: no limit
};

// [replay]
struct settings_replay {
	uint64_t memory_bytes;
	uint32_t per_session_bytes;
};

enum settings_lost { SETTINGS_LOST_WAIT, SETTINGS_LOST_REBIND, SETTINGS_LOST_CLOSE };

// [service NAME]; without a name: one that is no more, its index is kept free.
struct settings_service {
	char name[WIRE_NAME_MAX + 1];
	enum settings_lost lost;
	bool any; // backends = *
	uint32_t names_count;
	char names[SETTINGS_NAMES_MAX][WIRE_NAME_MAX + 1];
};

enum settings_store_kind { SETTINGS_STORE_MEMORY, SETTINGS_STORE_LMDB, SETTINGS_STORE_REDIS };

// [store]
struct settings_store {
	enum settings_store_kind kind;
	char path[SETTINGS_TEXT_BYTES];
	char url[SETTINGS_TEXT_BYTES];
	char prefix[WIRE_NAME_MAX + 1];
	bool required;
};

// [operation]
struct settings_operation {
	uint32_t max;
};

// [limits]
struct settings_limits {
	uint32_t resumes_per_second; // in all
	uint32_t new_per_second;     // new sessions, in all
	uint32_t new_per_source;     // new sessions of one source address, per second
	uint32_t openings;           // handshakes pending at a time, in all
	uint32_t events;             // kept for those who subscribe
};

// [control]
struct settings_control {
	char group[WIRE_NAME_MAX + 1]; // "": leave the socket's group
	char readers[SETTINGS_TEXT_BYTES];
};

// [metrics]
struct settings_metrics {
	char listen[METRICS_ADDRESS_BYTES]; // "": nowhere
	bool public;                        // need not be a loopback address
};

struct settings {
	struct settings_gateway gateway;
	uint32_t ports_count;
	uint32_t addresses_count;
	uint32_t services_count;
	struct settings_port ports[DATAPLANE_PORTS_MAX];
	struct dataplane_address addresses[DATAPLANE_ADDRESSES_MAX];
	struct settings_backend backend;
	struct settings_session session;
	struct settings_replay replay;
	struct settings_service services[DIRECTORY_SERVICES_MAX]; // their index is the directory's
	struct settings_store store;
	struct settings_operation operation;
	struct settings_limits limits;
	struct settings_control control;
	struct settings_metrics metrics;
	// From the command line.
	bool bench;
	int eal_argc;
	char **eal_argv;
};

// Where each value comes from; indexes are those of settings_key.h and of ports and services.
struct settings_sources {
	char file[SETTINGS_FILE_BYTES];
	int lines[SETTINGS_KEYS_MAX]; // 0: default, SETTINGS_LINE_SET: set by hand
	int ports[DATAPLANE_PORTS_MAX][SETTINGS_KEYS_MAX];
	int services[DIRECTORY_SERVICES_MAX][SETTINGS_KEYS_MAX];
};

enum { SETTINGS_LINE_SET = -1 };

// What is no error but hardly meant.
struct settings_warnings {
	uint32_t count;
	char lines[SETTINGS_WARNINGS_MAX][SETTINGS_WARNING_BYTES];
};

// Fills in the default of every key; no port, no service, nobody may register.
void settings_defaults(struct settings *settings);

// Defaults, then the file at path; NULL: the built-in configuration for a first look. sources may
// be NULL.
// Returns 0, or -errno and one line in error that names file, line, key and what to do.
int settings_load(const char *path, struct settings *settings, struct settings_sources *sources,
		  char error[static SETTINGS_ERROR_BYTES]);

// What must hold between keys. Returns 0, or -EINVAL with what is wrong in error.
int settings_check(const struct settings *settings, char error[static SETTINGS_ERROR_BYTES]);

// What is no error, on this machine.
void settings_warn(const struct settings *settings, struct settings_warnings *warnings);

// Prints the effective settings as a file that settings_load() reads, with comments that say where
// each comes from unless sources is NULL.
void settings_print(const struct settings *settings, const struct settings_sources *sources,
		    FILE *out);

// Whether the internet address lies in one of count prefixes.
bool settings_prefixes_have(const struct settings_prefix *prefixes, uint32_t count,
			    const uint8_t ip[static 16]);
