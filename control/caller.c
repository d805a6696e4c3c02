// SPDX-License-Identifier: BSD-3-Clause
#include "control/caller.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/rpc.h"
#include "control/utf8.h"

enum { READ_BYTES = 65536 }; // at a time

int caller_open(struct caller *caller, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval timeout = {.tv_sec = CALLER_TIMEOUT_MS / 1000};

	*caller = (struct caller){.fd = -1};
	if (!msgpack_unpacker_init(&caller->unpacker, MSGPACK_UNPACKER_INIT_BUFFER_SIZE)) {
		snprintf(caller->error, sizeof(caller->error), "out of memory");
		return -ENOMEM;
	}
	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(caller->error, sizeof(caller->error), "%s: path too long for a socket",
			 path);
		caller_close(caller);
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, path);
	caller->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (caller->fd < 0)
		goto fail;
	setsockopt(caller->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(caller->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(caller->fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		goto fail;
	return 0;
fail:;
	const int reason = errno;

	if (reason == EACCES || reason == EPERM)
		snprintf(caller->error, sizeof(caller->error),
			 "%s: %s; the gateway's owner, and who stands under [control], may use it",
			 path, strerror(reason));
	else
		snprintf(caller->error, sizeof(caller->error), "no gateway at %s: %s", path,
			 strerror(reason));
	caller_close(caller);
	return -reason;
}

static int send_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		const ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

		if (sent < 0) {
			if (errno == EINTR)
				continue;
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		}
		bytes += sent;
		length -= (size_t)sent;
	}
	return 0;
}

static int request_send(struct caller *caller, const char *method, const msgpack_sbuffer *params)
{
	msgpack_sbuffer buffer;
	msgpack_packer packer;

	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	msgpack_pack_array(&packer, 4);
	msgpack_pack_int(&packer, 0);
	msgpack_pack_uint32(&packer, ++caller->last_id);
	rpc_pack_text(&packer, method);
	msgpack_pack_array(&packer, params != NULL);
	if (params != NULL)
		msgpack_sbuffer_write(&buffer, params->data, params->size);

	const int rc = send_all(caller->fd, buffer.data, buffer.size);

	msgpack_sbuffer_destroy(&buffer);
	return rc;
}

// Reads once. Returns 0 or -errno.
static int bytes_receive(struct caller *caller)
{
	msgpack_unpacker *unpacker = &caller->unpacker;

	if (!msgpack_unpacker_reserve_buffer(unpacker, READ_BYTES))
		return -ENOMEM;

	const ssize_t got = recv(caller->fd, msgpack_unpacker_buffer(unpacker),
				 msgpack_unpacker_buffer_capacity(unpacker), 0);

	if (got > 0)
		msgpack_unpacker_buffer_consumed(unpacker, (size_t)got);
	else if (got == 0)
		return -ECONNRESET;
	else if (errno != EINTR)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return 0;
}

// The next whole value of what was read already. Returns 0, -EAGAIN or -EBADMSG. Judged before it
// is decoded: msgpack-c takes memory for as many values as the head of an array claims.
static int value_next(struct caller *caller, msgpack_unpacked *unpacked)
{
	msgpack_unpacker *unpacker = &caller->unpacker;
	size_t whole;

	switch (rpc_scan_answer((const uint8_t *)unpacker->buffer + unpacker->off,
				unpacker->used - unpacker->off, &whole)) {
	case RPC_SCAN_PARTIAL:
		return -EAGAIN;
	case RPC_SCAN_BAD:
		return -EBADMSG;
	case RPC_SCAN_WHOLE:
		break;
	}
	switch (msgpack_unpacker_next(unpacker, unpacked)) {
	case MSGPACK_UNPACK_SUCCESS:
		return 0;
	case MSGPACK_UNPACK_CONTINUE:
		return -EAGAIN;
	default:
		return -EBADMSG;
	}
}

// Reads one whole value into unpacked.
static int value_receive(struct caller *caller, msgpack_unpacked *unpacked)
{
	int rc;

	while ((rc = value_next(caller, unpacked)) == -EAGAIN) {
		rc = bytes_receive(caller);
		if (rc != 0)
			break;
	}
	return rc;
}

// Judges an answer [1, id, error, result].
static int answer_read(struct caller *caller, struct caller_result *result)
{
	const msgpack_object *answer = &result->unpacked.data;

	if (answer->type != MSGPACK_OBJECT_ARRAY || answer->via.array.size != 4 ||
	    answer->via.array.ptr[1].type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
	    answer->via.array.ptr[1].via.u64 != caller->last_id)
		return -EBADMSG;

	const msgpack_object *error = &answer->via.array.ptr[2];

	if (error->type != MSGPACK_OBJECT_NIL) {
		uint32_t code_len, text_len;
		const char *code = caller_get_text(error, "code", &code_len);
		const char *text = caller_get_text(error, "message", &text_len);

		// It may quote names that clients chose.
		const uint32_t used =
		    utf8_plain(code, code_len, caller->error, sizeof(caller->error) / 2);
		char *rest = caller->error + used;

		rest = stpcpy(rest, ": ");
		utf8_plain(text, text_len, rest, sizeof(caller->error) - used - 2);
		return -EREMOTEIO;
	}
	result->result = answer->via.array.ptr[3];
	return 0;
}

