// SPDX-License-Identifier: BSD-3-Clause
// Other settings while the gateway runs.
//
// Control thread, online for RCU. What has changed is in force when a call returns: for control at
// once, for workers with the directory that is published then.
#pragma once

#include "control/config.h"

struct gateway;

// Tells a gateway that was made with &config->settings where to read them anew. config is borrowed
// and outlives it; it is changed by the calls below alone.
void gateway_configure(struct gateway *gateway, struct config *config);

// NULL where there is none.
const struct config *gateway_config(const struct gateway *gateway);

// config_reload() and config_set(), put into force and logged. Return what those do, or -ENOTSUP
// where gateway_configure() was never called.
int gateway_reload(struct gateway *gateway, struct config_report *report,
		   char error[static SETTINGS_ERROR_BYTES]);
int gateway_set(struct gateway *gateway, const char *key, const char *value,
		struct config_report *report, char error[static SETTINGS_ERROR_BYTES]);
