// SPDX-License-Identifier: BSD-3-Clause
// holdfastctl: any bytes as what a gateway answers.
//
// The first byte chooses the command, the rest is what the socket brings. A command ends with one
// of its exit codes; JSON that it prints is JSON; text for people has no byte that a terminal would
// obey, and neither has what it says of an error.
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "control/command_line.h"
#include "control/commands.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_check.h"

// More would not fit the socket, and the command waits for an answer that nobody writes.
enum { ANSWER_BYTES_MAX = 32768, WORDS_MAX = 8 };

// How its output is judged.
enum form {
	TEXT,       // for people
	JSON,       // one value
	JSON_LINES, // one a line
	AS_IT_CAME, // a text of the gateway, for one program
};

static const struct {
	enum form form;
	const char *words[WORDS_MAX]; // ended by NULL
} commands[] = {
    {TEXT, {"holdfastctl", "info"}},
    {JSON, {"holdfastctl", "info", "--json"}},
    {TEXT, {"holdfastctl", "session", "list"}},
    {JSON, {"holdfastctl", "session", "list", "--json"}},
    {TEXT, {"holdfastctl", "session", "list", "--limit", "3"}},
    {TEXT, {"holdfastctl", "session", "show", "1"}},
    {TEXT, {"holdfastctl", "session", "evict", "1", "why"}},
    {JSON, {"holdfastctl", "session", "evict", "1", "--json"}},
    {TEXT, {"holdfastctl", "backend", "list"}},
    {JSON, {"holdfastctl", "backend", "list", "--json"}},
    {TEXT, {"holdfastctl", "backend", "drain", "echo", "b1"}},
    {JSON, {"holdfastctl", "backend", "remove", "echo", "b1", "--json"}},
    {TEXT, {"holdfastctl", "service", "list"}},
    {JSON, {"holdfastctl", "service", "list", "--json"}},
    {TEXT, {"holdfastctl", "events"}},
    {JSON_LINES, {"holdfastctl", "events", "--json"}},
    {TEXT, {"holdfastctl", "stats"}},
    {JSON, {"holdfastctl", "stats", "--json"}},
    {AS_IT_CAME, {"holdfastctl", "metrics"}},
    {TEXT, {"holdfastctl", "config", "get"}},
    {JSON, {"holdfastctl", "config", "get", "--json"}},
    {TEXT, {"holdfastctl", "config", "set", "session.timeout_ms", "5000"}},
    {JSON, {"holdfastctl", "config", "reload", "--json"}},
    {TEXT, {"holdfastctl", "drain"}},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int listener = -1;
static char path[FOLDER_FILE_BYTES];

static void listen_once(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (listener >= 0)
		return;
	strcpy(address.sun_path, folder_file("gateway.sock", path));
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FUZZ_CHECK(listener >= 0, "%s", strerror(errno));
	FUZZ_CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		       listen(listener, 1) == 0,
		   "%s: %s", path, strerror(errno));
}

// Connects a command to a gateway that has said everything already. Returns the gateway's end.
static int connect_to(struct command_line *line, const uint8_t *bytes, size_t len)
{
	FUZZ_CHECK(caller_open(&line->caller, path) == 0, "%s", line->caller.error);

	const int gateway = accept(listener, NULL, NULL);

	FUZZ_CHECK(gateway >= 0, "%s", strerror(errno));
	FUZZ_CHECK(send(gateway, bytes, len, MSG_NOSIGNAL) == (ssize_t)len, "%s", strerror(errno));
	FUZZ_CHECK(shutdown(gateway, SHUT_WR) == 0, "%s", strerror(errno));
	// Nobody reads the requests: what does not fit must not wait.
	FUZZ_CHECK(fcntl(line->caller.fd, F_SETFL, O_NONBLOCK) == 0, "%s", strerror(errno));
	return gateway;
}

static void harmless(const char *text, const char *what)
{
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0';) {
		const size_t bytes = json_check_utf8(c);
		const bool c1 = c[0] == 0xc2 && c[1] < 0xa0; // control characters of Unicode

		FUZZ_CHECK(bytes > 0 && !c1, "%s is no plain text: %s", what, text);
		FUZZ_CHECK(*c == '\n' || (*c >= ' ' && *c != 0x7f), "%s has byte %d: %s", what, *c,
			   text);
		c += bytes;
	}
}

// Each line for itself. text is taken apart.
static void json_lines(char *text)
{
	for (char *line = text, *end; *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		FUZZ_CHECK(end != NULL, "a line without an end: %s", line);
		*end = '\0';
		FUZZ_CHECK(json_check(line), "no JSON: %s", line);
	}
}

static void judge(int rc, enum form form, char *out, const char *trouble)
{
	FUZZ_CHECK(rc == EXIT_DONE || rc == EXIT_REFUSED || rc == EXIT_NO_GATEWAY, "exit %d", rc);
	harmless(trouble, "the error");
	FUZZ_CHECK(rc != EXIT_NO_GATEWAY || trouble[0] != '\0', "exit %d, silent", rc);
	if (form == TEXT)
		harmless(out, "the output");
	else if (form == JSON_LINES)
		json_lines(out);
	else if (form == JSON && rc == EXIT_DONE)
		FUZZ_CHECK(json_check(out), "no JSON: %s", out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *const real_out = stdout, *const real_trouble = stderr;
	struct command_line line;
	char *words[WORDS_MAX], *out = NULL, *trouble = NULL;
	size_t out_bytes, trouble_bytes;
	int count = 0;

	if (size < 1 || size > ANSWER_BYTES_MAX)
		return 0;

	const uint32_t command = data[0] % COMMANDS;

	listen_once();
	for (; commands[command].words[count] != NULL; count++)
		words[count] = (char *)(uintptr_t)commands[command].words[count];
	words[count] = NULL;
	FUZZ_CHECK(command_line_read(&line, count, words) == EXIT_DONE, "%s", words[1]);

	const int gateway = connect_to(&line, data + 1, size - 1);

	stdout = open_memstream(&out, &out_bytes);
	stderr = open_memstream(&trouble, &trouble_bytes);
	const int rc = line.command->run(&line);

	fclose(stdout);
	fclose(stderr);
	stdout = real_out;
	stderr = real_trouble;
	caller_close(&line.caller);
	close(gateway);
	// A zero byte ends the text early; what follows it is not looked at.
	judge(rc, commands[command].form, out, trouble);
	free(out);
	free(trouble);
	return 0;
}
