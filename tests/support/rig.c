// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "dataplane/errand.h"
#include "tests/support/rig_threads.h"

enum {
	WIRE_PACKETS = 2047,
	GRACE_TRIES = 50,
	QUIET_MS = 3000,
	TIMEOUT_MS = 10000,
	GRACE_MS = 60000,
	OPENING_MS = 2000,
	SESSION_BYTES = 262144,
	ETHER_BYTES = sizeof(struct rte_ether_hdr),
};

static const uint8_t own_ipv4[16] = {[10] = 0xff, 0xff, 192, 0, 2, 10};
static const uint8_t own_ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 10};

struct rig_peer rig_peer(const struct rig *rig, uint8_t n, uint16_t queue)
{
	struct rig_peer peer = {
	    .mac = {2, 0, 0, 0, 1, n},
	    .at = {.ip = {[10] = 0xff, 0xff, 198, 51, 100, n},
		   .port = rte_cpu_to_be_16((uint16_t)(40000 + n))},
	    .queue = queue,
	};

	if (rig->settings.ipv6) {
		memcpy(peer.at.ip, own_ipv6, 16);
		peer.at.ip[14] = 1;
		peer.at.ip[15] = n;
	}
	return peer;
}

struct directory *rig_directory(const struct rig *rig)
{
	const struct directory *standing = rig->dataplane->directory;
	struct directory *directory = malloc(sizeof(*directory));

	RIG_CHECK(directory != NULL, "out of memory");
	*directory = *standing;
	directory->backends = malloc(DIRECTORY_BACKENDS_MAX * sizeof(*directory->backends));
	RIG_CHECK(directory->backends != NULL, "out of memory");
	memcpy(directory->backends, standing->backends,
	       DIRECTORY_BACKENDS_MAX * sizeof(*directory->backends));
	return directory;
}

void rig_publish(struct rig *rig, struct directory *directory)
{
	dataplane_publish(rig->dataplane, directory);
}

static void backend_add(struct rig *rig, struct directory *directory)
{
	struct directory_backend *backend = &directory->backends[RIG_ECHO];
	struct directory_lane *lane = &backend->lanes[0];

	backend->used = backend->connected = lane->live = true;
	snprintf(backend->name, sizeof(backend->name), "b1");
	backend->instance = 1;
	backend->link_epoch = 1;
	backend->link_handle = rig->link;
	lane->path.peer = rig->backend.at;
	lane->path.local = rig->settings.ipv6;
	memcpy(lane->path.mac, rig->backend.mac, sizeof(lane->path.mac));
}

static void directory_first(struct rig *rig)
{
	struct directory *directory = calloc(1, sizeof(*directory));

	RIG_CHECK(directory != NULL, "out of memory");
	directory->backends = calloc(DIRECTORY_BACKENDS_MAX, sizeof(*directory->backends));
	RIG_CHECK(directory->backends != NULL, "out of memory");
	directory->cookie_keys[0][0] = directory->cookie_keys[1][0] = 0x5eed;
	directory->window = rig->settings.window;
	directory->frame_max = WIRE_FRAME_MAX_DEFAULT;
	directory->timeout_default_ms = TIMEOUT_MS;
	directory->grace_default_ms = GRACE_MS;
	directory->grace_max_ms = GRACE_MS;
	directory->opening_timeout_ms = OPENING_MS;
	directory->replay_session_bytes = rig->settings.replay_session_bytes;
	directory->resumes_per_second = rig->settings.resumes_per_second;
	directory->instance = 1;
	snprintf(directory->gateway, sizeof(directory->gateway), "rig");
	directory->services_count = directory->backends_count = 1;
	directory->services[RIG_ECHO].used = true;
	snprintf(directory->services[RIG_ECHO].name, WIRE_NAME_MAX, "echo");
	backend_add(rig, directory);
	rig_publish(rig, directory);
}

static void settings_fill(const struct rig_settings *from, struct dataplane_settings *to)
{
	*to = (struct dataplane_settings){
	    .workers = from->workers,
	    .ports_count = 1,
	    .addresses_count = 2,
	    .udp_port = RIG_PORT,
	    .sessions_max = from->sessions_max,
	    .attempts_max = from->attempts_max,
	    .replay_bytes = from->replay_bytes,
	    .frame_max = WIRE_FRAME_MAX_DEFAULT,
	    .stepped = !from->threaded,
	    .yield_when_idle = from->threaded,
	    .telemetry = from->telemetry,
	};
	snprintf(to->ports[0].name, sizeof(to->ports[0].name), "p0");
	snprintf(to->ports[0].device, sizeof(to->ports[0].device), "%s",
		 from->threaded ? RIG_THREADS_DEVICE : "net_ring0");
	to->ports[0].vlan = from->vlan;
	memcpy(to->addresses[0].ip, own_ipv4, 16);
	memcpy(to->addresses[1].ip, own_ipv6, 16);
	to->addresses[0].prefix_bits = 120;
	to->addresses[1].prefix_bits = 64;
}

