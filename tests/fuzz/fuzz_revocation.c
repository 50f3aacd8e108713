/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_revocation: any bytes as a file of certs/ or status/: certificates and revocation lists in PEM, or one list in DER;
 * each list is asked about each certificate.
 *
 * Checks beside memory errors: a list that is ignored names and covers nothing, and says why in words that may be shown;
 * times are in order; nothing is left in OpenSSL's queue of errors.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "lib/base/text.h"
#include "lib/tls/certificate.h"
#include "lib/tls/revocation.h"

#define KEPT 4

struct file {
	struct ks_certificate *certificates[KEPT];
	struct ks_revocation *lists[KEPT];
	size_t n_certificates, n_lists;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static int keep_certificate(struct ks_certificate *certificate, void *userdata)
{
	struct file *file = userdata;

	if (file->n_certificates < KEPT)
		file->certificates[file->n_certificates++] = certificate;
	else
		ks_certificate_unref(certificate);
	return 0;
}

static int keep_list(struct ks_revocation *list, void *userdata)
{
	struct file *file = userdata;

	if (file->n_lists < KEPT)
		file->lists[file->n_lists++] = list;
	else
		ks_revocation_free(list);
	return 0;
}

static void check(const struct ks_revocation *list, const struct file *file)
{
	const char *why = ks_revocation_why_ignored(list);
	int64_t from = 0, until = 0;

	require(!why || (why[0] && ks_text_valid(ks_bytes_text(why))));
	require(!ks_revocation_times(list, &from, &until) || from <= until);
	for (size_t i = 0; i < file->n_certificates; i++) {
		const struct ks_certificate *certificate = file->certificates[i];
		int64_t when = 0;
		bool names = ks_revocation_names(list, certificate, &when);
		bool covers = ks_revocation_covers(list, certificate);
		require(!why || (!names && !covers));
		(void)ks_revocation_signed_by(list, certificate);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_bytes input = ks_bytes(data, size);
	struct file file = { .n_lists = 0 };
	struct ks_revocation *list;

	int n = ks_certificate_read_pem(input, keep_certificate, &file);
	require(n < 0 || file.n_certificates <= (size_t)n);
	n = ks_revocation_read_pem(input, keep_list, &file);
	require(n < 0 || file.n_lists <= (size_t)n);
	if (ks_revocation_new(input, &list) == 0)
		(void)keep_list(list, &file);
	for (size_t i = 0; i < file.n_lists; i++)
		check(file.lists[i], &file);
	require(ERR_peek_error() == 0);
	for (size_t i = 0; i < file.n_lists; i++)
		ks_revocation_free(file.lists[i]);
	for (size_t i = 0; i < file.n_certificates; i++)
		ks_certificate_unref(file.certificates[i]);
	return 0;
}
