// SPDX-License-Identifier: BSD-3-Clause
#include "endpoint/peer_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Copies [from, end) as a string. Returns 0 or -EINVAL.
static int part_copy(char *part, size_t room, const char *from, const char *end)
{
	const size_t len = (size_t)(end - from);

	if (len == 0 || len >= room)
		return -EINVAL;
	memcpy(part, from, len);
	part[len] = '\0';
	return 0;
}

static int port_parse(const char *text, uint16_t *port)
{
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || value == 0 || value > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

static int v6_parse(char *text, uint16_t port, struct peer_address *address)
{
	char *scope = strchr(text, '%');

	if (scope)
		*scope++ = '\0';
	if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) != 1)
		return -EINVAL;
	address->v6.sin6_family = AF_INET6;
	address->v6.sin6_port = htons(port);
	if (!scope)
		return 0;
	address->v6.sin6_scope_id = if_nametoindex(scope);
	return address->v6.sin6_scope_id != 0 ? 0 : -EINVAL;
}

int peer_address_parse(const char *text, uint16_t port_default, struct peer_address *address)
{
	char host[PEER_ADDRESS_TEXT_BYTES];
	const char *colon = strchr(text, ':');
	const char *end = text + strlen(text);
	const char *port_text = NULL;
	uint16_t port = port_default;

	memset(address, 0, sizeof(*address));
	if (*text == '[') {
		end = strchr(++text, ']');
		if (!end || (end[1] != '\0' && end[1] != ':'))
			return -EINVAL;
		port_text = end[1] == ':' ? end + 2 : NULL;
		colon = text;
	} else if (colon && !strchr(colon + 1, ':')) {
		end = colon;
		port_text = colon + 1;
		colon = NULL;
	}
	if (part_copy(host, sizeof(host), text, end) || (port_text && port_parse(port_text, &port)))
		return -EINVAL;
	if (colon)
		return v6_parse(host, port, address);
	if (inet_pton(AF_INET, host, &address->v4.sin_addr) != 1)
		return -EINVAL;
	address->v4.sin_family = AF_INET;
	address->v4.sin_port = htons(port);
	return 0;
}

void peer_address_format(const struct peer_address *address,
			 char text[static PEER_ADDRESS_TEXT_BYTES])
{
	char host[INET6_ADDRSTRLEN];
	char scope[IF_NAMESIZE + 1] = "%";

	if (address->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
		snprintf(text, PEER_ADDRESS_TEXT_BYTES, "%s:%u", host, ntohs(address->v4.sin_port));
		return;
	}
	if (address->any.sa_family != AF_INET6) {
		snprintf(text, PEER_ADDRESS_TEXT_BYTES, "none");
		return;
	}
	inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
	if (address->v6.sin6_scope_id == 0 || !if_indextoname(address->v6.sin6_scope_id, scope + 1))
		scope[0] = '\0';
	snprintf(text, PEER_ADDRESS_TEXT_BYTES, "[%s%s]:%u", host, scope,
		 ntohs(address->v6.sin6_port));
}

bool peer_address_equal(const struct peer_address *left, const struct peer_address *right)
{
	if (left->any.sa_family != right->any.sa_family)
		return false;
	if (left->any.sa_family == AF_INET)
		return left->v4.sin_addr.s_addr == right->v4.sin_addr.s_addr &&
		       left->v4.sin_port == right->v4.sin_port;
	return memcmp(&left->v6.sin6_addr, &right->v6.sin6_addr, sizeof(left->v6.sin6_addr)) == 0 &&
	       left->v6.sin6_port == right->v6.sin6_port &&
	       left->v6.sin6_scope_id == right->v6.sin6_scope_id;
}

socklen_t peer_address_bytes(const struct peer_address *address)
{
	return address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
}
