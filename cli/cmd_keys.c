/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_keys: `keystay list`, `keystay show` and `keystay cert`: the keys, and the file that programs are given.
 *
 * Runs in: keystay. Needs the sign socket alone, so it works in a container and over a forwarded socket as well.
 */
#include "cli/commands.h"

#include <stdlib.h>
#include <string.h>

#include "cli/key_view.h"
#include "cli/output_file.h"
#include "lib/protocol/pem.h"
#include "client/best.h"
#include "lib/base/cleanup.h"

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

/* --- list -------------------------------------------------------------------------------------------------------- */

enum { LIST_JSON, N_LIST_OPTIONS };
static const struct ks_option list_options[N_LIST_OPTIONS] = {
	[LIST_JSON] = KS_OPTION_JSON,
};

static int on_key(const struct ks_msg_identity *identity, void *userdata)
{
	ks_key_list_add(userdata, identity);
	return 0;
}

static enum ks_exit run_list(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(ks_key_list_deinit) struct ks_key_list list;
	struct ks_client_error error;

	ks_key_list_init(&list, cli, ks_arguments_has(arguments, LIST_JSON));
	if (ks_client_list(on_key, &list, &error) < 0)
		return ks_command_fail(cli, &error);
	int r = ks_key_list_print(&list);
	return r < 0 ? ks_command_fail_code(cli, r, "list") : KS_EXIT_GOOD;
}

const struct ks_command ks_command_list = {
	.name = "list",
	.operands = "",
	.summary = "the keys that there are",
	.details = "One line for each key: its short name (which every other command takes), its\n"
		   "type, its token, whether that is unlocked, and until when its certificate\n"
		   "holds.\n",
	.options = list_options,
	.n_options = N_LIST_OPTIONS,
	.run = run_list,
};

/* --- show -------------------------------------------------------------------------------------------------------- */

enum { SHOW_JSON, N_SHOW_OPTIONS };
static const struct ks_option show_options[N_SHOW_OPTIONS] = {
	[SHOW_JSON] = KS_OPTION_JSON,
};

/* NAME may be left out where one key is usable: the agent decides, or lists the choices. */
static const char *name_of(const struct ks_arguments *arguments)
{
	return arguments->n_operands ? arguments->operands[0] : "";
}

static size_t count_chain(struct ks_bytes chain)
{
	struct ks_reader reader = ks_reader(chain);
	struct ks_msg_certificate certificate;
	size_t n = 0;

	while (ks_record_read(&reader, KS_RECORD(certificate), &certificate, sizeof(certificate)) == 1)
		n++;
	return n;
}

/* All keys beside one. */
struct ranking {
	struct ks_best_asked nothing;
	struct ks_best own;
	struct ks_key_place place;
};

static int rank_one(const struct ks_msg_identity *identity, void *userdata)
{
	struct ranking *ranking = userdata;
	struct ks_best other;

	ks_best_judge(identity, KS_BYTES_NONE, &ranking->nothing, &other);
	if (other.fault != KS_BEST_FITS)
		return 0;
	ranking->place.n++;
	ranking->place.place += ks_best_compare(&other, &ranking->own) <= 0 ? 1 : 0;
	return 0;
}

static int rank(const struct ks_cli *cli, const struct ks_msg_identity *identity, struct ranking *ranking,
		struct ks_client_error *ret_error)
{
	*ranking = (struct ranking){ .nothing = { .now_s = cli->now_s } };
	ks_best_judge(identity, KS_BYTES_NONE, &ranking->nothing, &ranking->own);
	ranking->place.reason = ranking->own.reason;
	int r = ks_client_list(rank_one, ranking, ret_error);
	if (ranking->own.fault != KS_BEST_FITS)
		ranking->place.place = 0;
	return r;
}

static enum ks_exit run_show(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	struct ks_client_error error;
	struct ranking ranking;

	if (ks_client_get(name_of(arguments), &found, &error) < 0 || rank(cli, &found->identity, &ranking, &error) < 0)
		return ks_command_fail(cli, &error);
	int r = ks_key_show(cli, &found->identity, count_chain(found->chain), &ranking.place,
			    ks_arguments_has(arguments, SHOW_JSON));
	return r < 0 ? ks_command_fail_code(cli, r, "show") : KS_EXIT_GOOD;
}

