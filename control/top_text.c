// SPDX-License-Identifier: BSD-3-Clause
#include "control/top_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Digits in groups of three. value is below 1e9, and no fraction is wanted.
static void grouped(double value, char text[static TOP_TEXT_BYTES])
{
	char digits[16];
	const int count = snprintf(digits, sizeof(digits), "%.0f", value);
	char *to = text;

	for (int i = 0; i < count; i++) {
		if (i > 0 && (count - i) % 3 == 0)
			*to++ = ' ';
		*to++ = digits[i];
	}
	*to = '\0';
}

// Three digits and a unit.
static void scaled(double value, char text[static TOP_TEXT_BYTES])
{
	static const char units[] = "MGTPE";
	double number = value / 1e6;
	int unit = 0;

	while (number >= 999.5 && units[unit + 1] != '\0') {
		number /= 1e3;
		unit++;
	}
	snprintf(text, TOP_TEXT_BYTES, "%.*f %c",
		 number < 9.995   ? 2
		 : number < 99.95 ? 1
				  : 0,
		 number, units[unit]);
}

const char *top_text_number(double number, char text[static TOP_TEXT_BYTES])
{
	const double size = fabs(number);
	char *digits = text;

	if (number <= -0.05)
		*digits++ = '-';

	char whole[TOP_TEXT_BYTES];

	if (size < 0.05)
		strcpy(whole, "0");
	else if (size < 9.95)
		snprintf(whole, sizeof(whole), "%.1f", size);
	else if (size < 9999999.5 && (number > 0 || size < 999999.5))
		grouped(size, whole);
	else
		scaled(fmin(size, 999e18), whole);
	strcpy(digits, whole);
	return text;
}

const char *top_text_count(uint64_t count, char text[static TOP_TEXT_BYTES])
{
	if (count < 10)
		snprintf(text, TOP_TEXT_BYTES, "%u", (unsigned)count);
	else
		top_text_number((double)count, text);
	return text;
}

const char *top_text_mbit(double bytes_per_second, char text[static TOP_TEXT_BYTES])
{
	const double mbit = fmin(bytes_per_second * 8 / 1e6, 999999999);

	if (mbit < 9.995)
		snprintf(text, TOP_TEXT_BYTES, "%.2f", mbit);
	else if (mbit < 999.95)
		snprintf(text, TOP_TEXT_BYTES, "%.1f", mbit);
	else
		grouped(mbit, text);
	return text;
}

const char *top_text_share(double share, char text[static TOP_TEXT_BYTES])
{
	const double percent = fmin(fmax(share, 0), 1) * 100;

	snprintf(text, TOP_TEXT_BYTES, percent < 99.95 ? "%.1f %%" : "%.0f %%", percent);
	return text;
}
