// SPDX-License-Identifier: BSD-3-Clause
// Reject and close codes: numbers, names, what is told on the wire, what an endpoint does.
#include <criterion/criterion.h>

#include "holdfast/errors.h"

static const struct {
	uint16_t code;
	const char *name;
	bool retriable;
	enum holdfast_policy policy;
} codes[] = {
    {HOLDFAST_OK, "OK", false, HOLDFAST_GO_ON},
    {1, "VERSION_MISMATCH", false, HOLDFAST_STOP},
    {2, "MALFORMED", false, HOLDFAST_STOP},
    {3, "STATE_MISMATCH", true, HOLDFAST_NEW_SESSION},
    {4, "NOT_AUTHORIZED", false, HOLDFAST_STOP},
    {5, "UNKNOWN_SERVICE", false, HOLDFAST_STOP},
    {6, "NO_BACKEND", true, HOLDFAST_GO_ON_SLOW},
    {7, "OVERLOADED", true, HOLDFAST_GO_ON_SLOW},
    {8, "DRAINING", true, HOLDFAST_GO_ON_SLOW},
    {9, "STALE_EPOCH", true, HOLDFAST_GO_ON},
    {10, "INVALID_TIMEOUT", false, HOLDFAST_STOP},
    {11, "STORE_UNAVAILABLE", true, HOLDFAST_GO_ON_SLOW},
    {12, "EVICTED", false, HOLDFAST_STOP},
    {13, "EXPIRED", true, HOLDFAST_NEW_SESSION},
    {14, "SUPERSEDED", false, HOLDFAST_STOP},
    {15, "NORMAL", false, HOLDFAST_STOP},
    {16, "PROTOCOL_ERROR", false, HOLDFAST_STOP},
    {17, "NAME_IN_USE", true, HOLDFAST_GO_ON_SLOW},
};

enum { CODES_COUNT = sizeof(codes) / sizeof(codes[0]) };

Test(errors, each_number_has_its_name_and_policy)
{
	cr_assert_eq(CODES_COUNT, HOLDFAST_CODE_END, "a code is in one list only");
	for (uint32_t i = 0; i < CODES_COUNT; i++) {
		cr_expect_eq(codes[i].code, i);
		cr_expect_str_eq(holdfast_code_name(codes[i].code), codes[i].name);
		cr_expect_eq(holdfast_code_retriable(codes[i].code), codes[i].retriable, "%s",
			     codes[i].name);
		cr_expect_eq(holdfast_code_policy(codes[i].code), codes[i].policy, "%s",
			     codes[i].name);
	}
}

Test(errors, each_code_has_its_own_words_for_people)
{
	for (uint16_t i = 0; i < HOLDFAST_CODE_END; i++) {
		cr_expect_gt(strlen(holdfast_code_text(i)), 0, "%u", i);
		for (uint16_t j = 0; j < i; j++)
			cr_expect_str_neq(holdfast_code_text(i), holdfast_code_text(j));
	}
}

// An endpoint that would go on, or open another session, is told so on the wire too.
Test(errors, the_wire_says_retriable_wherever_an_endpoint_does_not_stop)
{
	for (uint16_t i = 1; i < HOLDFAST_CODE_END; i++)
		cr_expect_eq(holdfast_code_retriable(i), holdfast_code_policy(i) != HOLDFAST_STOP,
			     "%s", holdfast_code_name(i));
}

Test(errors, a_number_that_is_no_code_stops_an_endpoint)
{
	static const uint16_t numbers[] = {HOLDFAST_CODE_END, HOLDFAST_CODE_END + 1, 0x7fff,
					   0xffff};

	for (uint32_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		cr_expect_str_eq(holdfast_code_name(numbers[i]), "UNKNOWN_CODE");
		cr_expect_str_eq(holdfast_code_text(numbers[i]), "unknown code");
		cr_expect_not(holdfast_code_retriable(numbers[i]));
		cr_expect_eq(holdfast_code_policy(numbers[i]), HOLDFAST_STOP);
	}
}
