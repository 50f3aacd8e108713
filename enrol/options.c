/* SPDX-License-Identifier: Apache-2.0 */
/* options: see options.h. Runs in: keystay-enroll. */
#include "enrol/options.h"

#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"

static const char usage_text[] =
	"Usage: keystay-enroll enroll NAME [OPTION]...\n"
	"       keystay-enroll renew [NAME|--all] [OPTION]...\n"
	"       keystay-enroll keep NAME --output FILE [--no-key]\n"
	"Gets certificates for keys on tokens, and the next ones in time. For people: keystay\n"
	"enroll, keystay renew, keystay cert --keep-fresh\n"
	"\n"
	"enroll:\n"
	"  --profile PROFILE   the [profile] of keystay.conf (default: the key's own)\n"
	"  --subject NAME      whom the certificate is to name: /O=Example/CN=alice\n"
	"  --san NAMES         dns:HOST, email:ADDRESS, uri:URI, ip:ADDRESS, upn:USER\n"
	"  --secret-fd N       read the profile's secret from descriptor N, up to a newline\n"
	"  --force             also when there is one that holds; what was pending begins anew\n"
	"  --revoke            ask the CA to revoke the certificate that there is\n"
	"  --reason WORD       of --revoke: keyCompromise, affiliationChanged, superseded,\n"
	"                      cessationOfOperation, or unspecified\n"
	"renew:\n"
	"  --all               every key with a profile (also without a NAME)\n"
	"  --force             also what is not due\n"
	"  --quiet             say only what goes wrong\n"
	"  --list              say what is due when; renew nothing\n"
	"  --json              with --list: as JSON, for programs\n"
	"  --watch             go on until a signal; nobody is asked for anything\n"
	"  --status-only       ask CAs about revocation alone; renew nothing\n"
	"keep:\n"
	"  --output FILE       the PEM file that is written, and again at each renewal\n"
	"  --no-key            certificates alone, without the reference to the key\n"
	"\n"
	"  --version           print the version\n"
	"  --help              print this\n";

#define FOR(command) (1u << (command))
#define ENROLL FOR(KS_ENROLL_ENROLL)
#define RENEW FOR(KS_ENROLL_RENEW)
#define KEEP FOR(KS_ENROLL_KEEP)

/* Index of getopt_long(): which commands take it. Kept in the order of list. */
static const struct option list[] = {
	{ "profile", required_argument, NULL, 'p' }, { "subject", required_argument, NULL, 's' },
	{ "san", required_argument, NULL, 'S' },     { "secret-fd", required_argument, NULL, 'd' },
	{ "force", no_argument, NULL, 'f' },         { "revoke", no_argument, NULL, 'R' },
	{ "reason", required_argument, NULL, 'r' },  { "all", no_argument, NULL, 'a' },
	{ "quiet", no_argument, NULL, 'q' },         { "list", no_argument, NULL, 'l' },
	{ "json", no_argument, NULL, 'j' },          { "watch", no_argument, NULL, 'w' },
	{ "status-only", no_argument, NULL, 'o' },   { "output", required_argument, NULL, 'O' },
	{ "no-key", no_argument, NULL, 'n' },        { "version", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
};
static const unsigned taken_by[] = { ENROLL, ENROLL, ENROLL, ENROLL, ENROLL | RENEW, ENROLL, ENROLL, RENEW, RENEW,
				     RENEW,  RENEW,  RENEW,  RENEW,  KEEP,           KEEP,   ~0u,    ~0u };

static const char *const commands[] = { "enroll", "renew", "keep" };

int ks_enroll_reason(const char *word, unsigned *ret_reason)
{
	static const struct {
		const char *word;
		unsigned reason;
	} reasons[] = { { "unspecified", 0 },
			{ "keyCompromise", 1 },
			{ "affiliationChanged", 3 },
			{ "superseded", 4 },
			{ "cessationOfOperation", 5 } };

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcmp(reasons[i].word, word) == 0) {
			*ret_reason = reasons[i].reason;
			return 0;
		}
	}
	return KS_ERR_INVALID;
}

static bool wrong(const char *text)
{
	(void)fprintf(stderr, "keystay-enroll: %s\n", text);
	return false;
}

