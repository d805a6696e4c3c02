// SPDX-License-Identifier: BSD-3-Clause
// The control socket's codec: any bytes as the beginning of a stream of requests.
//
// Limits hold before anything is decoded, at every cut; msgpack-c agrees on where a value ends; a
// request that was understood is understood again after it was packed anew.
#include <errno.h>

#include "control/methods_list.h"
#include "control/rpc.h"
#include "tests/fuzz/fuzz.h"

enum { REQUESTS_MAX = 64, CUTS_MAX = 64 };

// A stream that is whole after `whole` bytes is only begun, or bad, with fewer.
static void cuts_look(const uint8_t *bytes, size_t whole)
{
	const size_t stride = whole / CUTS_MAX + 1;

	for (size_t cut = 0; cut < whole; cut += stride) {
		uint8_t *exact = fuzz_copy(bytes, cut);
		size_t unused = 0;

		FUZZ_CHECK(rpc_scan(exact, cut, &unused) == RPC_SCAN_PARTIAL, "cut at %zu of %zu",
			   cut, whole);
		free(exact);
	}
}

static void params_look(const struct rpc_request *request)
{
	const enum control_method method = methods_list_find(request->method, request->method_len);
	const msgpack_object *array;
	const char *text;
	uint32_t len;
	uint64_t number;

	if (method == CONTROL_METHODS_COUNT)
		return;

	const struct methods_list_param *param = methods_list_get(method)->params;
	const bool unknown = rpc_param_unknown(request, param, &text, &len);
	uint32_t found = 0;

	for (; param->name != NULL; param++) {
		const int rc = rpc_param_uint(request, param->name, 1, 1000, &number);

		FUZZ_CHECK(rc != 0 || (number >= 1 && number <= 1000), "beyond its bounds");
		found += rc != -ENOENT;
		rpc_param_text(request, param->name, &text, &len);
		rpc_param_array(request, param->name, &array);
	}
	FUZZ_CHECK(unknown || found <= request->params.via.map.size, "more than there are");
}

static void pack_again(const struct rpc_request *request, msgpack_sbuffer *out)
{
	msgpack_packer packer;

	msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
	msgpack_pack_array(&packer, request->notification ? 3 : 4);
	msgpack_pack_int(&packer, request->notification ? 2 : 0);
	if (!request->notification)
		msgpack_pack_uint32(&packer, request->id);
	msgpack_pack_str_with_body(&packer, request->method, request->method_len);
	msgpack_pack_array(&packer, 1);
	msgpack_pack_object(&packer, request->params);
}

static void request_again(const struct rpc_request *request)
{
	msgpack_sbuffer packed;
	struct rpc_request twice;

	msgpack_sbuffer_init(&packed);
	pack_again(request, &packed);
	FUZZ_CHECK(rpc_request_init(&twice, (const uint8_t *)packed.data, packed.size) == 0,
		   "packed, not understood");
	FUZZ_CHECK(twice.notification == request->notification && twice.id == request->id &&
		       twice.method_len == request->method_len &&
		       (twice.method_len == 0 ||
			memcmp(twice.method, request->method, twice.method_len) == 0),
		   "another request");
	FUZZ_CHECK(twice.params.via.map.size == request->params.via.map.size, "other params");
	rpc_request_fini(&twice);
	msgpack_sbuffer_destroy(&packed);
}

static void value_look(const uint8_t *bytes, size_t whole)
{
	uint8_t *exact = fuzz_copy(bytes, whole);
	struct rpc_request request;
	msgpack_unpacked unpacked;
	size_t offset = 0;

	msgpack_unpacked_init(&unpacked);
	FUZZ_CHECK(msgpack_unpack_next(&unpacked, (const char *)exact, whole, &offset) ==
			   MSGPACK_UNPACK_SUCCESS &&
		       offset == whole,
		   "%zu bytes, not %zu", offset, whole);
	msgpack_unpacked_destroy(&unpacked);
	if (rpc_request_init(&request, exact, whole) == 0) {
		params_look(&request);
		request_again(&request);
		rpc_request_fini(&request);
	}
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = fuzz_copy(data, size);
	size_t at = 0, whole = 0;

	for (uint32_t i = 0; i < REQUESTS_MAX && at < size; i++) {
		if (rpc_scan(bytes + at, size - at, &whole) != RPC_SCAN_WHOLE)
			break;
		FUZZ_CHECK(whole > 0 && whole <= size - at && whole <= CONTROL_FRAME_BYTES_MAX,
			   "%zu bytes of %zu", whole, size - at);
		cuts_look(bytes + at, whole);
		value_look(bytes + at, whole);
		at += whole;
	}
	free(bytes);
	return 0;
}
