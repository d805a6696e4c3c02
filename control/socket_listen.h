// SPDX-License-Identifier: BSD-3-Clause
// The file of a Unix socket: what stands in its way, its folder, mode and group.
//
// Control thread, at start.
#pragma once

#include <sys/stat.h>
#include <sys/un.h>

#include "control/rights.h"
#include "control/socket.h"

// Binds at address as wanted, and fills in the rule that follows: mode and group of the file, its
// owner, readers.
// Returns the descriptor, not listening yet, or -errno with a line in error.
int socket_listen(const struct sockaddr_un *address, const struct socket_wants *wants,
		  struct rights_rule *rule, char error[static SOCKET_ERROR_BYTES]);
