/* SPDX-License-Identifier: Apache-2.0 */
/*
 * p11-kit is the oracle: what we accept it accepts, and over many URIs and tokens both find the same matches. Where we
 * are stricter on purpose, a test of its own says so.
 */
#include "lib/protocol/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

/* From an exact copy without a NUL, so that a sanitizer sees one byte too many. A URI keeps nothing of its text. */
static int read_uri(const char *text, struct ks_uri *ret_uri, const char **ret_why)
{
	size_t size = strlen(text);
	KS_AUTO_FREE uint8_t *exact = malloc(size + (size == 0));
	assert_non_null(exact);
	memcpy(exact, text, size);
	return ks_uri_read(ks_bytes(exact, size), ret_uri, ret_why);
}

static const char *why_of(const char *text)
{
	struct ks_uri uri;
	const char *why = NULL;
	if (read_uri(text, &uri, &why) == 0)
		fail_msg("accepted: %s", text);
	assert_non_null(why);
	return why;
}

static struct ks_uri uri_of(const char *text)
{
	struct ks_uri uri;
	const char *why = "";
	if (read_uri(text, &uri, &why) < 0)
		fail_msg("refused: %s: %s", text, why);
	return uri;
}

static bool matches(const char *pattern, const char *subject)
{
	KS_CLEANUP(ks_uri_deinit) struct ks_uri a = uri_of(pattern);
	KS_CLEANUP(ks_uri_deinit) struct ks_uri b = uri_of(subject);
	return ks_uri_matches(&a, &b);
}

