/* SPDX-License-Identifier: Apache-2.0 */
/* explanation: see explanation.h; the words. Runs in: keystay-explain. */
#include "explain/explanation.h"

#include <string.h>

#include "client/name.h"
#include "explain/phrase.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define NAME_SIZE 512

/* Some servers name every CA of the world. */
#define CA_NAMES_SHOWN 16

#define LINE_MAX_BYTES 80

const struct ks_link *ks_explanation_asker(const struct ks_explanation *explanation)
{
	if (explanation->link.n_requests > 0)
		return &explanation->link;
	return explanation->attempt.done && explanation->attempt.link.n_requests > 0 ? &explanation->attempt.link :
										       NULL;
}

bool ks_explanation_is_verified(const struct ks_explanation *explanation)
{
	return explanation->link.problem == X509_V_OK;
}

static void line(FILE *out, const char *label, const char *text)
{
	(void)fprintf(out, "%-13s %s\n", label, text);
}

/* --- the server -------------------------------------------------------------------------------------------------- */

static void print_certificate(const struct ks_explanation *explanation, FILE *out)
{
	X509 *leaf = SSL_get0_peer_certificate(explanation->link.ssl);
	const struct ks_explain_options *options = explanation->options;
	char subject[NAME_SIZE], issuer[NAME_SIZE], day[32], problem[512];

	if (!leaf) {
		line(out, "Certificate", "none");
		return;
	}
	ks_phrase_name(X509_get_subject_name(leaf), subject, sizeof(subject));
	ks_phrase_name(X509_get_issuer_name(leaf), issuer, sizeof(issuer));
	ks_phrase_day(X509_get0_notAfter(leaf), day, sizeof(day));
	line(out, "Certificate", subject);
	(void)fprintf(out, "%-13s issued by %s, valid until %s\n", "", issuer, day);
	if (ks_explanation_is_verified(explanation)) {
		(void)fprintf(out, "%-13s yes, for \"%s\"\n", "Verified", options->server_name);
		return;
	}
	ks_phrase_problem(explanation->link.problem, options->server_name, options->ca_file, problem, sizeof(problem));
	(void)fprintf(out, "%-13s NO: %s\n", "Verified", problem);
}

/* Several a line. */
static void print_schemes(const struct ks_best_asked *asked, FILE *out)
{
	bool is_tls13 = asked->tls_version == TLS1_3_VERSION;
	const char *label = "signed by";
	char words[96];
	size_t used = 0;

	for (size_t i = 0; i < asked->n_schemes; i++) {
		ks_phrase_scheme(asked->schemes[i], is_tls13, words, sizeof(words));
		if (used + strlen(words) > LINE_MAX_BYTES) {
			(void)fputs(",\n", out);
			used = 0;
		}
		if (used == 0)
			(void)fprintf(out, "%-13s %s", label, words);
		else
			(void)fprintf(out, ", %s", words);
		used += strlen(words) + 2;
		label = "";
	}
	if (asked->n_schemes > 0)
		(void)fputc('\n', out);
}

static void print_request(const struct ks_link *asker, FILE *out)
{
	const struct ks_best_asked *asked = &asker->asked.best;
	char name[NAME_SIZE];

	line(out, "Asks",
	     asker->asked_late ? "for a client certificate, after the handshake, for this path" :
				 "for a client certificate, in the handshake");
	for (size_t i = 0; i < asked->n_ca_names && i < CA_NAMES_SHOWN; i++) {
		const unsigned char *der = asked->ca_names[i].data;
		X509_NAME *ca_name = d2i_X509_NAME(NULL, &der, (long)asked->ca_names[i].size);
		(void)ks_text_print(name, sizeof(name), "?");
		if (ca_name)
			ks_phrase_name(ca_name, name, sizeof(name));
		X509_NAME_free(ca_name);
		line(out, i == 0 ? "of these CAs" : "", name);
	}
	if (asked->n_ca_names > CA_NAMES_SHOWN)
		(void)fprintf(out, "%-13s and %zu more (--json has all)\n", "", asked->n_ca_names - CA_NAMES_SHOWN);
	if (asked->n_ca_names == 0)
		line(out, "of these CAs", "any: the server names none");
	print_schemes(asked, out);
}

static void print_server(const struct ks_explanation *explanation, FILE *out)
{
	const struct ks_link *link = &explanation->link, *asker = ks_explanation_asker(explanation);
	const struct ks_target *target = &explanation->options->target;

	(void)fprintf(out, "%-13s %s port %s, %s, %s\n", "Server", target->host, target->port,
		      SSL_get_version(link->ssl), ks_link_cipher(link));
	print_certificate(explanation, out);
	if (asker) {
		print_request(asker, out);
		return;
	}
	line(out, "Asks", "for no client certificate in the handshake");
	if (explanation->attempt.done && explanation->options->path[0])
		line(out, "", "and for none after it, for this path");
	else
		line(out, "", "it may ask after it, once it knows what is wanted: give a URL with a path, and --try");
}

/* --- the keys ---------------------------------------------------------------------------------------------------- */

static const char *state_words(uint32_t state)
{
	return state == KS_TOKEN_LOCKED ? "; its token is locked, the PIN will be asked for" : "";
}

