// SPDX-License-Identifier: BSD-3-Clause
#include "control/metrics_address.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

enum { PORT_DIGITS = 5 };

// The digits behind the last colon. Returns false where they are no port.
static bool port_parse(const char *text, uint16_t *port)
{
	const size_t len = strlen(text);
	const unsigned long number = strtoul(text, NULL, 10);

	if (len == 0 || len > PORT_DIGITS || strspn(text, "0123456789") != len ||
	    number > UINT16_MAX)
		return false;
	*port = htons((uint16_t)number);
	return true;
}

bool metrics_address_parse(const char *text, struct sockaddr_storage *address, socklen_t *bytes)
{
	struct sockaddr_in *ipv4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)address;
	char host[METRICS_ADDRESS_BYTES];
	const char *colon = strrchr(text, ':');
	size_t len;

	memset(address, 0, sizeof(*address));
	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		return false;
	len = (size_t)(colon - text);
	memcpy(host, text, len);
	host[len] = '\0';
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		ipv6->sin6_family = AF_INET6;
		*bytes = sizeof(*ipv6);
		return inet_pton(AF_INET6, host + 1, &ipv6->sin6_addr) == 1 &&
		       port_parse(colon + 1, &ipv6->sin6_port);
	}
	ipv4->sin_family = AF_INET;
	*bytes = sizeof(*ipv4);
	return inet_pton(AF_INET, host, &ipv4->sin_addr) == 1 &&
	       port_parse(colon + 1, &ipv4->sin_port);
}

bool metrics_address_loopback(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)address;

	if (address->ss_family == AF_INET)
		return ntohl(ipv4->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&ipv6->sin6_addr);
}
