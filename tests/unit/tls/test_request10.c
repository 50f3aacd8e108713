/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of lib/tls/request10.h and of what signable.h says to requests: a table of good and of malformed ones. */
#include "lib/tls/request10.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "tests/fuzz/tls_key.h"

/* --- DER as text: "30(02:00 =0500)" is a SEQUENCE of INTEGER 0 and of bytes as they stand; KEY is the key ---------- */

static void put_hex(struct ks_buffer *out, const char **cursor)
{
	char digits[512];
	uint8_t bytes[256];
	size_t n = strspn(*cursor, "0123456789abcdef");

	assert_true(n < sizeof(digits));
	memcpy(digits, *cursor, n);
	digits[n] = '\0';
	*cursor += n;
	assert_int_equal(ks_text_unhex(digits, bytes, sizeof(bytes), &n), 0);
	ks_buffer_put(out, ks_bytes(bytes, n));
}

static void put_items(struct ks_buffer *out, const char **cursor);

static void put_element(struct ks_buffer *out, const char **cursor)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer contents = { 0 };
	const char tag_digits[3] = { (*cursor)[0], (*cursor)[1], '\0' };
	uint8_t tag;
	size_t n;

	assert_int_equal(ks_text_unhex(tag_digits, &tag, 1, &n), 0);
	*cursor += 2;
	char kind = *(*cursor)++;
	if (kind == ':') {
		put_hex(&contents, cursor);
	} else {
		assert_int_equal(kind, '(');
		put_items(&contents, cursor);
		assert_int_equal(*(*cursor)++, ')');
	}
	ks_der_put(out, tag, ks_buffer_bytes(&contents));
}

static void put_items(struct ks_buffer *out, const char **cursor)
{
	while (**cursor && **cursor != ')') {
		if (**cursor == ' ') {
			(*cursor)++;
		} else if (**cursor == '=') {
			(*cursor)++;
			put_hex(out, cursor);
		} else if (strncmp(*cursor, "KEY", 3) == 0) {
			*cursor += 3;
			ks_buffer_put(out, ks_bytes(tls_key_spki, sizeof(tls_key_spki)));
		} else {
			put_element(out, cursor);
		}
	}
}

static void put_text(struct ks_buffer *out, const char *text)
{
	put_items(out, &text);
	assert_int_equal(ks_buffer_error(out), 0);
}

/* --- the table --------------------------------------------------------------------------------------------------- */

#define CN "31(30(06:550403 0c:616c696365))" /* CN=alice */
#define NAME "30(" CN ")"
#define ATTRIBUTES(text) "30(02:00 " NAME " KEY a0(" text "))"
#define SUBJECT(text) "30(02:00 30(" text ") KEY a0())"
#define EXTENSION_REQUEST(text) ATTRIBUTES("30(06:2a864886f70d01090e 31(" text "))")
#define SAN "30(06:551d11 04(30(82:612e62)))"
#define USAGE "30(06:551d0f 01:ff 04(03:0780))"
#define CHALLENGE "30(06:2a864886f70d010907 31(0c:736563726574))"

static const struct {
	const char *name;
	const char *text;
} good[] = {
	{ "a subject and no attributes", ATTRIBUTES("") },
	{ "no subject", SUBJECT("") },
	{ "two parts of one RDN", SUBJECT("31(30(06:550403 0c:61) 30(06:550403 0c:62))") },
	{ "strings of all kinds",
	  SUBJECT("31(30(06:550406 13:4445)) 31(30(06:2a864886f70d010901 16:6140)) "
		  "31(30(06:550403 1e:0061)) 31(30(06:550403 14:fc)) 31(30(06:55042d 03:00aa))") },
	{ "an alternative name", EXTENSION_REQUEST("30(" SAN ")") },
	{ "two extensions", EXTENSION_REQUEST("30(" SAN USAGE ")") },
	{ "a challenge", ATTRIBUTES(CHALLENGE) },
	{ "both", ATTRIBUTES(CHALLENGE "30(06:2a864886f70d01090e 31(30(" SAN ")))") },
	{ "an attribute of two values", ATTRIBUTES("30(06:2a03 31(02:01 02:02))") },
	{ "an attribute of Microsoft", ATTRIBUTES("30(06:2b0601040182371502 31(30(02:05 0c:61 0c:62 0c:63)))") },
};