void rig_start(struct rig *rig, const struct rig_settings *wanted)
{
	struct dataplane_settings settings;
	char error[DATAPLANE_ERROR_BYTES], name[RTE_RING_NAMESIZE];
	bool huge;

	*rig = (struct rig){.settings = *wanted};
	rig->settings.workers = wanted->workers != 0 ? wanted->workers : 1;
	rig->settings.sessions_max = wanted->sessions_max != 0 ? wanted->sessions_max : 1024;
	rig->settings.attempts_max = wanted->attempts_max != 0 ? wanted->attempts_max : 256;
	rig->settings.replay_bytes = wanted->replay_bytes != 0 ? wanted->replay_bytes : 1 << 20;
	rig->settings.window = wanted->window != 0 ? wanted->window : WIRE_WINDOW_DEFAULT;
	if (wanted->replay_session_bytes == 0)
		rig->settings.replay_session_bytes = SESSION_BYTES;
	settings_fill(&rig->settings, &settings);
	rig->dataplane = dataplane_start(&settings, &huge, error);
	RIG_CHECK(rig->dataplane != NULL, "%s", error);
	urcu_qsbr_set_thread_call_rcu_data(rig->dataplane->reclaimer);
	for (uint32_t i = 0; i < rig->settings.workers && !wanted->threaded; i++) {
		snprintf(name, sizeof(name), "ETH_RXTX%u_net_ring0", i);
		rig->wires[i] = rig->arrivals[i] = rte_ring_lookup(name);
		RIG_CHECK(rig->wires[i] != NULL, "%s", name);
	}
	if (wanted->threaded)
		rig_threads_wire(rig);
	rig->packets = rte_pktmbuf_pool_create("wire", WIRE_PACKETS, 0, PACKET_PRIVATE_BYTES,
					       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	rig->inbox = calloc(RIG_INBOX, sizeof(*rig->inbox));
	RIG_CHECK(rig->packets != NULL && rig->inbox != NULL, "out of memory");
	rig->tsc = rig->dataplane->clock.tsc;
	rig->backend = rig_peer(rig, 250, 0);
	rig->link = directory_link_handle(dataplane_slots(rig->dataplane), RIG_ECHO, 7);
	directory_first(rig);
	rig_run(rig, 1);
	rig_forget(rig); // what the gateway announced of itself
}

// ---- The wire --------------------------------------------------------------------------------

// What the checksum of a UDP header ought to be.
static uint16_t udp_checksum(const uint8_t *l3, const struct rte_udp_hdr *udp, bool ipv4)
{
	uint8_t copy[RIG_PACKET_BYTES];
	struct rte_udp_hdr *fresh = (struct rte_udp_hdr *)copy;

	memcpy(copy, udp, rte_be_to_cpu_16(udp->dgram_len));
	fresh->dgram_cksum = 0;
	return ipv4 ? rte_ipv4_udptcp_cksum((const struct rte_ipv4_hdr *)l3, fresh)
		    : rte_ipv6_udptcp_cksum((const struct rte_ipv6_hdr *)l3, fresh);
}

// Reads a packet that left the gateway.
static void packet_read(struct rig_packet *packet)
{
	const struct rte_ether_hdr *ether = (const struct rte_ether_hdr *)packet->bytes;
	const uint8_t *l3 = packet->bytes + ETHER_BYTES;
	const bool ipv4 = ether->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	const uint32_t l3_bytes = ipv4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
	const uint8_t protocol = ipv4 ? l3[9] : l3[6];
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(l3 + l3_bytes);

	packet->is_frame = false;
	memcpy(packet->to.mac, ether->dst_addr.addr_bytes, 6);
	if ((!ipv4 && ether->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6)) ||
	    protocol != IPPROTO_UDP)
		return;
	memcpy(packet->to.at.ip, own_ipv4, 12);
	memcpy(packet->from.ip, own_ipv4, 12);
	memcpy(packet->from.ip + (ipv4 ? 12 : 0), l3 + (ipv4 ? 12 : 8), ipv4 ? 4 : 16);
	memcpy(packet->to.at.ip + (ipv4 ? 12 : 0), l3 + (ipv4 ? 16 : 24), ipv4 ? 4 : 16);
	packet->from.port = udp->src_port;
	packet->to.at.port = udp->dst_port;
	RIG_CHECK(udp_checksum(l3, udp, ipv4) == udp->dgram_cksum, "UDP checksum of a packet out");
	if (ipv4)
		RIG_CHECK(rte_raw_cksum(l3, l3_bytes) == 0xffff, "IPv4 checksum of a packet out");
	packet->is_frame = frame_decode((const uint8_t *)(udp + 1),
					rte_be_to_cpu_16(udp->dgram_len) - (uint32_t)sizeof(*udp),
					&packet->frame) == FRAME_OK;
	RIG_CHECK(packet->is_frame, "the gateway sent a frame that does not decode");
}

