// SPDX-License-Identifier: BSD-3-Clause
// UDP sockets of the library: non-blocking, connected to the gateway, and the clock and random
// numbers that the state machines are given.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { UDP_FRAME_BYTES = 8192, UDP_BATCH = 32 };

struct udp_address {
	struct sockaddr_storage storage;
	socklen_t length; // 0: none
};

// Reads "192.0.2.1:7400" or "[2001:db8::1]:7400"; port where none stands. Returns 0 or -EINVAL.
int udp_address_parse(const char *text, uint16_t port, struct udp_address *address);

// A socket to peer, from an own address (length 0: the system's choice). Returns it, or -errno.
int udp_open(const struct udp_address *own, const struct udp_address *peer);

// Whether an error of sending says that the own address or the way is gone.
bool udp_error_moved(int error);

struct udp_batch {
	uint32_t count;
	uint32_t bytes[UDP_BATCH];
	uint8_t frames[UDP_BATCH][UDP_FRAME_BYTES];
};

// Reads what has arrived, at most a batch. Returns how many frames.
uint32_t udp_receive(int fd, struct udp_batch *batch);

// Sends a batch and empties it. Returns 0, or -errno of the first that failed for another reason
// than a full buffer (what was not sent is lost, like any packet).
int udp_send(int fd, struct udp_batch *batch);

uint64_t udp_now_us(void);
uint32_t udp_random(void);
void udp_random_bytes(void *bytes, uint32_t count);
