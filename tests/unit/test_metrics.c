// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>
#include <event2/buffer.h>

#include "control/metrics.h"

static struct stats stats;

static void clean(void)
{
	memset(&stats, 0, sizeof(stats));
	stats.workers = 2;
	stats.gateway = "gw1";
	stats.state = GATEWAY_RUNNING;
}

TestSuite(metrics, .init = clean);

// The caller frees it.
static char *rendered(void)
{
	struct evbuffer *buffer = evbuffer_new();
	char *text;

	cr_assert_eq(metrics_render(&stats, buffer), 0);
	text = strndup((const char *)evbuffer_pullup(buffer, -1), evbuffer_get_length(buffer));
	evbuffer_free(buffer);
	return text;
}

static void expect_line(const char *text, const char *line)
{
	char whole[256];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	cr_expect_not_null(strstr(text, whole), "no line %s", line);
}

Test(metrics, counters_have_their_units_and_workers)
{
	stats.counters[1].count[COUNTER_sent] = 18446744073709551615u;
	stats.counters[0].count[COUNTER_sent_bytes] = 7;
	stats.counters[0].count[COUNTER_polls] = 3;
	stats.counters[0].count[COUNTER_stalled_ms] = 61002;
	stats.counters[1].drops[DROP_duplicate] = 5;
	stats.tally.sweeps = 4;
	stats.tally.stalled_ms = 9;

	char *text = rendered();

	expect_line(text, "# HELP holdfast_sent_packets_total packets given to ports");
	expect_line(text, "# TYPE holdfast_sent_packets_total counter");
	expect_line(text, "holdfast_sent_packets_total{worker=\"0\"} 0");
	expect_line(text, "holdfast_sent_packets_total{worker=\"1\"} 18446744073709551615");
	expect_line(text, "holdfast_sent_bytes_total{worker=\"0\"} 7");
	expect_line(text, "holdfast_polls_total{worker=\"0\"} 3");
	expect_line(text, "holdfast_stalled_seconds_total{worker=\"0\"} 61.002");
	expect_line(text, "holdfast_dropped_packets_total{reason=\"duplicate\",worker=\"1\"} 5");
	expect_line(text, "holdfast_control_sweeps_total 4");
	expect_line(text, "holdfast_control_stalled_seconds_total 0.009");
	free(text);
}

Test(metrics, gauges_are_in_base_units)
{
	stats.started_ms = 1700000000123;
	stats.gauges_sum.sessions[SESSION_DETACHED] = 12;
	stats.gauges_sum.chunks_used = 3;
	stats.gauges_sum.chunk_bytes = 320;
	stats.gauges[1].packets_free = 8000;

	char *text = rendered();

	expect_line(text, "holdfast_start_time_seconds 1700000000.123");
	expect_line(text, "holdfast_sessions{state=\"DETACHED\"} 12");
	expect_line(text, "holdfast_replay_used_bytes 960");
	expect_line(text, "holdfast_packet_buffers_free{worker=\"1\"} 8000");
	expect_line(text, "holdfast_state{state=\"running\"} 1");
	expect_line(text, "holdfast_state{state=\"draining\"} 0");
	free(text);
}

Test(metrics, histograms_are_cumulative_and_in_seconds)
{
	struct histogram *histogram = &stats.histograms[HISTOGRAM_handshake_duration];

	histogram_add(histogram, 40);
	histogram_add(histogram, 2000);
	histogram_add(histogram, 60000000);

	char *text = rendered();

	expect_line(text, "# TYPE holdfast_handshake_duration_seconds histogram");
	expect_line(text, "holdfast_handshake_duration_seconds_bucket{le=\"5e-05\"} 1");
	expect_line(text, "holdfast_handshake_duration_seconds_bucket{le=\"0.001\"} 1");
	expect_line(text, "holdfast_handshake_duration_seconds_bucket{le=\"0.0025\"} 2");
	expect_line(text, "holdfast_handshake_duration_seconds_bucket{le=\"10\"} 2");
	expect_line(text, "holdfast_handshake_duration_seconds_bucket{le=\"+Inf\"} 3");
	expect_line(text, "holdfast_handshake_duration_seconds_sum 60.002040");
	expect_line(text, "holdfast_handshake_duration_seconds_count 3");
	free(text);
}

Test(metrics, labels_are_escaped)
{
	stats.gateway = "a\"b\\c\nd";

	char *text = rendered();

	cr_expect_not_null(strstr(text, "{gateway=\"a\\\"b\\\\c\\nd\",version="));
	free(text);
}

Test(metrics, a_label_that_is_too_long_is_cut_between_characters)
{
	char name[1024];

	memset(name, '"', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	stats.gateway = name;

	char *text = rendered();
	const char *end = strstr(text, "\",version=");

	cr_assert_not_null(end);
	cr_expect_eq((end - strstr(text, "{gateway=\"") - 10) % 2, 0); // whole escapes
	free(text);
}

Test(metrics, the_same_counters_give_the_same_bytes)
{
	char *one = rendered(), *two = rendered();

	cr_expect_str_eq(one, two);
	free(one);
	free(two);
}

// Every family begins with its HELP and TYPE, once, and no other stands between its series.
Test(metrics, families_are_whole_and_there_once)
{
	char *text = rendered(), *rest = text, *line;
	char names[256][96], name[96] = "";
	size_t count = 0;

	while ((line = strsep(&rest, "\n")) != NULL && line[0] != '\0') {
		if (strncmp(line, "# HELP ", 7) == 0) {
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(line + 7, " "), line + 7);
			for (size_t i = 0; i < count; i++)
				cr_expect_str_neq(names[i], name);
			cr_assert_lt(count, 256);
			strcpy(names[count++], name);
			cr_expect_null(strchr(line, '\\'), "an escape would be needed: %s", line);
			continue;
		}
		line += strncmp(line, "# TYPE ", 7) == 0 ? 7 : 0;
		cr_expect_eq(strncmp(line, name, strlen(name)), 0, "%s is not of %s", line, name);
	}
	cr_expect_gt(count, 90);
	free(text);
}

Test(metrics, sixteen_workers_are_rendered_within_ten_milliseconds)
{
	struct timespec began, ended;
	double best_ms = 1000;

	stats.workers = DIRECTORY_WORKERS_MAX;
	for (int tries = 0; tries < 20; tries++) {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
		free(rendered());
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
		const double ms = (double)(ended.tv_sec - began.tv_sec) * 1e3 +
				  (double)(ended.tv_nsec - began.tv_nsec) / 1e6;

		best_ms = ms < best_ms ? ms : best_ms;
	}
	cr_log_info("%.2f ms", best_ms);
	cr_expect_lt(best_ms, 10);
}
