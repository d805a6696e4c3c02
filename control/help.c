// SPDX-License-Identifier: BSD-3-Clause
#include "control/help.h"

#include <string.h>

#include <msgpack.h>

#include "control/json.h"
#include "control/rpc.h"

enum { LEFT_BYTES = 96, LEFT_WIDTH = 40, OPTION_WIDTH = 20 };

// "session list", in text. Returns text.
static const char *name_of(const struct commands_command *command, char text[static LEFT_BYTES])
{
	snprintf(text, LEFT_BYTES, "%s%s%s", command->noun, command->verb != NULL ? " " : "",
		 command->verb != NULL ? command->verb : "");
	return text;
}

// Whether help on line has this command in it.
static bool meant(const struct command_line *line, const struct commands_command *command)
{
	return line->command != NULL ? command == line->command
				     : line->noun == NULL || strcmp(command->noun, line->noun) == 0;
}

static void options_print(const struct commands_option *options, FILE *out)
{
	for (; options->name != NULL; options++) {
		char left[LEFT_BYTES];

		snprintf(left, sizeof(left), "--%s%s%s", options->name,
			 options->argument != NULL ? " " : "",
			 options->argument != NULL ? options->argument : "");
		fprintf(out, "  %-*s %s\n", OPTION_WIDTH, left, options->help);
	}
}

static void command_print(const struct commands_command *command, FILE *out)
{
	char name[LEFT_BYTES];

	fprintf(out, "usage: holdfastctl %s%s%s%s\n\n%s\n\n", name_of(command, name),
		command->options[0].name != NULL ? " [OPTIONS]" : "",
		command->arguments[0] != '\0' ? " " : "", command->arguments, command->help);
	options_print(command->options, out);
	options_print(commands_options, out);
}

static void list_print(const struct command_line *line, FILE *out)
{
	const struct commands_command *command;

	fprintf(out,
		"usage: holdfastctl [--socket PATH] [--json] COMMAND [OPTIONS] [ARGUMENTS]\n\n");
	options_print(commands_options, out);
	fprintf(out, "\ncommands:\n");
	for (uint32_t i = 0; (command = commands_at(i)) != NULL; i++) {
		char name[LEFT_BYTES], left[2 * LEFT_BYTES];

		if (!meant(line, command))
			continue;
		snprintf(left, sizeof(left), "%s%s%s", name_of(command, name),
			 command->arguments[0] != '\0' ? " " : "", command->arguments);
		fprintf(out, "  %-*s %s\n", LEFT_WIDTH, left, command->help);
	}
	fprintf(out, "\nholdfastctl COMMAND --help tells its options.\n"
		     "exit: 0 done, 1 refused or failed, 2 usage, 3 no gateway there\n");
}

static void options_pack(msgpack_packer *packer, const struct commands_option *options)
{
	uint32_t count = 0;

	while (options[count].name != NULL)
		count++;
	rpc_pack_text(packer, "options");
	msgpack_pack_array(packer, count);
	for (; options->name != NULL; options++) {
		msgpack_pack_map(packer, 3);
		rpc_pack_key_text(packer, "name", options->name);
		rpc_pack_key_text(packer, "argument",
				  options->argument != NULL ? options->argument : "");
		rpc_pack_key_text(packer, "help", options->help);
	}
}

static void command_pack(msgpack_packer *packer, const struct commands_command *command)
{
	char name[LEFT_BYTES];

	msgpack_pack_map(packer, 4);
	rpc_pack_key_text(packer, "command", name_of(command, name));
	rpc_pack_key_text(packer, "arguments", command->arguments);
	rpc_pack_key_text(packer, "help", command->help);
	options_pack(packer, command->options);
}

static void json_help(const struct command_line *line, FILE *out)
{
	const struct commands_command *command;
	msgpack_unpacked unpacked;
	msgpack_sbuffer buffer;
	msgpack_packer packer;
	const char *before = "[";

	for (uint32_t i = 0; (command = commands_at(i)) != NULL; i++) {
		if (!meant(line, command))
			continue;
		msgpack_sbuffer_init(&buffer);
		msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
		command_pack(&packer, command);
		msgpack_unpacked_init(&unpacked);
		fputs(before, out);
		if (msgpack_unpack_next(&unpacked, buffer.data, buffer.size, NULL) ==
		    MSGPACK_UNPACK_SUCCESS)
			json_print(out, &unpacked.data);
		msgpack_unpacked_destroy(&unpacked);
		msgpack_sbuffer_destroy(&buffer);
		before = ",\n";
	}
	fputs("]\n", out);
}

void help_print(const struct command_line *line, FILE *out)
{
	if (line->json)
		json_help(line, out);
	else if (line->command != NULL)
		command_print(line->command, out);
	else
		list_print(line, out);
}
