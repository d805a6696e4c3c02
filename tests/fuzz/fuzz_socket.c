// SPDX-License-Identifier: BSD-3-Clause
// The control socket as a whole: connections, framing, dispatcher and every method, over a made-up
// data plane.
//
// An input is a list of actions, each one byte: its low bits say which connection, its high bits
// how many of the bytes that follow are sent to it at once, or that time goes on. What comes back
// must be whole answers and notifications, and no more answers than values were sent.
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <event2/event.h>

#include "control/gateway_config.h"
#include "control/methods.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_dataplane.h"

enum {
	WORKERS = 2,
	SLOTS = 64,
	SESSIONS = 5,
	CONNECTIONS = 4,
	ACTIONS_MAX = 64,
	TURNS = 4, // of the loop after each action
	LAST_TURNS = 200,
	SLICE_SHIFT = 2,
	SLICES = 60, // from here on an action is no slice
	ANSWER_BYTES = 1 << 20,
};

struct peer {
	int fd; // -1: not connected, or closed by the gateway
	size_t sent;
	size_t got;
	uint8_t *bytes; // that came back, and were not judged yet
};

static struct config config;
static struct dataplane *dataplane;
static struct gateway *gateway;
static struct methods *methods;
static struct peer peers[CONNECTIONS];
static uint64_t now_ms;
static char path[FOLDER_FILE_BYTES];

// A client may call itself what it likes.
bool dataplane_session_view(const struct dataplane *from, uint32_t slot,
			    struct dataplane_session_view *view)
{
	const struct fake_session *session = &from->sessions[slot];

	if (slot >= SLOTS || !session->used)
		return false;
	*view = (struct dataplane_session_view){.handle = session->judged.handle,
						.state = session->judged.state,
						.owner = session->judged.owner,
						.channels_count = 1,
						.client = "\x1b[2J\xff\"",
						.channels = {{.backend = DIRECTORY_NONE}}};
	memcpy(view->id, session->id, sizeof(view->id));
	return true;
}

static void sessions_fill(void)
{
	for (uint32_t i = 0; i < SESSIONS; i++)
		fake_session(dataplane, 2 * i, (uint8_t)(i % WORKERS));
}

static void start(void)
{
	char error[SETTINGS_ERROR_BYTES];

	FUZZ_CHECK(config_load(&config, NULL, error) == 0, "%s", error);
	config.settings.gateway.workers = WORKERS;
	config.settings.session.max = SLOTS;
	config.settings.limits.events = 64;
	strcpy(config.settings.gateway.control, folder_file("control.sock", path));
	dataplane = fake_create(WORKERS, SLOTS);
	sessions_fill();
	gateway = gateway_create(&config.settings, dataplane, error);
	FUZZ_CHECK(gateway != NULL, "%s", error);
	gateway_configure(gateway, &config);
	methods = methods_start(gateway, error);
	FUZZ_CHECK(methods != NULL, "%s", error);
	now_ms = 1000;
}

static void commands_drop(void)
{
	struct command command;

	for (uint32_t i = 0; i < WORKERS; i++) {
		while (fake_command(dataplane, i, &command)) {
			if (command.kind == COMMAND_CREATE || command.kind == COMMAND_SEND)
				dataplane_packet_free(command.packet);
		}
	}
}

static void stop(void)
{
	methods_stop(methods);
	commands_drop();
	gateway_destroy(gateway);
	fake_destroy(dataplane);
}

static void connect_to(struct peer *peer)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, path);
	peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	FUZZ_CHECK(peer->fd >= 0, "%s", strerror(errno));
	FUZZ_CHECK(connect(peer->fd, (struct sockaddr *)&address, sizeof(address)) == 0, "%s: %s",
		   path, strerror(errno));
	peer->bytes = malloc(ANSWER_BYTES);
	FUZZ_CHECK(peer->bytes != NULL, "out of memory");
	peer->got = peer->sent = 0;
}

static void peer_close(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	free(peer->bytes);
	*peer = (struct peer){.fd = -1};
}

// ---- What comes back -------------------------------------------------------------------------

