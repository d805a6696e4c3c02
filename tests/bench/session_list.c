// SPDX-License-Identifier: BSD-3-Clause
// What session.list costs while a worker forwards: COUNT sessions are listed and filtered page by
// page by one thread, and a worker forwards frames of random ones of them on another.
//
// usage: session_list [COUNT [ROUNDS]]      default 1000000 5
//
// Each round measures the worker alone and under each kind of listing, in turn. Prints
// one line of JSON; times are of the thread's own processor time, so that what else the machine
// does counts as little as it can.
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <urcu/urcu-qsbr.h>

#include "control/methods.h"
#include "tests/support/rig_session.h"

enum {
	DEFAULT_COUNT = 1000000,
	DEFAULT_ROUNDS = 5,
	ROUNDS_MAX = 100,
	FLOWS = 65536, // sessions whose frames are sent
	BURST = 32,
	BURSTS = 30000, // of one measurement
	PACKET_BYTES = 192,
	BODY_BYTES = 64,
	SETTLE_US = 20000,
};

// What the control thread does meanwhile. To spin touches no memory: what that does to the worker
// is of the machine, and what listing does beyond it is of listing.
enum work { WORK_IDLE, WORK_SPIN, WORK_ALL, WORK_NONE_MATCH, WORKS, WORK_END };

static const char *const work_names[WORKS] = {"alone", "spin", "all", "none_match"};

struct flow {
	uint32_t len;
	uint8_t bytes[PACKET_BYTES];
};

static uint32_t wanted;        // sessions
static _Atomic uint32_t turns; // that control() has finished
static _Atomic int work;       // written by main(), read by control(); each works on its own

struct pages {
	uint64_t count, bytes_max, turns;
	uint64_t sessions; // in this turn
	uint64_t after;    // where the next page begins
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

// A whole turn must have told each session once.
static void turn_over(struct pages *pages, uint64_t sessions)
{
	RIG_CHECK(pages->sessions == sessions, "%" PRIu64 " sessions, not %" PRIu64,
		  pages->sessions, sessions);
	pages->sessions = 0;
	pages->turns++;
	atomic_fetch_add(&turns, 1);
}

// Lists or filters, over and over, as it is told; each goes on where it was.
static void *control(void *context)
{
	struct methods *methods = context;
	static struct pages pages[WORKS];
	int now;

	urcu_qsbr_register_thread();
	while ((now = atomic_load(&work)) != WORK_END) {
		if (now == WORK_IDLE) {
			urcu_qsbr_thread_offline();
			usleep(1000);
			urcu_qsbr_thread_online();
			continue;
		}
		if (now == WORK_SPIN) {
			const double begun = now_us();

			while (now_us() - begun < 1000)
				rte_pause();
			urcu_qsbr_quiescent_state();
			continue;
		}
		struct pages *mine = &pages[now];
		const int64_t next =
		    page(methods, mine->after, now == WORK_NONE_MATCH ? "nobody" : NULL, mine);

		mine->after = next < 0 ? 0 : (uint64_t)next;
		if (next < 0)
			turn_over(mine, now == WORK_ALL ? wanted : 0);
		urcu_qsbr_quiescent_state();
	}
	urcu_qsbr_unregister_thread();
	return pages;
}

static void print(const char *what, const struct pages *pages)
{
	printf("\"%s\": {\"turns\": %" PRIu64 ", \"pages\": %" PRIu64
	       ", \"mean_us\": %.0f, \"max_us\": %.0f, \"pages_per_s\": %.0f"
	       ", \"bytes_max\": %" PRIu64 "}, ",
	       what, pages->turns, pages->count, pages->sum_us / (double)pages->count,
	       pages->max_us, (double)pages->count * 1e6 / pages->sum_us, pages->bytes_max);
}

static void client_of(const struct rig *rig, uint32_t n, struct rig_peer *client)
{
	*client = rig_peer(rig, 1, 0);
	client->at.ip[12] = 10;
	client->at.ip[13] = (uint8_t)(n >> 16);
	client->at.ip[14] = (uint8_t)(n >> 8);
	client->at.ip[15] = (uint8_t)n;
}

static void sessions_make(struct rig *rig, uint32_t count, uint64_t *handles)
{
	for (uint32_t n = 0; n < count; n++) {
		struct command command = {
		    .kind = COMMAND_PRELOAD, .backends = {RIG_ECHO}, .token = n};
		struct rig_peer client;
		struct notice notice;

		client_of(rig, n, &client);
		command.path.peer = client.at;
		memcpy(command.path.mac, client.mac, sizeof(client.mac));
		memcpy(command.birth.id, &n, sizeof(n));
		RIG_CHECK(dataplane_command(rig->dataplane, 0, &command) == 0, "mailbox full");
		worker_poll(rig->dataplane->workers[0], rig->tsc);
		while (dataplane_notices(rig->dataplane, &notice, 1) == 1) {
			if (notice.kind == NOTICE_PRELOADED)
				handles[notice.token] = notice.handle;
		}
		RIG_CHECK(handles[n] != 0, "session %" PRIu32, n);
	}
}

static struct flow *flows_make(const struct rig *rig, uint32_t count, const uint64_t *handles)
{
	struct flow *flows = calloc(FLOWS, sizeof(*flows));