static bool value_is(const struct ks_uri *uri, enum ks_uri_attribute attribute, const char *value)
{
	return uri->present[attribute] && ks_bytes_equal(uri->value[attribute], ks_bytes_text(value));
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static void test_uri_reads_every_attribute(void **state)
{
	(void)state;
	KS_CLEANUP(ks_uri_deinit)
	struct ks_uri uri =
		uri_of("pkcs11:token=corp;manufacturer=SoftHSM%20project;model=SoftHSM%20v2;serial=0a1b;object=alice;"
		       "id=%01%ff;type=private");
	assert_true(value_is(&uri, KS_URI_TOKEN, "corp"));
	assert_true(value_is(&uri, KS_URI_MANUFACTURER, "SoftHSM project"));
	assert_true(value_is(&uri, KS_URI_MODEL, "SoftHSM v2"));
	assert_true(value_is(&uri, KS_URI_SERIAL, "0a1b"));
	assert_true(value_is(&uri, KS_URI_OBJECT, "alice"));
	assert_true(value_is(&uri, KS_URI_ID, "\x01\xff"));
	assert_true(value_is(&uri, KS_URI_TYPE, "private"));
	assert_false(uri.unmatched);
}

static void test_uri_without_attributes_fits_everything(void **state)
{
	(void)state;
	assert_true(matches("pkcs11:", "pkcs11:token=corp;object=alice"));
	assert_true(matches("pkcs11:?", "pkcs11:"));
}

static void test_uri_scheme_has_no_case_but_names_have(void **state)
{
	(void)state;
	assert_true(matches("PKCS11:token=corp", "pkcs11:token=corp"));
	assert_non_null(strstr(why_of("pkcs11:TOKEN=corp"), "not known"));
	assert_non_null(strstr(why_of("pkcs12:token=corp"), "pkcs11:"));
	assert_non_null(strstr(why_of("pkcs11"), "pkcs11:"));
	assert_non_null(strstr(why_of(""), "pkcs11:"));
}

static void test_uri_takes_utf_8_as_it_is_or_encoded(void **state)
{
	(void)state;
	assert_true(matches("pkcs11:token=M\xc3\xbcller", "pkcs11:token=M%C3%BCller"));
	assert_true(matches("pkcs11:token=%4D%c3%bc", "pkcs11:token=M\xc3\xbc"));
	assert_true(matches("pkcs11:object=a/b&c=d:e@f", "pkcs11:object=a%2Fb%26c%3Dd%3Ae%40f"));
}

static void test_uri_refuses_wrong_percent_encoding(void **state)
{
	(void)state;
	static const char *const bad[] = { "pkcs11:token=%",   "pkcs11:token=%4",          "pkcs11:token=%zz",
					   "pkcs11:token=a%2", "pkcs11:token=%2;object=a", "pkcs11:id=%0x",
					   "pkcs11:x-a=%g0" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(strstr(why_of(bad[i]), "hexadecimal"));
}

static void test_uri_refuses_spaces_and_fragments_with_their_spelling(void **state)
{
	(void)state;
	assert_non_null(strstr(why_of("pkcs11:token=my card"), "%20"));
	assert_non_null(strstr(why_of("pkcs11:token=corp "), "%20"));
	assert_non_null(strstr(why_of("pkcs11:token=a\nb"), "%20"));
	assert_non_null(strstr(why_of("pkcs11:token=a#b"), "%23"));
}

static void test_uri_refuses_text_that_is_none_but_takes_any_id(void **state)
{
	(void)state;
	assert_non_null(strstr(why_of("pkcs11:token=%00"), "UTF-8"));
	assert_non_null(strstr(why_of("pkcs11:object=%ff"), "UTF-8"));
	assert_non_null(strstr(why_of("pkcs11:object=\xff"), "UTF-8"));
	assert_non_null(strstr(why_of("pkcs11:object=%1b[2J"), "UTF-8"));
	assert_true(matches("pkcs11:id=%00%ff%0a", "pkcs11:id=%00%FF%0A"));
}

static void test_uri_refuses_a_pin_wherever_it_stands(void **state)
{
	(void)state;
	static const char *const bad[] = { "pkcs11:token=a?pin-value=1234", "pkcs11:token=a;pin-value=1234",
					   "pkcs11:?pin-source=/etc/pin",   "pkcs11:pin-source=file:/etc/pin",
					   "pkcs11:token=a;pinfile=/x",     "pkcs11:?module-name=a&pin-value=" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(strstr(why_of(bad[i]), "PIN"));
}

static void test_uri_refuses_the_same_attribute_twice(void **state)
{
	(void)state;
	assert_non_null(strstr(why_of("pkcs11:token=a;token=b"), "twice"));
	assert_non_null(strstr(why_of("pkcs11:token=;token="), "twice"));
}

static void test_uri_refuses_what_is_no_attribute(void **state)
{
	(void)state;
	static const char *const bad[] = { "pkcs11:token",     "pkcs11:=a",       "pkcs11:;",
					   "pkcs11:token=a;",  "pkcs11:;token=a", "pkcs11:token=a;;object=b",
					   "pkcs11:token=a?x", "pkcs11:?&" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(strstr(why_of(bad[i]), "NAME=VALUE"));
}

static void test_uri_refuses_misspelt_attributes(void **state)
{
	(void)state;
	static const char *const bad[] = { "pkcs11:tokn=a",
					   "pkcs11://token=a",
					   "pkcs11:object-type=private",
					   "pkcs11:token=a?object=b",
					   "pkcs11:slot=1",
					   "pkcs11:tokenn=a",
					   "pkcs11:toke=a" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(strstr(why_of(bad[i]), "not known"));
}

static void test_uri_with_what_nothing_here_can_tell_matches_nothing(void **state)
{
	(void)state;
	static const char *const texts[] = { "pkcs11:slot-id=1",
					     "pkcs11:slot-description=a",
					     "pkcs11:slot-manufacturer=a",
					     "pkcs11:library-version=2.6",
					     "pkcs11:library-description=a",
					     "pkcs11:library-manufacturer=a",
					     "pkcs11:x-vendor=a",
					     "pkcs11:token=corp?module-name=a",
					     "pkcs11:?module-path=/a.so",
					     "pkcs11:token=corp?x-vendor=a" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		KS_CLEANUP(ks_uri_deinit) struct ks_uri uri = uri_of(texts[i]);
		assert_true(uri.unmatched);
		assert_false(matches(texts[i], "pkcs11:token=corp"));
		assert_false(matches("pkcs11:token=corp", texts[i]));
	}
}

static void test_uri_refused_leaves_the_callers_uri_alone(void **state)
{
	(void)state;
	struct ks_uri uri = { .unmatched = true };
	const char *why = NULL;
	assert_int_equal(ks_uri_read(ks_bytes_text("pkcs11:token=a;token=b"), &uri, &why), KS_ERR_INVALID);
	assert_true(uri.unmatched);
	assert_null(uri.storage);
}

/* --- matching and writing ---------------------------------------------------------------------------------------- */

static void test_uri_matches_when_all_that_it_says_holds(void **state)
{
	(void)state;
	const char *subject = "pkcs11:token=corp;serial=1;object=alice;id=%01;type=private";
	assert_true(matches("pkcs11:object=alice", subject));
	assert_true(matches("pkcs11:id=%01;token=corp", subject));
	assert_false(matches("pkcs11:object=alic", subject));
	assert_false(matches("pkcs11:object=alice2", subject));
	assert_false(matches("pkcs11:object=Alice", subject));
	assert_false(matches("pkcs11:object=alice;token=other", subject));
	assert_false(matches("pkcs11:model=x", subject)); /* not known of the subject */
	assert_false(matches("pkcs11:type=cert", subject));
	assert_false(matches("pkcs11:object=*", subject));
}

static void test_uri_empty_value_fits_an_empty_value_only(void **state)
{
	(void)state;
	assert_true(matches("pkcs11:object=", "pkcs11:object="));
	assert_false(matches("pkcs11:object=", "pkcs11:object=a"));
	assert_false(matches("pkcs11:object=", "pkcs11:token=a"));
	assert_false(matches("pkcs11:object=a", "pkcs11:object="));
}

static void test_uri_is_written_percent_encoded(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	KS_CLEANUP(ks_uri_deinit) struct ks_uri uri = { 0 };
	uri.present[KS_URI_ID] = uri.present[KS_URI_TOKEN] = uri.present[KS_URI_OBJECT] = true;
	uri.value[KS_URI_TOKEN] = ks_bytes_text("my card;?#%/M\xc3\xbc");
	uri.value[KS_URI_OBJECT] = ks_bytes_text("a-b.c_d~9");
	uri.value[KS_URI_ID] = ks_bytes_text("a\x01");
	ks_uri_write(&out, &uri);
	KS_AUTO_FREE char *text = ks_buffer_steal_text(&out);
	assert_string_equal(text, "pkcs11:token=my%20card%3B%3F%23%25%2FM%C3%BC;object=a-b.c_d~9;id=%61%01");
}

static void test_uri_without_attributes_is_written_bare(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	struct ks_uri uri = { 0 };
	ks_uri_write(&out, &uri);
	assert_true(ks_bytes_equal(ks_buffer_bytes(&out), ks_bytes_text("pkcs11:")));
}

/* --- against p11-kit --------------------------------------------------------------------------------------------- */

static uint32_t random_state = 1;

/* xorshift32: the same row of numbers in every run. */
static unsigned pick(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % below;
}

static const struct {
	const char *token, *manufacturer, *model, *serial, *object, *id;
	const char *type;
	CK_OBJECT_CLASS class;
} subjects[] = {
	{ "corp", "SoftHSM project", "SoftHSM v2", "0123456789abcdef", "alice", "\x01", "private", CKO_PRIVATE_KEY },
	{ "corp", "SoftHSM project", "SoftHSM v2", "fedcba9876543210", "alice", "\x02", "private", CKO_PRIVATE_KEY },
	{ "M\xc3\xbcller & S\xc3\xb6hne", "ACME; Inc.", "100%", "1", "a/b?c#d", "\x01\xff\x7f", "cert",
	  CKO_CERTIFICATE },
	{ "corp2", "SoftHSM project", "SoftHSM v2", "1", "alice", "a", "public", CKO_PUBLIC_KEY },
	{ "12345678901234567890123456789012", "x", "1234567890123456", "1234567890123456", "Alice", "abc", "private",
	  CKO_PRIVATE_KEY },
};

#define N_SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

static void subject_uri(size_t i, struct ks_uri *uri)
{
	const char *values[KS_URI_N_ATTRIBUTES] = {
		[KS_URI_TOKEN] = subjects[i].token,   [KS_URI_MANUFACTURER] = subjects[i].manufacturer,
		[KS_URI_MODEL] = subjects[i].model,   [KS_URI_SERIAL] = subjects[i].serial,
		[KS_URI_OBJECT] = subjects[i].object, [KS_URI_ID] = subjects[i].id,
		[KS_URI_TYPE] = subjects[i].type,
	};
	memset(uri, 0, sizeof(*uri));
	for (size_t k = 0; k < KS_URI_N_ATTRIBUTES; k++) {
		uri->present[k] = true;
		uri->value[k] = ks_bytes_text(values[k]);
	}
}

static void blank_padded(unsigned char *out, size_t size, const char *value)
{
	assert_true(strlen(value) <= size);
	memset(out, ' ', size);
	memcpy(out, value, strlen(value));
}

static bool oracle_matches(P11KitUri *uri, size_t i)
{
	CK_TOKEN_INFO token;
	CK_OBJECT_CLASS class = subjects[i].class;
	CK_ATTRIBUTE attributes[] = {
		{ CKA_LABEL, (void *)(uintptr_t)subjects[i].object, strlen(subjects[i].object) },
		{ CKA_ID, (void *)(uintptr_t)subjects[i].id, strlen(subjects[i].id) },
		{ CKA_CLASS, &class, sizeof(class) },
	};
	memset(&token, 0, sizeof(token));
	blank_padded(token.label, sizeof(token.label), subjects[i].token);
	blank_padded(token.manufacturerID, sizeof(token.manufacturerID), subjects[i].manufacturer);
	blank_padded(token.model, sizeof(token.model), subjects[i].model);
	blank_padded(token.serialNumber, sizeof(token.serialNumber), subjects[i].serial);
	return p11_kit_uri_match_token_info(uri, &token) == 1 && p11_kit_uri_match_attributes(uri, attributes, 3) == 1;
}

/* To p11-kit an empty token value means "any", to RFC 7512 section 2.3 and us "empty". */
static bool has_empty_token_value(const struct ks_uri *uri)
{
	for (size_t k = KS_URI_TOKEN; k <= KS_URI_SERIAL; k++) {
		if (uri->present[k] && uri->value[k].size == 0)
			return true;
	}
	return false;
}

static size_t compare_with_oracle(const char *text, bool must_be_accepted)
{
	struct ks_uri uri;
	const char *why = "";
	size_t n_matches = 0;
	P11KitUri *oracle = p11_kit_uri_new();
	int theirs = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, oracle);
	int ours = read_uri(text, &uri, &why);

	if (ours < 0 && must_be_accepted)
		fail_msg("refused: %s: %s", text, why);
	if (ours == 0 && theirs != P11_KIT_URI_OK)
		fail_msg("accepted, but p11-kit says %s: %s", p11_kit_uri_message(theirs), text);
	for (size_t i = 0; ours == 0 && !uri.unmatched && !has_empty_token_value(&uri) && i < N_SUBJECTS; i++) {
		struct ks_uri subject;
		subject_uri(i, &subject);
		bool hit = ks_uri_matches(&uri, &subject);
		if (hit != oracle_matches(oracle, i))
			fail_msg("%s and subject %zu: we say %d", text, i, hit);
		n_matches += hit;
	}
	if (ours == 0)
		ks_uri_deinit(&uri);
	p11_kit_uri_free(oracle);
	return n_matches;
}

/* Appends value, each byte as it is or encoded, as chance has it. */
static void put_value(struct ks_buffer *out, const char *value)
{
	for (; *value; value++) {
		bool plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:@!$'()*+,=&/",
				    *value);
		if (plain && pick(4) > 0)
			ks_buffer_put_u8(out, (uint8_t)*value);
		else
			ks_buffer_printf(out, pick(2) ? "%%%02x" : "%%%02X", (uint8_t)*value);
	}
}

/* A URI whose values are mostly those of one subject. */
static char *make_uri(void)
{
	static const char *const names[] = { "token", "manufacturer", "model", "serial", "object", "id", "type" };
	struct ks_buffer out = { 0 };
	size_t i = pick(N_SUBJECTS);
	unsigned chosen = pick(128);
	const char *separator = "";
	struct ks_uri subject;

	ks_buffer_printf(&out, "pkcs11:");
	for (unsigned n = 0; n < KS_URI_N_ATTRIBUTES; n++) {
		size_t k = (n + chosen) % KS_URI_N_ATTRIBUTES; /* in any order */
		if (!(chosen >> k & 1))
			continue;
		subject_uri(pick(8) ? i : pick(N_SUBJECTS), &subject);
		char value[64];
		memcpy(value, subject.value[k].data, subject.value[k].size);
		value[subject.value[k].size] = '\0';
		ks_buffer_printf(&out, "%s%s=", separator, names[k]);
		if (k == KS_URI_TYPE)
			ks_buffer_printf(&out, "%s", value); /* which p11-kit does not decode */
		else
			put_value(&out, value);
		separator = ";";
	}
	char *text = ks_buffer_steal_text(&out);
	assert_non_null(text);
	return text;
}

static void test_uri_matches_what_p11_kit_matches(void **state)
{
	(void)state;
	size_t n_matches = 0;
	for (int i = 0; i < 20000; i++) {
		KS_AUTO_FREE char *text = make_uri();
		n_matches += compare_with_oracle(text, true);
	}
	assert_in_range(n_matches, 10000, 80000); /* both answers are common */
}

static void test_uri_accepts_nothing_that_p11_kit_refuses(void **state)
{
	(void)state;
	static const char strange[] = "%;=?&# /:\\\x7f\xc3"
				      "0aAfFgGtx-";
	for (int i = 0; i < 20000; i++) {
		KS_AUTO_FREE char *text = make_uri();
		size_t size = strlen(text);
		for (unsigned n = 1 + pick(3); size > 7 && n > 0; n--)
			text[7 + pick((unsigned)size - 7)] = strange[pick(sizeof(strange) - 1)];
		(void)compare_with_oracle(text, false);
	}
}

static void test_uri_written_is_read_by_p11_kit_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SUBJECTS; i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
		struct ks_uri subject;
		char *formatted = NULL;
		P11KitUri *oracle = p11_kit_uri_new();

		subject_uri(i, &subject);
		ks_uri_write(&out, &subject);
		KS_AUTO_FREE char *text = ks_buffer_steal_text(&out);
		assert_non_null(text);
		assert_int_equal(p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, oracle), P11_KIT_URI_OK);
		for (size_t k = 0; k < N_SUBJECTS; k++)
			assert_int_equal(oracle_matches(oracle, k), k == i);
		assert_int_equal(p11_kit_uri_format(oracle, P11_KIT_URI_FOR_ANY, &formatted), P11_KIT_URI_OK);
		assert_int_equal(compare_with_oracle(formatted, true), 1);
		free(formatted);
		p11_kit_uri_free(oracle);
	}
}

