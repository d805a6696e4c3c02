// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/lone_gateway.h"

#include <criterion/criterion.h>

#include <string.h>

struct settings settings;
struct dataplane *dataplane;
struct gateway *gateway;
uint64_t now_ms;

const uint8_t backend_ip[4] = {10, 0, 0, 5};
const uint8_t client_ip[4] = {198, 51, 100, 7};
const uint8_t session_id[WIRE_SESSION_ID_BYTES] = {1, 2, 3};

void start(void)
{
	char error[GATEWAY_ERROR_BYTES];

	settings_defaults(&settings);
	settings.gateway.workers = WORKERS;
	settings.session.max = SLOTS;
	settings.services_count = 1;
	strcpy(settings.services[0].name, "echo");
	settings.services[0].any = true;
	settings.addresses_count = 1;
	settings.backend.listen_count = 1;
	settings.backend.from_count = 1; // everybody
	dataplane = fake_create(WORKERS, SLOTS);
	gateway = gateway_create(&settings, dataplane, error);
	cr_assert_not_null(gateway, "%s", error);
	now_ms = gateway->now_ms;
}

void stop(void)
{
	gateway_destroy(gateway);
	fake_destroy(dataplane);
}

void tick(void)
{
	gateway_tick(gateway, ++now_ms);
}

void say_hello(uint8_t worker, uint8_t flags)
{
	struct handshake handshake = {.epoch = 1, .count = 1};
	const struct options options = {
	    .present = OPTIONS_SERVICES, .services_count = 1, .services = {options_text("echo")}};
	const struct path path = fake_path(client_ip, 4000, 0);
	uint8_t bytes[WIRE_FRAME_MAX_DEFAULT];

	memcpy(handshake.session, session_id, sizeof(session_id));
	fake_frame(dataplane, worker, &path, DIRECTORY_NONE, 0, bytes,
		   fake_hello(bytes, flags, &handshake, &options));
}

void say_backend_hello(void)
{
	const struct handshake handshake = {.epoch = 1, .role = WIRE_ROLE_BACKEND};
	const struct options options = {.present =
					    OPTIONS_SERVICE | OPTIONS_BACKEND | OPTIONS_INSTANCE,
					.service = options_text("echo"),
					.backend = options_text("b1"),
					.instance = 1};
	const struct path path = fake_path(backend_ip, 5000, 0);
	uint8_t bytes[WIRE_FRAME_MAX_DEFAULT];

	fake_frame(dataplane, 0, &path, DIRECTORY_NONE, 0, bytes,
		   fake_hello(bytes, 0, &handshake, &options));
}

void say_confirm(uint64_t handle)
{
	const struct frame frame = {.type = WIRE_CONFIRM, .handle = handle};
	const struct path path = fake_path(backend_ip, 5000, 0);
	uint8_t bytes[WIRE_HEADER_BYTES + WIRE_CONFIRM_BODY_BYTES];

	frame_encode_header(&frame, bytes);
	frame_encode_confirm(1, bytes + WIRE_HEADER_BYTES);
	fake_frame(dataplane, 0, &path, 0, 0, bytes, sizeof(bytes));
}

void register_backend(void)
{
	struct frame sent;
	uint8_t body[FAKE_FRAME_BYTES];

	say_backend_hello();
	tick();
	cr_assert(fake_sent(dataplane, 0, &sent, body));
	cr_assert_eq(sent.type, WIRE_WELCOME);
	say_confirm(sent.handle);
	tick();
	fake_discard(dataplane, 0, COMMAND_SEND);
}
