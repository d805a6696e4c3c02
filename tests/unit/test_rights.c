// SPDX-License-Identifier: BSD-3-Clause
// Who may look and who may steer.
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/rights.h"

static const struct rights_rule rule = {.owner = 100,
					.group = 200,
					.users_count = 1,
					.users = {300},
					.groups_count = 1,
					.groups = {400}};

Test(rights, follow_from_user_and_groups)
{
	static const struct {
		const char *who;
		struct rights_peer peer;
		enum control_right right;
	} cases[] = {
	    {"root", {.user = 0, .groups_count = 1, .groups = {9}}, CONTROL_RIGHT_STEER},
	    {"the owner", {.user = 100, .groups_count = 1, .groups = {9}}, CONTROL_RIGHT_STEER},
	    {"in the group", {.user = 1, .groups_count = 1, .groups = {200}}, CONTROL_RIGHT_STEER},
	    {"in it besides",
	     {.user = 1, .groups_count = 3, .groups = {9, 8, 200}},
	     CONTROL_RIGHT_STEER},
	    {"beyond the count",
	     {.user = 1, .groups_count = 2, .groups = {9, 8, 200}},
	     CONTROL_RIGHT_NONE},
	    {"a reader", {.user = 300, .groups_count = 1, .groups = {9}}, CONTROL_RIGHT_LOOK},
	    {"of a reading group",
	     {.user = 1, .groups_count = 2, .groups = {9, 400}},
	     CONTROL_RIGHT_LOOK},
	    {"both", {.user = 300, .groups_count = 2, .groups = {200, 400}}, CONTROL_RIGHT_STEER},
	    {"a user with a group's number",
	     {.user = 200, .groups_count = 1, .groups = {9}},
	     CONTROL_RIGHT_NONE},
	    {"a group with a user's number",
	     {.user = 1, .groups_count = 2, .groups = {100, 300}},
	     CONTROL_RIGHT_NONE},
	    {"group 0 alone", {.user = 1, .groups_count = 1, .groups = {0}}, CONTROL_RIGHT_NONE},
	    {"without groups", {.user = 1}, CONTROL_RIGHT_NONE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(rights_of(&rule, &cases[i].peer), cases[i].right, "%s", cases[i].who);
}

Test(rights, readers_are_names_of_users_or_groups)
{
	char error[RIGHTS_ERROR_BYTES];
	struct rights_rule read;

	cr_expect_eq(rights_rule_init(&read, "", error), 0);
	cr_expect_eq(read.users_count + read.groups_count, 0);
	cr_assert_eq(rights_rule_init(&read, " root,\tnobody , ", error), 0, "%s", error);
	cr_expect_eq(read.users_count, 2);
	cr_expect_eq(read.users[0], 0);
	cr_expect_eq(rights_rule_init(&read, "root, no-such-user", error), -ENOENT);
	cr_expect_not_null(strstr(error, "no-such-user"));
}

Test(rights, a_peer_is_who_the_kernel_says)
{
	struct rights_peer peer;
	gid_t groups[RIGHTS_GROUPS_MAX];
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	cr_assert_eq(rights_peer_init(&peer, pair[0]), 0);
	cr_expect_eq(peer.user, getuid());
	cr_expect_eq(peer.groups[0], getgid());
	cr_expect_eq(peer.groups_count, 1 + (uint32_t)getgroups(RIGHTS_GROUPS_MAX, groups));
	close(pair[0]);
	close(pair[1]);
	cr_expect_neq(rights_peer_init(&peer, pair[0]), 0);
}
