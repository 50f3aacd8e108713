/* SPDX-License-Identifier: Apache-2.0 */
/* revocation: see revocation.h. Runs in: keystay-agent, keystay-enroll. */
#include "lib/tls/revocation.h"

#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"
#include "lib/tls/crypto.h"
#include "lib/tls/ocsp_answer.h"
#include "lib/tls/pem_blocks.h"
#include "lib/tls/server_chain.h"

struct ks_revocation {
	unsigned n_references;
	X509_CRL *crl;
	size_t size; /* as DER */
	const char *why_ignored;
};

KS_DEFINE_CLEANUP(struct ks_revocation *, ks_revocation_free)
KS_DEFINE_CLEANUP(ISSUING_DIST_POINT *, ISSUING_DIST_POINT_free)
KS_DEFINE_CLEANUP(CRL_DIST_POINTS *, CRL_DIST_POINTS_free)

/* --- what it is for ---------------------------------------------------------------------------------------------- */

/* RFC 5280 section 5.2.5. A list that is of one distribution point, or of the certificates of end entities, holds less
 * than all; what it holds is certificates of its issuer all the same. */
static const char *why_out_of_scope(const X509_CRL *crl)
{
	int critical = 0; /* or not, -1 for absent, -2 for more than one */
	KS_CLEANUP(ISSUING_DIST_POINT_freep)
	ISSUING_DIST_POINT *point = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &critical, NULL);

	if (!point)
		return critical == -1 ? NULL : "its scope (issuing distribution point) cannot be read";
	if (point->indirectCRL > 0)
		return "it is an indirect list, which speaks of other issuers' certificates";
	if (point->onlyattr > 0)
		return "it is of attribute certificates alone";
	if (point->onlyCA > 0)
		return "it is of CA certificates alone";
	return point->onlysomereasons ? "it is of some reasons alone" : NULL;
}

static const char *why_ignored(const X509_CRL *crl)
{
	/* Critical by RFC 5280 section 5.2.4, and no list of its own whether it says so or not. */
	if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
		return "it is a delta list, which is nothing without the full one";
	for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
		X509_EXTENSION *extension = X509_CRL_get_ext(crl, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
		if (X509_EXTENSION_get_critical(extension) && nid != NID_issuing_distribution_point)
			return "it has a critical extension that is unknown here";
	}
	return why_out_of_scope(crl);
}

/* --- its life ---------------------------------------------------------------------------------------------------- */

static int parse(struct ks_revocation *list, struct ks_bytes der, const struct ks_crypto *crypto)
{
	const unsigned char *next = der.data;

	list->crl = X509_CRL_new_ex(crypto->context, NULL);
	if (!list->crl)
		return KS_ERR_NO_MEMORY;
	if (!d2i_X509_CRL(&list->crl, &next, (long)der.size) || next != der.data + der.size)
		return KS_ERR_MALFORMED;
	list->why_ignored = why_ignored(list->crl);
	return 0;
}

int ks_revocation_new(struct ks_bytes der, struct ks_revocation **ret_list)
{
	const struct ks_crypto *crypto = ks_crypto_get();

	if (der.size == 0)
		return KS_ERR_MALFORMED;
	if (der.size > KS_REVOCATION_FILE_MAX)
		return KS_ERR_TOO_LARGE;
	if (!crypto)
		return KS_ERR_INTERNAL;
	KS_CLEANUP(ks_revocation_freep) struct ks_revocation *list = calloc(1, sizeof(*list));
	if (!list)
		return KS_ERR_NO_MEMORY;
	list->n_references = 1;
	list->size = der.size;
	ERR_set_mark();
	int r = parse(list, der, crypto);
	ERR_pop_to_mark();
	if (r < 0)
		return r;
	*ret_list = KS_STEAL(list);
	return 0;
}

struct ks_revocation *ks_revocation_ref(struct ks_revocation *list)
{
	list->n_references++;
	return list;
}

void ks_revocation_free(struct ks_revocation *list)
{
	if (!list || --list->n_references > 0)
		return;
	X509_CRL_free(list->crl);
	free(list);
}

struct pem_reader {
	int (*found)(struct ks_revocation *list, void *userdata);
	void *userdata;
};

static int take_block(struct ks_bytes der, void *userdata)
{
	const struct pem_reader *reader = userdata;
	struct ks_revocation *list = NULL;

	int r = ks_revocation_new(der, &list);
	return r == 0 ? reader->found(list, reader->userdata) : r;
}

