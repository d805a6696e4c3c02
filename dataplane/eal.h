// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment layer, started from the gateway's settings.
#pragma once

#include <stdbool.h>

#include "dataplane/dataplane.h"

// Starts EAL with one lcore for each worker and the calling thread as main lcore, with the ports'
// devices. Hugepages where enough are free, ordinary memory where not.
// Fills lcores with the workers' and *huge. Returns 0, or -errno and one line in error.
int eal_start(const struct dataplane_settings *settings, uint32_t memory_mib, unsigned int *lcores,
	      bool *huge, char error[static DATAPLANE_ERROR_BYTES]);

void eal_stop(void);
