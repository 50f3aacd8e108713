/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_token_keys: `keystay token keygen` and `keystay token remove`. Runs in: keystay. */
#include "cli/token_verbs.h"

#include <string.h>
#include <unistd.h>

#include "cli/question.h"
#include "cli/token_overlay.h"
#include "client/sha256.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

/* Bytes of a CKA_ID. */
#define ID_MAX 256

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

/* --- keygen ------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *word;
	enum ks_key_algorithm algorithm;
	unsigned bits;
} types[] = {
	{ "rsa:2048", KS_KEY_RSA, 2048 },   { "rsa:3072", KS_KEY_RSA, 3072 }, { "rsa:4096", KS_KEY_RSA, 4096 },
	{ "p256", KS_KEY_EC, 256 },         { "p384", KS_KEY_EC, 384 },       { "p521", KS_KEY_EC, 521 },
	{ "ed25519", KS_KEY_ED25519, 256 },
};

static bool read_type(const char *word, struct ks_client_keygen *request)
{
	for (size_t i = 0; word && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i].word, word) == 0) {
			request->algorithm = types[i].algorithm;
			request->bits = types[i].bits;
			return true;
		}
	}
	return false;
}

/* "0a1b" or "0a:1b". */
static bool read_id(const char *text, uint8_t id[ID_MAX], struct ks_bytes *ret_id)
{
	char digits[2 * ID_MAX + 1];
	size_t n = 0, size = 0;

	*ret_id = KS_BYTES_NONE;
	if (!text)
		return true;
	for (const char *at = text; *at; at++) {
		bool is_between = *at == ':' && n > 0 && n % 2 == 0 && at[-1] != ':' && at[1] != '\0';
		if (is_between)
			continue;
		if (n == 2 * ID_MAX)
			return false;
		digits[n++] = *at;
	}
	digits[n] = '\0';
	if (ks_text_unhex(digits, id, ID_MAX, &size) < 0)
		return false;
	*ret_id = ks_bytes(id, size);
	return size > 0;
}

static enum ks_exit print_key(const struct ks_cli *cli, const struct ks_arguments *arguments,
			      const struct ks_client_new_key *key)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	char fingerprint[65] = "", id[2 * ID_MAX + 1] = "", type[32] = "";
	struct ks_client_error error;
	struct ks_spki spki;

	ks_text_hex(ks_bytes(key->spki_hash, 32), fingerprint);
	ks_text_hex(ks_bytes(key->object_id, key->object_id_size), id);
	if (ks_spki_read(ks_bytes(key->spki, key->spki_size), &spki) == 0)
		ks_spki_type_name(&spki, type, sizeof(type));
	/* Its short name is the agent's to give: a label may be taken. */
	struct ks_bytes name = ks_client_get(fingerprint, &found, &error) == 0 ? found->identity.name :
										 ks_bytes_text(fingerprint);
	KS_AUTO_FREE char *shown = ks_output_escape(name);
	KS_AUTO_FREE char *token = ks_output_escape(ks_bytes_text(key->token));
	if (ks_arguments_has(arguments, KS_TOKEN_JSON)) {
		json_t *object = json_object();
		ks_output_json_put(&object, "name", ks_output_json_text(name));
		ks_output_json_put(&object, "token", ks_output_json_text(ks_bytes_text(key->token)));
		ks_output_json_put(&object, "type", json_string(type));
		ks_output_json_put(&object, "id", json_string(id));
		ks_output_json_put(&object, "fingerprint", json_string(fingerprint));
		int r = ks_output_json(cli, object);
		return r < 0 ? ks_command_fail_code(cli, r, "token keygen") : KS_EXIT_GOOD;
	}
	(void)fprintf(cli->out, "Key \"%s\" (%s) was made on token \"%s\". Next: keystay csr %s --subject /CN=…\n",
		      shown ? shown : "?", type, token ? token : "?", shown ? shown : "NAME");
	return KS_EXIT_GOOD;
}

enum ks_exit ks_token_keygen(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	const char *token = arguments->values[KS_TOKEN_TOKEN];
	struct ks_client_keygen request = { .token = token ? token : "", .label = arguments->operands[1] };
	struct ks_client_new_key key;
	struct ks_client_error error;
	uint8_t id[ID_MAX];

	if (!read_type(arguments->values[KS_TOKEN_TYPE], &request)) {
		ks_output_error(cli,
				"token keygen: --type is rsa:2048, rsa:3072, rsa:4096, p256, p384, p521 or ed25519");
		return KS_EXIT_USAGE;
	}
	if (!read_id(arguments->values[KS_TOKEN_ID], id, &request.object_id)) {
		ks_output_error(cli, "token keygen: --id is pairs of hexadecimal digits, such as 0a or 01:02");
		return KS_EXIT_USAGE;
	}
	if (request.label[0] == '\0') {
		ks_output_error(cli, "token keygen: a new key needs a name");
		return KS_EXIT_USAGE;
	}
	if (ks_client_token_keygen(&request, &key, &error) < 0)
		return ks_command_fail(cli, &error);
	return print_key(cli, arguments, &key);
}

