/* SPDX-License-Identifier: Apache-2.0 */
/* status_sources: see status_sources.h. Runs in: keystay-agent, keystay-enroll. */
#include "lib/tls/status_sources.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define URL_MAX_BYTES 1023u

KS_DEFINE_CLEANUP(AUTHORITY_INFO_ACCESS *, AUTHORITY_INFO_ACCESS_free)
KS_DEFINE_CLEANUP(CRL_DIST_POINTS *, CRL_DIST_POINTS_free)

void ks_status_sources_deinit(struct ks_status_sources *sources)
{
	for (size_t i = 0; i < sources->n_responders; i++)
		free(sources->responders[i]);
	for (size_t i = 0; i < sources->n_lists; i++)
		free(sources->lists[i]);
	*sources = (struct ks_status_sources){ 0 };
}

static bool is_url(struct ks_bytes text)
{
	static const char scheme[] = "http://";

	if (text.size <= sizeof(scheme) - 1 || text.size > URL_MAX_BYTES ||
	    strncasecmp((const char *)text.data, scheme, sizeof(scheme) - 1) != 0)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
			return false;
	}
	return true;
}

static int add(struct ks_status_sources *sources, const GENERAL_NAME *name, char **list, size_t *n)
{
	int type = 0;
	const ASN1_STRING *uri = GENERAL_NAME_get0_value(name, &type);

	if (type != GEN_URI)
		return 0;
	struct ks_bytes text = ks_bytes(ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri));
	if (!is_url(text) || *n == KS_STATUS_SOURCES_MAX) {
		sources->any_other = true;
		return 0;
	}
	list[*n] = ks_text_copy(text);
	if (!list[*n])
		return KS_ERR_NO_MEMORY;
	(*n)++;
	return 0;
}

static int read_responders(const X509 *x509, struct ks_status_sources *sources)
{
	KS_CLEANUP(AUTHORITY_INFO_ACCESS_freep)
	AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(x509, NID_info_access, NULL, NULL);
	int r = 0;

	for (int i = 0; r == 0 && i < sk_ACCESS_DESCRIPTION_num(access); i++) {
		const ACCESS_DESCRIPTION *one = sk_ACCESS_DESCRIPTION_value(access, i);
		if (OBJ_obj2nid(one->method) == NID_ad_OCSP)
			r = add(sources, one->location, sources->responders, &sources->n_responders);
	}
	return r;
}

/* A point whose list is of another issuer, or of some reasons alone, is none for us (revocation.h). */
static int read_lists(const X509 *x509, struct ks_status_sources *sources)
{
	KS_CLEANUP(CRL_DIST_POINTS_freep)
	CRL_DIST_POINTS *points = X509_get_ext_d2i(x509, NID_crl_distribution_points, NULL, NULL);
	int r = 0;

	for (int i = 0; r == 0 && i < sk_DIST_POINT_num(points); i++) {
		const DIST_POINT *point = sk_DIST_POINT_value(points, i);
		if (!point->distpoint || point->distpoint->type != 0 || point->CRLissuer || point->reasons)
			continue;
		const GENERAL_NAMES *names = point->distpoint->name.fullname;
		for (int k = 0; r == 0 && k < sk_GENERAL_NAME_num(names); k++)
			r = add(sources, sk_GENERAL_NAME_value(names, k), sources->lists, &sources->n_lists);
	}
	return r;
}

int ks_status_sources_read(const struct ks_certificate *certificate, struct ks_status_sources *ret_sources)
{
	KS_CLEANUP(ks_status_sources_deinit) struct ks_status_sources sources = { 0 };
	const X509 *x509 = ks_certificate_x509(certificate);

	ERR_set_mark();
	int r = read_responders(x509, &sources);
	if (r == 0)
		r = read_lists(x509, &sources);
	ERR_pop_to_mark();
	if (r < 0)
		return r;
	*ret_sources = sources;
	sources = (struct ks_status_sources){ 0 };
	return 0;
}
