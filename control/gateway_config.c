// SPDX-License-Identifier: BSD-3-Clause
// Other settings while the gateway runs: what they change in its parts.
#include "control/gateway_config.h"

#include <errno.h>

#include "control/gateway_parts.h"
#include "control/log.h"

void gateway_configure(struct gateway *gateway, struct config *config)
{
	gateway->config = config;
}

const struct config *gateway_config(const struct gateway *gateway)
{
	return gateway->config;
}

static const char *keeps(void *context, uint32_t service)
{
	struct gateway *gateway = context;

	return backends_keep(gateway->backends, (uint16_t)service);
}

// The settings have changed: parts that keep something of them get it, workers get a directory.
static void apply(struct gateway *gateway)
{
	const struct settings_limits *limits = &gateway->settings->limits;

	rates_limit(gateway->rates, limits->new_per_second, limits->new_per_source);
	backends_retime(gateway->backends);
	backends_forget(gateway->backends);
	liveness_sweep_retime(gateway->sweep);
	publisher_change(&gateway->publisher);
	// If there is no memory for it now, the next tick tries again.
	publisher_tick(&gateway->publisher, gateway->now_ms);
}

static const char *shown(const char *value)
{
	return value != NULL && value[0] != '\0' ? value : "(none)";
}

static void tell_changes(struct gateway *gateway, const struct config_report *report)
{
	for (uint32_t i = 0; i < report->changed.count; i++)
		events_add_config(gateway->events, report->changed.items[i].key);
}

static void log_changes(const struct config_report *report)
{
	for (uint32_t i = 0; i < report->changed.count; i++) {
		const struct config_change *change = &report->changed.items[i];

		log_line(LOG_LEVEL_NOTICE, "%s: %.100s%s -> %.100s", change->key,
			 shown(change->old), change->was_set ? " (set by hand)" : "",
			 shown(change->new));
	}
	for (uint32_t i = 0; i < report->pending.count; i++) {
		const struct config_change *change = &report->pending.items[i];

		log_line(LOG_LEVEL_WARNING, "%s: %.100s stays until a restart, then %.100s",
			 change->key, shown(change->old), shown(change->new));
	}
}

int gateway_reload(struct gateway *gateway, struct config_report *report,
		   char error[static SETTINGS_ERROR_BYTES])
{
	const struct config_guard guard = {.keeps = keeps, .context = gateway};
	static struct settings_warnings warnings;

	if (gateway->config == NULL) {
		snprintf(error, SETTINGS_ERROR_BYTES, "this gateway has no configuration file");
		return -ENOTSUP;
	}
	const int rc = config_reload(gateway->config, &guard, report, error);

	if (rc != 0) {
		log_line(LOG_LEVEL_ERROR, "reload refused, nothing is changed: %s", error);
		return rc;
	}
	apply(gateway);
	tell_changes(gateway, report);
	log_changes(report);
	settings_warn(gateway->settings, &warnings);
	for (uint32_t i = 0; i < warnings.count; i++)
		log_line(LOG_LEVEL_WARNING, "%s", warnings.lines[i]);
	log_line(LOG_LEVEL_NOTICE, "configuration read anew: %u changed, %u wait for a restart",
		 report->changed.count, report->pending.count);
	return 0;
}

int gateway_set(struct gateway *gateway, const char *key, const char *value,
		struct config_report *report, char error[static SETTINGS_ERROR_BYTES])
{
	if (gateway->config == NULL) {
		snprintf(error, SETTINGS_ERROR_BYTES, "this gateway has no configuration file");
		return -ENOTSUP;
	}
	const int rc = config_set(gateway->config, key, value, report, error);

	if (rc != 0)
		return rc;
	apply(gateway);
	tell_changes(gateway, report);
	for (uint32_t i = 0; i < report->changed.count; i++) {
		const struct config_change *change = &report->changed.items[i];

		log_line(LOG_LEVEL_NOTICE, "%s: %.100s -> %.100s, set by hand", change->key,
			 shown(change->old), shown(change->new));
	}
	return 0;
}
