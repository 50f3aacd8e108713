/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_csr: `keystay csr`: a PKCS#10 certificate request of a key on a token.
 *
 * Runs in: keystay. Writes what is to be signed (lib/protocol/csr.h); the agent reads it again before its token signs.
 */
#include "cli/commands.h"

#include <string.h>

#include "cli/output_file.h"
#include "lib/protocol/pem.h"
#include "client/csr_text.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/csr.h"

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

enum { CSR_SUBJECT, CSR_SAN, CSR_PSS, CSR_HASH, CSR_OUTPUT, CSR_FORCE, N_CSR_OPTIONS };
static const struct ks_option csr_options[N_CSR_OPTIONS] = {
	[CSR_SUBJECT] = { "subject", 0, "NAME", "/O=Example/CN=alice, or CN=alice,O=Example" },
	[CSR_SAN] = { "san", 0, "NAMES",
		      "dns:HOST, email:ADDRESS, uri:URI, ip:ADDRESS, upn:USER, with commas between" },
	[CSR_PSS] = { "pss", 0, NULL, "sign with RSA-PSS and not with PKCS#1 v1.5" },
	[CSR_HASH] = { "hash", 0, "HASH", "for RSA keys: sha256, sha384 or sha512" },
	[CSR_OUTPUT] = { "output", 'o', "FILE", "write to FILE and not to standard output" },
	[CSR_FORCE] = { "force", 0, NULL, "replace FILE when it is there" },
};

static bool find_hash(const char *word, enum ks_hash *ret_hash)
{
	static const struct {
		const char *word;
		enum ks_hash hash;
	} hashes[] = { { "sha256", KS_HASH_SHA256 }, { "sha384", KS_HASH_SHA384 }, { "sha512", KS_HASH_SHA512 } };

	*ret_hash = KS_HASH_NONE;
	for (size_t i = 0; word && i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		if (strcmp(hashes[i].word, word) == 0)
			*ret_hash = hashes[i].hash;
	}
	return !word || *ret_hash != KS_HASH_NONE;
}

/* What was typed, before anything is asked of anybody. */
static bool read_names(const struct ks_cli *cli, const struct ks_arguments *arguments, struct ks_buffer *subject,
		       struct ks_buffer *names)
{
	const char *text = arguments->values[CSR_SUBJECT];
	const char *san = arguments->values[CSR_SAN];
	struct ks_csr_problem problem = { "memory ran out" };

	if (!text && !san) {
		ks_output_error(cli,
				"csr: say whom the certificate is to name: --subject /CN=alice, or --san dns:HOST");
		return false;
	}
	if (ks_csr_subject_put(subject, text ? text : "", &problem) < 0 ||
	    (san && ks_csr_names_put(names, san, &problem) < 0)) {
		ks_output_error(cli, "csr: %s", problem.text);
		return false;
	}
	return true;
}

static enum ks_exit fail_scheme(const struct ks_cli *cli, const struct ks_msg_identity *identity)
{
	KS_AUTO_FREE char *name = ks_output_escape(identity->name);
	KS_AUTO_FREE char *type = ks_output_escape(identity->key_type);

	ks_output_error(cli, "csr: key \"%s\" is of type %s; --pss and --hash are for RSA keys", name ? name : "?",
			type ? type : "?");
	return KS_EXIT_FAILED;
}

/* Has info signed, and appends the request as PEM. */
static enum ks_exit sign(const struct ks_cli *cli, const struct ks_client_identity *found,
			 const struct ks_scheme *scheme, struct ks_bytes info, struct ks_buffer *pem)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	KS_AUTO_FREE char *name = ks_text_copy(found->identity.name);
	struct ks_client_sign_request request = { .name = name, .scheme = scheme->code, .info = info };
	struct ks_client_error error;
	uint8_t signature[KS_SIGNATURE_MAX];
	size_t size;

	memcpy(request.spki_hash, found->identity.spki_hash.data, sizeof(request.spki_hash));
	if (ks_client_sign_request(&request, signature, &size, &error) < 0)
		return ks_command_fail(cli, &error);
	int r = ks_csr_put(&der, info, scheme, ks_bytes(signature, size));
	if (r == 0)
		r = ks_pem_put(pem, "CERTIFICATE REQUEST", ks_buffer_bytes(&der));
	return r < 0 ? ks_command_fail_code(cli, r, "csr") : KS_EXIT_GOOD;
}

static enum ks_exit make(const struct ks_cli *cli, const struct ks_arguments *arguments, enum ks_hash hash,
			 struct ks_csr *csr, struct ks_buffer *pem)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer info = { 0 };
	struct ks_client_error error;
	struct ks_spki spki;

	if (ks_client_get(arguments->operands[0], &found, &error) < 0)
		return ks_command_fail(cli, &error);
	csr->spki = found->identity.spki;
	int r = ks_spki_read(csr->spki, &spki);
	if (r == 0)
		r = ks_csr_put_info(&info, csr);
	if (r < 0)
		return ks_command_fail_code(cli, r, "csr");
	const struct ks_scheme *scheme = ks_csr_scheme(&spki, ks_arguments_has(arguments, CSR_PSS), hash);
	return scheme ? sign(cli, found, scheme, ks_buffer_bytes(&info), pem) : fail_scheme(cli, &found->identity);
}

static enum ks_exit run_csr(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer subject = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer names = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };
	const char *path = arguments->values[CSR_OUTPUT];
	enum ks_hash hash;

	if (!find_hash(arguments->values[CSR_HASH], &hash)) {
		ks_output_error(cli, "csr: --hash is sha256, sha384 or sha512 (see: keystay help csr)");
		return KS_EXIT_USAGE;
	}
	if (!read_names(cli, arguments, &subject, &names))
		return KS_EXIT_USAGE;
	if (ks_output_file_is_there(path) && !ks_arguments_has(arguments, CSR_FORCE)) {
		KS_AUTO_FREE char *shown = ks_output_escape(ks_bytes_text(path));
		ks_output_error(cli, "csr: %s is there already; to replace it: --force", shown ? shown : "the file");
		return KS_EXIT_FAILED;
	}
	struct ks_csr csr = { .subject = ks_buffer_bytes(&subject), .names = ks_buffer_bytes(&names) };
	enum ks_exit result = make(cli, arguments, hash, &csr, &pem);
	if (result != KS_EXIT_GOOD)
		return result;
	/* Nothing in it is secret, and the CA's programs read it. */
	return ks_output_file(cli, path, ks_buffer_bytes(&pem), 0644) < 0 ? KS_EXIT_FAILED : KS_EXIT_GOOD;
}

const struct ks_command ks_command_csr = {
	.name = "csr",
	.operands = "NAME",
	.summary = "a certificate request (PKCS#10) of a key, for a certificate authority",
	.details = "The key needs no certificate yet. The agent signs a request only for the key\n"
		   "that is in it, and only for you: the programs that sign in with the key cannot\n"
		   "ask for certificates. Without --subject the names of --san are all there is.\n"
		   "\n"
		   "  keystay csr alice --subject /O=Example/CN=alice --san email:alice@example.org\n"
		   "\n"
		   "NAME is a short name of `keystay list`, the first 8 or more digits of a\n"
		   "fingerprint, or a PKCS#11 URI.\n",
	.options = csr_options,
	.n_options = N_CSR_OPTIONS,
	.min_operands = 1,
	.max_operands = 1,
	.run = run_csr,
};