static void test_uri_of_a_key_names_its_token_when_the_key_is_forgotten(void **state)
{
	KS_CLEANUP(ks_uri_deinit) struct ks_uri pattern = { 0 };
	const struct ks_uri token = ks_uri_of_token("office", "ACME", "Model 1", "17");
	const struct ks_uri other = ks_uri_of_token("office", "ACME", "Model 1", "18");
	const char *why;

	(void)state;
	assert_int_equal(read_uri("pkcs11:token=office;serial=17;object=alice;id=%01;type=private", &pattern, &why), 0);
	assert_false(ks_uri_matches(&pattern, &token));
	ks_uri_keep_token(&pattern);
	assert_true(ks_uri_matches(&pattern, &token));
	assert_false(ks_uri_matches(&pattern, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uri_reads_every_attribute),
		cmocka_unit_test(test_uri_without_attributes_fits_everything),
		cmocka_unit_test(test_uri_scheme_has_no_case_but_names_have),
		cmocka_unit_test(test_uri_takes_utf_8_as_it_is_or_encoded),
		cmocka_unit_test(test_uri_refuses_wrong_percent_encoding),
		cmocka_unit_test(test_uri_refuses_spaces_and_fragments_with_their_spelling),
		cmocka_unit_test(test_uri_refuses_text_that_is_none_but_takes_any_id),
		cmocka_unit_test(test_uri_refuses_a_pin_wherever_it_stands),
		cmocka_unit_test(test_uri_refuses_the_same_attribute_twice),
		cmocka_unit_test(test_uri_refuses_what_is_no_attribute),
		cmocka_unit_test(test_uri_refuses_misspelt_attributes),
		cmocka_unit_test(test_uri_with_what_nothing_here_can_tell_matches_nothing),
		cmocka_unit_test(test_uri_refused_leaves_the_callers_uri_alone),
		cmocka_unit_test(test_uri_matches_when_all_that_it_says_holds),
		cmocka_unit_test(test_uri_of_a_key_names_its_token_when_the_key_is_forgotten),
		cmocka_unit_test(test_uri_empty_value_fits_an_empty_value_only),
		cmocka_unit_test(test_uri_is_written_percent_encoded),
		cmocka_unit_test(test_uri_without_attributes_is_written_bare),
		cmocka_unit_test(test_uri_matches_what_p11_kit_matches),
		cmocka_unit_test(test_uri_accepts_nothing_that_p11_kit_refuses),
		cmocka_unit_test(test_uri_written_is_read_by_p11_kit_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
