/* SPDX-License-Identifier: Apache-2.0 */
/* command_line: see command_line.h. Runs in: keystay-token. */
#include "pkcs11/command_line.h"

#include <getopt.h>
#include <stdio.h>

#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "pkcs11/session.h"
#include "pkcs11/slot.h"

static const char usage_text[] =
	"Usage: keystay-token --module NAME (--path FILE | --p11-kit NAME) [--sessions N] [--init-args TEXT]\n"
	"                     [--slots LIST] [--no-slot-events] [--sandbox LEVEL] [--profile NAME] [--provision]\n"
	"Loads one PKCS#11 module for keystay-agent, which starts it; not for people to start.\n"
	"\n"
	"  --module NAME     the module's name in keystay.conf\n"
	"  --path FILE       the module's file, absolute\n"
	"  --p11-kit NAME    the module's name in p11-kit's configuration\n"
	"  --sessions N      at most so many signatures at once on one token (1 to 64)\n"
	"  --init-args TEXT  what the module is told when it is initialised\n"
	"  --slots LIST      numbers of slots, and patterns over their descriptions, with commas between; the others\n"
	"                    are not touched\n"
	"  --no-slot-events  the module is not asked to wait for tokens that come and go\n"
	"  --sandbox LEVEL   what is taken away before the module is loaded: none, calls (the default), files or net\n"
	"  --profile NAME    which known module this is, so that its files are left to it\n"
	"  --provision       do not sign, but initialise tokens and set their PINs\n"
	"  --version         print the version\n"
	"  --help            print this\n"
	"\n"
	"Talks to the agent on descriptor 3. See man keystay-token.\n";

static bool read_sessions(const char *text, unsigned *ret_n_sessions)
{
	uint64_t number;

	if (ks_text_number(text, KS_SESSIONS_MAX, &number) < 0 || number == 0) {
		(void)fprintf(stderr, "keystay-token: --sessions takes a number from 1 to %u, not \"%s\"\n",
			      KS_SESSIONS_MAX, text);
		return false;
	}
	*ret_n_sessions = (unsigned)number;
	return true;
}

static bool read_slots(const char *text, const char **ret_slots)
{
	if (!ks_slot_list_valid(text)) {
		(void)fprintf(stderr,
			      "keystay-token: --slots takes numbers and patterns with commas between, not \"%s\"\n",
			      text);
		return false;
	}
	*ret_slots = text;
	return true;
}

static bool read_sandbox(const char *text, enum ks_confine_level *ret_level)
{
	if (ks_confine_level_read(text, ret_level) == 0)
		return true;
	(void)fprintf(stderr, "keystay-token: --sandbox takes none, calls, files or net, not \"%s\"\n", text);
	return false;
}

static bool is_complete(const struct ks_command_line *command_line)
{
	if (command_line->print)
		return true;
	if (!command_line->module || !command_line->path == !command_line->p11_kit) {
		(void)fprintf(stderr, "keystay-token: --module and one of --path and --p11-kit are needed\n");
		return false;
	}
	return true;
}

enum {
	MODULE = 256,
	PATH,
	P11_KIT,
	SESSIONS,
	INIT_ARGS,
	SLOTS,
	NO_SLOT_EVENTS,
	SANDBOX,
	PROFILE,
	PROVISION,
	VERSION,
	HELP
};

static bool take_option(struct ks_command_line *command_line, int option, const char *value)
{
	switch (option) {
	case MODULE:
		command_line->module = value;
		return true;
	case PATH:
		command_line->path = value;
		return true;
	case P11_KIT:
		command_line->p11_kit = value;
		return true;
	case SESSIONS:
		return read_sessions(value, &command_line->n_sessions);
	case INIT_ARGS:
		command_line->init_args = value;
		return true;
	case SLOTS:
		return read_slots(value, &command_line->slots);
	case NO_SLOT_EVENTS:
		command_line->no_slot_events = true;
		return true;
	case SANDBOX:
		return read_sandbox(value, &command_line->sandbox);
	case PROFILE:
		command_line->profile = value;
		return true;
	case PROVISION:
		command_line->provision = true;
		return true;
	case VERSION:
		command_line->print = "keystay-token " KEYSTAY_VERSION "\n";
		return true;
	case HELP:
	case 'h':
		command_line->print = usage_text;
		return true;
	default:
		return false;
	}
}

bool ks_command_line_read(int argc, char **argv, struct ks_command_line *ret_command_line)
{
	static const struct option options[] = {
		{ "module", required_argument, NULL, MODULE },
		{ "path", required_argument, NULL, PATH },
		{ "p11-kit", required_argument, NULL, P11_KIT },
		{ "sessions", required_argument, NULL, SESSIONS },
		{ "init-args", required_argument, NULL, INIT_ARGS },
		{ "slots", required_argument, NULL, SLOTS },
		{ "no-slot-events", no_argument, NULL, NO_SLOT_EVENTS },
		{ "sandbox", required_argument, NULL, SANDBOX },
		{ "profile", required_argument, NULL, PROFILE },
		{ "provision", no_argument, NULL, PROVISION },
		{ "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	struct ks_command_line command_line = { .n_sessions = KS_WORKER_SESSIONS, .sandbox = KS_CONFINE_CALLS };
	bool good = true;
	int option;

	while (good && (option = getopt_long(argc, argv, "h", options, NULL)) != -1)
		good = take_option(&command_line, option, optarg);
	if (good && optind < argc) {
		(void)fprintf(stderr, "keystay-token: \"%s\" is not an option\n", argv[optind]);
		good = false;
	}
	good = good && is_complete(&command_line);
	if (good)
		*ret_command_line = command_line;
	else
		(void)fprintf(stderr, "See: keystay-token --help\n");
	return good;
}
