/* SPDX-License-Identifier: Apache-2.0 */
/* best: see best.h. Runs in: keystay and, by the plug-ins, any program. */
#include "client/best.h"

#include <string.h>
#include <time.h>

#include "client/name.h"
#include "client/x509.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define DAY_S ((uint64_t)86400)
#define SOON_S (30 * DAY_S)

#define TLS12 0x0303
#define TLS13 0x0304

/* So many are named in a reason; the rest is counted. */
#define NAMED_MAX 3

/* --- words ------------------------------------------------------------------------------------------------------- */

const char *ks_best_word(enum ks_best_fault fault)
{
	static const char *const words[] = {
		[KS_BEST_FITS] = "fits",           [KS_BEST_NO_CERTIFICATE] = "no-certificate",
		[KS_BEST_REVOKED] = "revoked",     [KS_BEST_EXPIRED] = "expired",
		[KS_BEST_EARLY] = "not-yet-valid", [KS_BEST_STATUS] = "revocation",
		[KS_BEST_PURPOSE] = "purpose",     [KS_BEST_ISSUER] = "issuer",
		[KS_BEST_KEY_TYPE] = "key-type",   [KS_BEST_PSS] = "no-pss",
		[KS_BEST_TOKEN] = "token",
	};
	return words[fault];
}

void ks_best_scheme_name(uint16_t code, char *out, size_t size)
{
	const struct ks_scheme *scheme = ks_scheme_find(code);

	if (scheme)
		(void)ks_text_print(out, size, "%s", scheme->name);
	else
		(void)ks_text_print(out, size, "0x%04x", (unsigned)code);
}

/* Appends to text, cut to size. */
static void append(char *text, size_t size, const char *more)
{
	size_t used = strlen(text);

	(void)ks_text_print(text + used, size - used, "%s", more);
}

/* ", " or " and 5 more", before and after the i-th of n. False: it is not named any more. */
static bool append_between(char *text, size_t size, size_t i, size_t n)
{
	char more[40];

	if (i < NAMED_MAX) {
		append(text, size, i > 0 ? ", " : "");
		return true;
	}
	(void)ks_text_print(more, sizeof(more), " and %zu more", n - NAMED_MAX);
	append(text, size, more);
	return false;
}

static void append_schemes(char *text, size_t size, const struct ks_best_asked *asked)
{
	char name[32];

	for (size_t i = 0; i < asked->n_schemes && append_between(text, size, i, asked->n_schemes); i++) {
		ks_best_scheme_name(asked->schemes[i], name, sizeof(name));
		append(text, size, name);
	}
}

static void append_names(char *text, size_t size, const struct ks_best_asked *asked)
{
	char shown[80];

	for (size_t i = 0; i < asked->n_ca_names && append_between(text, size, i, asked->n_ca_names); i++) {
		KS_AUTO_FREE char *label = ks_name_label(asked->ca_names[i]);
		ks_text_escape(ks_bytes_text(label ? label : "?"), shown, sizeof(shown));
		append(text, size, "\"");
		append(text, size, shown);
		append(text, size, "\"");
	}
}

/* The day, in UTC: localtime(3) would touch what belongs to the host. */
static void print_day(uint64_t seconds, char *out, size_t size)
{
	static const uint64_t year_9999 = 253402300799; /* the last that certificates can name (RFC 5280) */
	time_t when = (time_t)(seconds < year_9999 ? seconds : year_9999);
	struct tm parts;

	if (!gmtime_r(&when, &parts) || strftime(out, size, "%Y-%m-%d", &parts) == 0)
		(void)ks_text_print(out, size, "an unknown day");
}

/* --- one after the other ----------------------------------------------------------------------------------------- */

static enum ks_best_fault judge_dates(const struct ks_msg_identity *identity, uint64_t now_s, char *reason, size_t size)
{
	char day[32];

	if (now_s > identity->not_after) {
		print_day(identity->not_after, day, sizeof(day));
		(void)ks_text_print(reason, size, "its certificate expired on %s", day);
		return KS_BEST_EXPIRED;
	}
	if (now_s + KS_CLOCK_SKEW_S < identity->not_before) { /* as the agent has it (agent/standing.c) */
		print_day(identity->not_before, day, sizeof(day));
		(void)ks_text_print(reason, size, "its certificate is not valid before %s", day);
		return KS_BEST_EARLY;
	}
	return KS_BEST_FITS;
}

