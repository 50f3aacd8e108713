/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_token_import: `keystay token import`: a certificate goes to its key.
 *
 * The leaf is the one of the key's public key, wherever it stands in the file. It goes to the token; where that takes none
 * (a read-only card), and with all intermediates, to the agent's own files. Roots go nowhere: a server has its own.
 *
 * Runs in: keystay.
 */
#include "cli/token_verbs.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "cli/token_overlay.h"
#include "cli/words.h"
#include "client/x509.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"
#include "lib/protocol/pem.h"

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)
KS_DEFINE_CLEANUP(BIO *, BIO_free_all)

#define CERTIFICATES_MAX 32u /* a chain has 2 to 4; a bundle of all public roots is no chain */

struct bundle {
	struct ks_buffer ders[CERTIFICATES_MAX];
	size_t n;
	size_t leaf; /* CERTIFICATES_MAX: not found */
};

static void bundle_deinit(struct bundle *bundle)
{
	for (size_t i = 0; i < bundle->n; i++)
		ks_buffer_deinit(&bundle->ders[i]);
}

static int add(struct bundle *bundle, struct ks_bytes der)
{
	struct ks_x509 certificate;

	if (bundle->n == CERTIFICATES_MAX)
		return KS_ERR_LIMIT;
	if (der.size > KS_CERTIFICATE_MAX || ks_x509_read(der, &certificate) < 0)
		return KS_ERR_MALFORMED;
	ks_buffer_put(&bundle->ders[bundle->n], der);
	return ks_buffer_error(&bundle->ders[bundle->n++]);
}

static int read_pem(struct ks_bytes text, struct bundle *bundle)
{
	KS_CLEANUP(BIO_free_allp) BIO *bio = BIO_new_mem_buf(text.data, (int)text.size);
	char *name, *header;
	unsigned char *data;
	long size;
	int r = bio ? 0 : KS_ERR_NO_MEMORY;

	while (r == 0 && PEM_read_bio(bio, &name, &header, &data, &size) == 1) {
		if (strcmp(name, "CERTIFICATE") == 0 || strcmp(name, "X509 CERTIFICATE") == 0)
			r = add(bundle, ks_bytes(data, (size_t)size));
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(data, (size_t)size); /* of other blocks: somebody's private key */
	}
	ERR_clear_error();
	return r;
}

static int read_bundle(const char *path, struct bundle *bundle)
{
	KS_AUTO_FREE char *text = NULL;
	size_t size = 0;
	struct ks_x509 certificate;

	int r = ks_path_read_file(path, KS_CERTIFICATE_FILE_MAX, &text, &size);
	if (r < 0)
		return r;
	struct ks_bytes bytes = ks_bytes(text, size);
	if (ks_x509_read(bytes, &certificate) == 0) /* DER */
		return add(bundle, bytes);
	r = read_pem(bytes, bundle);
	ks_secret_wipe(text, size); /* a bundle may hold somebody's private key */
	return r == 0 && bundle->n == 0 ? KS_ERR_NOT_FOUND : r;
}

static void find_leaf(struct bundle *bundle, const struct ks_msg_identity *identity)
{
	struct ks_spki key, found;
	struct ks_x509 certificate;

	bundle->leaf = CERTIFICATES_MAX;
	if (ks_spki_read(identity->spki, &key) < 0)
		return;
	for (size_t i = 0; i < bundle->n && bundle->leaf == CERTIFICATES_MAX; i++) {
		if (ks_x509_read(ks_buffer_bytes(&bundle->ders[i]), &certificate) == 0 &&
		    ks_spki_read(certificate.spki, &found) == 0 && ks_spki_same_key(&found, &key))
			bundle->leaf = i;
	}
}

static bool is_root(struct ks_bytes der)
{
	struct ks_x509 certificate;

	return ks_x509_read(der, &certificate) == 0 && ks_bytes_equal(certificate.issuer, certificate.subject);
}

static enum ks_exit fail_file(const struct ks_cli *cli, const char *path, int code)
{
	KS_AUTO_FREE char *shown = ks_output_escape(ks_bytes_text(path));
	const char *file = shown ? shown : "the file";

