// SPDX-License-Identifier: BSD-3-Clause
// The gateway's making, loop and end.
#include "control/gateway_parts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sodium.h>
#include <urcu/urcu-qsbr.h>

#include "control/gateway_config.h"
#include "control/log.h"

static const int gateway_signals[GATEWAY_SIGNALS] = {SIGTERM, SIGINT, SIGHUP};

static uint64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t clock_ms(clockid_t clock)
{
	return clock_us(clock) / 1000;
}

const char *gateway_state_name(enum gateway_state state)
{
	static const char *const names[GATEWAY_STATES] = {"starting", "running", "draining",
							  "stopping", "stopped"};

	return (unsigned)state < GATEWAY_STATES ? names[state] : "?";
}

void gateway_online(void)
{
	urcu_qsbr_thread_online();
}

void gateway_offline(void)
{
	urcu_qsbr_thread_offline();
}

// ---- Making and unmaking -------------------------------------------------------------------

static uint32_t ends_room(const struct settings *settings)
{
	return settings->session.max < ENDS_MAX ? settings->session.max : ENDS_MAX;
}

static bool make_parts(struct gateway *gateway)
{
	const struct settings *settings = gateway->settings;

	gateway->courier =
	    courier_create(gateway->dataplane, settings->gateway.workers, &gateway->tally);
	gateway->ends = ends_create(ends_room(settings));
	gateway->events = events_create(settings->limits.events, &gateway->tally);
	gateway->rates = rates_create(settings->limits.new_per_second,
				      settings->limits.new_per_source, RATES_SOURCES);
	if (gateway->courier == NULL || gateway->ends == NULL || gateway->rates == NULL ||
	    gateway->events == NULL)
		return false;
	const struct answerer answerer = {
	    .dataplane = gateway->dataplane,
	    .courier = gateway->courier,
	    .tally = &gateway->tally,
	    .events = gateway->events,
	    .frame_max = WIRE_FRAME_MAX_DEFAULT,
	};

	gateway->backends = backends_create(settings, &answerer, gateway->instance);
	gateway->endings =
	    endings_create(gateway->dataplane, gateway->courier, gateway->ends, &gateway->tally);
	if (gateway->backends == NULL || gateway->endings == NULL)
		return false;
	gateway->sweep = liveness_sweep_create(settings, gateway->dataplane, gateway->courier,
					       gateway->backends, &gateway->tally);
	publisher_init(&gateway->publisher, settings, gateway->dataplane, gateway->backends,
		       &gateway->tally);
	gateway->admission = (struct admission){
	    .settings = settings,
	    .answerer = answerer,
	    .backends = gateway->backends,
	    .ends = gateway->ends,
	    .rates = gateway->rates,
	};
	gateway->preload = preload_create(&gateway->admission);
	return gateway->sweep != NULL && gateway->preload != NULL;
}

static void on_tick(evutil_socket_t socket, short what, void *context)
{
	struct gateway *gateway = context;
	const uint64_t began_us = clock_us(CLOCK_MONOTONIC);

	gateway_online();
	gateway_tick(gateway, began_us / 1000);
	gateway_offline();
	histogram_add(&gateway->ticks, clock_us(CLOCK_MONOTONIC) - began_us);
	if (gateway->drain.state == GATEWAY_STOPPED)
		event_base_loopbreak(gateway->base);
}

static void on_signal(evutil_socket_t number, short what, void *context);

static bool make_events(struct gateway *gateway)
{
	gateway->base = event_base_new();
	if (gateway->base == NULL)
		return false;
	gateway->tick = event_new(gateway->base, -1, EV_PERSIST, on_tick, gateway);
	for (uint32_t i = 0; i < GATEWAY_SIGNALS; i++)
		gateway->signals[i] =
		    evsignal_new(gateway->base, gateway_signals[i], on_signal, gateway);
	return gateway->tick != NULL && gateway->signals[0] != NULL &&
	       gateway->signals[1] != NULL && gateway->signals[2] != NULL;
}

struct gateway *gateway_create(const struct settings *settings, struct dataplane *dataplane,
			       char error[static GATEWAY_ERROR_BYTES])
{
	struct gateway *gateway = NULL;

	if (sodium_init() >= 0)
		gateway = calloc(1, sizeof(*gateway));
	if (gateway == NULL)
		goto fail;
	gateway->settings = settings;
	gateway->dataplane = dataplane;
	gateway->started_ms = clock_ms(CLOCK_REALTIME);
	gateway->started_mono_ms = clock_ms(CLOCK_MONOTONIC);
	gateway->now_ms = gateway->started_mono_ms;
	while (gateway->instance == 0)
		randombytes_buf(&gateway->instance, sizeof(gateway->instance));
	if (!make_parts(gateway) || !make_events(gateway) ||
	    publisher_tick(&gateway->publisher, gateway->now_ms) != 0)
		goto fail;
	gateway->drain.state = GATEWAY_RUNNING;
	return gateway;
fail:
	snprintf(error, GATEWAY_ERROR_BYTES,
		 "no memory for the control thread: lower [session] max or add memory");
	gateway_destroy(gateway);
	errno = ENOMEM;
	return NULL;
}