static enum ks_best_fault judge_certificate(const struct ks_msg_identity *identity, uint64_t now_s, char *reason,
					    size_t size)
{
	if (identity->n_certificates == 0) {
		(void)ks_text_print(reason, size, "it has no certificate");
		return KS_BEST_NO_CERTIFICATE;
	}
	if (identity->revoked) {
		(void)ks_text_print(reason, size, "its certificate was revoked");
		return KS_BEST_REVOKED;
	}
	enum ks_best_fault fault = judge_dates(identity, now_s, reason, size);
	if (fault == KS_BEST_FITS && identity->unproven_refused) {
		(void)ks_text_print(reason, size,
				    "its CA does not say that its certificate is good, and revocation = require");
		return KS_BEST_STATUS;
	}
	if (fault == KS_BEST_FITS && !identity->client_auth) {
		(void)ks_text_print(reason, size,
				    "its certificate is not for TLS clients (key usage and extended key usage)");
		return KS_BEST_PURPOSE;
	}
	return fault;
}

/* RFC 8446 section 4.2.4: the names are of roots or of issuers below them; so any certificate of the chain may be
 * issued by one of them. ret_last: the issuer at which the chain ends, borrowed. */
static bool is_accepted(struct ks_bytes chain, const struct ks_best_asked *asked, struct ks_bytes *ret_last)
{
	struct ks_reader reader = ks_reader(chain);
	struct ks_msg_certificate record;
	struct ks_x509 certificate;

	*ret_last = KS_BYTES_NONE;
	while (ks_record_read(&reader, KS_RECORD(certificate), &record, sizeof(record)) == 1) {
		if (ks_x509_read(record.der, &certificate) < 0)
			continue;
		*ret_last = certificate.issuer;
		for (size_t i = 0; i < asked->n_ca_names; i++) {
			if (ks_name_equal(certificate.issuer, asked->ca_names[i]))
				return true;
		}
	}
	return false;
}

static enum ks_best_fault judge_issuer(struct ks_bytes chain, const struct ks_best_asked *asked, char *reason,
				       size_t size)
{
	struct ks_bytes last;
	char shown[80];

	if (asked->n_ca_names == 0 || is_accepted(chain, asked, &last))
		return KS_BEST_FITS;
	KS_AUTO_FREE char *label = ks_name_label(last);
	ks_text_escape(ks_bytes_text(label ? label : "?"), shown, sizeof(shown));
	(void)ks_text_print(reason, size, "its chain ends at the CA \"%s\", but the server asks for ", shown);
	append_names(reason, size, asked);
	return KS_BEST_ISSUER;
}

static bool fits_version(const struct ks_scheme *scheme, const struct ks_spki *spki, uint16_t version)
{
	return (version != TLS12 && ks_scheme_fits(scheme, spki, true)) ||
	       (version != TLS13 && ks_scheme_fits(scheme, spki, false));
}

/* An RSA key before a server that would take it for an older kind of signature. */
static bool is_pss_alone_missing(const struct ks_spki *spki, const struct ks_best_asked *asked)
{
	if (spki->algorithm != KS_KEY_RSA || asked->tls_version != TLS13)
		return false;
	for (size_t i = 0; i < asked->n_schemes; i++) {
		const struct ks_scheme *scheme = ks_scheme_find(asked->schemes[i]);
		if (scheme && scheme->signing == KS_SIGNING_RSA_PKCS1)
			return true;
	}
	return false;
}

/* Its token was asked for one, and could not. */
static bool is_pss_impossible(const struct ks_msg_identity *identity, const struct ks_scheme *scheme)
{
	return identity->no_pss && scheme->signing == KS_SIGNING_RSA_PSS;
}

static bool is_any_pss_offered(const struct ks_spki *spki, const struct ks_best_asked *asked)
{
	for (size_t i = 0; i < asked->n_schemes; i++) {
		const struct ks_scheme *scheme = ks_scheme_find(asked->schemes[i]);
		if (scheme && scheme->signing == KS_SIGNING_RSA_PSS && fits_version(scheme, spki, asked->tls_version))
			return true;
	}
	return false;
}