// Takes what has left the gateway off the wire of a queue.
static void wire_collect(struct rig *rig, uint16_t queue)
{
	void *taken;

	while (rte_ring_dequeue(rig->wires[queue], &taken) == 0) {
		struct rte_mbuf *mbuf = taken;
		struct rig_packet *packet = &rig->inbox[rig->inbox_count++];

		RIG_CHECK(rig->inbox_count < RIG_INBOX, "nobody takes what the gateway sends");
		packet->taken = false;
		packet->to.queue = queue;
		packet->len = mbuf->data_len;
		RIG_CHECK(packet->len <= RIG_PACKET_BYTES, "a longer packet than any");
		memcpy(packet->bytes, rte_pktmbuf_mtod(mbuf, void *), packet->len);
		rte_pktmbuf_free(mbuf);
		packet_read(packet);
	}
}

static void step(struct rig *rig, uint16_t worker)
{
	if (!rig->settings.threaded) {
		worker_poll(rig->dataplane->workers[worker], rig->tsc);
		wire_collect(rig, worker);
		return;
	}
	rig_threads_pass(rig);
	for (uint16_t i = 0; i < rig->settings.workers; i++)
		wire_collect(rig, i);
}

void rig_send_raw(struct rig *rig, uint16_t queue, const uint8_t *bytes, uint32_t len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(rig->packets);

	RIG_CHECK(mbuf != NULL, "out of memory");
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), bytes, len);
	RIG_CHECK(rte_ring_enqueue(rig->arrivals[queue], mbuf) == 0, "the wire is full");
	step(rig, queue);
}

static uint8_t *headers_ipv4(const struct rig_peer *from, uint32_t len, uint8_t *at)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)at;

	*ip = (struct rte_ipv4_hdr){
	    .version_ihl = 0x45,
	    .total_length =
		rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + sizeof(struct rte_udp_hdr) + len)),
	    .time_to_live = 64,
	    .next_proto_id = IPPROTO_UDP,
	};
	memcpy(&ip->src_addr, from->at.ip + 12, 4);
	memcpy(&ip->dst_addr, own_ipv4 + 12, 4);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return (uint8_t *)(ip + 1);
}

static uint8_t *headers_ipv6(const struct rig_peer *from, uint32_t len, uint8_t *at)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)at;

	*ip = (struct rte_ipv6_hdr){
	    .vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28),
	    .payload_len = rte_cpu_to_be_16((uint16_t)(sizeof(struct rte_udp_hdr) + len)),
	    .proto = IPPROTO_UDP,
	    .hop_limits = 64,
	};
	memcpy(ip->src_addr, from->at.ip, 16);
	memcpy(ip->dst_addr, own_ipv6, 16);
	return (uint8_t *)(ip + 1);
}

uint32_t rig_wrap(const struct rig *rig, const struct rig_peer *from, const uint8_t *payload,
		  uint32_t len, uint8_t packet[static RIG_PACKET_BYTES])
{
	const bool ipv4 = address_is_ipv4(&from->at);
	struct rte_ether_hdr *ether = (struct rte_ether_hdr *)packet;
	uint8_t *l3 = packet + ETHER_BYTES;
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ipv4 ? headers_ipv4(from, len, l3)
							      : headers_ipv6(from, len, l3));

	*ether = (struct rte_ether_hdr){
	    .ether_type = rte_cpu_to_be_16(ipv4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6)};
	memcpy(ether->src_addr.addr_bytes, from->mac, 6);
	memcpy(ether->dst_addr.addr_bytes, rig->dataplane->ports[0].mac, 6);
	*udp = (struct rte_udp_hdr){
	    .src_port = from->at.port,
	    .dst_port = rte_cpu_to_be_16(RIG_PORT),
	    .dgram_len = rte_cpu_to_be_16((uint16_t)(sizeof(*udp) + len)),
	};
	memcpy(udp + 1, payload, len);
	udp->dgram_cksum = ipv4 ? rte_ipv4_udptcp_cksum((const struct rte_ipv4_hdr *)l3, udp)
				: rte_ipv6_udptcp_cksum((const struct rte_ipv6_hdr *)l3, udp);
	return (uint32_t)((uint8_t *)(udp + 1) + len - packet);
}

