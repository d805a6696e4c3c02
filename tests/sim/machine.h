// SPDX-License-Identifier: BSD-3-Clause
// The machine under the gateways of a run: EAL, started once in a process, a net_ring device for
// each gateway, and memory whose size a run chooses. Several data planes live side by side: their
// pools and rings get names of their own.
//
// One thread. The linker puts this in place of the gateway's own calls of those names.
#pragma once

#include <stdint.h>

struct rte_mempool;
struct rte_ring;

// How much a data plane has of what it cannot wait for; powers of two.
struct machine_room {
	uint32_t commands; // of a worker's mailbox
	uint32_t notices;
	uint32_t handed;  // packets between two workers
	uint32_t packets; // buffers of each pool
};

// Whose data plane starts or stops from here on, and with how much room.
void machine_enter(uint32_t gate, const struct machine_room *room);

// The wire of a gateway's queue: what it sends lands there, and what stands there it receives.
struct rte_ring *machine_wire(uint32_t gate, uint32_t queue);

// Buffers for what the simulator puts on wires.
struct rte_mempool *machine_packets(void);

// Ends EAL; the process can make no other run.
void machine_stop(void);
