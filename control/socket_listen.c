// SPDX-License-Identifier: BSD-3-Clause
#include "control/socket_listen.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MODE_CLOSED = 0660, MODE_READERS = 0666 };

// Removes a socket file that nobody listens on. Returns 0 where the path is free then.
static int stale_socket_remove(const struct sockaddr_un *address)
{
	struct stat found;

	if (lstat(address->sun_path, &found) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(found.st_mode))
		return -EEXIST;

	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;

	const int rc = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	const int reason = errno;

	close(fd);
	if (rc == 0)
		return -EADDRINUSE;
	if (reason != ECONNREFUSED)
		return -reason;
	return unlink(address->sun_path) == 0 ? 0 : -errno;
}

static int group_set(const char *path, const char *group)
{
	if (group == NULL || group[0] == '\0')
		return 0;

	const struct group *entry = getgrnam(group);

	if (entry == NULL)
		return -ENOENT;
	return chown(path, (uid_t)-1, entry->gr_gid) == 0 ? 0 : -errno;
}

// Makes the last directory of a path, which nobody does on a machine that just started. What stands
// in the way of that is told by bind().
static void directory_make(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path)
		return;
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	(void)mkdir(folder, 0755);
}

// Returns the descriptor, or -errno with a line in error.
static int bind_at(const struct sockaddr_un *address, const char *group, mode_t mode,
		   char error[static SOCKET_ERROR_BYTES])
{
	const char *path = address->sun_path;
	int rc = stale_socket_remove(address);

	if (rc != 0) {
		snprintf(error, SOCKET_ERROR_BYTES, "control socket %s: %s", path,
			 rc == -EADDRINUSE ? "another gateway answers there; stop it, or set "
					     "another path in [gateway] control"
			 : rc == -EEXIST   ? "a file that is no socket stands there; remove it"
					   : strerror(-rc));
		return rc;
	}

	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;

	directory_make(path);

	const mode_t mask = umask(~mode & 0777);

	rc = bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : -errno;
	umask(mask);
	if (rc != 0) {
		snprintf(error, SOCKET_ERROR_BYTES, "control socket %s: %s%s", path, strerror(-rc),
			 rc == -ENOENT ? "; make the directories above it first" : "");
		goto fail;
	}
	rc = group_set(path, group);
	if (rc != 0) {
		snprintf(error, SOCKET_ERROR_BYTES, "control socket %s: group %s: %s", path, group,
			 rc == -ENOENT ? "no such group; create it, or change [control] group"
				       : strerror(-rc));
		unlink(path);
		goto fail;
	}
	return fd;
fail:
	close(fd);
	return rc;
}

int socket_listen(const struct sockaddr_un *address, const struct socket_wants *wants,
		  struct rights_rule *rule, char error[static SOCKET_ERROR_BYTES])
{
	static_assert((int)SOCKET_ERROR_BYTES >= (int)RIGHTS_ERROR_BYTES, "one buffer for both");
	const int rc = rights_rule_init(rule, wants->readers, error);
	const bool readers = rule->users_count + rule->groups_count > 0;
	struct stat file;

	if (rc != 0)
		return rc;
	const int fd = bind_at(address, wants->group, readers ? MODE_READERS : MODE_CLOSED, error);

	if (fd < 0)
		return fd;
	if (stat(address->sun_path, &file) != 0) {
		snprintf(error, SOCKET_ERROR_BYTES, "control socket %s: it is gone",
			 address->sun_path);
		close(fd);
		return -ENOENT;
	}
	rule->owner = geteuid();
	rule->group = file.st_gid;
	return fd;
}
