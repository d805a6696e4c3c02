// SPDX-License-Identifier: BSD-3-Clause
#include "endpoint/outgoing.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int outgoing_init(struct outgoing *outgoing, uint32_t bytes_max)
{
	assert(bytes_max >= WIRE_FRAME_MAX_LIMIT);
	memset(outgoing, 0, sizeof(*outgoing));
	outgoing->bytes = malloc(bytes_max);
	if (!outgoing->bytes)
		return -ENOMEM;
	outgoing->room = bytes_max;
	return 0;
}

void outgoing_fini(struct outgoing *outgoing)
{
	free(outgoing->bytes);
	memset(outgoing, 0, sizeof(*outgoing));
}

void outgoing_reset(struct outgoing *outgoing)
{
	outgoing->used = 0;
	outgoing->count = 0;
	outgoing->full = false;
	outgoing->trouble = 0;
}

uint8_t *outgoing_place(struct outgoing *outgoing, const struct sockets_io *io, int socket,
			uint32_t room)
{
	assert(room <= outgoing->room);
	if (outgoing->full || outgoing->trouble)
		return NULL;
	if (outgoing->count == OUTGOING_FRAMES_MAX || outgoing->room - outgoing->used < room)
		outgoing_flush(outgoing, io, socket);
	if (outgoing->count == OUTGOING_FRAMES_MAX || outgoing->room - outgoing->used < room)
		return NULL;
	return outgoing->bytes + outgoing->used;
}

void outgoing_add(struct outgoing *outgoing, uint32_t len)
{
	outgoing->packets[outgoing->count++] =
	    (struct sockets_packet){outgoing->bytes + outgoing->used, len};
	outgoing->used += len;
}

// Keeps the frames from `first` on, at the start of the memory.
static void keep(struct outgoing *outgoing, uint32_t first)
{
	const uint32_t skipped = (uint32_t)(outgoing->packets[first].bytes - outgoing->bytes);

	outgoing->count -= first;
	outgoing->used -= skipped;
	memmove(outgoing->bytes, outgoing->bytes + skipped, outgoing->used);
	for (uint32_t i = 0; i < outgoing->count; i++) {
		outgoing->packets[i] = outgoing->packets[i + first];
		outgoing->packets[i].bytes -= skipped;
	}
}

void outgoing_flush(struct outgoing *outgoing, const struct sockets_io *io, int socket)
{
	uint32_t done = 0;

	if (outgoing->full)
		return;
	while (done < outgoing->count) {
		const int sent = io->ops->send(io->sockets, socket, outgoing->packets + done,
					       outgoing->count - done);

		if (sent == -EAGAIN) {
			keep(outgoing, done);
			outgoing->full = true;
			io->ops->await_room(io->sockets, socket, true);
			return;
		}
		if (sent < 0) {
			outgoing->trouble = sent;
			break;
		}
		done += (uint32_t)sent;
	}
	outgoing->count = 0;
	outgoing->used = 0;
}

void outgoing_retry(struct outgoing *outgoing, const struct sockets_io *io, int socket)
{
	if (!outgoing->full)
		return;
	outgoing->full = false;
	outgoing_flush(outgoing, io, socket);
	if (!outgoing->full)
		io->ops->await_room(io->sockets, socket, false);
}
