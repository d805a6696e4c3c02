// SPDX-License-Identifier: BSD-3-Clause
// What the service manager is told, as sd_notify(3) has it: that the gateway is ready, that its
// control thread still runs, how it is, that it stops.
//
// One for the process, because the environment is. Without notify_start(), or where no manager
// asked, all of it does nothing. The control thread alone calls it; it never waits.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	NOTIFY_STATUS_MS = 5000, // between two reports, where there is no watchdog
	NOTIFY_RETRY_MS = 100,   // after one that the manager had no room for
};

// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
void notify_start(void);

// Says STOPPING=1 if the manager has been told that we are ready, and forgets the manager.
void notify_stop(void);

// Whether a report is due at now_ms (monotonic): half of the watchdog's time is over, or phase, a
// number of the caller's, is another than at the last report.
bool notify_due(uint64_t now_ms, uint32_t phase);

// Reports: READY=1 the first time, WATCHDOG=1 where there is a watchdog, and a line of STATUS.
void notify_report(uint64_t now_ms, uint32_t phase, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