static enum ks_best_fault judge_key(const struct ks_msg_identity *identity, const struct ks_best_asked *asked,
				    struct ks_best *verdict)
{
	struct ks_spki spki;
	char type[40];

	ks_text_escape(identity->key_type, type, sizeof(type));
	if (ks_spki_read(identity->spki, &spki) < 0) {
		(void)ks_text_print(verdict->reason, sizeof(verdict->reason), "its key is of a type unknown here (%s)",
				    type);
		return KS_BEST_KEY_TYPE;
	}
	for (size_t i = 0; i < asked->n_schemes; i++) {
		const struct ks_scheme *scheme = ks_scheme_find(asked->schemes[i]);
		if (scheme && fits_version(scheme, &spki, asked->tls_version) && !is_pss_impossible(identity, scheme)) {
			verdict->scheme = scheme;
			verdict->place = i;
			return KS_BEST_FITS;
		}
	}
	if (asked->n_schemes == 0)
		return KS_BEST_FITS;
	if (identity->no_pss && is_any_pss_offered(&spki, asked)) {
		(void)ks_text_print(verdict->reason, sizeof(verdict->reason),
				    "its token cannot make RSA-PSS signatures, and the server takes no others of it");
		return KS_BEST_PSS;
	}
	if (is_pss_alone_missing(&spki, asked)) {
		(void)ks_text_print(
			verdict->reason, sizeof(verdict->reason),
			"TLS 1.3 takes RSA-PSS signatures alone of RSA keys, and the server does not offer RSA-PSS");
		return KS_BEST_PSS;
	}
	(void)ks_text_print(verdict->reason, sizeof(verdict->reason),
			    "the server takes no signature of a %s key, only ", type);
	append_schemes(verdict->reason, sizeof(verdict->reason), asked);
	return KS_BEST_KEY_TYPE;
}

static enum ks_best_fault judge_token(const struct ks_msg_identity *identity, char *reason, size_t size)
{
	if (identity->state != KS_TOKEN_ABSENT && identity->state != KS_TOKEN_BLOCKED)
		return KS_BEST_FITS;
	(void)ks_text_print(reason, size, "%s",
			    identity->state == KS_TOKEN_ABSENT ? "its token is not here" :
								 "its token has blocked the PIN");
	return KS_BEST_TOKEN;
}

/* The last month, or the last third of a life that is shorter than three months (cli/words.h has the same). */
static bool ends_soon(const struct ks_msg_identity *identity, uint64_t now_s)
{
	if (identity->not_after < now_s || identity->not_after < identity->not_before)
		return true;
	uint64_t third = (identity->not_after - identity->not_before) / 3;
	return identity->not_after - now_s < (third < SOON_S ? third : SOON_S);
}

void ks_best_judge(const struct ks_msg_identity *identity, struct ks_bytes chain, const struct ks_best_asked *asked,
		   struct ks_best *ret_verdict)
{
	struct ks_best verdict = {
		.ends_soon = ends_soon(identity, asked->now_s),
		.rank = identity->rank,
		.not_before = identity->not_before,
		.not_after = identity->not_after,
	};
	size_t size = sizeof(verdict.reason);

	(void)ks_text_print(verdict.name, sizeof(verdict.name), "%.*s", (int)identity->name.size,
			    (const char *)identity->name.data);
	verdict.fault = judge_certificate(identity, asked->now_s, verdict.reason, size);
	if (verdict.fault == KS_BEST_FITS)
		verdict.fault = judge_issuer(chain, asked, verdict.reason, size);
	if (verdict.fault == KS_BEST_FITS)
		verdict.fault = judge_key(identity, asked, &verdict);
	if (verdict.fault == KS_BEST_FITS)
		verdict.fault = judge_token(identity, verdict.reason, size);
	*ret_verdict = verdict;
}

/* --- several ----------------------------------------------------------------------------------------------------- */

static int by_number(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b ? 1 : 0;
}

int ks_best_compare(const void *a, const void *b)
{
	const struct ks_best *left = a, *right = b;
	const int orders[] = {
		by_number(left->fault, right->fault),           by_number(left->place, right->place),
		by_number(left->ends_soon, right->ends_soon),   by_number(left->rank, right->rank),
		by_number(right->not_before, left->not_before), by_number(right->not_after, left->not_after),
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (orders[i] != 0)
			return orders[i];
	}
	return strcmp(left->name, right->name);
}
