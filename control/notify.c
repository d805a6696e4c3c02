// SPDX-License-Identifier: BSD-3-Clause
#include "control/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/log.h"

enum { REPORT_BYTES = 256 };

static struct {
	bool started; // there is a manager
	bool ready;   // it knows that we are
	int fd;
	struct sockaddr_un address;
	socklen_t address_bytes;
	uint64_t watchdog_ms; // half of the manager's; 0: none
	uint64_t due_ms;
	uint32_t phase;
} manager;

// Half of the time after which the manager takes us for dead, or 0 where it does not look.
static uint64_t watchdog_read(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	char *end;

	if (usec == NULL || (pid != NULL && strtoll(pid, NULL, 10) != (long long)getpid()))
		return 0;
	errno = 0;
	const unsigned long long value = strtoull(usec, &end, 10);

	if (errno != 0 || end == usec || *end != '\0' || value == 0) {
		log_line(LOG_LEVEL_WARNING, "WATCHDOG_USEC=%s is no time: no watchdog", usec);
		return 0;
	}
	return value < 4000 ? 1 : value / 2000;
}

void notify_start(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	notify_stop();
	if (path == NULL || path[0] == '\0')
		return;
	if ((path[0] != '/' && path[0] != '@') ||
	    strlen(path) >= sizeof(manager.address.sun_path)) {
		log_line(LOG_LEVEL_WARNING, "NOTIFY_SOCKET=%s is no socket's path", path);
		return;
	}
	manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (manager.fd < 0) {
		log_line(LOG_LEVEL_WARNING, "NOTIFY_SOCKET=%s: %s", path, strerror(errno));
		return;
	}
	manager.address.sun_family = AF_UNIX;
	memcpy(manager.address.sun_path, path, strlen(path));
	// An abstract name begins with a zero, and ends where its length says.
	if (path[0] == '@')
		manager.address.sun_path[0] = '\0';
	manager.address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	manager.watchdog_ms = watchdog_read();
	manager.started = true;
}

static bool tell(const char *text)
{
	static struct log_limit limit;
	const ssize_t sent =
	    sendto(manager.fd, text, strlen(text), MSG_NOSIGNAL,
		   (const struct sockaddr *)&manager.address, manager.address_bytes);

	if (sent < 0)
		log_limited(&limit, LOG_LEVEL_WARNING, "the service manager cannot be told: %s",
			    strerror(errno));
	return sent >= 0;
}

void notify_stop(void)
{
	if (!manager.started)
		return;
	if (manager.ready)
		tell("STOPPING=1\nSTATUS=stopping");
	close(manager.fd);
	memset(&manager, 0, sizeof(manager));
}

bool notify_due(uint64_t now_ms, uint32_t phase)
{
	return manager.started && (now_ms >= manager.due_ms || phase != manager.phase);
}

void notify_report(uint64_t now_ms, uint32_t phase, const char *format, ...)
{
	char text[REPORT_BYTES];
	va_list values;

	if (!manager.started)
		return;
	const int used =
	    snprintf(text, sizeof(text), "%s%sSTATUS=", manager.ready ? "" : "READY=1\n",
		     manager.watchdog_ms != 0 ? "WATCHDOG=1\n" : "");

	va_start(values, format);
	vsnprintf(text + used, sizeof(text) - (size_t)used, format, values);
	va_end(values);
	manager.phase = phase;
	if (!tell(text)) {
		manager.due_ms = now_ms + NOTIFY_RETRY_MS;
		return;
	}
	manager.ready = true;
	manager.due_ms =
	    now_ms + (manager.watchdog_ms != 0 ? manager.watchdog_ms : NOTIFY_STATUS_MS);
}
