// SPDX-License-Identifier: BSD-3-Clause
#include "endpoint/tally.h"

void tally_add(struct holdfast_counters *sum, const struct stream *stream)
{
	const struct stream_counters *from = stream_counters(stream);

	sum->messages_sent += from->messages_sent;
	sum->messages_acked += from->messages_acked;
	sum->messages_received += from->messages_received;
	sum->frames_sent += from->frames_sent;
	sum->frames_resent += from->frames_resent;
	sum->frames_received += from->frames_received;
	sum->frames_doubled += from->frames_doubled;
	sum->frames_reordered += from->frames_reordered;
	sum->naks_sent += from->naks_sent;
	sum->naks_received += from->naks_received;
	sum->probes += from->probes;
	sum->frames_ignored += from->frames_ignored;
}
