// SPDX-License-Identifier: BSD-3-Clause
// Defaults of the settings, and what is asked of them. Reading the file is settings_file.c.
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/settings_value.h"
#include "protocol/liveness.h"

void settings_defaults(struct settings *settings)
{
	const struct settings_key *key;

	memset(settings, 0, sizeof(*settings));
	for (uint32_t i = 0; (key = settings_key_at(i)) != NULL; i++) {
		const struct settings_place place = {.key = key};

		if (!settings_key_named(key->section)) // they come with their section
			settings_value_reset(settings, place);
	}
}

static bool prefix_has(const struct settings_prefix *prefix, const uint8_t *ip)
{
	const uint32_t whole = prefix->bits / 8;
	const uint32_t rest = prefix->bits % 8;
	const uint8_t mask = (uint8_t)(0xff00 >> rest);

	return memcmp(prefix->ip, ip, whole) == 0 &&
	       (rest == 0 || ((prefix->ip[whole] ^ ip[whole]) & mask) == 0);
}

bool settings_prefixes_have(const struct settings_prefix *prefixes, uint32_t count,
			    const uint8_t ip[static 16])
{
	for (uint32_t i = 0; i < count; i++) {
		if (prefix_has(&prefixes[i], ip))
			return true;
	}
	return false;
}

// ---- Checks ------------------------------------------------------------------------------

static const char *ports_check(const struct settings *settings, char text[static 160])
{
	if (settings->ports_count == 0)
		return "no [port NAME]: the gateway needs at least one port";
	for (uint32_t port = 0; port < settings->ports_count; port++) {
		uint32_t addresses = 0;

		for (uint32_t i = 0; i < settings->addresses_count; i++)
			addresses += settings->addresses[i].port == port;
		if (settings->ports[port].device[0] != '\0' && addresses > 0)
			continue;
		snprintf(text, 160, "[port %s]: %s is missing", settings->ports[port].name,
			 addresses > 0 ? "device" : "addresses");
		return text;
	}
	return NULL;
}

static const char *backend_check(const struct settings *settings)
{
	for (uint32_t i = 0; i < settings->backend.listen_count; i++) {
		uint32_t k = 0;

		while (k < settings->addresses_count &&
		       memcmp(settings->addresses[k].ip, settings->backend.listen[i], 16) != 0)
			k++;
		if (k == settings->addresses_count)
			return "[backend] listen: not an address of any port";
	}
	if (settings->backend.from_count > 0 && settings->backend.listen_count == 0)
		return "[backend] from is set, listen is not: say at which own address backends "
		       "may register";
	return NULL;
}

static const char *metrics_check(const struct settings_metrics *metrics)
{
	struct sockaddr_storage address;
	socklen_t bytes;

	if (metrics->listen[0] == '\0')
		return NULL;
	if (!metrics_address_parse(metrics->listen, &address, &bytes))
		return "[metrics] listen: an address and a port are wanted, as in 127.0.0.1:9464";
	if (!metrics->public && !metrics_address_loopback(&address))
		return "[metrics] listen is an address that other machines reach: use 127.0.0.1, "
		       "or say public = yes";
	return NULL;
}

int settings_check(const struct settings *settings, char error[static SETTINGS_ERROR_BYTES])
{
	char text[160];
	const char *wrong = ports_check(settings, text);
	uint32_t services = 0;

	for (uint32_t i = 0; i < settings->services_count; i++)
		services += settings->services[i].name[0] != '\0';
	if (wrong == NULL)
		wrong = backend_check(settings);
	if (wrong == NULL)
		wrong = metrics_check(&settings->metrics);
	if (wrong == NULL && services == 0)
		wrong = "no [service NAME]: name at least one service";
	if (wrong == NULL &&
	    liveness_interval_ms(settings->session.timeout_ms, settings->session.heartbeat_ms) == 0)
		wrong = "[session] heartbeat_ms must be above 0 and below timeout_ms (and must be "
			"set where timeout_ms is below 2000)";
	if (wrong == NULL)
		return 0;
	snprintf(error, SETTINGS_ERROR_BYTES, "%s", wrong);
	return -EINVAL;
}

static void __attribute__((format(printf, 2, 3)))
warn(struct settings_warnings *warnings, const char *format, ...)
{
	va_list arguments;

	if (warnings->count == SETTINGS_WARNINGS_MAX)
		return;
	va_start(arguments, format);
	vsnprintf(warnings->lines[warnings->count++], SETTINGS_WARNING_BYTES, format, arguments);
	va_end(arguments);
}

static void warn_services(const struct settings *settings, struct settings_warnings *warnings)
{
	if (settings->backend.from_count == 0)
		warn(warnings, "[backend] from is not set: no backend may register");
	for (uint32_t i = 0; i < settings->services_count; i++) {
		const struct settings_service *service = &settings->services[i];

		if (service->name[0] != '\0' && !service->any && service->names_count == 0)
			warn(warnings, "[service %s] backends is not set: nobody may serve it",
			     service->name);
	}
}

static void warn_times(const struct settings *settings, struct settings_warnings *warnings)
{
	const struct settings_session *session = &settings->session;

	if (!liveness_timeout_valid(session->timeout_ms))
		warn(
		    warnings,
		    "[session] timeout_ms = %u is none that a client may wish: wishes are %d to %d",
		    session->timeout_ms, LIVENESS_TIMEOUT_MIN_MS, LIVENESS_TIMEOUT_MAX_MS);
	if (session->heartbeat_ms >= LIVENESS_TIMEOUT_MIN_MS)
		warn(warnings,
		     "[session] heartbeat_ms = %u: clients that wish a time-out of up to as much "
		     "are refused",
		     session->heartbeat_ms);
}

static void warn_machine(const struct settings *settings, struct settings_warnings *warnings)
{
	const long processors = sysconf(_SC_NPROCESSORS_ONLN);
	const uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	if (processors > 0 && (long)settings->gateway.workers > processors)
		warn(warnings, "[gateway] workers = %u: this machine has %ld processors",
		     settings->gateway.workers, processors);
	if (settings->replay.memory_bytes > memory)
		warn(warnings, "[replay] memory: %" PRIu64 "M, this machine has %" PRIu64 "M",
		     settings->replay.memory_bytes >> 20, memory >> 20);
	if (settings->replay.per_session_bytes > settings->replay.memory_bytes)
		warn(warnings, "[replay] per_session is more than memory, which is for all");
}

void settings_warn(const struct settings *settings, struct settings_warnings *warnings)
{
	warnings->count = 0;
	warn_services(settings, warnings);
	warn_times(settings, warnings);
	warn_machine(settings, warnings);
}