static void print_key(const struct ks_explain_key *key, int width, FILE *out)
{
	char name[128], scheme[64] = "", text[1024];
	const struct ks_client_policy *policy = &key->policy;

	ks_text_escape(ks_bytes_text(key->best.name), name, sizeof(name));
	ks_text_escape(ks_bytes_text(policy->text), text, sizeof(text));
	if (key->best.fault != KS_BEST_FITS) {
		(void)fprintf(out, "  %-*s  no   %s\n", width, name, key->best.reason);
		return;
	}
	if (policy->verdict == KS_VERDICT_DENY) {
		(void)fprintf(out, "  %-*s  no   by the rules: %s\n", width, name, text);
		return;
	}
	if (key->best.scheme)
		(void)ks_text_print(scheme, sizeof(scheme), "signs %s", key->best.scheme->name);
	(void)fprintf(out, "  %-*s  yes  %s%s%s%s\n", width, name, scheme[0] ? scheme : "fits",
		      state_words(key->identity->identity.state),
		      policy->verdict == KS_VERDICT_ASK ? "; by the rules: " : "",
		      policy->verdict == KS_VERDICT_ASK ? text : "");
}

static void print_keys(const struct ks_explanation *explanation, FILE *out)
{
	const struct ks_explain_keys *keys = &explanation->keys;
	size_t width = 3;

	if (keys->n == 0) {
		(void)fputs("\nThere is no key; see: keystay status\n", out);
		return;
	}
	for (size_t i = 0; i < keys->n; i++) {
		size_t size = strlen(keys->at[i].best.name);
		width = size > width ? size : width;
	}
	width = width > 40 ? 40 : width;
	(void)fprintf(out, "\n  %-*s  FITS\n", (int)width, "KEY");
	for (size_t i = 0; i < keys->n; i++)
		print_key(&keys->at[i], (int)width, out);
}

/* --- what would be sent ------------------------------------------------------------------------------------------ */

static bool is_named(const struct ks_best_asked *asked, const X509_NAME *name)
{
	const unsigned char *der;
	size_t size;

	if (X509_NAME_get0_der(name, &der, &size) != 1)
		return false;
	for (size_t i = 0; i < asked->n_ca_names; i++) {
		if (ks_name_equal(asked->ca_names[i], ks_bytes(der, size)))
			return true;
	}
	return false;
}

/* The end of the chain: does the server know that CA? A root is never sent, so what is missing cannot be told from a
 * root that is left out, but by what the server names. */
static void print_end(const struct ks_best_asked *asked, const X509 *last, bool found, FILE *out)
{
	char name[NAME_SIZE];
	const char *words = "which the server has to know; it names no CAs";

	if (asked && asked->n_ca_names > 0 && is_named(asked, X509_get_issuer_name(last)))
		words = "which the server names";
	else if (asked && asked->n_ca_names > 0 && found)
		words = "which need not be sent: the server names a CA below it";
	else if (asked && asked->n_ca_names > 0)
		words = "which the server does not name. If one of those CAs has issued it, its certificate is missing:"
			" put it (PEM) into certs/ beside keystay.conf, then run: keystay reload";
	ks_phrase_name(X509_get_issuer_name(last), name, sizeof(name));
	(void)fprintf(out, "%-13s issued by %s, %s\n", "", name, words);
}

static void print_chain(const struct ks_best_asked *asked, const struct ks_explain_key *key, FILE *out)
{
	struct ks_reader reader = ks_reader(key->identity->chain);
	struct ks_msg_certificate record;
	X509 *last = NULL;
	char name[NAME_SIZE];
	bool found = false;

	while (ks_record_read(&reader, KS_RECORD(certificate), &record, sizeof(record)) == 1) {
		const unsigned char *der = record.der.data;
		X509 *certificate = d2i_X509(NULL, &der, (long)record.der.size);
		if (!certificate)
			continue;
		ks_phrase_name(X509_get_subject_name(certificate), name, sizeof(name));
		line(out, last ? "" : "Would send", name);
		found = found || (asked && is_named(asked, X509_get_issuer_name(certificate)));
		X509_free(last);
		last = certificate;
	}
	if (last)
		print_end(asked, last, found, out);
	X509_free(last);
}

static void print_choice(const struct ks_explanation *explanation, FILE *out)
{
	const struct ks_explain_key *key = ks_explain_keys_chosen(&explanation->keys);
	const struct ks_link *asker = ks_explanation_asker(explanation);
	char name[128];

	(void)fputs("\n", out);
	if (!key) {
		line(out, "Best", asker ? "none of the keys fits" : "no key could be used");
		return;
	}
	ks_text_escape(ks_bytes_text(key->best.name), name, sizeof(name));
	line(out, explanation->keys.wanted ? "Key" : "Best", name);
	print_chain(asker ? &asker->asked.best : NULL, key, out);
}

static void print_attempt(const struct ks_explanation *explanation, FILE *out)
{
	const struct ks_attempt *attempt = &explanation->attempt;
	char key[128];

	if (!attempt->done)
		return;
	ks_text_escape(ks_bytes_text(attempt->key), key, sizeof(key));
	(void)fprintf(out, "\n%-13s %s%s\n", "Tried", attempt->key[0] ? "with " : "without a client certificate",
		      attempt->key[0] ? key : "");
	if (!attempt->good)
		line(out, "Refused", attempt->why);
	else if (attempt->status[0])
		line(out, "Answer", attempt->status);
	else
		line(out, "Answer", "the handshake is good; what HTTP says is seen with a path: https://HOST/PATH");
}

void ks_explanation_print(const struct ks_explanation *explanation, FILE *out)
{
	print_server(explanation, out);
	if (!explanation->has_keys)
		return;
	print_keys(explanation, out);
	print_choice(explanation, out);
	print_attempt(explanation, out);
}