void gateway_destroy(struct gateway *gateway)
{
	if (gateway == NULL)
		return;
	preload_destroy(gateway->preload);
	endings_destroy(gateway->endings);
	liveness_sweep_destroy(gateway->sweep);
	backends_destroy(gateway->backends);
	rates_destroy(gateway->rates);
	ends_destroy(gateway->ends);
	courier_destroy(gateway->courier);
	events_destroy(gateway->events);
	publisher_fini(&gateway->publisher);
	for (uint32_t i = 0; i < GATEWAY_SIGNALS; i++) {
		if (gateway->signals[i] != NULL)
			event_free(gateway->signals[i]);
	}
	if (gateway->tick != NULL)
		event_free(gateway->tick);
	if (gateway->base != NULL)
		event_base_free(gateway->base);
	free(gateway);
}

// ---- The loop ------------------------------------------------------------------------------

static void read_anew(struct gateway *gateway)
{
	char error[SETTINGS_ERROR_BYTES];
	struct config_report report;

	gateway_online();
	if (gateway_reload(gateway, &report, error) == 0)
		config_report_fini(&report);
	gateway_offline();
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
	struct gateway *gateway = context;

	if (number == SIGHUP) {
		read_anew(gateway);
		return;
	}
	if (gateway->drain.state < GATEWAY_DRAINING) {
		gateway_drain(gateway, GATEWAY_DRAIN_MS);
		return;
	}
	log_line(LOG_LEVEL_NOTICE, "second signal: stopping at once");
	drain_force(&gateway->drain);
	event_base_loopbreak(gateway->base);
}

// Only while they are handled may signals come: before, they wait, and after, they must not end
// the process in the middle of taking things down.
static void block_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (uint32_t i = 0; i < GATEWAY_SIGNALS; i++)
		sigaddset(&set, gateway_signals[i]);
	pthread_sigmask(how, &set, NULL);
}

static int run_loop(struct gateway *gateway)
{
	const struct timeval tick = {.tv_usec = GATEWAY_TICK_MS * 1000};
	int result = event_add(gateway->tick, &tick);

	for (uint32_t i = 0; i < GATEWAY_SIGNALS && result == 0; i++)
		result = event_add(gateway->signals[i], NULL);
	if (result != 0)
		return -ENOMEM;
	block_signals(SIG_UNBLOCK);
	gateway_offline();
	result = event_base_dispatch(gateway->base);
	gateway_online();
	block_signals(SIG_BLOCK);
	return result < 0 ? -EIO : 0;
}

int gateway_run(struct gateway *gateway)
{
	const int result = run_loop(gateway);

	endings_give_up(gateway->endings);
	for (uint32_t i = 0; i < GATEWAY_SIGNALS; i++)
		event_del(gateway->signals[i]);
	event_del(gateway->tick);
	return result;
}

bool gateway_drain(struct gateway *gateway, uint64_t deadline_ms)
{
	const struct command command = {.kind = COMMAND_ANNOUNCE_DRAIN, .backend = DIRECTORY_NONE};

	if (!drain_begin(&gateway->drain, deadline_ms, gateway->now_ms))
		return false;
	log_line(LOG_LEVEL_NOTICE, "draining: %u sessions, %llu ms at most", gateway->sessions,
		 (unsigned long long)deadline_ms);
	publisher_drain(&gateway->publisher);
	gateway->admission.draining = true;
	gateway->backends->draining = true;
	// Goes out with the next tick, behind the directory that says so.
	courier_hold(gateway->courier);
	courier_decide_all(gateway->courier, &command);
	return true;
}

bool gateway_shutdown(struct gateway *gateway, uint64_t deadline_ms)
{
	if (!drain_stop(&gateway->drain, deadline_ms, gateway->now_ms))
		return false;
	log_line(LOG_LEVEL_NOTICE, "shutting down: %u sessions are let go", gateway->sessions);
	publisher_drain(&gateway->publisher);
	gateway->admission.draining = true;
	gateway->backends->draining = true;
	courier_hold(gateway->courier);
	gateway_let_go(gateway);
	return true;
}
