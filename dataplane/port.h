// SPDX-License-Identifier: BSD-3-Clause
// A port of the gateway: one ethdev, set up with a queue pair for each worker that it has one for.
//
// Set up and closed by control; workers read everything, but for link_up nothing changes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dataplane.h"

struct rte_mempool;

struct port {
	uint16_t id; // of ethdev
	uint16_t queues;
	uint16_t vlan; // 0: none
	uint16_t mtu;
	uint8_t mac[6];
	bool verify;               // checksums that the device does not judge, in software
	bool checksum_receive;     // done by the device
	bool checksum_transmit_ip; // likewise
	bool checksum_transmit_udp;
	bool started;
	int query;          // socket to ask the kernel about its interface; -1: the device has none
	char interface[16]; // of the kernel, that the device is bound to; control's
	bool link_up;       // writer: control, relaxed; workers read it, relaxed
	char name[32];
	char driver[32];
	char device[256];
};

// Finds the ethdev of the settings' device (made by EAL), configures it for up to `workers` queue
// pairs with the workers' pools, and starts it.
// Returns 0, or -errno and one line in error that names port and device and says what to do.
int port_start(struct port *port, const struct dataplane_port_settings *settings, uint32_t workers,
	       struct rte_mempool *const *pools, char error[static DATAPLANE_ERROR_BYTES]);

// Stops and closes it. Nothing where it was not started.
void port_stop(struct port *port);

// Looks at the link: at the kernel's interface where the device is bound to one (af_packet and the
// like report every link as up), else at what the device says.
void port_look(struct port *port);

// Name of the ethdev that a device string makes: "net_tap0" of "net_tap0,iface=x".
void port_device_name(const char *device, char *name, uint32_t room);