#define NAME_DETAILS                                                                                                   \
	"NAME is a short name of `keystay list`, the first 8 or more digits of a\n"                                    \
	"fingerprint, a PKCS#11 URI, or \"auto\": the best of all keys that could be used\n"                           \
	"now. It may be left out where there is one key.\n"

const struct ks_command ks_command_show = {
	.name = "show",
	.operands = "[NAME]",
	.summary = "everything about one key",
	.details = NAME_DETAILS,
	.options = show_options,
	.n_options = N_SHOW_OPTIONS,
	.max_operands = 1,
	.run = run_show,
};

/* --- cert -------------------------------------------------------------------------------------------------------- */

enum { CERT_OUTPUT, CERT_NO_KEY, CERT_KEEP_FRESH, N_CERT_OPTIONS };
static const struct ks_option cert_options[N_CERT_OPTIONS] = {
	[CERT_OUTPUT] = { "output", 'o', "FILE", "write to FILE (mode 0600) and not to standard output" },
	[CERT_NO_KEY] = { "no-key", 0, NULL, "certificates alone, without the reference to the key" },
	[CERT_KEEP_FRESH] = { "keep-fresh", 0, NULL, "with -o: write FILE again at each renewal" },
};

static enum ks_exit keep_fresh(const struct ks_cli *cli, const struct ks_arguments *arguments)
{
	const char *file = arguments->values[CERT_OUTPUT];

	if (!file || strcmp(file, "-") == 0) {
		ks_output_error(cli, "cert: --keep-fresh is for a file: -o FILE");
		return KS_EXIT_USAGE;
	}
	return ks_enroll_keep_fresh(cli, name_of(arguments), file, ks_arguments_has(arguments, CERT_NO_KEY));
}

static enum ks_exit run_cert(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };
	struct ks_client_error error;

	if (ks_arguments_has(arguments, CERT_KEEP_FRESH))
		return keep_fresh(cli, arguments);
	if (ks_client_get(name_of(arguments), &found, &error) < 0)
		return ks_command_fail(cli, &error);
	int r = ks_pem_put_identity(&pem, &found->identity, found->chain, !ks_arguments_has(arguments, CERT_NO_KEY));
	KS_AUTO_FREE char *name = ks_output_escape(found->identity.name);
	if (r == KS_ERR_NO_CERTIFICATE) {
		ks_output_error(cli,
				"key \"%s\" has no certificate yet; put it (PEM) into the folder certs/ beside "
				"keystay.conf, such as ~/.config/keystay/certs/, then run: keystay reload",
				name ? name : "?");
		return KS_EXIT_FAILED;
	}
	if (r < 0)
		return ks_command_fail_code(cli, r, "cert");
	return ks_output_file(cli, arguments->values[CERT_OUTPUT], ks_buffer_bytes(&pem), 0600) < 0 ? KS_EXIT_FAILED :
												      KS_EXIT_GOOD;
}

const struct ks_command ks_command_cert = {
	.name = "cert",
	.operands = "[NAME]",
	.summary = "certificate, chain and key reference in one PEM file",
	.details = "The file holds nothing secret: where the key would be, it has a reference\n"
		   "that leads to the agent. Programs that use OpenSSL take it as certificate\n"
		   "and as key, when they run with `keystay run` or after `eval \"$(keystay\n"
		   "env)\"`:\n"
		   "\n"
		   "  keystay cert alice -o alice.pem\n"
		   "  keystay run -- curl --cert alice.pem https://www.example.org/\n"
		   "\n"
		   "With --keep-fresh, `keystay renew` writes it again when the certificate is\n"
		   "another one, as long as the file is there.\n"
		   "\n" NAME_DETAILS,
	.options = cert_options,
	.n_options = N_CERT_OPTIONS,
	.max_operands = 1,
	.run = run_cert,
};
