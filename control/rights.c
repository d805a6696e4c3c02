// SPDX-License-Identifier: BSD-3-Clause
#include "control/rights.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static bool group_in(const gid_t *groups, uint32_t count, gid_t group)
{
	for (uint32_t i = 0; i < count; i++) {
		if (groups[i] == group)
			return true;
	}
	return false;
}

enum control_right rights_of(const struct rights_rule *rule, const struct rights_peer *peer)
{
	if (peer->user == 0 || peer->user == rule->owner ||
	    group_in(peer->groups, peer->groups_count, rule->group))
		return CONTROL_RIGHT_STEER;
	for (uint32_t i = 0; i < rule->users_count; i++) {
		if (rule->users[i] == peer->user)
			return CONTROL_RIGHT_LOOK;
	}
	for (uint32_t i = 0; i < rule->groups_count; i++) {
		if (group_in(peer->groups, peer->groups_count, rule->groups[i]))
			return CONTROL_RIGHT_LOOK;
	}
	return CONTROL_RIGHT_NONE;
}

static int reader_add(struct rights_rule *rule, const char *name,
		      char error[static RIGHTS_ERROR_BYTES])
{
	const struct passwd *user = getpwnam(name);
	const struct group *group = getgrnam(name);

	if (user == NULL && group == NULL) {
		snprintf(error, RIGHTS_ERROR_BYTES,
			 "[control] readers: %.64s is neither a user nor a group; create it, or "
			 "take it out",
			 name);
		return -ENOENT;
	}
	if ((user != NULL && rule->users_count == RIGHTS_READERS_MAX) ||
	    (group != NULL && rule->groups_count == RIGHTS_READERS_MAX)) {
		snprintf(error, RIGHTS_ERROR_BYTES, "[control] readers: more than %d",
			 RIGHTS_READERS_MAX);
		return -E2BIG;
	}
	if (user != NULL)
		rule->users[rule->users_count++] = user->pw_uid;
	if (group != NULL)
		rule->groups[rule->groups_count++] = group->gr_gid;
	return 0;
}

int rights_rule_init(struct rights_rule *rule, const char *readers,
		     char error[static RIGHTS_ERROR_BYTES])
{
	static const char between[] = ", \t";

	rule->users_count = 0;
	rule->groups_count = 0;
	for (readers += strspn(readers, between); *readers != '\0';
	     readers += strspn(readers, between)) {
		const size_t len = strcspn(readers, between);
		char name[256];
		int rc;

		snprintf(name, sizeof(name), "%.*s", (int)len, readers);
		rc = reader_add(rule, name, error);
		if (rc != 0)
			return rc;
		readers += len;
	}
	return 0;
}

int rights_peer_init(struct rights_peer *peer, int fd)
{
	struct ucred credentials;
	socklen_t bytes = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0)
		return -errno;
	peer->user = credentials.uid;
	peer->groups[0] = credentials.gid;
	peer->groups_count = 1;
	bytes = RIGHTS_GROUPS_MAX * sizeof(peer->groups[0]);
	// Without them, or with more of them than there is room for, its own group is all that
	// counts.
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, &peer->groups[1], &bytes) == 0)
		peer->groups_count += bytes / sizeof(peer->groups[0]);
	return 0;
}
