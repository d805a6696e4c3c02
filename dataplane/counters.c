// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/counters.h"

struct entry {
	const char *name;
	const char *text;
};

#define ENTRY(name, text) {#name, text},
static const struct entry counters[] = {COUNTERS(ENTRY)};
static const struct entry drops[] = {DROPS(ENTRY)};
#undef ENTRY

void counters_sum(struct counters *sum, const struct counters *from)
{
	for (int i = 0; i < COUNTERS_COUNT; i++)
		sum->count[i] += __atomic_load_n(&from->count[i], __ATOMIC_RELAXED);
	for (int i = 0; i < DROPS_COUNT; i++)
		sum->drops[i] += __atomic_load_n(&from->drops[i], __ATOMIC_RELAXED);
}

const char *counters_name(enum counter counter)
{
	return counters[counter].name;
}

const char *counters_text(enum counter counter)
{
	return counters[counter].text;
}

const char *counters_drop_name(enum drop reason)
{
	return drops[reason].name;
}

const char *counters_drop_text(enum drop reason)
{
	return drops[reason].text;
}