static bool take_fd(const char *text, struct ks_enroll_options *options)
{
	uint64_t number;

	if (ks_text_number(text, INT_MAX, &number) < 0)
		return wrong("--secret-fd takes the number of a descriptor");
	options->secret_fd = (int)number;
	return true;
}

static bool take_reason(const char *word, struct ks_enroll_options *options)
{
	unsigned reason;

	if (ks_enroll_reason(word, &reason) < 0)
		return wrong("--reason is unspecified, keyCompromise, affiliationChanged, superseded or "
			     "cessationOfOperation");
	options->reason = word;
	return true;
}

static bool take_text(int option, const char *value, struct ks_enroll_options *options)
{
	const char **const field = option == 'p' ? &options->profile :
				   option == 's' ? &options->subject :
				   option == 'S' ? &options->san :
						   &options->output;

	*field = value;
	return true;
}

static bool take_option(int option, const char *value, struct ks_enroll_options *options, bool *all)
{
	switch (option) {
	case 'd':
		return take_fd(value, options);
	case 'r':
		return take_reason(value, options);
	case 'p':
	case 's':
	case 'S':
	case 'O':
		return take_text(option, value, options);
	case 'f':
		return (options->force = true);
	case 'R':
		return (options->revoke = true);
	case 'a':
		return (*all = true);
	case 'q':
		return (options->quiet = true);
	case 'l':
		return (options->list = true);
	case 'j':
		return (options->json = true);
	case 'w':
		return (options->watch = true);
	case 'o':
		return (options->status_only = true);
	case 'n':
		return (options->no_key = true);
	default:
		return false; /* getopt_long() has said it */
	}
}

/* What makes no sense together. */
static bool check(const struct ks_enroll_options *options, bool all)
{
	if (options->command != KS_ENROLL_RENEW && !options->name)
		return wrong("NAME of a key is needed");
	if (options->command == KS_ENROLL_KEEP && (!options->output || strcmp(options->output, "-") == 0))
		return wrong("--output FILE is needed: what is kept fresh is a file");
	if (all && options->name)
		return wrong("there is a NAME, and there is --all");
	if (options->reason && !options->revoke)
		return wrong("--reason is of --revoke");
	if (options->json && !options->list)
		return wrong("--json is of --list");
	if (options->list + options->watch + options->status_only > 1)
		return wrong("--list, --watch and --status-only do not go together");
	if (options->watch && (options->name || options->force))
		return wrong("--watch is for all keys and what is due of them");
	return true;
}

static bool take_command(int argc, char **argv, struct ks_enroll_options *options)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i]) == 0) {
			options->command = (enum ks_enroll_command)i;
			return true;
		}
	}
	return wrong("the first word is enroll, renew or keep");
}

static bool read_all(int argc, char **argv, struct ks_enroll_options *options)
{
	bool all = false;
	int option, index = 0;

	/* From the command's word on, which takes the place of the program's. */
	optind = 1;
	while ((option = getopt_long(argc - 1, argv + 1, "", list, &index)) != -1) {
		if (option != '?' && !(taken_by[index] & FOR(options->command))) {
			(void)fprintf(stderr, "keystay-enroll: --%s is not for %s\n", list[index].name,
				      commands[options->command]);
			return false;
		}
		if (!take_option(option, optarg, options, &all))
			return false;
	}
	if (argc - 1 - optind > 1)
		return wrong("there is more than one NAME");
	options->name = optind < argc - 1 ? argv[1 + optind] : NULL;
	return check(options, all);
}

bool ks_enroll_options_read(int argc, char **argv, struct ks_enroll_options *ret_options, enum ks_enroll_exit *ret_exit)
{
	struct ks_enroll_options options = { .secret_fd = -1 };

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		bool help = strcmp(argv[i], "--help") == 0;
		if (help || strcmp(argv[i], "--version") == 0) {
			(void)fputs(help ? usage_text : "keystay-enroll " KEYSTAY_VERSION "\n", stdout);
			*ret_exit = fflush(stdout) == 0 ? KS_ENROLL_GOOD : KS_ENROLL_FAILED;
			return false;
		}
	}
	if (!take_command(argc, argv, &options) || !read_all(argc, argv, &options)) {
		(void)fputs("See: keystay help enroll, keystay help renew\n", stderr);
		*ret_exit = KS_ENROLL_USAGE;
		return false;
	}
	*ret_options = options;
	return true;
}
