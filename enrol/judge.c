/* SPDX-License-Identifier: Apache-2.0 */
/* judge: see judge.h. Runs in: keystay-enroll. */
#include "enrol/judge.h"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

#include "enrol/console.h"
#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/spki.h"
#include "lib/tls/certificate.h"

#define SHOWN_MAX 200

/* So that a certificate of the same life ends after the old one, and not in the second before. */
#define LATER_S 60u

/* Certificates that are owned here. */
struct set {
	struct ks_certificate *certificates[KS_ENROL_CERTIFICATES_MAX];
	size_t n;
};

static void set_deinit(struct set *set)
{
	for (size_t i = 0; i < set->n; i++)
		ks_certificate_unref(set->certificates[i]);
	set->n = 0;
}

void ks_judgement_deinit(struct ks_judgement *judgement)
{
	ks_buffer_deinit(&judgement->chain);
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

/* Takes certificate (also as the callback of ks_certificate_read_pem()). */
static int set_add(struct ks_certificate *certificate, void *userdata)
{
	struct set *set = userdata;

	if (set->n == KS_ENROL_CERTIFICATES_MAX) {
		ks_certificate_unref(certificate);
		return KS_ERR_LIMIT;
	}
	set->certificates[set->n++] = certificate;
	return 0;
}

static int set_read(struct set *set, struct ks_bytes ders)
{
	struct ks_reader reader = ks_reader(ders);

	while (ks_reader_left(&reader) > 0) {
		struct ks_bytes der = ks_der_take_any(&reader, NULL);
		struct ks_certificate *certificate;
		if (!ks_reader_ok(&reader))
			return KS_ERR_MALFORMED;
		int r = ks_certificate_new(der, &certificate);
		if (r == 0)
			r = set_add(certificate, set);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_answer(struct set *set, struct ks_bytes ders, struct ks_enrol_problem *problem)
{
	int r = set_read(set, ders);

	if (r == KS_ERR_LIMIT)
		return ks_enrol_problem_final(problem, r, "the CA answered with more than %u certificates",
					      KS_ENROL_CERTIFICATES_MAX);
	if (r < 0)
		return ks_enrol_problem_final(problem, r, "what the CA answered is no certificate that can be read");
	if (set->n == 0)
		return ks_enrol_problem_final(problem, KS_ERR_NO_CERTIFICATE, "the CA answered without a certificate");
	return 0;
}

static int read_issued_by(struct set *set, const struct ks_profile *profile, struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *text = NULL;
	char shown[256];
	size_t size = 0;

	int r = ks_path_read_file(profile->issued_by, KS_CERTIFICATE_FILE_MAX, &text, &size);
	if (r == 0)
		r = ks_certificate_read_pem(ks_bytes(text, size), set_add, set);
	if (r > 0)
		return 0;
	ks_text_escape(ks_bytes_text(profile->issued_by), shown, sizeof(shown));
	return ks_enrol_problem_final(problem, r < 0 ? r : KS_ERR_CONFIG,
				      "%s: issued-by of profile \"%s\" names %s, which cannot be used: %s",
				      profile->origin, profile->name, shown,
				      r < 0 ? ks_error_text(r) : "it holds no certificate in PEM");
}

/* --- which one --------------------------------------------------------------------------------------------------- */

static bool has_key(const struct ks_certificate *certificate, const struct ks_spki *key)
{
	struct ks_spki own;

	return ks_spki_read(ks_certificate_spki(certificate), &own) == 0 && ks_spki_same_key(&own, key);
}

static int choose(const struct ks_judge_case *judged, const struct set *answer, struct ks_certificate **ret_leaf,
		  struct ks_enrol_problem *problem)
{
	struct ks_certificate *leaf = NULL;
	struct ks_spki key;

	int r = ks_spki_read(judged->spki, &key);
	if (r < 0)
		return ks_enrol_problem_final(problem, r, "the key is of no type that can be enrolled: %s",
					      ks_error_text(r));
	for (size_t i = 0; i < answer->n; i++) {
		struct ks_certificate *other = answer->certificates[i];
		if (has_key(other, &key) &&
		    (!leaf || ks_certificate_not_before(other) > ks_certificate_not_before(leaf)))
			leaf = other;
	}
	if (!leaf)
		return ks_enrol_problem_final(
			problem, KS_ERR_NO_CERTIFICATE,
			"the CA answered with a certificate of another key (%.*s); nothing was installed. It must "
			"sign the request as it is, with the key that is in it",
			SHOWN_MAX, ks_certificate_subject(answer->certificates[0]));
	*ret_leaf = leaf;
	return 0;
}

/* --- from whom --------------------------------------------------------------------------------------------------- */

/* Whoever gave it, of those that are there. NULL: none. */
static struct ks_certificate *issuer_of(const struct ks_certificate *certificate, const struct set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		if (set->certificates[i] != certificate && ks_certificate_issued_by(certificate, set->certificates[i]))
			return set->certificates[i];
	}
	return NULL;
}

/* Is there a certificate by the name of its issuer that did not issue it? */
static bool is_contradicted(const struct ks_certificate *leaf, const struct set *answer)
{
	for (size_t i = 0; i < answer->n; i++) {
		const struct ks_certificate *other = answer->certificates[i];
		if (other != leaf && strcmp(ks_certificate_subject(other), ks_certificate_issuer(leaf)) == 0)
			return !issuer_of(leaf, answer);
	}
	return false;
}

static int put_links(const struct ks_certificate *leaf, const struct set *answer, struct ks_judgement *judgement)
{
	const struct ks_certificate *link = leaf;

	for (size_t i = 0; link && i < KS_CHAIN_MAX && (i == 0 || !ks_certificate_is_self_signed(link)); i++) {
		ks_buffer_put(&judgement->chain, ks_certificate_der(link));
		link = issuer_of(link, answer);
	}
	return ks_buffer_error(&judgement->chain);
}

static int put_chain(STACK_OF(X509) * chain, struct ks_judgement *judgement)
{
	int n = sk_X509_num(chain);

	for (int i = 0; i < n && i < (int)KS_CHAIN_MAX; i++) {
		X509 *link = sk_X509_value(chain, i);
		unsigned char *der = NULL;
		if (i > 0 && (X509_get_extension_flags(link) & EXFLAG_SS))
			break; /* a root: servers have it */
		int size = i2d_X509(link, &der);
		if (size <= 0)
			return KS_ERR_NO_MEMORY;
		ks_buffer_put(&judgement->chain, ks_bytes(der, (size_t)size));
		OPENSSL_free(der);
	}
	return ks_buffer_error(&judgement->chain);
}

/* A CA that is not trusted by the machine may be by the profile, so anchors need not be roots. Purposes are judged by
 * themselves, with a clearer sentence. */
static int verify(X509_STORE_CTX *context, X509_STORE *store, struct ks_certificate *leaf, STACK_OF(X509) * others,
		  uint64_t now)
{
	uint64_t not_before = (uint64_t)ks_certificate_not_before(leaf);

	if (X509_STORE_CTX_init(context, store, ks_certificate_x509(leaf), others) != 1)
		return KS_ERR_NO_MEMORY;
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
	/* One that holds only from tomorrow on is judged as of then. */
	X509_VERIFY_PARAM_set_time(param, (time_t)(not_before > now ? not_before : now));
	(void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_depth(param, (int)KS_CHAIN_MAX);
	return X509_verify_cert(context) == 1 ? 0 : KS_ERR_DENIED;
}

static int fill(X509_STORE *store, STACK_OF(X509) * others, const struct set *anchors, const struct set *answer)
{
	if (!store || !others)
		return KS_ERR_NO_MEMORY;
	for (size_t i = 0; i < anchors->n; i++) {
		if (X509_STORE_add_cert(store, ks_certificate_x509(anchors->certificates[i])) != 1)
			return KS_ERR_NO_MEMORY;
	}
	for (size_t i = 0; i < answer->n; i++) {
		if (sk_X509_push(others, ks_certificate_x509(answer->certificates[i])) == 0)
			return KS_ERR_NO_MEMORY;
	}
	return 0;
}

static int say_untrusted(const struct ks_judge_case *judged, const struct ks_certificate *leaf, int error,
			 struct ks_enrol_problem *problem)
{
	const char *whose = judged->profile->issued_by ? "issued-by" : "the CA certificates that the server gave";

	return ks_enrol_problem_final(problem, KS_ERR_DENIED,
				      "the new certificate was issued by \"%.*s\", which does not lead to a CA of %s "
				      "(%s); nothing was installed",
				      SHOWN_MAX, ks_certificate_issuer(leaf), whose,
				      X509_verify_cert_error_string(error));
}

static int verify_issuer(const struct ks_judge_case *judged, struct ks_certificate *leaf, const struct set *anchors,
			 const struct set *answer, struct ks_judgement *judgement, struct ks_enrol_problem *problem)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	STACK_OF(X509) *others = sk_X509_new_null();

	int r = context ? fill(store, others, anchors, answer) : KS_ERR_NO_MEMORY;
	if (r == 0)
		r = verify(context, store, leaf, others, judged->now);
	if (r == 0)
		r = put_chain(X509_STORE_CTX_get0_chain(context), judgement);
	if (r == KS_ERR_DENIED)
		(void)say_untrusted(judged, leaf, X509_STORE_CTX_get_error(context), problem);
	else if (r < 0)
		(void)ks_enrol_problem_set(problem, r, "the new certificate cannot be verified: %s", ks_error_text(r));
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	sk_X509_free(others);
	return r;
}

/* Nobody said which CA: then whoever gave the answer must have been verified. */
static int take_on_trust(const struct ks_judge_case *judged, const struct ks_certificate *leaf,
			 const struct set *answer, struct ks_judgement *judgement, struct ks_enrol_problem *problem)
{
	const struct ks_profile *profile = judged->profile;
	bool vouched = !profile->url || strncasecmp(profile->url, "https://", strlen("https://")) == 0;

	if (!vouched)
		return ks_enrol_problem_final(problem, KS_ERR_RULE_UNPROVABLE,
					      "nobody says which CA the new certificate must come from, and the server "
					      "was not verified; give profile \"%s\" issued-by (%s)",
					      profile->name, profile->origin);
	if (is_contradicted(leaf, answer))
		return ks_enrol_problem_final(problem, KS_ERR_DENIED,
					      "the CA certificate \"%.*s\" in the answer did not issue the new "
					      "certificate; nothing was installed",
					      SHOWN_MAX, ks_certificate_issuer(leaf));
	int r = put_links(leaf, answer, judgement);
	return r < 0 ? ks_enrol_problem_set(problem, r, "the new certificate cannot be kept: %s", ks_error_text(r)) : 0;
}

static int judge_issuer(const struct ks_judge_case *judged, struct ks_certificate *leaf, const struct set *answer,
			struct ks_judgement *judgement, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(set_deinit) struct set anchors = { .n = 0 };
	int r = 0;

	if (judged->profile->issued_by)
		r = read_issued_by(&anchors, judged->profile, problem);
	else if (set_read(&anchors, judged->anchors) < 0)
		r = ks_enrol_problem_final(problem, KS_ERR_MALFORMED,
					   "the CA certificates that the server gave cannot be read");
	if (r < 0)
		return r;
	return anchors.n > 0 ? verify_issuer(judged, leaf, &anchors, answer, judgement, problem) :
			       take_on_trust(judged, leaf, answer, judgement, problem);
}

/* --- what for, and until when ------------------------------------------------------------------------------------ */

static int judge_use(struct ks_certificate *leaf, struct ks_enrol_problem *problem)
{
	/* RFC 5280 section 4.2.1.3: a key that signs handshakes. UINT32_MAX where nothing is said. */
	uint32_t usage = X509_get_key_usage(ks_certificate_x509(leaf));

	if (X509_get_extension_flags(ks_certificate_x509(leaf)) & EXFLAG_CA)
		return ks_enrol_problem_final(problem, KS_ERR_DENIED,
					      "the new certificate is one of a CA; nothing was installed");
	if (!ks_certificate_allows(leaf, "clientAuth"))
		return ks_enrol_problem_final(
			problem, KS_ERR_DENIED,
			"the new certificate is not for TLS clients: its extended key usage lacks "
			"clientAuth. The CA's template or profile must allow it");
	if (!(usage & KU_DIGITAL_SIGNATURE))
		return ks_enrol_problem_final(problem, KS_ERR_DENIED,
					      "the new certificate may not sign TLS handshakes: its key usage lacks "
					      "digitalSignature. The CA's template or profile must allow it");
	if (ks_certificate_der(leaf).size > KS_CERTIFICATE_MAX)
		return ks_enrol_problem_final(problem, KS_ERR_TOO_LARGE, "the new certificate is larger than %u bytes",
					      KS_CERTIFICATE_MAX);
	return 0;
}

static int judge_dates(const struct ks_judge_case *judged, const struct ks_certificate *leaf,
		       struct ks_enrol_problem *problem)
{
	int64_t begin = ks_certificate_not_before(leaf);
	int64_t end = ks_certificate_not_after(leaf);
	int64_t now = (int64_t)judged->now;
	char when[KS_CONSOLE_TIME_MAX];

	if (ks_bytes_equal(ks_certificate_der(leaf), judged->old))
		return ks_enrol_problem_set(problem, KS_ERR_CHANGED,
					    "the CA answered with the certificate that is there already");
	if (end <= now || end <= begin) {
		ks_console_time((uint64_t)(end > 0 ? end : 0), judged->now, when);
		return ks_enrol_problem_set(
			problem, KS_ERR_DENIED,
			"the new certificate has expired already (%s); is the clock right, here and "
			"at the CA?",
			when);
	}
	if (begin > now + (int64_t)KS_ENROL_EARLY_MAX_S) {
		ks_console_time((uint64_t)begin, judged->now, when);
		return ks_enrol_problem_set(
			problem, KS_ERR_DENIED,
			"the new certificate holds only from %s on; is the clock right, here and at "
			"the CA?",
			when);
	}
	if (end < (int64_t)judged->old_not_after) {
		ks_console_time((uint64_t)end, judged->now, when);
		(void)ks_enrol_problem_set(problem, KS_ERR_DENIED,
					   "the new certificate ends on %s, before the one that is there; nothing was "
					   "installed. To take it all the same: keystay renew NAME --force",
					   when);
		/* A CA that gives shorter ones by now is not asked each hour until then. */
		problem->later = judged->now + judged->old_not_after - (uint64_t)end + LATER_S;
		return KS_ERR_DENIED;
	}
	return 0;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

int ks_judge(const struct ks_judge_case *judged, struct ks_judgement *ret_judgement, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_judgement_deinit) struct ks_judgement judgement = { .not_before = 0 };
	KS_CLEANUP(set_deinit) struct set answer = { .n = 0 };
	struct ks_certificate *leaf = NULL;

	int r = read_answer(&answer, judged->certificates, problem);
	if (r == 0)
		r = choose(judged, &answer, &leaf, problem);
	if (r == 0)
		r = judge_use(leaf, problem);
	if (r == 0)
		r = judge_dates(judged, leaf, problem);
	if (r == 0)
		r = judge_issuer(judged, leaf, &answer, &judgement, problem);
	if (r < 0)
		return r;
	judgement.not_before = (uint64_t)ks_certificate_not_before(leaf);
	judgement.not_after = (uint64_t)ks_certificate_not_after(leaf);
	(void)ks_text_print(judgement.subject, sizeof(judgement.subject), "%s", ks_certificate_subject(leaf));
	*ret_judgement = judgement;
	judgement.chain = (struct ks_buffer){ 0 };
	return 0;
}