void rig_send(struct rig *rig, const struct rig_peer *from, const struct frame *frame)
{
	uint8_t payload[RIG_PACKET_BYTES], packet[RIG_PACKET_BYTES];

	frame_encode_header(frame, payload);
	if (frame->body_bytes > 0)
		memcpy(payload + WIRE_HEADER_BYTES, frame->body, frame->body_bytes);
	rig_send_raw(rig, from->queue, packet,
		     rig_wrap(rig, from, payload, WIRE_HEADER_BYTES + frame->body_bytes, packet));
}

const struct rig_packet *rig_take(struct rig *rig, const struct rig_peer *to, uint8_t type)
{
	for (uint32_t i = 0; i < rig->inbox_count; i++) {
		struct rig_packet *packet = &rig->inbox[i];

		if (packet->taken || !packet->is_frame || packet->frame.type != type ||
		    !address_equal(&packet->to.at, &to->at))
			continue;
		packet->taken = true;
		return packet;
	}
	return NULL;
}

const struct rig_packet *rig_want(struct rig *rig, const struct rig_peer *to, uint8_t type)
{
	const struct rig_packet *packet = rig_take(rig, to, type);
	char text[ADDRESS_TEXT_BYTES];

	RIG_CHECK(packet != NULL, "no %s on its way to %s", frame_type_name(type),
		  address_format(&to->at, text));
	return packet;
}

void rig_forget(struct rig *rig)
{
	rig->inbox_count = 0;
}

// ---- Control ---------------------------------------------------------------------------------

static void offer(struct rig *rig, uint32_t worker, const struct command *command)
{
	RIG_CHECK(dataplane_command(rig->dataplane, worker, command) == 0, "the mailbox is full");
}

static void frame_noticed(struct rig *rig, const struct notice *notice)
{
	struct command command = {
	    .kind = COMMAND_CREATE, .path = notice->path, .packet = notice->packet};
	struct frame frame;

	RIG_CHECK(frame_decode(notice->frame, notice->frame_bytes, &frame) == FRAME_OK,
		  "control was given no frame");
	if (frame.type != WIRE_HELLO) {
		dataplane_packet_free(notice->packet);
		return;
	}
	for (uint32_t k = 0; k < WIRE_CHANNELS_MAX; k++)
		command.backends[k] = k == 0 ? RIG_ECHO : DIRECTORY_NONE;
	offer(rig, notice->worker, &command);
}

static void control(struct rig *rig)
{
	struct notice notice;

	while (dataplane_notices(rig->dataplane, &notice, 1) == 1) {
		if (notice.kind == NOTICE_FRAME) {
			frame_noticed(rig, &notice);
			continue;
		}
		RIG_CHECK(rig->notices_count < RIG_NOTICES, "too many");
		rig->notices[rig->notices_count++] = notice;
		if (notice.kind == NOTICE_END_WANTED)
			rig_command(rig, COMMAND_END, notice.handle,
				    (enum session_reason)notice.reason, notice.code);
	}
}

void rig_run(struct rig *rig, uint32_t ms)
{
	const uint64_t tsc_per_ms = (UINT64_C(1000) << 32) / rig->dataplane->clock.us_per_tsc + 1;

	for (uint32_t i = 0; i < ms; i++) {
		rig->ms++;
		rig->tsc += tsc_per_ms;
		for (uint16_t worker = 0;
		     worker < (rig->settings.threaded ? 1 : rig->settings.workers); worker++)
			step(rig, worker);
		if (!rig->paused)
			control(rig);
	}
}

void rig_grace(struct rig *rig)
{
	urcu_qsbr_barrier();
	rig_run(rig, 2);
}

bool rig_notice(struct rig *rig, enum notice_kind kind, struct notice *notice)
{
	for (uint32_t i = 0; i < rig->notices_count; i++) {
		if (rig->notices[i].kind != kind)
			continue;
		*notice = rig->notices[i];
		rig->notices_count--;
		memmove(&rig->notices[i], &rig->notices[i + 1],
			(rig->notices_count - i) * sizeof(*rig->notices));
		return true;
	}
	return false;
}

