/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/overlay.h: every certificate of certs/ is found, whatever else lies there. */
#include "agent/overlay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/protocol/limits.h"
#include "tests/unit/agent/certificates.h"
#include "tests/unit/agent/folder.h"

#define AUTO_OVERLAY KS_CLEANUP(ks_overlay_deinit) struct ks_overlay

static EVP_PKEY *key;
static struct test_folder folder;

static int setup(void **state)
{
	(void)state;
	ks_log_init("test", KS_LOG_ERROR);
	test_folder_init(&folder);
	key = test_key("P-256");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	test_folder_deinit(&folder);
	return 0;
}

static void put_certificate(const char *name, bool pem, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	test_certificate_der(&(struct test_certificate){ .common_name = name, .key = key }, &der);
	if (pem)
		test_pem("CERTIFICATE", ks_buffer_bytes(&der), out);
	else
		ks_buffer_put(out, ks_buffer_bytes(&der));
}

static void write_certificate(const char *file, const char *name, bool pem)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer content = { 0 };
	put_certificate(name, pem, &content);
	test_folder_write(&folder, file, ks_buffer_bytes(&content));
}

/* Of the folders a and b and one that is not there. names: of the certificates that are found, in order, with spaces.
 *  */
static void assert_found(const char *names)
{
	KS_AUTO_FREE char *a = strdup(test_folder_path(&folder, "a"));
	KS_AUTO_FREE char *missing = strdup(test_folder_path(&folder, "missing"));
	KS_AUTO_FREE char *b = strdup(test_folder_path(&folder, "b"));
	char *folders[] = { a, missing, b };
	const struct ks_settings settings = { .certificate_folders = folders, .n_certificate_folders = 3 };
	AUTO_OVERLAY overlay = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer found = { 0 };

	assert_int_equal(ks_overlay_read(&settings, NULL, &overlay), 0);
	for (size_t i = 0; i < overlay.n_certificates; i++)
		ks_buffer_printf(&found, "%s%s", i ? " " : "", ks_certificate_common_name(overlay.certificates[i]));
	ks_buffer_put_u8(&found, '\0');
	assert_string_equal((const char *)found.data, names);
}

static void test_overlay_reads_pem_and_der_by_folder_and_name(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bundle = { 0 };

	write_certificate("b/1.pem", "fifth", true);
	write_certificate("a/3.CRT", "fourth", false);
	write_certificate("a/1.cer", "first", false);
	put_certificate("second", true, &bundle);
	ks_buffer_printf(&bundle, "some words between\n");
	put_certificate("third", true, &bundle);
	test_folder_write(&folder, "a/2.pem", ks_buffer_bytes(&bundle));
	assert_found("first second third fourth fifth");
}

static void test_overlay_passes_other_files_and_blocks_over(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer mixed = { 0 };

	write_certificate("a/1.txt", "text", true);
	write_certificate("a/.hidden.pem", "hidden", true);
	write_certificate("a/pem", "bare", true);
	write_certificate("a/sub.pem/1.pem", "below", true);
	/* What `keystay cert` writes. */
	put_certificate("leaf", true, &mixed);
	test_pem("KEYSTAY KEY", ks_bytes("\x30\x00", 2), &mixed);
	test_folder_write(&folder, "a/keystay.pem", ks_buffer_bytes(&mixed));
	assert_found("leaf");
}

