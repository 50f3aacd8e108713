/* SPDX-License-Identifier: Apache-2.0 */
/* Names of CAs: the same ones that OpenSSL finds the same, however they are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/x509.h>

#include "client/name.h"
#include "lib/base/cleanup.h"

/* A value of an attribute: "type:text"; types as OpenSSL numbers them. */
struct value {
	const char *field;
	int type;
	const char *text;
	int size; /* -1: as strlen() says */
	int set;  /* 0: a new RDN, -1: into the last one */
};

#define VALUES 3

static struct ks_bytes make_name(const struct value *values)
{
	X509_NAME *name = X509_NAME_new();
	unsigned char *der = NULL;

	for (size_t i = 0; i < VALUES && values[i].field; i++)
		assert_int_equal(X509_NAME_add_entry_by_txt(name, values[i].field, values[i].type,
							    (const unsigned char *)values[i].text, values[i].size, -1,
							    values[i].set),
				 1);
	int size = i2d_X509_NAME(name, &der);
	assert_true(size > 0);
	X509_NAME_free(name);
	return ks_bytes(der, (size_t)size);
}

static bool openssl_finds_equal(struct ks_bytes a, struct ks_bytes b)
{
	const unsigned char *left = a.data, *right = b.data;
	X509_NAME *one = d2i_X509_NAME(NULL, &left, (long)a.size);
	X509_NAME *other = d2i_X509_NAME(NULL, &right, (long)b.size);
	assert_non_null(one);
	assert_non_null(other);
	bool result = X509_NAME_cmp(one, other) == 0;
	X509_NAME_free(one);
	X509_NAME_free(other);
	return result;
}

#define UTF8(field, text)                                                                                              \
	{                                                                                                              \
		field, V_ASN1_UTF8STRING, text, -1, 0                                                                  \
	}
#define PRINTABLE(field, text)                                                                                         \
	{                                                                                                              \
		field, V_ASN1_PRINTABLESTRING, text, -1, 0                                                             \
	}

static const struct {
	struct value values[VALUES];
} names[] = {
	{ { { NULL, 0, NULL, 0, 0 } } },
	{ { UTF8("O", "Example"), UTF8("CN", "Example Root CA") } },
	{ { PRINTABLE("O", "Example"), PRINTABLE("CN", "Example Root CA") } },
	{ { UTF8("O", "EXAMPLE"), UTF8("CN", "example root ca") } },
	{ { UTF8("O", " Example "), UTF8("CN", "Example \t Root  CA  ") } },
	{ { UTF8("O", "Example"), UTF8("CN", "ExampleRoot CA") } },
	{ { UTF8("O", "Example"), UTF8("CN", "Example Root CA2") } },
	{ { UTF8("O", "Example") } },
	{ { UTF8("CN", "Example Root CA"), UTF8("O", "Example") } },
	{ { UTF8("O", "Example"), UTF8("OU", "Example Root CA") } },
	{ { UTF8("O", "   ") } },
	{ { UTF8("O", "") } },
	{ { UTF8("CN", "\xc3\x84hre") } },
	{ { UTF8("CN", "\xc3\xa4hre") } },
	{ { { "CN", V_ASN1_T61STRING, "\xc4hre", -1, 0 } } },
	{ { { "CN", V_ASN1_BMPSTRING, "\0\xc4\0h\0r\0e", 8, 0 } } },
	{ { { "CN", V_ASN1_UNIVERSALSTRING, "\0\0\0\xc4\0\0\0H\0\0\0r\0\0\0e", 16, 0 } } },
	{ { UTF8("CN", "\xf0\x9f\x94\x91 key") } },
	{ { { "CN", V_ASN1_UNIVERSALSTRING, "\0\x01\xf5\x11\0\0\0 \0\0\0k\0\0\0e\0\0\0y", 20, 0 } } },
	{ { UTF8("CN", "one"), { "OU", V_ASN1_UTF8STRING, "two", -1, -1 } } },
	{ { UTF8("OU", "two"), { "CN", V_ASN1_PRINTABLESTRING, "ONE", -1, -1 } } },
	{ { UTF8("CN", "one"), UTF8("OU", "two") } },
	{ { { "DC", V_ASN1_IA5STRING, "Example", -1, 0 } } },
	{ { { "DC", V_ASN1_IA5STRING, "example", -1, 0 } } },
	{ { { "CN", V_ASN1_NUMERICSTRING, "one", -1, 0 } } },
	{ { { "CN", V_ASN1_NUMERICSTRING, "ONE", -1, 0 } } },
};
#define N_NAMES (sizeof(names) / sizeof(names[0]))

static void test_names_are_equal_where_openssl_finds_them_equal(void **state)
{
	struct ks_bytes ders[N_NAMES];
	unsigned n_equal = 0;

	(void)state;
	for (size_t i = 0; i < N_NAMES; i++)
		ders[i] = make_name(names[i].values);
	for (size_t i = 0; i < N_NAMES; i++) {
		for (size_t k = 0; k < N_NAMES; k++) {
			bool expected = openssl_finds_equal(ders[i], ders[k]);
			n_equal += expected && i != k ? 1 : 0;
			if (ks_name_equal(ders[i], ders[k]) != expected)
				fail_msg("rows %zu and %zu: OpenSSL finds them %s", i, k,
					 expected ? "equal" : "different");
		}
	}
	assert_true(n_equal >= 20); /* else the table says nothing */
	for (size_t i = 0; i < N_NAMES; i++)
		OPENSSL_free((void *)(uintptr_t)ders[i].data);
}

static void test_a_name_that_was_cut_equals_no_whole_one(void **state)
{
	struct ks_bytes whole = make_name(names[1].values);

	(void)state;
	for (size_t size = 0; size < whole.size; size++) {
		KS_AUTO_FREE uint8_t *cut = malloc(size + 1);
		memcpy(cut, whole.data, size);
		assert_false(ks_name_equal(ks_bytes(cut, size), whole));
		assert_false(ks_name_equal(whole, ks_bytes(cut, size)));
		KS_AUTO_FREE char *label = ks_name_label(ks_bytes(cut, size));
		assert_non_null(label);
	}
	KS_AUTO_FREE char *label = ks_name_label(whole);
	assert_string_equal(label, "Example Root CA");
	OPENSSL_free((void *)(uintptr_t)whole.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_equal_where_openssl_finds_them_equal),
		cmocka_unit_test(test_a_name_that_was_cut_equals_no_whole_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
