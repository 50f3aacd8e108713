/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_token: `keystay token`: tokens, their PINs, and the keys and certificates on them. Here: which verb it is.
 *
 * Runs in: keystay. PINs come from the terminal without echo or from a descriptor, and from nowhere else.
 */
#include "cli/commands.h"

#include <string.h>

#include "cli/token_verbs.h"
#include "lib/base/process.h"
#include "lib/base/text.h"

#define BIT(option) (1u << (option))

static const struct ks_option options[KS_TOKEN_N_OPTIONS] = {
	[KS_TOKEN_JSON] = KS_OPTION_JSON,
	[KS_TOKEN_LABEL] = { "label", 0, "LABEL", "init: what the token is to be called, 1 to 32 bytes" },
	[KS_TOKEN_MODULE] = { "module", 0, "MODULE", "list, init, pin: of this module of keystay.conf" },
	[KS_TOKEN_SLOT] = { "slot", 0, "N", "init: the token in this slot (see: keystay token list)" },
	[KS_TOKEN_ERASE] = { "erase", 0, "TOKEN", "init: this token, and all that is on it is lost" },
	[KS_TOKEN_SO] = { "so", 0, NULL, "pin change: the SO PIN; of a PIV card: the PUK" },
	[KS_TOKEN_TOKEN] = { "token", 0, "TOKEN", "keygen: on this token" },
	[KS_TOKEN_TYPE] = { "type", 0, "TYPE", "keygen: rsa:2048, rsa:3072, rsa:4096, p256, p384, p521, ed25519" },
	[KS_TOKEN_ID] = { "id", 0, "HEX", "keygen: its CKA_ID; without: one that is free" },
	[KS_TOKEN_CERTIFICATE_ONLY] = { "certificate-only", 0, NULL, "remove: the certificates, and the key stays" },
	[KS_TOKEN_YES] = { "yes", 0, NULL, "init, remove: do not ask whether that is meant" },
	[KS_TOKEN_PIN_FD] = { "pin-fd", 0, "N", "pin change: read the PIN of now from descriptor N" },
	[KS_TOKEN_SO_PIN_FD] = { "so-pin-fd", 0, "N", "init, pin: read the SO PIN (PUK) from descriptor N" },
	[KS_TOKEN_NEW_PIN_FD] = { "new-pin-fd", 0, "N", "init, pin: read the new PIN from descriptor N" },
};

static const struct verb {
	const char *name;
	const char *operands;
	size_t min, max;  /* operands behind it */
	unsigned allowed; /* options */
	enum ks_exit (*run)(struct ks_cli *cli, const struct ks_arguments *arguments);
} verbs[] = {
	{ "list", "", 0, 0, BIT(KS_TOKEN_JSON) | BIT(KS_TOKEN_MODULE), ks_token_list },
	{ "init", "--label LABEL", 0, 0,
	  BIT(KS_TOKEN_LABEL) | BIT(KS_TOKEN_MODULE) | BIT(KS_TOKEN_SLOT) | BIT(KS_TOKEN_ERASE) | BIT(KS_TOKEN_YES) |
		  BIT(KS_TOKEN_SO_PIN_FD) | BIT(KS_TOKEN_NEW_PIN_FD),
	  ks_token_init },
	{ "pin", "[set|change|unblock] [TOKEN]", 0, 2,
	  BIT(KS_TOKEN_MODULE) | BIT(KS_TOKEN_SO) | BIT(KS_TOKEN_PIN_FD) | BIT(KS_TOKEN_SO_PIN_FD) |
		  BIT(KS_TOKEN_NEW_PIN_FD),
	  ks_token_pin },
	{ "keygen", "NAME --token TOKEN --type TYPE", 1, 1,
	  BIT(KS_TOKEN_TOKEN) | BIT(KS_TOKEN_TYPE) | BIT(KS_TOKEN_ID) | BIT(KS_TOKEN_JSON), ks_token_keygen },
	{ "import", "NAME FILE", 2, 2, 0, ks_token_import },
	{ "remove", "NAME", 1, 1, BIT(KS_TOKEN_CERTIFICATE_ONLY) | BIT(KS_TOKEN_YES), ks_token_remove },
};

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

static enum ks_exit check(const struct ks_cli *cli, const struct verb *verb, const struct ks_arguments *arguments)
{
	size_t n = arguments->n_operands - 1;

	if (n < verb->min || n > verb->max) {
		ks_output_error(cli, "usage: keystay token %s%s%s (see: keystay help token)", verb->name,
				verb->operands[0] ? " " : "", verb->operands);
		return KS_EXIT_USAGE;
	}
	for (size_t i = 0; i < KS_TOKEN_N_OPTIONS; i++) {
		if (!ks_arguments_has(arguments, i) || (verb->allowed & BIT(i)))
			continue;
		ks_output_error(cli, "token %s: --%s does not go with it (see: keystay help token)", verb->name,
				options[i].name);
		return KS_EXIT_USAGE;
	}
	return KS_EXIT_GOOD;
}

static enum ks_exit run_token(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	const struct verb *verb = find(arguments->operands[0]);

	if (!verb) {
		char shown[64];
		ks_text_escape(ks_bytes_text(arguments->operands[0]), shown, sizeof(shown));
		ks_output_error(cli, "token: \"%s\" is none of list, init, pin, keygen, import, remove", shown);
		return KS_EXIT_USAGE;
	}
	enum ks_exit result = check(cli, verb, arguments);
	if (result != KS_EXIT_GOOD)
		return result;
	int r = ks_process_harden();
	return r < 0 ? ks_command_fail_code(cli, r, "token: this process could not be protected") :
		       verb->run(cli, arguments);
}

const struct ks_command ks_command_token = {
	.name = "token",
	.operands = "VERB [OPERAND]...",
	.summary = "tokens, their PINs, and the keys and certificates on them",
	.details = "  list                          slots, and which tokens are in them\n"
		   "  init --label LABEL            make a blank token usable\n"
		   "  pin [set|change|unblock] [TOKEN]\n"
		   "                                its first PIN, another one, or a new one after\n"
		   "                                too many wrong ones\n"
		   "  keygen NAME --token TOKEN --type TYPE\n"
		   "                                a new key, which never leaves the token\n"
		   "  import NAME FILE              a certificate of the key NAME, and its chain\n"
		   "  remove NAME                   the key NAME and its certificates, for ever\n"
		   "\n"
		   "TOKEN is a label, a serial number or a PKCS#11 URI; NAME a short name of\n"
		   "`keystay list`. The running agent sees the result at once.\n"
		   "\n"
		   "PINs are asked for on the terminal and not shown, new ones twice. Scripts hand\n"
		   "them over on descriptors, one line each; a descriptor may serve several, in the\n"
		   "order SO PIN, PIN, new PIN:\n"
		   "\n"
		   "  keystay token init --label corp --so-pin-fd 3 --new-pin-fd 3 3<pins\n"
		   "\n"
		   "While a token is initialised, or a PIN of it changed, the module's other tokens\n"
		   "rest for some seconds, and those whose PIN is not kept are locked afterwards.\n",
	.options = options,
	.n_options = KS_TOKEN_N_OPTIONS,
	.min_operands = 1,
	.max_operands = 3,
	.run = run_token,
};