int ks_revocation_read_pem(struct ks_bytes pem, int (*found)(struct ks_revocation *list, void *userdata),
			   void *userdata)
{
	static const char *const labels[] = { PEM_STRING_X509_CRL, NULL };
	struct pem_reader reader = { .found = found, .userdata = userdata };

	return ks_pem_blocks_read(pem, labels, take_block, &reader);
}

/* --- what it says ------------------------------------------------------------------------------------------------ */

size_t ks_revocation_size(const struct ks_revocation *list)
{
	return list->size;
}

const char *ks_revocation_why_ignored(const struct ks_revocation *list)
{
	return list->why_ignored;
}

bool ks_revocation_names(const struct ks_revocation *list, const struct ks_certificate *certificate, int64_t *ret_when)
{
	const X509 *x509 = ks_certificate_x509(certificate);
	X509_REVOKED *entry = NULL;
	struct tm fields;

	if (list->why_ignored || X509_NAME_cmp(X509_CRL_get_issuer(list->crl), X509_get_issuer_name(x509)) != 0)
		return false;
	/* 2 is removeFromCRL: it was on hold, and is no longer. */
	ERR_set_mark();
	bool found = X509_CRL_get0_by_serial(list->crl, &entry, X509_get0_serialNumber(x509)) == 1;
	bool dated = found && ASN1_TIME_to_tm(X509_REVOKED_get0_revocationDate(entry), &fields) == 1;
	ERR_pop_to_mark();
	if (found)
		*ret_when = dated ? timegm(&fields) : 0;
	return found;
}

static bool shares_name(const GENERAL_NAMES *names, const GENERAL_NAMES *others)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		for (int k = 0; k < sk_GENERAL_NAME_num(others); k++) {
			if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), sk_GENERAL_NAME_value(others, k)) == 0)
				return true;
		}
	}
	return false;
}

/* Names relative to the issuer's are not compared: such a list says good of nothing. */
static bool names_point(const X509 *x509, const DIST_POINT_NAME *name)
{
	KS_CLEANUP(CRL_DIST_POINTS_freep)
	CRL_DIST_POINTS *points = X509_get_ext_d2i(x509, NID_crl_distribution_points, NULL, NULL);

	for (int i = 0; name->type == 0 && i < sk_DIST_POINT_num(points); i++) {
		const DIST_POINT *point = sk_DIST_POINT_value(points, i);
		if (!point->CRLissuer && !point->reasons && point->distpoint && point->distpoint->type == 0 &&
		    shares_name(point->distpoint->name.fullname, name->name.fullname))
			return true;
	}
	return false;
}

bool ks_revocation_covers(const struct ks_revocation *list, const struct ks_certificate *certificate)
{
	const X509 *x509 = ks_certificate_x509(certificate);

	if (list->why_ignored || X509_NAME_cmp(X509_CRL_get_issuer(list->crl), X509_get_issuer_name(x509)) != 0)
		return false;
	ERR_set_mark();
	KS_CLEANUP(ISSUING_DIST_POINT_freep)
	ISSUING_DIST_POINT *point = X509_CRL_get_ext_d2i(list->crl, NID_issuing_distribution_point, NULL, NULL);
	bool covers = !point || ((point->onlyuser <= 0 || !ks_certificate_is_ca(certificate)) &&
				 (!point->distpoint || names_point(x509, point->distpoint)));
	ERR_pop_to_mark();
	return covers;
}

bool ks_revocation_times(const struct ks_revocation *list, int64_t *ret_from, int64_t *ret_until)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(list->crl);
	int64_t from = 0, until = 0;

	ERR_set_mark();
	bool is_dated = ks_server_chain_read_time(X509_CRL_get0_lastUpdate(list->crl), &from) &&
			(!next || ks_server_chain_read_time(next, &until));
	ERR_pop_to_mark();
	if (!next)
		until = from + KS_OCSP_AGE_MAX_S;
	if (!is_dated || until < from)
		return false;
	*ret_from = from;
	*ret_until = until;
	return true;
}

bool ks_revocation_signed_by(const struct ks_revocation *list, const struct ks_certificate *issuer)
{
	X509 *x509 = ks_certificate_x509(issuer);

	if (X509_NAME_cmp(X509_CRL_get_issuer(list->crl), X509_get_subject_name(x509)) != 0)
		return false;
	ERR_set_mark();
	EVP_PKEY *key = X509_get0_pubkey(x509); /* NULL, with an error: of no kind that OpenSSL knows */
	/* All bits are set where there is no such extension. */
	bool is_signed = key && (X509_get_key_usage(x509) & KU_CRL_SIGN) && X509_CRL_verify(list->crl, key) == 1;
	ERR_pop_to_mark();
	return is_signed;
}
