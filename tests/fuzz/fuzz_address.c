// SPDX-License-Identifier: BSD-3-Clause
// Addresses as text: any text to each reader of addresses and prefixes.
//
// What is read, written and read again is the same address.
#include <errno.h>

#include "control/metrics_address.h"
#include "control/settings_value.h"
#include "dataplane/address.h"
#include "endpoint/peer_address.h"
#include "tests/fuzz/fuzz.h"

enum { PORT = 7400 };

static void address_look(const char *text)
{
	char written[ADDRESS_TEXT_BYTES];
	struct address address, twice;

	if (address_parse(text, PORT, &address) != 0)
		return;
	FUZZ_CHECK(address_format(&address, written) == written, "another text");
	FUZZ_CHECK(strlen(written) < sizeof(written), "longer than its place");
	FUZZ_CHECK(address_parse(written, 0, &twice) == 0, "%s is not read", written);
	FUZZ_CHECK(address_equal(&address, &twice), "%s is another", written);
}

static void peer_look(const char *text)
{
	char written[PEER_ADDRESS_TEXT_BYTES];
	struct peer_address address, twice;

	if (peer_address_parse(text, PORT, &address) != 0)
		return;
	peer_address_format(&address, written);
	FUZZ_CHECK(peer_address_parse(written, 1, &twice) == 0, "%s is not read", written);
	FUZZ_CHECK(peer_address_equal(&address, &twice), "%s is another", written);
	FUZZ_CHECK(peer_address_bytes(&address) == peer_address_bytes(&twice), "another family");
}

// The readers of one address must not disagree about it: libholdfast takes no port 0, and scopes
// besides.
static void readers_agree(const char *text)
{
	struct peer_address peer;
	struct address address;
	const bool gateway = address_parse(text, PORT, &address) == 0 && address.port != 0;
	const bool endpoint = peer_address_parse(text, PORT, &peer) == 0;

	FUZZ_CHECK(gateway == endpoint || strchr(text, '%') != NULL,
		   "%s is an address to one of them only", text);
}

static void metrics_look(const char *text)
{
	struct sockaddr_storage address;
	struct address plain;
	socklen_t bytes = 0;

	if (!metrics_address_parse(text, &address, &bytes))
		return;
	FUZZ_CHECK(bytes == sizeof(struct sockaddr_in) || bytes == sizeof(struct sockaddr_in6),
		   "%u bytes", bytes);
	metrics_address_loopback(&address);
	FUZZ_CHECK(address_parse(text, 0, &plain) == 0, "%s: the gateway does not read it", text);
	FUZZ_CHECK(plain.port == ((struct sockaddr_in *)&address)->sin_port, "another port");
}

// A list of a configuration key, as value: read, written, read again.
static void list_look(struct settings *settings, const char *section, const char *name,
		      const char *text)
{
	const struct settings_place place = {settings_key_find(section, name), 0};
	struct settings_reader reader = {.settings = settings};

	settings->ports_count = 1;
	settings->addresses_count = 0;
	if (strcmp(section, "port") != 0)
		settings_value_reset(settings, place);
	if (settings_value_set(&reader, place, text) == 0) {
		FUZZ_CHECK(reader.message[0] != '\0', "refused, without a word");
		return;
	}

	char *first = settings_value_text(settings, place);

	FUZZ_CHECK(first != NULL, "out of memory");
	settings->addresses_count = 0;
	if (strcmp(section, "port") != 0)
		settings_value_reset(settings, place);
	FUZZ_CHECK(settings_value_set(&reader, place, first) == 1, "%s: %s", first, reader.message);

	char *second = settings_value_text(settings, place);

	FUZZ_CHECK(second != NULL && strcmp(first, second) == 0, "%s is now %s", first, second);
	free(second);
	free(first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct settings settings;
	char *text = malloc(size + 1);

	FUZZ_CHECK(text != NULL, "out of memory");
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	address_look(text);
	peer_look(text);
	readers_agree(text);
	metrics_look(text);
	list_look(&settings, "port", "addresses", text);
	list_look(&settings, "backend", "listen", text);
	list_look(&settings, "backend", "from", text);
	free(text);
	return 0;
}