void rig_command(struct rig *rig, enum command_kind kind, uint64_t handle,
		 enum session_reason reason, uint16_t code)
{
	const struct session_table *sessions = rig->dataplane->sessions;
	const uint32_t slot = session_table_lookup(sessions, handle);
	const struct command command = {.kind = (uint8_t)kind,
					.reason = (uint8_t)reason,
					.code = code,
					.count = 1,
					.backend = RIG_ECHO,
					.handles = {handle}};

	offer(rig, slot != SESSION_NONE ? session_table_owner(sessions, slot) : 0, &command);
}

// ---- What is to be seen ----------------------------------------------------------------------

struct counters rig_counters(const struct rig *rig)
{
	struct counters sum = {.count = {0}};

	for (uint32_t i = 0; i < rig->settings.workers; i++) {
		struct counters counters = {.count = {0}};

		dataplane_counters(rig->dataplane, i, &counters);
		counters_sum(&sum, &counters);
	}
	return sum;
}

uint64_t rig_count(const struct rig *rig, enum counter counter)
{
	return rig_counters(rig).count[counter];
}

uint64_t rig_drops(const struct rig *rig, enum drop reason)
{
	return rig_counters(rig).drops[reason];
}

enum session_state rig_state(const struct rig *rig, uint64_t handle)
{
	const uint32_t slot = session_table_lookup(rig->dataplane->sessions, handle);

	return slot != SESSION_NONE
		   ? (enum session_state)__atomic_load_n(&rig->dataplane->sessions->hot[slot].state,
							 __ATOMIC_ACQUIRE)
		   : SESSION_FREE;
}

// received + made here = sent + consumed + sum(drops)
static void conserved(const struct rig *rig)
{
	const struct counters sum = rig_counters(rig);
	uint64_t ended = sum.count[COUNTER_sent] + sum.count[COUNTER_consumed];

	for (uint32_t i = 0; i < DROPS_COUNT; i++)
		ended += sum.drops[i];
	RIG_CHECK(sum.count[COUNTER_received] + sum.count[COUNTER_made] == ended,
		  "packets are not conserved");
	RIG_CHECK(sum.count[COUNTER_illegal_edges] == 0, "an illegal edge");
}

static void nothing_missing(const struct rig *rig)
{
	const struct dataplane *dataplane = rig->dataplane;
	int32_t sessions[SESSION_STATES] = {0};

	for (uint32_t i = 0; i < rig->settings.workers; i++) {
		struct dataplane_gauges gauges = {.chunks_used = 0};

		dataplane_gauges(dataplane, i, &gauges);
		RIG_CHECK(gauges.chunks_used == 0, "chunks missing");
		RIG_CHECK(gauges.attempts == 0, "attempts missing");
		RIG_CHECK(dataplane->workers[i]->errands->used == 0, "errands missing");
		for (uint32_t k = 0; k < SESSION_STATES; k++)
			sessions[k] += (int32_t)gauges.sessions[k];
		RIG_CHECK(rte_mempool_in_use_count(dataplane->pools[i]) == 0, "packets missing");
	}
	for (uint32_t k = 0; k < SESSION_STATES; k++)
		RIG_CHECK(sessions[k] == 0, "sessions missing");
	RIG_CHECK(rte_mempool_in_use_count(dataplane->control_pool) == 0, "packets missing");
	RIG_CHECK(rte_mempool_in_use_count(rig->packets) == 0, "packets missing");
}

void rig_check_empty(const struct rig *rig)
{
	conserved(rig);
	nothing_missing(rig);
}

// Whether a worker still goes over its shard.
static bool walking(const struct rig *rig)
{
	for (uint32_t i = 0; i < rig->settings.workers; i++) {
		for (uint32_t k = 0; k < WORKER_WALKS_MAX; k++) {
			if (rig->dataplane->workers[i]->walks[k].active)
				return true;
		}
	}
	return false;
}

void rig_stop(struct rig *rig)
{
	const struct command command = {.kind = COMMAND_LET_GO_ALL};

	rig->paused = false;
	if (rig->settings.threaded) {
		rig_threads_stop(rig);
		return;
	}
	for (uint32_t i = 0; i < rig->settings.workers; i++)
		offer(rig, i, &command);
	for (uint32_t left = QUIET_MS; left > 0; left -= !walking(rig)) {
		rig_run(rig, 1);
		rig_forget(rig);
		rig->notices_count = 0;
	}
	rig_grace(rig);
	rig_check_empty(rig);
	urcu_qsbr_set_thread_call_rcu_data(NULL);
	rte_mempool_free(rig->packets);
	free(rig->inbox);
	dataplane_stop(rig->dataplane);
}
