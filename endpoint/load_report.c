// SPDX-License-Identifier: BSD-3-Clause
// What holdfast-load tells: a line a second, and the verdict.
#include <inttypes.h>
#include <stdio.h>

#include "endpoint/load.h"

static void caller_add(const struct caller *caller, struct totals *totals)
{
	struct holdfast_client_stats stats;

	totals->sent += caller->ledger.sent + caller->ledger.sent_before;
	totals->delivered += caller->ledger.delivered + caller->ledger.delivered_before;
	totals->doubled += caller->ledger.doubled;
	totals->lost += caller->ledger.lost;
	totals->damaged += caller->ledger.damaged;
	totals->returned += caller->ledger.returned + caller->ledger.returned_before;
	totals->unanswered += caller->unanswered;
	totals->evicted += caller->evicted;
	totals->failed += caller->failed;
	totals->renewed += caller->ledger.generation - (caller->evicted || caller->failed);
	if (!caller->started)
		return;
	holdfast_client_stats(caller->client, &stats, sizeof(stats));
	totals->connected += stats.state == HOLDFAST_CLIENT_CONNECTED;
	totals->resumes += stats.resumes;
	if (stats.gap_max_ms > totals->gap_max_ms)
		totals->gap_max_ms = stats.gap_max_ms;
	if (stats.handshake_us > totals->handshake_max_us)
		totals->handshake_max_us = stats.handshake_us;
}

static void totals_make(const struct load *load, struct totals *totals)
{
	*totals = (struct totals){0};
	for (uint32_t i = 0; i < load->sessions; i++)
		caller_add(&load->callers[i], totals);
}

// One line a second.
void load_progress(const struct load *load, uint64_t now, struct totals *before)
{
	struct totals totals;

	totals_make(load, &totals);
	if (!load->quiet)
		fprintf(stderr,
			"%5.0f s  connected %" PRIu64 "/%u  sent %" PRIu64 "/s  echoed %" PRIu64
			"/s  outstanding %" PRIu64 "  resumes %" PRIu64 "  doubled %" PRIu64
			"  lost %" PRIu64 "\n",
			(double)(now - load->begun_us) / 1e6, totals.connected, load->sessions,
			totals.sent - before->sent, totals.delivered - before->delivered,
			totals.sent - totals.delivered - totals.returned - totals.unanswered,
			totals.resumes, totals.doubled, totals.lost);
	*before = totals;
}

bool load_verdict(const struct load *load)
{
	const double seconds = (double)(load_now_us() - load->begun_us) / 1e6;
	struct totals totals;

	totals_make(load, &totals);

	const bool good = totals.doubled == 0 && totals.lost == 0 && totals.damaged == 0 &&
			  totals.failed == 0 && totals.delivered > 0;

	if (load->json)
		printf("{\"sessions\": %u, \"sent\": %" PRIu64 ", \"delivered\": %" PRIu64
		       ", \"doubled\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"damaged\": %" PRIu64
		       ", \"handed_back\": %" PRIu64 ", \"unanswered\": %" PRIu64
		       ", \"resumes\": %" PRIu64 ", \"renewed\": %" PRIu64 ", \"evicted\": %" PRIu64
		       ", \"failed\": %" PRIu64 ", \"longest_gap_ms\": %" PRIu64
		       ", \"handshake_max_us\": %" PRIu64 ", \"seconds\": %.3f, \"good\": %s}\n",
		       load->sessions, totals.sent, totals.delivered, totals.doubled, totals.lost,
		       totals.damaged, totals.returned, totals.unanswered, totals.resumes,
		       totals.renewed, totals.evicted, totals.failed, totals.gap_max_ms,
		       totals.handshake_max_us, seconds, good ? "true" : "false");
	else
		printf("sessions %u, sent %" PRIu64 ", delivered %" PRIu64 ", doubled %" PRIu64
		       ", lost %" PRIu64 ", damaged %" PRIu64 "\nhanded back %" PRIu64
		       ", taken but unanswered when a session was lost %" PRIu64
		       "\nresumes %" PRIu64 ", new sessions after a loss %" PRIu64
		       ", evicted %" PRIu64 ", failed %" PRIu64 "\nlongest gap %" PRIu64
		       " ms, slowest handshake %" PRIu64 " us, %.0f messages/s echoed\n%s\n",
		       load->sessions, totals.sent, totals.delivered, totals.doubled, totals.lost,
		       totals.damaged, totals.returned, totals.unanswered, totals.resumes,
		       totals.renewed, totals.evicted, totals.failed, totals.gap_max_ms,
		       totals.handshake_max_us, (double)totals.delivered / seconds,
		       good ? "every message exactly once and in order" : "FAILED");
	return good;
}
