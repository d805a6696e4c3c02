// SPDX-License-Identifier: BSD-3-Clause
// The effective settings as a file that would give them: every key that this build can be given.
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "control/settings.h"

// Bits by which an IPv4 prefix is longer when it is written as one of IPv6.
enum { MAPPED_BITS = 96 };

// Lists can be longer than a line may be.
static const char next_item[] = ",\n\t";

static bool is_ipv4(const uint8_t *ip)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(ip, mapped, sizeof(mapped)) == 0;
}

static void print_ip(FILE *out, const uint8_t *ip)
{
	char text[INET6_ADDRSTRLEN];

	if (is_ipv4(ip))
		inet_ntop(AF_INET, ip + 12, text, sizeof(text));
	else
		inet_ntop(AF_INET6, ip, text, sizeof(text));
	fputs(text, out);
}

static void print_port(FILE *out, const struct settings *settings, uint32_t index)
{
	const struct settings_port *port = &settings->ports[index];
	const char *separator = "";

	fprintf(out, "\n[port %s]\ndevice = %s\naddresses = ", port->name, port->device);
	for (uint32_t i = 0; i < settings->addresses_count; i++) {
		const struct dataplane_address *address = &settings->addresses[i];

		if (address->port != index)
			continue;
		fputs(separator, out);
		print_ip(out, address->ip);
		fprintf(out, "/%u", address->prefix_bits);
		separator = next_item;
	}
	fputs("\n", out);
	if (port->mtu > 0) // else the device's own, for which there is no number
		fprintf(out, "mtu = %u\n", port->mtu);
	fprintf(out, "vlan = %u\nexception = %s\nchecksum = %s\n", port->vlan,
		port->exception == SETTINGS_EXCEPTION_TAP ? "tap" : "none",
		port->checksum == DATAPLANE_CHECKSUM_TRUST ? "trust" : "verify");
}

static void print_backend(FILE *out, const struct settings_backend *backend)
{
	fprintf(out, "\n[backend]\n%s", backend->listen_count > 0 ? "listen = " : "# listen: none");
	for (uint32_t i = 0; i < backend->listen_count; i++) {
		fputs(i > 0 ? next_item : "", out);
		print_ip(out, backend->listen[i]);
	}
	fputs(backend->from_count > 0 ? "\nfrom = " : "\n# from: nobody", out);
	for (uint32_t i = 0; i < backend->from_count; i++) {
		const struct settings_prefix *prefix = &backend->from[i];
		const bool ipv4 = is_ipv4(prefix->ip) && prefix->bits >= MAPPED_BITS;

		fputs(i > 0 ? next_item : "", out);
		print_ip(out, prefix->ip);
		fprintf(out, "/%u", ipv4 ? prefix->bits - MAPPED_BITS : prefix->bits);
	}
	fputs("\n", out);
}

static void print_service(FILE *out, const struct settings_service *service)
{
	static const char *const lost[] = {"wait", "rebind", "close"};

	fprintf(out, "\n[service %s]\nlost = %s\nbackends = %s", service->name, lost[service->lost],
		service->any ? "*" : "");
	for (uint32_t i = 0; i < service->names_count; i++)
		fprintf(out, "%s%s", i > 0 || service->any ? next_item : "", service->names[i]);
	fputs("\n", out);
}

static void print_limits(FILE *out, const struct settings *settings)
{
	fprintf(out,
		"\n[session]\nmax = %u\ntimeout_ms = %u\nheartbeat_ms = %u\ngrace_ms = %u\n"
		"window = %u\n",
		settings->session.max, settings->session.timeout_ms, settings->session.heartbeat_ms,
		settings->session.grace_ms, settings->session.window);
	fprintf(out, "\n[replay]\nmemory = %" PRIu64 "\nper_session = %u\n",
		settings->replay.memory_bytes, settings->replay.per_session_bytes);
	fprintf(out, "\n[store]\nkind = memory\nrequired = %s\n",
		settings->store.required ? "yes" : "no");
	fprintf(out,
		"\n[limits]\nresumes_per_second = %u\nnew_per_second = %u\nnew_per_source = %u\n"
		"openings = %u\n",
		settings->limits.resumes_per_second, settings->limits.new_per_second,
		settings->limits.new_per_source, settings->limits.openings);
}

void settings_print(const struct settings *settings, FILE *out)
{
	fprintf(out, "[gateway]\nname = %s\nworkers = %u\nport = %u\ncontrol = %s\n",
		settings->gateway.name, settings->gateway.workers, settings->gateway.port,
		settings->gateway.control);
	for (uint32_t i = 0; i < settings->ports_count; i++)
		print_port(out, settings, i);
	print_backend(out, &settings->backend);
	print_limits(out, settings);
	for (uint32_t i = 0; i < settings->services_count; i++)
		print_service(out, &settings->services[i]);
	if (settings->control.group[0] != '\0')
		fprintf(out, "\n[control]\ngroup = %s\n", settings->control.group);
}
