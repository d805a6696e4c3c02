// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *address_format(const struct address *address, char text[static ADDRESS_TEXT_BYTES])
{
	char ip[INET6_ADDRSTRLEN];
	const unsigned int port = ntohs(address->port);

	if (address_is_ipv4(address)) {
		inet_ntop(AF_INET, address->ip + 12, ip, sizeof(ip));
		snprintf(text, ADDRESS_TEXT_BYTES, "%s:%u", ip, port);
	} else {
		inet_ntop(AF_INET6, address->ip, ip, sizeof(ip));
		snprintf(text, ADDRESS_TEXT_BYTES, "[%s]:%u", ip, port);
	}
	return text;
}

// Reads the decimal port at text, all of it.
static int port_parse(const char *text, uint16_t *port)
{
	char *end;
	const unsigned long number = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || number > UINT16_MAX)
		return -EINVAL;
	*port = htons((uint16_t)number);
	return 0;
}

int address_parse(const char *text, uint16_t port_default, struct address *address)
{
	char ip[INET6_ADDRSTRLEN];
	const char *first = text[0] == '[' ? text + 1 : text;
	const char *colon = strchr(text, ':');
	const bool ipv6 = text[0] == '[' || (colon != NULL && strchr(colon + 1, ':') != NULL);
	const char *end = text[0] == '[' ? strchr(text, ']') : ipv6 ? NULL : colon;
	const size_t length = end != NULL ? (size_t)(end - first) : strlen(first);

	if (length >= sizeof(ip) || (text[0] == '[' && end == NULL))
		return -EINVAL;
	memcpy(ip, first, length);
	ip[length] = '\0';
	*address = (struct address){.port = htons(port_default)};
	if (ipv6) {
		if (inet_pton(AF_INET6, ip, address->ip) != 1)
			return -EINVAL;
	} else {
		address->ip[10] = address->ip[11] = 0xff;
		if (inet_pton(AF_INET, ip, address->ip + 12) != 1)
			return -EINVAL;
	}
	if (end != NULL && *end == ']')
		end++;
	if (end == NULL || *end == '\0')
		return 0;
	return *end == ':' ? port_parse(end + 1, &address->port) : -EINVAL;
}