	if (code == KS_ERR_LIMIT)
		ks_output_error(cli, "%s has more than %u certificates; a chain has 2 to 4", file, CERTIFICATES_MAX);
	else if (code == KS_ERR_MALFORMED)
		ks_output_error(cli, "%s has a certificate that cannot be read", file);
	else if (code == KS_ERR_NOT_FOUND)
		ks_output_error(cli, "%s is not there, or has no certificate in it (PEM or DER)", file);
	else
		ks_output_error(cli, "%s cannot be read: %s", file, ks_error_text(code));
	return KS_EXIT_FAILED;
}

/* The rest of the chain, and the leaf where the token takes none. *ret_n: how many. */
static int put_rest(const struct bundle *bundle, bool with_leaf, struct ks_buffer *pem, size_t *ret_n)
{
	int r = 0;

	*ret_n = 0;
	if (with_leaf)
		r = ks_pem_put(pem, "CERTIFICATE", ks_buffer_bytes(&bundle->ders[bundle->leaf]));
	for (size_t i = 0; r == 0 && i < bundle->n; i++) {
		if (i == bundle->leaf || is_root(ks_buffer_bytes(&bundle->ders[i])))
			continue;
		r = ks_pem_put(pem, "CERTIFICATE", ks_buffer_bytes(&bundle->ders[i]));
		(*ret_n)++;
	}
	return r;
}

/* What the agent makes of it now; the name may be another one, where it came from the certificate. */
static void print_result(const struct ks_cli *cli, const struct ks_client_identity *before, const char *token,
			 size_t n_intermediates)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *after = NULL;
	struct ks_client_error error;
	char fingerprint[65], until[KS_WORDS_TIME_MAX] = "";

	ks_text_hex(before->identity.spki_hash, fingerprint);
	if (ks_client_get(fingerprint, &after, &error) < 0)
		after = NULL;
	KS_AUTO_FREE char *shown = ks_output_escape(after ? after->identity.name : before->identity.name);
	KS_AUTO_FREE char *where = token ? ks_output_escape(ks_bytes_text(token)) : NULL;
	(void)fprintf(cli->out, "The certificate of key \"%s\" is ", shown ? shown : "?");
	if (token)
		(void)fprintf(cli->out, "on token \"%s\"", where ? where : "?");
	else
		(void)fputs("in the agent's certs folder, since the token takes none", cli->out);
	if (n_intermediates > 0)
		(void)fprintf(cli->out, "; %zu of its issuers in the agent's certs folder", n_intermediates);
	if (after && after->identity.n_certificates > 0) {
		ks_words_time(after->identity.not_after, until, sizeof(until));
		(void)fprintf(cli->out, ".\nIn use now: one that is valid until %s", until);
	}
	(void)fputs(".\n", cli->out);
}

enum ks_exit ks_token_import(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	KS_CLEANUP(bundle_deinit) struct bundle bundle = { .n = 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };
	struct ks_client_error error;
	char token[65];
	size_t n_intermediates;

	int r = read_bundle(arguments->operands[2], &bundle);
	if (r < 0)
		return fail_file(cli, arguments->operands[2], r);
	if (ks_client_get(arguments->operands[1], &found, &error) < 0)
		return ks_command_fail(cli, &error);
	find_leaf(&bundle, &found->identity);
	if (bundle.leaf == CERTIFICATES_MAX) {
		KS_AUTO_FREE char *name = ks_output_escape(found->identity.name);
		ks_output_error(cli, "none of the %zu certificates in that file is of key \"%s\"", bundle.n,
				name ? name : "?");
		return KS_EXIT_FAILED;
	}
	struct ks_bytes leaf = ks_buffer_bytes(&bundle.ders[bundle.leaf]);
	const struct ks_client_store store = { .spki_hash = found->identity.spki_hash.data,
					       .certificate = leaf,
					       .label = "" };
	r = ks_client_token_store(&store, token, &error);
	bool on_token = r == 0;
	if (r < 0 && r != KS_ERR_UNSUPPORTED)
		return ks_command_fail(cli, &error);
	if (put_rest(&bundle, !on_token, &pem, &n_intermediates) < 0)
		return ks_command_fail_code(cli, KS_ERR_NO_MEMORY, "token import");
	if (pem.size > 0 && ks_token_overlay_write(leaf, ks_buffer_bytes(&pem), &error) < 0)
		return ks_command_fail(cli, &error);
	print_result(cli, found, on_token ? token : NULL, n_intermediates);
	return KS_EXIT_GOOD;
}
