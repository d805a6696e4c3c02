// SPDX-License-Identifier: BSD-3-Clause
// Sequence numbers: 32 bits on the wire, 64 inside, and where they fall.
#include <criterion/criterion.h>

#include "protocol/sequence.h"

#define HALF UINT64_C(0x80000000)
#define WRAP UINT64_C(0x100000000)

Test(sequence, wire_numbers_are_extended_to_the_nearest)
{
	static const struct {
		uint64_t known;
		uint32_t wire;
		uint64_t number;
	} cases[] = {
	    {0, 0, 0},
	    {0, 1, 1},
	    {0, 0x7fffffff, 0x7fffffff},
	    {0, 0x80000000, 0x80000000}, // as far below as above, but below 0
	    {0, 0xffffffff, 0xffffffff}, // -1 is below 0
	    {1, 0, 0},
	    {1, 0xffffffff, 0xffffffff},
	    {4096, 0xffffffff, 0xffffffff},
	    {4096, 0, 0},
	    {HALF - 1, 0, 0},
	    {HALF - 1, 0xffffffff, 0xffffffff}, // 2^31 above; as far below is below 0
	    {HALF, 0, 0},                       // as far either way: the lower
	    {HALF + 1, 0, WRAP},
	    {HALF, 0xffffffff, WRAP - 1},
	    {WRAP - 1, 0xffffffff, WRAP - 1},
	    {WRAP - 1, 0, WRAP},
	    {WRAP - 1, 4095, WRAP + 4095},
	    {WRAP, 0, WRAP},
	    {WRAP, 0xffffffff, WRAP - 1},
	    {WRAP + 5, 0xfffffff0, WRAP - 16},
	    {3 * WRAP + 2, 0xfffffffe, 3 * WRAP - 2},
	    {3 * WRAP - 2, 2, 3 * WRAP + 2},
	    {7 * WRAP + HALF, 0, 7 * WRAP},
	    {(UINT64_C(1) << 63) - 1, 0xffffffff, (UINT64_C(1) << 63) - 1},
	    {(UINT64_C(1) << 63) - 1, 0, UINT64_C(1) << 63},
	    {(UINT64_C(1) << 63) - 1, 0xfffffffe, (UINT64_C(1) << 63) - 2},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(sequence_extend(cases[i].known, cases[i].wire), cases[i].number,
			     "case %zu: %llx", i,
			     (unsigned long long)sequence_extend(cases[i].known, cases[i].wire));
}

Test(sequence, any_number_within_a_window_of_the_known_one_survives_the_wire)
{
	static const uint64_t around[] = {5000, HALF, WRAP - 1, WRAP, WRAP + 1, 9 * WRAP + HALF};

	for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		for (int64_t far = -WIRE_WINDOW_MAX; far <= WIRE_WINDOW_MAX; far++) {
			const uint64_t number = around[i] + (uint64_t)far;

			cr_assert_eq(sequence_extend(around[i], (uint32_t)number), number);
		}
	}
}

Test(sequence, edges_of_the_window)
{
	static const struct {
		uint64_t acked;
		uint32_t window;
		uint64_t seq;
		enum sequence_place place;
	} cases[] = {
	    {0, 64, 0, SEQUENCE_WITHIN},
	    {0, 64, 63, SEQUENCE_WITHIN},
	    {0, 64, 64, SEQUENCE_ABOVE},
	    {0, 64, UINT64_MAX, SEQUENCE_ABOVE},
	    {10, 64, 9, SEQUENCE_BELOW},
	    {10, 64, 0, SEQUENCE_BELOW},
	    {10, 64, 10, SEQUENCE_WITHIN},
	    {WRAP - 1, 4096, WRAP - 2, SEQUENCE_BELOW},
	    {WRAP - 1, 4096, WRAP - 1, SEQUENCE_WITHIN},
	    {WRAP - 1, 4096, WRAP + 4094, SEQUENCE_WITHIN},
	    {WRAP - 1, 4096, WRAP + 4095, SEQUENCE_ABOVE},
	    {5, 0, 5, SEQUENCE_ABOVE},
	    {UINT64_MAX - 1, 4096, UINT64_MAX, SEQUENCE_WITHIN},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(sequence_place(cases[i].acked, cases[i].window, cases[i].seq),
			     cases[i].place, "case %zu", i);
}

Test(sequence, an_ack_is_old_same_new_or_beyond_what_was_sent)
{
	static const struct {
		uint64_t acked, next, ack;
		enum sequence_ack verdict;
	} cases[] = {
	    {0, 0, 0, SEQUENCE_ACK_SAME},
	    {0, 0, 1, SEQUENCE_ACK_BEYOND},
	    {0, 5, 5, SEQUENCE_ACK_NEW},
	    {0, 5, 6, SEQUENCE_ACK_BEYOND},
	    {5, 5, 4, SEQUENCE_ACK_OLD},
	    {5, 9, 6, SEQUENCE_ACK_NEW},
	    {5, 9, 0, SEQUENCE_ACK_OLD},
	    {WRAP - 1, WRAP + 1, WRAP - 1, SEQUENCE_ACK_SAME},
	    {WRAP - 1, WRAP + 1, WRAP, SEQUENCE_ACK_NEW},
	    {WRAP - 1, WRAP + 1, WRAP + 1, SEQUENCE_ACK_NEW},
	    {WRAP - 1, WRAP + 1, WRAP + 2, SEQUENCE_ACK_BEYOND},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(sequence_ack(cases[i].acked, cases[i].next, cases[i].ack),
			     cases[i].verdict, "case %zu", i);
}

Test(sequence, later_events_are_told_from_earlier_ones_over_the_wrap_of_16_bits)
{
	static const struct {
		uint16_t number, later;
		bool verdict;
	} cases[] = {
	    {0, 0, false},      {0, 1, true},           {1, 0, false},     {0xffff, 0, true},
	    {0, 0xffff, false}, {0xfff0, 0x000f, true}, {1, 0x8000, true}, {1, 0x8001, false},
	    {0x8001, 1, false}, {0x8002, 1, true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(sequence_event_later(cases[i].number, cases[i].later),
			     cases[i].verdict, "case %zu", i);
}
