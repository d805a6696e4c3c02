// SPDX-License-Identifier: BSD-3-Clause
// Where a peer is: internet address and port, the gateway's own address that it talks to, and the
// link-layer address that answers for it.
//
// Plain values; any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
	ADDRESS_TEXT_BYTES = 56, // "[v6 address]:port" and its zero
};

// IPv6, or IPv4 as ::ffff:a.b.c.d; all in network byte order.
struct address {
	uint8_t ip[16];
	uint16_t port;
};

// A peer as the gateway reaches it.
struct path {
	struct address peer;
	uint8_t local; // index of the gateway's own address, see struct dataplane_address
	uint8_t pad;
	uint8_t mac[6]; // of who answers for it on that address's port
};

static inline bool address_equal(const struct address *left, const struct address *right)
{
	return memcmp(left->ip, right->ip, sizeof(left->ip)) == 0 && left->port == right->port;
}

static inline bool address_is_ipv4(const struct address *address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(address->ip, mapped, sizeof(mapped)) == 0;
}

// Writes "192.0.2.1:7400" or "[2001:db8::1]:7400". Returns text.
const char *address_format(const struct address *address, char text[static ADDRESS_TEXT_BYTES]);

// Reads "192.0.2.1", "2001:db8::1", either with ":port" or "[...]:port"; port_default where none
// stands. Returns 0 or -EINVAL.
int address_parse(const char *text, uint16_t port_default, struct address *address);
