// SPDX-License-Identifier: BSD-3-Clause
#include "endpoint/ledger.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

struct head {
	uint32_t session;
	uint32_t generation;
	uint64_t number;
	uint32_t len;
	uint32_t checksum; // over head and body with this field 0
};

static_assert(sizeof(struct head) == LEDGER_HEAD_BYTES, "a head has no holes");

// FNV-1a.
static uint32_t checksum(const uint8_t *bytes, uint32_t len)
{
	uint32_t sum = 2166136261u;

	for (uint32_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 16777619u;
	return sum;
}

void ledger_write(const struct ledger *ledger, uint8_t *bytes, uint32_t len)
{
	struct head head = {
	    .session = ledger->session,
	    .generation = ledger->generation,
	    .number = ledger->sent,
	    .len = len,
	};

	memcpy(bytes, &head, sizeof(head));
	for (uint32_t i = sizeof(head); i < len; i++)
		bytes[i] = (uint8_t)(head.number * 31 + i);
	head.checksum = checksum(bytes, len);
	memcpy(bytes, &head, sizeof(head));
}

void ledger_sent(struct ledger *ledger)
{
	ledger->sent++;
}

static bool sound(const struct ledger *ledger, const uint8_t *bytes, uint32_t len,
		  struct head *head)
{
	alignas(struct head) uint8_t copy[65536];
	uint32_t sum;

	if (len < sizeof(*head) || len > sizeof(copy))
		return false;
	memcpy(head, bytes, sizeof(*head));
	memcpy(copy, bytes, len);
	sum = head->checksum;
	((struct head *)(void *)copy)->checksum = 0;
	return head->len == len && checksum(copy, len) == sum && head->session == ledger->session &&
	       head->generation == ledger->generation && head->number < ledger->sent;
}

void ledger_check(struct ledger *ledger, const uint8_t *bytes, uint32_t len)
{
	struct head head;

	if (!sound(ledger, bytes, len, &head)) {
		ledger->damaged++;
	} else if (head.number < ledger->delivered) {
		ledger->doubled++;
	} else {
		ledger->lost += head.number - ledger->delivered;
		ledger->delivered = head.number + 1;
	}
}

void ledger_returned(struct ledger *ledger, uint64_t number)
{
	ledger->returned += number >= ledger->delivered;
}

void ledger_renew(struct ledger *ledger)
{
	ledger->sent_before += ledger->sent;
	ledger->delivered_before += ledger->delivered;
	ledger->returned_before += ledger->returned;
	ledger->sent = ledger->delivered = ledger->returned = 0;
	ledger->generation++;
}

uint64_t ledger_outstanding(const struct ledger *ledger)
{
	return ledger->sent - ledger->delivered;
}