/* --- remove ------------------------------------------------------------------------------------------------------ */

static enum ks_exit confirm(const struct ks_cli *cli, const struct ks_arguments *arguments,
			    const struct ks_msg_identity *identity, bool key)
{
	KS_AUTO_FREE char *name = ks_output_escape(identity->name);
	KS_AUTO_FREE char *token = ks_output_escape(identity->token);
	KS_AUTO_FREE char *type = ks_output_escape(identity->key_type);
	char question[1024];
	bool nobody;

	if (ks_arguments_has(arguments, KS_TOKEN_YES))
		return KS_EXIT_GOOD;
	if (key)
		(void)ks_text_print(
			question, sizeof(question),
			"Key \"%s\" (%s) and its certificates will be removed from token \"%s\"; nothing brings "
			"a key back. Remove it?",
			name ? name : "?", type ? type : "?", token ? token : "?");
	else
		(void)ks_text_print(
			question, sizeof(question),
			"The certificates of key \"%s\" will be removed; the key stays on token \"%s\". Remove "
			"them?",
			name ? name : "?", token ? token : "?");
	if (ks_question_yes(question, &nobody))
		return KS_EXIT_GOOD;
	ks_output_error(cli, "%s",
			nobody ? "nothing was removed: there is no terminal to ask whether that is meant; if so, "
				 "say --yes" :
				 "nothing was removed");
	return KS_EXIT_FAILED;
}

/* The person took their time: is it still the token that they were asked about? */
static enum ks_exit look_again(const struct ks_cli *cli, const struct ks_msg_identity *asked)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	struct ks_client_error error;
	char fingerprint[65];

	ks_text_hex(asked->spki_hash, fingerprint);
	if (ks_client_get(fingerprint, &found, &error) < 0)
		return ks_command_fail(cli, &error);
	const struct ks_msg_identity *now = &found->identity;
	if (ks_bytes_equal(now->token, asked->token) && ks_bytes_equal(now->module, asked->module) &&
	    ks_bytes_equal(now->uri, asked->uri))
		return KS_EXIT_GOOD;
	KS_AUTO_FREE char *before = ks_output_escape(asked->token);
	KS_AUTO_FREE char *after = ks_output_escape(now->token);
	ks_output_error(cli,
			"the key is not where it was when this was asked (token \"%s\" then, \"%s\" now); nothing was "
			"removed; run it again",
			before ? before : "?", after ? after : "?");
	return KS_EXIT_FAILED;
}

enum ks_exit ks_token_remove(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	struct ks_client_error error;
	bool key = !ks_arguments_has(arguments, KS_TOKEN_CERTIFICATE_ONLY);
	unsigned n_removed = 0, n_files = 0;

	if (ks_client_get(arguments->operands[1], &found, &error) < 0)
		return ks_command_fail(cli, &error);
	enum ks_exit result = confirm(cli, arguments, &found->identity, key);
	if (result == KS_EXIT_GOOD)
		result = look_again(cli, &found->identity);
	if (result != KS_EXIT_GOOD)
		return result;
	const struct ks_client_remove request = { .spki_hash = found->identity.spki_hash.data,
						  .key = key,
						  .certificates = true };
	if (ks_client_token_remove(&request, &n_removed, &error) < 0)
		return ks_command_fail(cli, &error);
	if (ks_token_overlay_remove(found, &n_files, &error) < 0)
		return ks_command_fail(cli, &error);
	KS_AUTO_FREE char *name = ks_output_escape(found->identity.name);
	KS_AUTO_FREE char *token = ks_output_escape(found->identity.token);
	if (n_removed == 0 && n_files == 0)
		(void)fprintf(cli->out, "Token \"%s\" has no certificate of key \"%s\".\n", token ? token : "?",
			      name ? name : "?");
	else
		(void)fprintf(cli->out,
			      "Removed %s of key \"%s\": %u object%s on token \"%s\", %u file%s of the agent.\n",
			      key ? "all" : "the certificates", name ? name : "?", n_removed, n_removed == 1 ? "" : "s",
			      token ? token : "?", n_files, n_files == 1 ? "" : "s");
	return KS_EXIT_GOOD;
}
