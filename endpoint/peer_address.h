// SPDX-License-Identifier: BSD-3-Clause
// Addresses of gateways and local addresses, as text and as the system has them.
//
// Pure; any thread.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { PEER_ADDRESS_TEXT_BYTES = 72 }; // "[address%scope]:port" and its zero

struct peer_address {
	union {
		struct sockaddr any; // sa_family AF_UNSPEC: none
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
};

// Reads "192.0.2.10", "192.0.2.10:7400", "2001:db8::10", "[2001:db8::10]:7400", "fe80::1%eth0";
// without a port it is port_default.
//
// Returns 0 or -EINVAL.
int peer_address_parse(const char *text, uint16_t port_default, struct peer_address *address);

// Writes it so that it can be parsed again; "none" for AF_UNSPEC.
void peer_address_format(const struct peer_address *address,
			 char text[static PEER_ADDRESS_TEXT_BYTES]);

// Whether family, address, scope and port are the same.
bool peer_address_equal(const struct peer_address *left, const struct peer_address *right);

// Bytes that bind() and connect() want.
socklen_t peer_address_bytes(const struct peer_address *address);
