/* SPDX-License-Identifier: Apache-2.0 */
/* explanation_json: see explanation.h; the same for programs. Runs in: keystay-explain. */
#include "explain/explanation.h"

#include <jansson.h>
#include <string.h>

#include "explain/phrase.h"
#include "lib/base/text.h"

#define NAME_SIZE 1024

/* Takes value in any case. When memory runs out *object becomes NULL and stays so. */
static void put(json_t **object, const char *key, json_t *value)
{
	if (json_object_set_new(*object, key, value) == 0)
		return;
	json_decref(*object);
	*object = NULL;
}

/* Of text that may be cut within a character. */
static json_t *text_of(const char *text)
{
	char shown[2048];
	json_t *value = json_string(text);

	if (value)
		return value;
	ks_text_escape(ks_bytes_text(text), shown, sizeof(shown));
	return json_string(shown);
}

static json_t *name_of(const X509_NAME *name)
{
	char text[NAME_SIZE];

	ks_phrase_name(name, text, sizeof(text));
	return text_of(text);
}

static json_t *certificate_of(const struct ks_explanation *explanation)
{
	X509 *leaf = SSL_get0_peer_certificate(explanation->link.ssl);
	const struct ks_explain_options *options = explanation->options;
	char text[512];

	if (!leaf)
		return json_null();
	json_t *object = json_object();
	put(&object, "subject", name_of(X509_get_subject_name(leaf)));
	put(&object, "issuer", name_of(X509_get_issuer_name(leaf)));
	ks_phrase_day(X509_get0_notAfter(leaf), text, sizeof(text));
	put(&object, "valid_until", text_of(text));
	put(&object, "verified", json_boolean(ks_explanation_is_verified(explanation)));
	if (!ks_explanation_is_verified(explanation)) {
		ks_phrase_problem(explanation->link.problem, options->server_name, options->ca_file, text,
				  sizeof(text));
		put(&object, "problem", text_of(text));
	}
	return object;
}

static json_t *request_of(const struct ks_link *asker)
{
	json_t *object = json_object(), *names = json_array(), *schemes = json_array();
	char scheme[32];

	for (size_t i = 0; asker && i < asker->asked.best.n_ca_names; i++) {
		const unsigned char *der = asker->asked.best.ca_names[i].data;
		X509_NAME *name = d2i_X509_NAME(NULL, &der, (long)asker->asked.best.ca_names[i].size);
		if (name)
			(void)json_array_append_new(names, name_of(name));
		X509_NAME_free(name);
	}
	for (size_t i = 0; asker && i < asker->asked.best.n_schemes; i++) {
		ks_best_scheme_name(asker->asked.best.schemes[i], scheme, sizeof(scheme));
		(void)json_array_append_new(schemes, json_string(scheme));
	}
	put(&object, "asked", json_boolean(asker != NULL));
	put(&object, "after_handshake", json_boolean(asker && asker->asked_late));
	put(&object, "ca_names", names);
	put(&object, "schemes", schemes);
	return object;
}

static const char *verdict_word(enum ks_verdict verdict)
{
	return verdict == KS_VERDICT_ALLOW ? "allow" : verdict == KS_VERDICT_ASK ? "ask" : "deny";
}

static json_t *key_of(const struct ks_explain_key *key)
{
	json_t *object = json_object(), *rules = json_object();

	put(&object, "name", text_of(key->best.name));
	put(&object, "fits", json_boolean(key->best.fault == KS_BEST_FITS));
	put(&object, "usable", json_boolean(ks_explain_key_is_good(key)));
	put(&object, "fault",
	    key->best.fault == KS_BEST_FITS ? json_null() : json_string(ks_best_word(key->best.fault)));
	put(&object, "reason", text_of(key->best.reason));
	put(&object, "scheme", key->best.scheme ? json_string(key->best.scheme->name) : json_null());
	put(&rules, "verdict", json_string(verdict_word(key->policy.verdict)));
	put(&rules, "text", text_of(key->policy.text));
	put(&rules, "rule", text_of(key->policy.rule));
	put(&object, "rules", rules);
	return object;
}

static json_t *chain_of(const struct ks_explain_key *key)
{
	struct ks_reader reader = ks_reader(key->identity->chain);
	struct ks_msg_certificate record;
	json_t *chain = json_array();

	while (ks_record_read(&reader, KS_RECORD(certificate), &record, sizeof(record)) == 1) {
		const unsigned char *der = record.der.data;
		X509 *certificate = d2i_X509(NULL, &der, (long)record.der.size);
		json_t *object = json_object();
		if (certificate) {
			put(&object, "subject", name_of(X509_get_subject_name(certificate)));
			put(&object, "issuer", name_of(X509_get_issuer_name(certificate)));
		}
		(void)json_array_append_new(chain, object);
		X509_free(certificate);
	}
	return chain;
}

static json_t *attempt_of(const struct ks_attempt *attempt)
{
	json_t *object = json_object();

	put(&object, "key", attempt->key[0] ? text_of(attempt->key) : json_null());
	put(&object, "good", json_boolean(attempt->good));
	put(&object, "why", text_of(attempt->good ? "" : attempt->why));
	put(&object, "alert", attempt->link.alert >= 0 ? json_integer(attempt->link.alert) : json_null());
	put(&object, "http_status", attempt->http_status ? json_integer(attempt->http_status) : json_null());
	return object;
}

static json_t *server_of(const struct ks_explanation *explanation)
{
	const struct ks_explain_options *options = explanation->options;
	json_t *object = json_object();

	put(&object, "host", text_of(options->target.host));
	put(&object, "port", text_of(options->target.port));
	put(&object, "name", text_of(options->server_name));
	put(&object, "tls", json_string(SSL_get_version(explanation->link.ssl)));
	put(&object, "cipher", json_string(ks_link_cipher(&explanation->link)));
	put(&object, "certificate", certificate_of(explanation));
	return object;
}

int ks_explanation_print_json(const struct ks_explanation *explanation, FILE *out)
{
	json_t *object = json_object(), *keys = json_array();
	const struct ks_explain_key *chosen = explanation->has_keys ? ks_explain_keys_chosen(&explanation->keys) : NULL;

	for (size_t i = 0; explanation->has_keys && i < explanation->keys.n; i++)
		(void)json_array_append_new(keys, key_of(&explanation->keys.at[i]));
	put(&object, "server", server_of(explanation));
	put(&object, "request", request_of(ks_explanation_asker(explanation)));
	put(&object, "keys", keys);
	put(&object, "chosen", chosen ? text_of(chosen->best.name) : json_null());
	put(&object, "chain", chosen ? chain_of(chosen) : json_array());
	put(&object, "attempt", explanation->attempt.done ? attempt_of(&explanation->attempt) : json_null());
	if (!object)
		return KS_ERR_NO_MEMORY;
	int r = json_dumpf(object, out, JSON_INDENT(2));
	json_decref(object);
	return r == 0 && fputc('\n', out) != EOF ? 0 : KS_ERR_SYSTEM;
}
