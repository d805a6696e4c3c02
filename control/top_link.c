// SPDX-License-Identifier: BSD-3-Clause
#include "control/top_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/rpc.h"

enum { READ_BYTES = 65536, READS_MAX = 64 };

void top_link_init(struct top_link *link)
{
	memset(link, 0, sizeof(*link));
	link->fd = -1;
}

void top_link_close(struct top_link *link)
{
	if (link->fd < 0)
		return;
	close(link->fd);
	link->fd = -1;
	msgpack_unpacker_destroy(&link->in);
	msgpack_sbuffer_destroy(&link->out);
}

// Notes why, and closes. Returns -reason.
static int fail(struct top_link *link, int reason, const char *text)
{
	snprintf(link->error, sizeof(link->error), "%s", text);
	top_link_close(link);
	return -reason;
}

int top_link_adopt(struct top_link *link, int fd)
{
	if (!msgpack_unpacker_init(&link->in, READ_BYTES)) {
		close(fd);
		snprintf(link->error, sizeof(link->error), "out of memory");
		return -ENOMEM;
	}
	msgpack_sbuffer_init(&link->out);
	link->fd = fd;
	link->sent = 0;
	link->error[0] = '\0';
	memset(link->waiting, 0, sizeof(link->waiting));

	const int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return fail(link, errno, strerror(errno));
	return 0;
}

int top_link_connect(struct top_link *link, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = -1, reason = ENAMETOOLONG;

	if (strlen(path) >= sizeof(address.sun_path))
		goto fail;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	reason = errno;
	if (fd < 0)
		goto fail;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return top_link_adopt(link, fd);
	reason = errno;
	close(fd);
fail:
	snprintf(link->error, sizeof(link->error), "no gateway at %s: %s", path, strerror(reason));
	return -reason;
}

// Sends what the socket takes.
static int flush(struct top_link *link)
{
	while (link->sent < link->out.size) {
		const ssize_t sent = send(link->fd, link->out.data + link->sent,
					  link->out.size - link->sent, MSG_NOSIGNAL);

		if (sent > 0)
			link->sent += (size_t)sent;
		else if (errno == EAGAIN)
			return 0;
		else if (errno != EINTR)
			return fail(link, errno, "the gateway is gone");
	}
	msgpack_sbuffer_clear(&link->out);
	link->sent = 0;
	return 0;
}

int top_link_ask(struct top_link *link, int kind, const char *method, const msgpack_sbuffer *params)
{
	msgpack_packer packer;
	int place = 0;

	if (link->fd < 0)
		return -ENOTCONN;
	while (place < TOP_LINK_WAITING && link->waiting[place].id != 0)
		place++;
	if (place == TOP_LINK_WAITING)
		return -EAGAIN;
	if (++link->last_id == 0)
		link->last_id = 1;
	link->waiting[place].id = link->last_id;
	link->waiting[place].kind = kind;
	msgpack_packer_init(&packer, &link->out, msgpack_sbuffer_write);
	msgpack_pack_array(&packer, 4);
	msgpack_pack_int(&packer, 0);
	msgpack_pack_uint32(&packer, link->last_id);
	rpc_pack_text(&packer, method);
	msgpack_pack_array(&packer, params != NULL);
	if (params != NULL)
		msgpack_sbuffer_write(&link->out, params->data, params->size);
	return flush(link);
}

bool top_link_waits(const struct top_link *link, int kind)
{
	for (int i = 0; i < TOP_LINK_WAITING; i++) {
		if (link->waiting[i].id != 0 && link->waiting[i].kind == kind)
			return true;
	}
	return false;
}

short top_link_events(const struct top_link *link)
{
	return (short)(POLLIN | (link->out.size > link->sent ? POLLOUT : 0));
}

// [1, id, error, result] of a request that waits, or [2, method, [map]]. Returns false where it
// is neither.
static bool message_read(struct top_link *link, const msgpack_object *object,
			 struct top_link_message *message)
{
	const msgpack_object *parts;

	if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size < 3)
		return false;
	parts = object->via.array.ptr;
	if (parts[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return false;
	if (parts[0].via.u64 == 2 && parts[2].type == MSGPACK_OBJECT_ARRAY &&
	    parts[2].via.array.size == 1) {
		*message = (struct top_link_message){.kind = TOP_LINK_NOTIFICATION,
						     .result = &parts[2].via.array.ptr[0]};
		return true;
	}
	if (parts[0].via.u64 != 1 || object->via.array.size != 4 ||
	    parts[1].type != MSGPACK_OBJECT_POSITIVE_INTEGER || parts[1].via.u64 == 0)
		return false;
	for (int i = 0; i < TOP_LINK_WAITING; i++) {
		if (link->waiting[i].id != parts[1].via.u64)
			continue;
		link->waiting[i].id = 0;
		*message = (struct top_link_message){
		    .kind = link->waiting[i].kind, .error = &parts[2], .result = &parts[3]};
		return true;
	}
	return false;
}

// Whether a whole message stands at the beginning of what was read. Judged before it is decoded:
// msgpack-c takes memory for as many values as the head of an array claims.
static enum rpc_scan scan(const msgpack_unpacker *in)
{
	size_t whole;

	return rpc_scan_answer((const uint8_t *)in->buffer + in->off, in->used - in->off, &whole);
}

static int hand_on(struct top_link *link, top_link_handler *handler, void *context)
{
	enum rpc_scan scanned = RPC_SCAN_PARTIAL;
	msgpack_unpacked one;
	int rc = 0;

	msgpack_unpacked_init(&one);
	while (rc == 0 && link->fd >= 0 && (scanned = scan(&link->in)) == RPC_SCAN_WHOLE) {
		struct top_link_message message;

		if (msgpack_unpacker_next(&link->in, &one) == MSGPACK_UNPACK_SUCCESS &&
		    message_read(link, &one.data, &message))
			handler(context, &message);
		else
			rc = fail(link, EBADMSG, "the gateway's answer is malformed");
	}
	msgpack_unpacked_destroy(&one);
	if (rc == 0 && link->fd < 0)
		return -ENOTCONN; // the handler's request failed
	if (rc == 0 && scanned == RPC_SCAN_BAD)
		rc = fail(link, EBADMSG, "the gateway's answer is malformed");
	return rc;
}

int top_link_pump(struct top_link *link, top_link_handler *handler, void *context)
{
	int rc = flush(link);

	for (int i = 0; rc == 0 && i < READS_MAX; i++) {
		if (!msgpack_unpacker_reserve_buffer(&link->in, READ_BYTES))
			return fail(link, ENOMEM, "out of memory");

		const ssize_t got = recv(link->fd, msgpack_unpacker_buffer(&link->in),
					 msgpack_unpacker_buffer_capacity(&link->in), 0);

		if (got == 0)
			return fail(link, ECONNRESET, "the gateway is gone");
		if (got < 0 && errno == EAGAIN)
			return 0;
		if (got < 0 && errno != EINTR)
			return fail(link, errno, "the gateway is gone");
		if (got < 0)
			continue;
		msgpack_unpacker_buffer_consumed(&link->in, (size_t)got);
		rc = hand_on(link, handler, context);
	}
	return rc;
}
