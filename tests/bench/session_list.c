// SPDX-License-Identifier: BSD-3-Clause
// How long one page of session.list keeps the control thread, with COUNT sessions opened by whole
// handshakes: pages of 1000 sessions, and pages of a filter that nothing matches.
//
// usage: session_list [COUNT]      default 1000000
//
// Prints one line of JSON; times in microseconds.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/methods.h"
#include "tests/support/rig_session.h"

enum { DEFAULT_COUNT = 1000000, PROGRESS = 100000, TURNS = 5 };

struct pages {
	uint64_t count, sessions, bytes_max;
	double sum_us, max_us;
};

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); // others may have the core, too
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

// One request as a client sends it. Returns the cursor of its answer, or -1.
static int64_t page(struct methods *methods, uint64_t after, const char *client,
		    struct pages *pages)
{
	const struct socket_call socket_call = {.id = 1};
	msgpack_sbuffer in, out;
	msgpack_packer packer;
	msgpack_unpacked answer;
	struct rpc_request request;
	size_t offset = 0;

	msgpack_sbuffer_init(&in);
	msgpack_sbuffer_init(&out);
	msgpack_packer_init(&packer, &in, msgpack_sbuffer_write);
	msgpack_pack_array(&packer, 4);
	msgpack_pack_int(&packer, 0);
	msgpack_pack_int(&packer, 1);
	rpc_pack_text(&packer, "session.list");
	msgpack_pack_array(&packer, 1);
	msgpack_pack_map(&packer, client != NULL ? 3 : 2);
	rpc_pack_key_uint(&packer, "after", after);
	rpc_pack_key_uint(&packer, "limit", CONTROL_LIST_MAX);
	if (client != NULL)
		rpc_pack_key_text(&packer, "client", client);
	RIG_CHECK(rpc_request_init(&request, (const uint8_t *)in.data, in.size) == 0, "request");
	msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);

	const double begun = now_us();

	methods_session_list(&(struct methods_call){
	    .methods = methods, .call = &socket_call, .request = &request, .packer = &packer});

	const double took = now_us() - begun;

	pages->count++;
	pages->sum_us += took;
	pages->max_us = RTE_MAX(pages->max_us, took);
	pages->bytes_max = RTE_MAX(pages->bytes_max, out.size);
	msgpack_unpacked_init(&answer);
	RIG_CHECK(msgpack_unpack_next(&answer, out.data, out.size, &offset) ==
		      MSGPACK_UNPACK_SUCCESS,
		  "answer");

	const msgpack_object_map *result = &answer.data.via.array.ptr[3].via.map;
	const msgpack_object *next = &result->ptr[1].val;
	const int64_t cursor = next->type == MSGPACK_OBJECT_NIL ? -1 : (int64_t)next->via.u64;

	pages->sessions += result->ptr[0].val.via.array.size;
	msgpack_unpacked_destroy(&answer);
	rpc_request_fini(&request);
	msgpack_sbuffer_destroy(&out);
	msgpack_sbuffer_destroy(&in);
	return cursor;
}

static struct pages pages_all(struct methods *methods, const char *client)
{
	struct pages pages = {0};

	for (int turn = 0; turn < TURNS; turn++) {
		int64_t after = 0;

		while (after >= 0)
			after = page(methods, (uint64_t)after, client, &pages);
	}
	pages.sessions /= TURNS;
	return pages;
}

static void print(const char *what, const struct pages *pages)
{
	printf("\"%s\": {\"pages\": %" PRIu64 ", \"sessions\": %" PRIu64
	       ", \"mean_us\": %.0f, \"max_us\": %.0f, \"bytes_max\": %" PRIu64 "}",
	       what, pages->count / TURNS, pages->sessions, pages->sum_us / (double)pages->count,
	       pages->max_us, pages->bytes_max);
}

static void sessions_open(struct rig *rig, uint32_t count)
{
	for (uint32_t n = 0; n < count; n++) {
		struct rig_peer client = rig_peer(rig, 1, 0);
		struct rig_session session;

		memcpy(client.at.ip + 13, &n, 3);
		client.at.ip[12] = 10;
		session = rig_session(&client, n);
		session.timeout_ms = 300000;
		rig_open(rig, &session);
		rig->notices_count = 0;
		if (n % PROGRESS == 0)
			fprintf(stderr, "%" PRIu32 " sessions\n", n);
	}
}

int main(int argc, char **argv)
{
	const uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : DEFAULT_COUNT;
	static struct rig rig;
	static struct settings settings;
	char error[GATEWAY_ERROR_BYTES];
	struct methods methods = {0};

	if (count == 0) {
		fprintf(stderr, "usage: session_list [COUNT]\n");
		return 2;
	}
	rig_start(&rig, &(struct rig_settings){.sessions_max = count});
	sessions_open(&rig, count);
	settings_defaults(&settings);
	settings.gateway.workers = 1;
	settings.session.max = count;
	methods.gateway = gateway_create(&settings, rig.dataplane, error);
	RIG_CHECK(methods.gateway != NULL, "%s", error);

	const struct pages all = pages_all(&methods, NULL);
	const struct pages none = pages_all(&methods, "nobody");

	printf("{\"sessions\": %" PRIu32 ", \"slots_of_a_page\": %d, ", count, METHODS_SLOTS_MAX);
	print("all", &all);
	printf(", ");
	print("none_match", &none);
	printf("}\n");
	return all.sessions == count && none.sessions == 0 ? 0 : 1;
}
