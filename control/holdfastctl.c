// SPDX-License-Identifier: BSD-3-Clause
// holdfastctl: the control socket on a command line. Results on stdout, trouble on stderr.
// Exit 0 done, 1 refused or failed, 2 usage, 3 no gateway there.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "control/command_line.h"
#include "control/help.h"
#include "control/terminal.h"

// Sees to it that the control socket does not become stdin, stdout or stderr because one of them
// was closed: what is printed would go to the gateway.
static void descriptors_keep(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY); // writing to it fails
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int command_run(struct command_line *line)
{
	if (line->command->alone)
		return line->command->run(line);

	const int rc = caller_open(&line->caller, line->socket);

	if (rc != 0) {
		fprintf(stderr, "holdfastctl: %s\n", line->caller.error);
		return rc == -EACCES || rc == -EPERM ? EXIT_REFUSED : EXIT_NO_GATEWAY;
	}

	const int done = line->command->run(line);

	caller_close(&line->caller);
	return done;
}

int main(int argc, char **argv)
{
	struct command_line line;
	int rc;

	descriptors_keep();
	signal(SIGPIPE, SIG_IGN); // a reader that has enough is no failure
	rc = command_line_read(&line, argc, argv);
	if (rc == EXIT_DONE && line.help)
		help_print(&line, stdout);
	else if (rc == EXIT_DONE)
		rc = command_run(&line);
	if (terminal_flush() || terminal_reader_gone())
		return rc;
	perror("holdfastctl: stdout");
	return EXIT_REFUSED;
}
