// SPDX-License-Identifier: BSD-3-Clause
// Where the listener for Prometheus may stand: an address and a port, by default of loopback only.
//
// Pure; any thread.
#pragma once

#include <stdbool.h>

#include <sys/socket.h>

enum { METRICS_ADDRESS_BYTES = 64 };

// Reads "127.0.0.1:9464" or "[::1]:9464"; the port must be there. Returns false where it is none.
bool metrics_address_parse(const char *text, struct sockaddr_storage *address, socklen_t *bytes);

// Whether only this machine can reach it.
bool metrics_address_loopback(const struct sockaddr_storage *address);