static void test_overlay_leaves_broken_files_out_and_goes_on(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer large = { 0 };

	test_folder_write_text(&folder, "a/1-empty.pem", "");
	test_folder_write_text(&folder, "a/2-broken.pem",
			       "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	test_folder_write_text(&folder, "a/3-cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB");
	test_folder_write_text(&folder, "a/4-noise.crt", "\x30\x82\x01");
	put_certificate("large", true, &large);
	test_folder_write(&folder, "a/5-large.pem", ks_buffer_bytes(&large));
	assert_int_equal(truncate(test_folder_path(&folder, "a/5-large.pem"), KS_CERTIFICATE_FILE_MAX + 1), 0);
	write_certificate("a/8-good.pem", "good", true);
	assert_int_equal(mkfifo(test_folder_path(&folder, "a/6-fifo.pem"), 0600), 0);
	assert_int_equal(symlink("/nonexistent", test_folder_path(&folder, "a/7-link.pem")), 0);
	assert_found("good");
}

static void test_overlay_follows_links_to_files(void **state)
{
	(void)state;
	write_certificate("elsewhere/x", "linked", true);
	test_folder_write_text(&folder, "a/x", "");
	assert_int_equal(symlink("../elsewhere/x", test_folder_path(&folder, "a/link.pem")), 0);
	assert_found("linked");
}

static void test_overlay_has_a_limit(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bundle = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer one = { 0 };

	put_certificate("one of many", true, &one);
	size_t n = 900;
	for (size_t i = 0; i < n; i++)
		ks_buffer_put(&bundle, ks_buffer_bytes(&one));
	for (unsigned i = 0; i * n <= KS_OVERLAY_CERTIFICATES_MAX; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "a/%02u.pem", i);
		test_folder_write(&folder, name, ks_buffer_bytes(&bundle));
	}
	KS_AUTO_FREE char *a = strdup(test_folder_path(&folder, "a"));
	const struct ks_settings settings = { .certificate_folders = &a, .n_certificate_folders = 1 };
	AUTO_OVERLAY overlay = { 0 };
	ks_log_init("test", 0);
	assert_int_equal(ks_overlay_read(&settings, NULL, &overlay), 0);
	assert_int_equal(overlay.n_certificates, KS_OVERLAY_CERTIFICATES_MAX);
}

/* One of about a quarter of what all lists may have together: an extension that nobody knows, and that may be passed over. */
static void put_large_list(struct ks_buffer *out)
{
	enum { SIZE = KS_REVOCATION_TOTAL_MAX / 4 - 65536 };
	KS_AUTO_FREE unsigned char *zeros = calloc(1, SIZE);
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *now = ASN1_TIME_set(NULL, time(NULL));
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *type = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
	X509_NAME *name = X509_NAME_new();
	unsigned char *der = NULL;

	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"ca", -1, -1, 0),
			 1);
	assert_int_equal(ASN1_OCTET_STRING_set(value, zeros, SIZE), 1);
	X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, type, 0, value);
	assert_int_equal(X509_CRL_set_version(crl, 1), 1);
	assert_int_equal(X509_CRL_set_issuer_name(crl, name), 1);
	assert_int_equal(X509_CRL_set1_lastUpdate(crl, now), 1);
	assert_int_equal(X509_CRL_add_ext(crl, extension, -1), 1);
	assert_true(X509_CRL_sign(crl, key, EVP_sha256()) > 0);
	int size = i2d_X509_CRL(crl, &der);
	assert_true(size > SIZE);
	ks_buffer_put(out, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	X509_EXTENSION_free(extension);
	X509_NAME_free(name);
	ASN1_OBJECT_free(type);
	ASN1_OCTET_STRING_free(value);
	ASN1_TIME_free(now);
	X509_CRL_free(crl);
}

static void test_overlay_has_a_limit_for_all_lists_together(void **state)
{
	(void)state;
	static const char *const files[] = { "a/1.crl", "a/2.crl", "a/3.crl", "b/4.crl", "b/5.crl", "b/6.crl" };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
	AUTO_OVERLAY overlay = { 0 };

	put_large_list(&list);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		test_folder_write(&folder, files[i], ks_buffer_bytes(&list));
	KS_AUTO_FREE char *a = strdup(test_folder_path(&folder, "a"));
	const struct ks_settings settings = { .certificate_folders = &a, .n_certificate_folders = 1 };
	ks_log_init("test", 0);
	assert_int_equal(ks_overlay_read(&settings, NULL, &overlay), 0);
	assert_int_equal(overlay.n_lists, 3);
	assert_int_equal(ks_overlay_read_status(&overlay, NULL, test_folder_path(&folder, "b")), 0);
	assert_int_equal(overlay.n_lists, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_overlay_reads_pem_and_der_by_folder_and_name),
		TEST(test_overlay_passes_other_files_and_blocks_over),
		TEST(test_overlay_leaves_broken_files_out_and_goes_on),
		TEST(test_overlay_follows_links_to_files),
		TEST(test_overlay_has_a_limit),
		TEST(test_overlay_has_a_limit_for_all_lists_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