static const struct {
	const char *name;
	const char *text;
} bad[] = {
	{ "nothing", "" },
	{ "an empty SEQUENCE", "30()" },
	{ "a SET", "31(02:00 " NAME " KEY a0())" },
	{ "a byte behind", ATTRIBUTES("") " =00" },
	{ "a request behind", ATTRIBUTES("") ATTRIBUTES("") },
	{ "a SEQUENCE around it", "30(" ATTRIBUTES("") ")" },
	{ "a length that is too long", "=3003020100" },
	{ "a length in two bytes", "=308103020100" },
	{ "a length without end", "=3080020100" },
	{ "version 1", "30(02:01 " NAME " KEY a0())" },
	{ "version 256", "30(02:0100 " NAME " KEY a0())" },
	{ "version 0 in two bytes", "30(02:0000 " NAME " KEY a0())" },
	{ "version of no bytes", "30(02: " NAME " KEY a0())" },
	{ "an ENUMERATED version", "30(0a:00 " NAME " KEY a0())" },
	{ "no version", "30(" NAME " KEY a0())" },
	{ "no name", "30(02:00 KEY a0())" },
	{ "a name in [4] (CRMF)", "30(02:00 a4(" NAME ") KEY a0())" },
	{ "a name that is a SET", "30(02:00 31(" CN ") KEY a0())" },
	{ "an empty RDN", SUBJECT("31()") },
	{ "an RDN that is a SEQUENCE", SUBJECT("30(30(06:550403 0c:61))") },
	{ "a part that is a SET", SUBJECT("31(31(06:550403 0c:61))") },
	{ "a part without value", SUBJECT("31(30(06:550403))") },
	{ "a part with two values", SUBJECT("31(30(06:550403 0c:61 0c:62))") },
	{ "an empty value", SUBJECT("31(30(06:550403 0c:))") },
	{ "a number as a value", SUBJECT("31(30(06:550403 02:01))") },
	{ "a SEQUENCE as a value", SUBJECT("31(30(06:550403 30()))") },
	{ "a type that is none", SUBJECT("31(30(0c:550403 0c:61))") },
	{ "an empty OID", SUBJECT("31(30(06: 0c:61))") },
	{ "an OID without end", SUBJECT("31(30(06:5584 0c:61))") },
	{ "an OID with a padded number", SUBJECT("31(30(06:558003 0c:61))") },
	{ "broken UTF-8", SUBJECT("31(30(06:550403 0c:c328))") },
	{ "a control character", SUBJECT("31(30(06:550403 13:610a))") },
	{ "half a letter of two bytes", SUBJECT("31(30(06:550403 1e:006100))") },
	{ "parts out of order", SUBJECT("31(30(06:550403 0c:62) 30(06:550403 0c:61))") },
	{ "a longer part first", SUBJECT("31(30(06:550403 0c:6161) 30(06:550403 0c:62))") },
	{ "no key", "30(02:00 " NAME " a0())" },
	{ "a key of an unknown type", "30(02:00 " NAME " 30(30(06:2a03) 03:0000) a0())" },
	{ "a key in a SET", "30(02:00 " NAME " 31(KEY) a0())" },
	{ "two keys", "30(02:00 " NAME " KEY KEY a0())" },
	{ "times before the key", "30(02:00 " NAME " 30(17:3236 17:3237) KEY a0())" },
	{ "no attributes", "30(02:00 " NAME " KEY)" },
	{ "attributes in [1]", "30(02:00 " NAME " KEY a1())" },
	{ "attributes in a primitive [0]", "30(02:00 " NAME " KEY 80:)" },
	{ "attributes in a SET", "30(02:00 " NAME " KEY 31())" },
	{ "attributes twice", "30(02:00 " NAME " KEY a0() a0())" },
	{ "something behind the attributes", "30(02:00 " NAME " KEY a0() 05:)" },
	{ "an attribute that is a SET", ATTRIBUTES("31(06:2a03 31(02:01))") },
	{ "an attribute without type", ATTRIBUTES("30(31(02:01))") },
	{ "an attribute without values", ATTRIBUTES("30(06:2a03)") },
	{ "an attribute with no value", ATTRIBUTES("30(06:2a03 31())") },
	{ "values in a SEQUENCE", ATTRIBUTES("30(06:2a03 30(02:01))") },
	{ "an attribute that goes on", ATTRIBUTES("30(06:2a03 31(02:01) 05:)") },
	{ "an attribute twice", ATTRIBUTES(CHALLENGE CHALLENGE) },
	{ "an attribute of one type with two values, twice",
	  ATTRIBUTES("30(06:2a03 31(02:01)) 30(06:2a03 31(02:02))") },
	{ "attributes out of order", ATTRIBUTES("30(06:2a04 31(02:01)) 30(06:2a03 31(02:01))") },
	{ "values out of order", ATTRIBUTES("30(06:2a03 31(02:02 02:01))") },
	{ "a value that is cut off", ATTRIBUTES("30(06:2a03 31(=0c05))") },
	{ "a constructed string", ATTRIBUTES("30(06:2a03 31(2c(0c:61)))") },
	{ "a primitive SEQUENCE", ATTRIBUTES("30(06:2a03 31(10:00))") },
	{ "a padded number", ATTRIBUTES("30(06:2a03 31(02:0001))") },
	{ "a padded negative number", ATTRIBUTES("30(06:2a03 31(02:ff80))") },
	{ "a NULL of a byte", ATTRIBUTES("30(06:2a03 31(05:00))") },
	{ "a BOOLEAN of 1", ATTRIBUTES("30(06:2a03 31(01:01))") },
	{ "bits that are not used and set", ATTRIBUTES("30(06:2a03 31(03:0781))") },
	{ "a tag of two bytes", ATTRIBUTES("30(06:2a03 31(=1f810100))") },
	{ "an end of contents", ATTRIBUTES("30(06:2a03 31(=0000))") },
	{ "no Extensions", EXTENSION_REQUEST("30()") },
	{ "Extensions twice", EXTENSION_REQUEST("30(" SAN ") 30(" USAGE ")") },
	{ "Extensions in a SET", EXTENSION_REQUEST("31(" SAN ")") },
	{ "an extension twice", EXTENSION_REQUEST("30(" SAN SAN ")") },
	{ "an extension without value", EXTENSION_REQUEST("30(30(06:551d11))") },
	{ "an extension that goes on", EXTENSION_REQUEST("30(30(06:551d11 04(30(82:61)) 05:))") },
	{ "an extension of no element", EXTENSION_REQUEST("30(30(06:551d11 04:))") },
	{ "an extension of two elements", EXTENSION_REQUEST("30(30(06:551d11 04(30(82:61) 05:)))") },
	{ "an extension that is cut off", EXTENSION_REQUEST("30(30(06:551d11 04:300582))") },
	{ "FALSE written out", EXTENSION_REQUEST("30(30(06:551d0f 01:00 04(03:0780)))") },
	{ "TRUE of two bytes", EXTENSION_REQUEST("30(30(06:551d0f 01:ffff 04(03:0780)))") },
	{ "a critical INTEGER", EXTENSION_REQUEST("30(30(06:551d0f 02:01 04(03:0780)))") },
};