static void answer_judge(const msgpack_object *answer)
{
	const msgpack_object *values = answer->via.array.ptr;

	FUZZ_CHECK(answer->type == MSGPACK_OBJECT_ARRAY &&
		       values[0].type == MSGPACK_OBJECT_POSITIVE_INTEGER,
		   "neither answer nor notification");
	if (values[0].via.u64 == 2) {
		FUZZ_CHECK(answer->via.array.size == 3 && values[1].type == MSGPACK_OBJECT_STR &&
			       values[2].type == MSGPACK_OBJECT_ARRAY,
			   "a notification of another form");
		return;
	}
	FUZZ_CHECK(values[0].via.u64 == 1 && answer->via.array.size == 4, "no answer");
	FUZZ_CHECK(values[1].type == MSGPACK_OBJECT_POSITIVE_INTEGER, "no id");
	FUZZ_CHECK((values[2].type == MSGPACK_OBJECT_NIL) != (values[3].type == MSGPACK_OBJECT_NIL),
		   "neither error nor result, or both");
	if (values[2].type != MSGPACK_OBJECT_NIL)
		FUZZ_CHECK(values[2].type == MSGPACK_OBJECT_MAP && values[2].via.map.size == 2,
			   "an error of another form");
}

// Judges whole values; keeps what is half.
static void answers_judge(struct peer *peer)
{
	msgpack_unpacked unpacked;
	size_t at = 0;

	msgpack_unpacked_init(&unpacked);
	while (at < peer->got) {
		const msgpack_unpack_return rc =
		    msgpack_unpack_next(&unpacked, (const char *)peer->bytes, peer->got, &at);

		if (rc == MSGPACK_UNPACK_CONTINUE)
			break;
		FUZZ_CHECK(rc == MSGPACK_UNPACK_SUCCESS, "no msgpack comes back");
		answer_judge(&unpacked.data);
	}
	msgpack_unpacked_destroy(&unpacked);
	peer->got -= at;
	memmove(peer->bytes, peer->bytes + at, peer->got);
}

static void answers_take(struct peer *peer)
{
	while (peer->fd >= 0) {
		const ssize_t got =
		    recv(peer->fd, peer->bytes + peer->got, ANSWER_BYTES - peer->got, 0);

		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			peer_close(peer);
			return;
		}
		peer->got += (size_t)got;
		answers_judge(peer);
		FUZZ_CHECK(peer->got < ANSWER_BYTES, "an answer of more than 1 MiB");
	}
}

// ---- Actions ---------------------------------------------------------------------------------

static void turns(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		event_base_loop(gateway_base(gateway), EVLOOP_NONBLOCK);
		for (uint32_t k = 0; k < CONNECTIONS; k++)
			answers_take(&peers[k]);
	}
}

static void time_goes_on(uint64_t ms)
{
	now_ms += ms;
	gateway_online();
	gateway_tick(gateway, now_ms);
	fake_work(dataplane, (uint32_t)now_ms);
	gateway_tick(gateway, now_ms);
	gateway_offline();
	socket_server_tick(methods->server, now_ms);
}

static void act(struct fuzz_input *input)
{
	const uint8_t action = fuzz_take8(input);
	const uint32_t slice = action >> SLICE_SHIFT;
	struct peer *peer = &peers[action % CONNECTIONS];
	const uint8_t *bytes;

	if (slice == SLICES) {
		time_goes_on(1);
	} else if (slice == SLICES + 1) {
		time_goes_on(CONTROL_HALF_REQUEST_MS);
	} else if (slice == SLICES + 2) {
		peer_close(peer);
	} else {
		const uint32_t wanted = slice == SLICES + 3 ? fuzz_take16(input) : slice + 1;
		const uint32_t len = fuzz_take(input, wanted, &bytes);

		if (peer->fd < 0)
			connect_to(peer);
		const ssize_t sent = send(peer->fd, bytes, len, MSG_NOSIGNAL);

		peer->sent += sent > 0 ? (size_t)sent : 0;
	}
	turns(TURNS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};

	for (uint32_t i = 0; i < CONNECTIONS; i++)
		peers[i].fd = -1;
	start();
	for (uint32_t i = 0; i < ACTIONS_MAX && input.left > 0; i++)
		act(&input);
	time_goes_on(1);
	turns(TURNS);
	for (uint32_t i = 0; i < CONNECTIONS; i++)
		peer_close(&peers[i]);
	turns(TURNS);
	stop();
	return 0;
}