int caller_call(struct caller *caller, const char *method, const msgpack_sbuffer *params,
		struct caller_result *result)
{
	int rc = request_send(caller, method, params);

	*result = (struct caller_result){.method = ""};
	msgpack_unpacked_init(&result->unpacked);
	if (rc == 0)
		rc = value_receive(caller, &result->unpacked);
	if (rc == 0)
		rc = answer_read(caller, result);
	else
		snprintf(caller->error, sizeof(caller->error), "%s: %s", method,
			 rc == -ETIMEDOUT ? "the gateway does not answer" : strerror(-rc));
	if (rc == -EBADMSG)
		snprintf(caller->error, sizeof(caller->error), "%s: answer malformed", method);
	if (rc != 0)
		msgpack_unpacked_destroy(&result->unpacked);
	return rc;
}

// Judges a notification [2, method, [map]].
static int notification_read(struct caller_result *result)
{
	const msgpack_object *message = &result->unpacked.data;

	if (message->type != MSGPACK_OBJECT_ARRAY || message->via.array.size != 3 ||
	    message->via.array.ptr[1].type != MSGPACK_OBJECT_STR ||
	    message->via.array.ptr[2].type != MSGPACK_OBJECT_ARRAY ||
	    message->via.array.ptr[2].via.array.size != 1)
		return -EBADMSG;
	result->method = message->via.array.ptr[1].via.str.ptr;
	result->method_len = message->via.array.ptr[1].via.str.size;
	result->result = message->via.array.ptr[2].via.array.ptr[0];
	return 0;
}

// Waits for something to read. Returns 0, -EINTR, -ETIMEDOUT or another -errno.
static int readable_wait(const struct caller *caller, const sigset_t *mask, int timeout_ms)
{
	const struct timespec timeout = {.tv_sec = timeout_ms / 1000,
					 .tv_nsec = timeout_ms % 1000 * 1000000L};
	struct pollfd wanted = {.fd = caller->fd, .events = POLLIN};
	const int rc = ppoll(&wanted, 1, timeout_ms < 0 ? NULL : &timeout, mask);

	return rc > 0 ? 0 : rc == 0 ? -ETIMEDOUT : -errno;
}

int caller_next(struct caller *caller, const sigset_t *mask, int timeout_ms,
		struct caller_result *result)
{
	int rc;

	*result = (struct caller_result){.method = ""};
	msgpack_unpacked_init(&result->unpacked);
	while ((rc = value_next(caller, &result->unpacked)) == -EAGAIN) {
		rc = readable_wait(caller, mask, timeout_ms);
		if (rc == 0)
			rc = bytes_receive(caller);
		if (rc != 0)
			break;
	}
	if (rc == 0)
		rc = notification_read(result);
	if (rc == 0)
		return 0;
	if (rc == -ECONNRESET)
		snprintf(caller->error, sizeof(caller->error),
			 "the gateway has closed the connection");
	else if (rc != -EINTR && rc != -ETIMEDOUT)
		snprintf(caller->error, sizeof(caller->error), "notification: %s",
			 rc == -EBADMSG ? "malformed" : strerror(-rc));
	msgpack_unpacked_destroy(&result->unpacked);
	return rc;
}

void caller_result_fini(struct caller_result *result)
{
	msgpack_unpacked_destroy(&result->unpacked);
}

void caller_close(struct caller *caller)
{
	msgpack_unpacker_destroy(&caller->unpacker);
	if (caller->fd >= 0)
		close(caller->fd);
	caller->fd = -1;
}

const msgpack_object *caller_get(const msgpack_object *map, const char *key)
{
	if (map == NULL || map->type != MSGPACK_OBJECT_MAP)
		return NULL;
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *pair = &map->via.map.ptr[i];

		if (pair->key.type == MSGPACK_OBJECT_STR && pair->key.via.str.size == strlen(key) &&
		    memcmp(pair->key.via.str.ptr, key, pair->key.via.str.size) == 0)
			return &pair->val;
	}
	return NULL;
}

uint64_t caller_get_uint(const msgpack_object *map, const char *key)
{
	const msgpack_object *value = caller_get(map, key);

	return value != NULL && value->type == MSGPACK_OBJECT_POSITIVE_INTEGER ? value->via.u64 : 0;
}

const char *caller_get_text(const msgpack_object *map, const char *key, uint32_t *len)
{
	const msgpack_object *value = caller_get(map, key);

	if (value == NULL || value->type != MSGPACK_OBJECT_STR) {
		*len = 0;
		return "";
	}
	*len = value->via.str.size;
	return value->via.str.ptr;
}
