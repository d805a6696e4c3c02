// SPDX-License-Identifier: BSD-3-Clause
// Who may do what on the control socket, by the user and groups that the kernel says the peer has.
//
// rights_of() is pure; the others ask the system: rights_rule_init() once at start, by name,
// rights_peer_init() once for each connection, without asking any directory service, so it never
// waits. Control thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "holdfast/control.h"

enum {
	RIGHTS_READERS_MAX = 64,
	RIGHTS_GROUPS_MAX = 256, // supplementary, of a peer; with more none of them counts
	RIGHTS_ERROR_BYTES = 160,
};

struct rights_rule {
	uid_t owner; // the gateway's own user
	gid_t group; // the socket's
	uint32_t users_count, groups_count;
	uid_t users[RIGHTS_READERS_MAX]; // that may look
	gid_t groups[RIGHTS_READERS_MAX];
};

struct rights_peer {
	uid_t user;
	uint32_t groups_count; // its own and the supplementary ones
	gid_t groups[RIGHTS_GROUPS_MAX + 1];
};

// The most that the peer may do: STEER for root, the owner and members of the group; LOOK for
// users and groups listed; else NONE.
enum control_right rights_of(const struct rights_rule *rule, const struct rights_peer *peer);

// Fills in the readers from names of users and groups with commas between. A name that is both
// means both. owner and group are the caller's to set.
// Returns 0, -ENOENT (a name is neither) or -E2BIG, with one line in error.
int rights_rule_init(struct rights_rule *rule, const char *readers,
		     char error[static RIGHTS_ERROR_BYTES]);

// Who is at the other end of a connected Unix socket, as the kernel noted when it connected.
// Returns 0 or -errno.
int rights_peer_init(struct rights_peer *peer, int fd);
