/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main: keystay-agent's command line.
 *
 * Runs in: keystay-agent, which holds the way to the keys. It loads no PKCS#11 module and no plug-in of any kind.
 */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/settings.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "lib/base/process.h"
#include "lib/base/text.h"

/* As keystay(1): 0 good, 1 failed, 2 usage. Another agent that runs already is 2 as well, so that a unit or a script
 * can tell it from a failure. */
enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage_text[] =
	"Usage: keystay-agent [OPTION]...\n"
	"Signs TLS client authentications with keys that stay on their tokens.\n"
	"\n"
	"  --system           serve a machine: the vendor's files and those of /etc/keystay,\n"
	"                     sockets in /run/keystay, counts of PINs in /var/lib/keystay\n"
	"  --config FILE      read this file alone instead of the standard ones\n"
	"  --check-config     check the configuration, say what is wrong, and end\n"
	"  --print-config     print every value in effect with its file and line, and end\n"
	"  --json             with --print-config: as JSON\n"
	"  --ready-fd N       write a newline to descriptor N when clients are welcome\n"
	"  --log-level LEVEL  error, warning, notice, info (default) or debug\n"
	"  --version          print the version\n"
	"  --help             print this\n"
	"\n"
	"It runs in the foreground; SIGHUP reloads the configuration. See man keystay-agent.\n";

enum action { ACTION_RUN, ACTION_CHECK, ACTION_PRINT, ACTION_VERSION, ACTION_HELP };

struct command_line {
	enum action action;
	bool json;
	bool is_system;
	enum ks_log_level level;
	struct ks_agent_options agent;
};

static bool read_level(const char *text, enum ks_log_level *ret_level)
{
	static const struct {
		const char *name;
		enum ks_log_level level;
	} levels[] = {
		{ "error", KS_LOG_ERROR }, { "warning", KS_LOG_WARNING }, { "notice", KS_LOG_NOTICE },
		{ "info", KS_LOG_INFO },   { "debug", KS_LOG_DEBUG },
	};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*ret_level = levels[i].level;
			return true;
		}
	}
	(void)fprintf(stderr, "keystay-agent: --log-level takes error, warning, notice, info or debug, not \"%s\"\n",
		      text);
	return false;
}

static bool read_descriptor(const char *text, int *ret_fd)
{
	uint64_t number;

	if (ks_text_number(text, INT_MAX, &number) < 0) {
		(void)fprintf(stderr, "keystay-agent: --ready-fd takes the number of an open descriptor, not \"%s\"\n",
			      text);
		return false;
	}
	*ret_fd = (int)number;
	return true;
}

static bool read_command_line(int argc, char **argv, struct command_line *command_line)
{
	enum { SYSTEM = 256, CONFIG, CHECK, PRINT, JSON, READY_FD, LOG_LEVEL, VERSION, HELP };
	static const struct option options[] = {
		{ "system", no_argument, NULL, SYSTEM },
		{ "config", required_argument, NULL, CONFIG },
		{ "check-config", no_argument, NULL, CHECK },
		{ "print-config", no_argument, NULL, PRINT },
		{ "json", no_argument, NULL, JSON },
		{ "ready-fd", required_argument, NULL, READY_FD },
		{ "log-level", required_argument, NULL, LOG_LEVEL },
		{ "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	bool good = true;
	int option;

	while (good && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case SYSTEM:
			command_line->is_system = true;
			break;
		case CONFIG:
			command_line->agent.configuration = optarg;
			break;
		case CHECK:
			command_line->action = ACTION_CHECK;
			break;
		case PRINT:
			command_line->action = ACTION_PRINT;
			break;
		case JSON:
			command_line->json = true;
			break;
		case READY_FD:
			good = read_descriptor(optarg, &command_line->agent.ready_fd);
			break;
		case LOG_LEVEL:
			good = read_level(optarg, &command_line->level);
			break;
		case VERSION:
			command_line->action = ACTION_VERSION;
			break;
		case HELP:
		case 'h':
			command_line->action = ACTION_HELP;
			break;
		default:
			good = false;
			break;
		}
	}
	if (good && optind < argc) {
		(void)fprintf(stderr, "keystay-agent: \"%s\" is not an option\n", argv[optind]);
		good = false;
	}
	if (!good)
		(void)fprintf(stderr, "See: keystay-agent --help\n");
	return good;
}

static int run(const struct command_line *command_line, struct ks_settings *settings)
{
	int error;

	switch (command_line->action) {
	case ACTION_CHECK:
		(void)ks_settings_warn(settings, stderr);
		(void)printf("The configuration is good: %s\n", settings->summary);
		ks_settings_free(settings);
		return EXIT_GOOD;
	case ACTION_PRINT:
		error = ks_settings_print(settings, command_line->json, stdout);
		ks_settings_free(settings);
		return error < 0 ? EXIT_FAILED : EXIT_GOOD;
	case ACTION_RUN:
		(void)ks_settings_warn(settings, stderr);
		error = ks_agent_run(&command_line->agent, settings);
		return error == 0 ? EXIT_GOOD : error == KS_ERR_BUSY ? EXIT_USAGE : EXIT_FAILED;
	case ACTION_VERSION:
	case ACTION_HELP:
	default:
		ks_settings_free(settings);
		return EXIT_USAGE;
	}
}

/* `keystay config` runs in another folder and reads the same file (cli/cmd_config.c). file is given, or NULL. */
static int make_absolute(struct ks_agent_options *options, char **ret_file)
{
	const char *path = options->configuration;
	char folder[PATH_MAX];

	if (!path || path[0] == '/')
		return 0;
	if (!getcwd(folder, sizeof(folder)))
		return KS_ERR_SYSTEM;
	char *file = ks_path_join(folder, path);
	if (!file)
		return KS_ERR_NO_MEMORY;
	options->configuration = *ret_file = file;
	return 0;
}

int main(int argc, char **argv)
{
	struct command_line command_line = { .level = KS_LOG_INFO, .agent.ready_fd = -1 };
	KS_AUTO_FREE char *file = NULL;
	struct ks_settings *settings = NULL;
	struct ks_settings_error problem = { .text = "" };

	if (ks_process_harden() < 0 || ks_process_open_standard() < 0) {
		(void)fprintf(stderr, "keystay-agent: the system refuses to protect this process; it does not start\n");
		return EXIT_FAILED;
	}
	if (!read_command_line(argc, argv, &command_line))
		return EXIT_USAGE;
	ks_log_init("keystay-agent", command_line.level);
	if (command_line.action == ACTION_HELP || command_line.action == ACTION_VERSION) {
		(void)printf("%s",
			     command_line.action == ACTION_HELP ? usage_text : "keystay-agent " KEYSTAY_VERSION "\n");
		return EXIT_GOOD;
	}
	int error = command_line.action == ACTION_RUN ? make_absolute(&command_line.agent, &file) : 0;
	if (error < 0) {
		(void)fprintf(stderr, "keystay-agent: the folder in which it was started cannot be named: %s\n",
			      ks_error_text(error));
		return EXIT_FAILED;
	}
	error = command_line.is_system ?
			ks_settings_read_system(command_line.agent.configuration, &settings, &problem) :
			ks_settings_read(command_line.agent.configuration, &settings, &problem);
	if (error < 0) {
		(void)fprintf(stderr, "keystay-agent: the configuration is wrong:\n%s\n", problem.text);
		return EXIT_FAILED;
	}
	return run(&command_line, settings);
}