	RIG_CHECK(flows != NULL, "out of memory");
	for (uint32_t i = 0; i < FLOWS; i++) {
		const uint32_t n = (uint32_t)random() % count;
		const struct frame frame = {
		    .type = WIRE_DATAGRAM, .handle = handles[n], .body_bytes = BODY_BYTES};
		uint8_t payload[WIRE_HEADER_BYTES + BODY_BYTES] = {0};
		uint8_t packet[RIG_PACKET_BYTES];
		struct rig_peer client;

		client_of(rig, n, &client);
		frame_encode_header(&frame, payload);
		flows[i].len = rig_wrap(rig, &client, payload, sizeof(payload), packet);
		RIG_CHECK(flows[i].len <= PACKET_BYTES, "a longer packet");
		memcpy(flows[i].bytes, packet, flows[i].len);
	}
	return flows;
}

// Forwards BURSTS bursts. Returns packets per second of the worker's own time, wire included.
static double forward(struct rig *rig, const struct flow *flows)
{
	struct rte_mbuf *packets[BURST];
	const double begun = now_us();
	uint32_t sent = 0;

	for (uint32_t burst = 0; burst < BURSTS; burst++) {
		RIG_CHECK(rte_pktmbuf_alloc_bulk(rig->packets, packets, BURST) == 0, "no packets");
		for (uint32_t i = 0; i < BURST; i++) {
			const struct flow *flow = &flows[(burst * BURST + i) % FLOWS];

			memcpy(rte_pktmbuf_append(packets[i], (uint16_t)flow->len), flow->bytes,
			       flow->len);
		}
		RIG_CHECK(rte_ring_enqueue_bulk(rig->wires[0], (void **)packets, BURST, NULL) ==
			      BURST,
			  "the wire is full");
		worker_poll(rig->dataplane->workers[0], rig->tsc);

		const uint32_t left =
		    rte_ring_dequeue_burst(rig->wires[0], (void **)packets, BURST, NULL);

		rte_pktmbuf_free_bulk(packets, left);
		sent += left;
	}
	RIG_CHECK(sent == BURST * BURSTS, "%" PRIu32 " of %d were forwarded", sent, BURST * BURSTS);
	return (double)sent * 1e6 / (now_us() - begun);
}

static int order(const void *left, const void *right)
{
	const double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static void ratios_print(const char *what, const double *with, const double *without,
			 uint32_t rounds)
{
	double ratios[ROUNDS_MAX];

	for (uint32_t round = 0; round < rounds; round++)
		ratios[round] = with[round] / without[round];
	qsort(ratios, rounds, sizeof(ratios[0]), order);
	printf("\"%s\": {\"min\": %.3f, \"median\": %.3f, \"max\": %.3f}, ", what, ratios[0],
	       ratios[rounds / 2], ratios[rounds - 1]);
}

static void measure(struct rig *rig, const struct flow *flows, uint32_t rounds)
{
	static double rates[WORKS][ROUNDS_MAX];

	forward(rig, flows); // warm
	for (uint32_t round = 0; round < rounds; round++) {
		for (int k = 0; k < WORKS; k++) {
			const int i = (int)((round + (uint32_t)k) % WORKS); // none is always first

			atomic_store(&work, i);
			usleep(SETTLE_US);
			rates[i][round] = forward(rig, flows);
		}
		fprintf(stderr, "round %" PRIu32 ":", round);
		for (int i = 0; i < WORKS; i++)
			fprintf(stderr, " %s %.4g", work_names[i], rates[i][round]);
		fprintf(stderr, "\n");
	}
	ratios_print("spin_to_alone", rates[WORK_SPIN], rates[WORK_IDLE], rounds);
	ratios_print("all_to_alone", rates[WORK_ALL], rates[WORK_IDLE], rounds);
	ratios_print("all_to_spin", rates[WORK_ALL], rates[WORK_SPIN], rounds);
	ratios_print("none_match_to_alone", rates[WORK_NONE_MATCH], rates[WORK_IDLE], rounds);
	ratios_print("none_match_to_spin", rates[WORK_NONE_MATCH], rates[WORK_SPIN], rounds);
	qsort(rates[WORK_IDLE], rounds, sizeof(double), order);
	printf("\"alone_packets_per_s\": %.0f, ", rates[WORK_IDLE][rounds / 2]);
	// Whole turns of both kinds, however short the rounds were.
	for (int i = WORK_ALL; i < WORKS; i++) {
		const uint32_t before = atomic_load(&turns);

		atomic_store(&work, i);
		while (atomic_load(&turns) == before)
			forward(rig, flows);
	}
}

int main(int argc, char **argv)
{
	const uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : DEFAULT_COUNT;
	const uint32_t rounds = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : DEFAULT_ROUNDS;
	static struct rig rig;
	static struct settings settings;
	char error[GATEWAY_ERROR_BYTES];
	struct methods methods = {0};
	pthread_t thread;
	void *result;

	if (count == 0 || rounds == 0 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: session_list [COUNT [ROUNDS]]\n");
		return 2;
	}
	rig_start(&rig, &(struct rig_settings){.sessions_max = count});

	uint64_t *handles = calloc(count, sizeof(*handles));
	struct directory *directory = rig_directory(&rig);

	RIG_CHECK(handles != NULL, "out of memory");
	wanted = count;
	sessions_make(&rig, count, handles);
	settings_defaults(&settings);
	settings.gateway.workers = 1;
	settings.session.max = count;
	methods.gateway = gateway_create(&settings, rig.dataplane, error);
	RIG_CHECK(methods.gateway != NULL, "%s", error);
	rig_publish(&rig, directory); // the gateway's own knows no backend

	struct flow *flows = flows_make(&rig, count, handles);

	RIG_CHECK(pthread_create(&thread, NULL, control, &methods) == 0, "no thread");
	printf("{\"sessions\": %" PRIu32 ", \"slots_of_a_page\": %d, ", count, METHODS_SLOTS_MAX);
	measure(&rig, flows, rounds);
	atomic_store(&work, WORK_END);
	urcu_qsbr_thread_offline();
	RIG_CHECK(pthread_join(thread, &result) == 0, "join");
	urcu_qsbr_thread_online();

	const struct pages *pages = result;

	print("all", &pages[WORK_ALL]);
	print("none_match", &pages[WORK_NONE_MATCH]);
	printf("\"rounds\": %" PRIu32 "}\n", rounds);
	free(flows);
	free(handles);
	return pages[WORK_NONE_MATCH].turns > 0 && pages[WORK_ALL].turns > 0 ? 0 : 1;
}
