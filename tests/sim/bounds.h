// SPDX-License-Identifier: BSD-3-Clause
// How large a run of the simulator can be.
#pragma once

enum {
	SIM_GATES_MAX = 2,
	SIM_WORKERS_MAX = 3,
	SIM_CLIENTS_MAX = 4,
	SIM_BACKENDS_MAX = 3,
	SIM_ENDPOINTS_MAX = SIM_CLIENTS_MAX + SIM_BACKENDS_MAX, // clients first
	SIM_SERVICES_MAX = 3,
	SIM_CHANNELS_MAX = 1, // that the gateway serves in one session
	SIM_PACKET_BYTES = 1600,
	SIM_NAME_BYTES = 12, // "c0", "b1", "g0"
};

// Dice of a run, by what they decide.
enum { SIM_DICE_PLAN, SIM_DICE_NET, SIM_DICE_GRACE, SIM_DICE_ENDPOINTS, SIM_DICE_GATE };