static int ask(struct ks_bytes info, uint32_t scheme, struct ks_signable *ret_signable,
	       struct ks_signable_refusal *ret_refusal)
{
	const struct ks_spki spki = tls_key();

	return ks_signable_check_request(info, scheme, &spki, ret_signable, ret_refusal);
}

static void test_request10_reads_good_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer info = { 0 };
		struct ks_signable signable = { 0 };
		struct ks_signable_refusal refusal = { "" };

		put_text(&info, good[i].text);
		if (ask(ks_buffer_bytes(&info), 0x0403, &signable, &refusal) < 0)
			fail_msg("%s: %s", good[i].name, refusal.text);
		assert_int_equal(signable.kind, KS_SIGNABLE_REQUEST);
		assert_int_equal(signable.scheme->code, 0x0403);
	}
}

static void test_request10_refuses_malformed_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer info = { 0 };
		struct ks_signable signable = { .kind = (enum ks_signable_kind)99 };
		struct ks_signable_refusal refusal = { "" };

		put_text(&info, bad[i].text);
		int r = ask(ks_buffer_bytes(&info), 0x0403, &signable, &refusal);
		if (r != KS_ERR_INPUT_REQUEST || refusal.text[0] == '\0')
			fail_msg("%s: %d %s", bad[i].name, r, refusal.text);
		assert_int_equal(signable.kind, 99);
	}
}

/* Each shorter one is cut off, each longer one goes on. */
static void test_request10_reads_to_the_last_byte(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer info = { 0 };
	struct ks_signable signable;
	struct ks_signable_refusal refusal;

	put_text(&info, ATTRIBUTES(CHALLENGE "30(06:2a864886f70d01090e 31(30(" SAN USAGE ")))"));
	struct ks_bytes whole = ks_buffer_bytes(&info);
	assert_int_equal(ask(whole, 0x0403, &signable, &refusal), 0);
	for (size_t size = 0; size < whole.size; size++)
		assert_int_equal(ask(ks_bytes(whole.data, size), 0x0403, &signable, &refusal), KS_ERR_INPUT_REQUEST);
}

/* n times each, with the number of each time behind it. */
static void repeat(struct ks_buffer *out, const char *before, const char *each, const char *each_end, unsigned n,
		   const char *behind)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer all = { 0 };

	ks_buffer_printf(&all, "%s", before);
	for (unsigned i = 0; i < n; i++)
		ks_buffer_printf(&all, "%s%02x%s", each, i, each_end);
	ks_buffer_printf(&all, "%s", behind);
	ks_buffer_put_u8(&all, '\0');
	put_text(out, (const char *)all.data);
}

static void test_request10_is_bounded(void **state)
{
	(void)state;
	static const struct {
		const char *before, *each, *each_end, *behind;
		unsigned max;
	} runs[] = {
		{ "30(02:00 30(", "31(30(06:5504", " 0c:61))", ") KEY a0())", KS_REQUEST_NAME_PARTS_MAX },
		{ "30(02:00 " NAME " KEY a0(", "30(06:2a", " 31(02:01))", "))", KS_REQUEST_ATTRIBUTES_MAX },
		{ "30(02:00 " NAME " KEY a0(30(06:2a864886f70d01090e 31(30(", "30(06:2a", " 04(05:))", ")))))",
		  KS_REQUEST_EXTENSIONS_MAX },
	};

	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		for (unsigned more = 0; more < 2; more++) {
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer info = { 0 };
			struct ks_signable signable;
			struct ks_signable_refusal refusal;
			repeat(&info, runs[i].before, runs[i].each, runs[i].each_end, runs[i].max + more,
			       runs[i].behind);
			assert_int_equal(ask(ks_buffer_bytes(&info), 0x0403, &signable, &refusal),
					 more ? KS_ERR_INPUT_REQUEST : 0);
		}
	}
}

static void test_request10_is_not_deep(void **state)
{
	(void)state;
	for (unsigned depth = 1; depth < 64; depth++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer info = { 0 };
		struct ks_signable signable;
		struct ks_signable_refusal refusal;

		ks_buffer_printf(&text, "30(02:00 " NAME " KEY a0(30(06:2a03 31(");
		for (unsigned i = 0; i < depth; i++)
			ks_buffer_printf(&text, "30(");
		for (unsigned i = 0; i < depth; i++)
			ks_buffer_printf(&text, ")");
		ks_buffer_printf(&text, "))))");
		ks_buffer_put_u8(&text, '\0');
		put_text(&info, (const char *)text.data);
		/* [0], Attribute and SET are three of them, the outermost reader a fourth. */
		assert_int_equal(ask(ks_buffer_bytes(&info), 0x0403, &signable, &refusal),
				 depth + 4 <= KS_REQUEST_DEPTH_MAX ? 0 : KS_ERR_INPUT_REQUEST);
	}
}

static void test_request10_of_another_key_is_refused(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer info = { 0 };
	struct ks_signable signable;
	struct ks_signable_refusal refusal;
	uint8_t other[sizeof(tls_key_spki)];

	put_text(&info, ATTRIBUTES(""));
	memcpy(other, tls_key_spki, sizeof(other));
	other[sizeof(other) - 1] ^= 1;
	struct ks_spki spki;
	assert_int_equal(ks_spki_read(ks_bytes(other, sizeof(other)), &spki), 0);
	assert_int_equal(ks_signable_check_request(ks_buffer_bytes(&info), 0x0403, &spki, &signable, &refusal),
			 KS_ERR_INPUT_REQUEST);
	assert_non_null(strstr(refusal.text, "the public key is another one than this key's"));
}

static void test_request10_takes_the_scheme_of_the_curve_alone(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer info = { 0 };
	struct ks_signable signable;
	struct ks_signable_refusal refusal;
	size_t n;
	const struct ks_scheme *schemes = ks_schemes(&n);

	put_text(&info, ATTRIBUTES(""));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(ask(ks_buffer_bytes(&info), schemes[i].code, &signable, &refusal),
				 schemes[i].code == 0x0403 ? 0 : KS_ERR_INPUT_KEY_TYPE);
	assert_int_equal(ask(ks_buffer_bytes(&info), 0x0203, &signable, &refusal), KS_ERR_INPUT_SCHEME);
}

static void test_request10_is_nothing_that_sign_signs(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer info = { 0 };
	const struct ks_spki spki = tls_key();
	struct ks_signable signable;
	struct ks_signable_refusal refusal;

	put_text(&info, ATTRIBUTES(""));
	assert_int_equal(ks_signable_check(ks_buffer_bytes(&info), 0x0403, &spki, &signable, &refusal),
			 KS_ERR_INPUT_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request10_reads_good_requests),
		cmocka_unit_test(test_request10_refuses_malformed_requests),
		cmocka_unit_test(test_request10_reads_to_the_last_byte),
		cmocka_unit_test(test_request10_is_bounded),
		cmocka_unit_test(test_request10_is_not_deep),
		cmocka_unit_test(test_request10_of_another_key_is_refused),
		cmocka_unit_test(test_request10_takes_the_scheme_of_the_curve_alone),
		cmocka_unit_test(test_request10_is_nothing_that_sign_signs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
