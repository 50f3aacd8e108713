/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds docs/protocol.md against the code, in both directions: what is in one is in the other, in the same order.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/message.h"
#include "lib/protocol/scheme.h"
#include "tests/unit/protocol/vectors.h"

#define COLUMNS_MAX 5

static char *document; /* each line ends with NUL, the last one is empty */
static size_t document_size;

static int read_document(void **state)
{
	(void)state;
	FILE *file = fopen(DOCUMENT, "r");
	if (!file)
		return -1;
	document = calloc(1, (size_t)1 << 20);
	document_size = document ? fread(document, 1, ((size_t)1 << 20) - 2, file) : 0;
	(void)fclose(file);
	for (size_t i = 0; i < document_size; i++) {
		if (document[i] == '\n')
			document[i] = '\0';
	}
	return document_size > 0 ? 0 : -1;
}

static int free_document(void **state)
{
	(void)state;
	free(document);
	return 0;
}

static const char *next_line(const char *line)
{
	line += strlen(line) + 1;
	return line < document + document_size ? line : NULL;
}

/* Cuts "| a | b |" into its columns, without the blanks around them and the backquotes of a column that is all code.
 * Returns how many; 0 when the line is no table row. */
static size_t columns(const char *line, char out[COLUMNS_MAX][512])
{
	size_t n = 0;

	if (line[0] != '|')
		return 0;
	for (line++; *line && n < COLUMNS_MAX; n++) {
		size_t size = strcspn(line, "|");
		const char *from = line, *end = line + size;
		assert_true(size < 512);
		while (from < end && (*from == ' ' || *from == '`'))
			from++;
		while (end > from && (end[-1] == ' ' || end[-1] == '`'))
			end--;
		memcpy(out[n], from, (size_t)(end - from));
		out[n][end - from] = '\0';
		line += size + (line[size] == '|');
	}
	return n;
}

/* --- messages and records ---------------------------------------------------------------------------------------- */

static const struct ks_message_spec *find_spec(const char *name)
{
	size_t n;
	const struct ks_message_spec *specs = ks_message_specs(&n);
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(specs[i].name, name) == 0)
			return &specs[i];
	}
	return NULL;
}

static const char *where_name(enum ks_message_where where)
{
	switch (where) {
	case KS_ON_ANY:
		return "(any socket)";
	case KS_ON_SIGN:
		return "(sign socket)";
	case KS_ON_CONTROL:
		return "(control socket)";
	case KS_ON_WORKER:
		return "(worker channel)";
	case KS_ON_HELPER:
		return "(helper channel)";
	}
	return "";
}

/* "### SIGN = 5 (sign socket)" or "### record identity"; NULL for another heading. */
static const struct ks_message_spec *spec_of_heading(const char *line)
{
	char name[64], where[64];
	unsigned type;

	if (sscanf(line, "### record %63s", name) == 1) {
		const struct ks_message_spec *record = find_spec(name);
		if (!record || record->type != 0)
			fail_msg("the document has a record %s, the table has not", name);
		return record;
	}
	if (sscanf(line, "### %63s = %u %63[^\n]", name, &type, where) != 3)
		return NULL;
	const struct ks_message_spec *spec = find_spec(name);
	if (!spec || spec->type == 0)
		fail_msg("the document has a message %s, the table has not", name);
	if (spec->type != type || strcmp(where_name(spec->where), where) != 0)
		fail_msg("the document says: %s", line);
	return spec;
}

static void expect_field(const struct ks_message_spec *spec, const struct ks_field_spec *field,
			 char column[COLUMNS_MAX][512])
{
	static const char *const kinds[] = {
		[KS_FIELD_BOOL] = "bool",   [KS_FIELD_U32] = "uint32", [KS_FIELD_U64] = "uint64",
		[KS_FIELD_BYTES] = "bytes", [KS_FIELD_TEXT] = "text",  [KS_FIELD_SECRET] = "secret",
	};
	char kind[64], limit[32] = "";

	if (field->kind == KS_FIELD_LIST) {
		assert_true(ks_text_print(kind, sizeof(kind), "list of %s", field->record->name));
	} else {
		assert_true(ks_text_print(kind, sizeof(kind), "%s", kinds[field->kind]));
		if (field->max > 0)
			assert_true(
				ks_text_print(limit, sizeof(limit), "%s%u", field->min > 0 ? "= " : "", field->max));
	}
	if (strcmp(column[0], field->name) != 0 || strcmp(column[1], kind) != 0 || strcmp(column[2], limit) != 0)
		fail_msg("%s: the document says %s, %s, %s; the table says %s, %s, %s", spec->name, column[0],
			 column[1], column[2], field->name, kind, limit);
}

struct section {
	const struct ks_message_spec *spec; /* NULL outside */
	size_t n_fields;
	unsigned total;
	bool says_no_fields;
};

static void end_section(const struct section *section)
{
	if (!section->spec)
		return;
	if (section->n_fields != section->spec->n_fields)
		fail_msg("%s: the document has %zu fields, the table %u", section->spec->name, section->n_fields,
			 section->spec->n_fields);
	if (section->total != section->spec->max_total)
		fail_msg("%s: the document says %u bytes together, the table %u", section->spec->name, section->total,
			 section->spec->max_total);
	if (section->says_no_fields != (section->spec->n_fields == 0))
		fail_msg("%s: \"No fields.\" does not tell the truth", section->spec->name);
}

static void test_document_has_every_message_as_the_table_has_it(void **state)
{
	(void)state;
	struct section section = { 0 };
	size_t n_sections = 0, n_specs;
	bool seen[256] = { false };
	const struct ks_message_spec *specs = ks_message_specs(&n_specs);

	for (const char *line = document; line; line = next_line(line)) {
		char column[COLUMNS_MAX][512];
		if (line[0] == '#') {
			end_section(&section);
			section = (struct section){ .spec = spec_of_heading(line) };
			if (!section.spec)
				continue;
			if (seen[section.spec - specs])
				fail_msg("the document has %s twice", section.spec->name);
			seen[section.spec - specs] = true;
			n_sections++;
		}
		if (!section.spec)
			continue;
		section.says_no_fields |= strstr(line, "No fields.") != NULL;
		(void)sscanf(line, "Together the `bytes` fields are at most %u bytes", &section.total);
		if (strncmp(line, "| `", 3) != 0)
			continue;
		assert_int_equal(columns(line, column), 4);
		if (section.n_fields == section.spec->n_fields)
			fail_msg("%s: the document has a field %s, the table has not", section.spec->name, column[0]);
		expect_field(section.spec, &section.spec->fields[section.n_fields++], column);
	}
	end_section(&section);
	for (size_t i = 0; i < n_specs; i++) {
		if (!seen[i])
			fail_msg("the document lacks %s", specs[i].name);
	}
	assert_int_equal(n_sections, n_specs);
}

/* --- other tables ------------------------------------------------------------------------------------------------ */

/* The row behind line in the same table: NULL at its end. */
static const char *next_row(const char *line)
{
	line = next_line(line);
	return line && line[0] == '|' ? line : NULL;
}

/* The first row of the table whose head starts with this. */
static const char *first_row(const char *head)
{
	for (const char *line = document; line; line = next_line(line)) {
		if (strncmp(line, head, strlen(head)) == 0)
			return next_row(next_row(line));
	}
	fail_msg("the document has no table %s", head);
	return NULL;
}

static void test_document_has_every_error_code(void **state)
{
	(void)state;
	static const struct {
		const char *number, *word, *text;
	} errors[] = {
#define ROW(name, number, word, text) { #number, word, text },
		KS_ERROR_LIST(ROW)
#undef ROW
	};
	const char *row = first_row("| code | word |");
	char column[COLUMNS_MAX][512];

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (!row)
			fail_msg("the document lacks error %s", errors[i].word);
		assert_int_equal(columns(row, column), 3);
		assert_string_equal(column[0], errors[i].number);
		assert_string_equal(column[1], errors[i].word);
		assert_string_equal(column[2], errors[i].text);
		row = next_row(row);
	}
	assert_null(row);
}

static void test_document_has_every_scheme(void **state)
{
	(void)state;
	static const char *const keys[] = {
		[KS_KEY_RSA] = "RSA",
		[KS_KEY_RSA_PSS] = "RSASSA-PSS",
		[KS_KEY_EC] = "EC",
		[KS_KEY_ED25519] = "Ed25519",
	};
	size_t n;
	const struct ks_scheme *schemes = ks_schemes(&n);
	const char *row = first_row("| scheme | name |");
	char column[COLUMNS_MAX][512], code[16];

	for (size_t i = 0; i < n; i++) {
		assert_non_null(row);
		assert_int_equal(columns(row, column), 4);
		assert_true(ks_text_print(code, sizeof(code), "0x%04x", schemes[i].code));
		assert_string_equal(column[0], code);
		assert_string_equal(column[1], schemes[i].name);
		assert_string_equal(column[2], keys[schemes[i].algorithm]);
		assert_non_null(strstr(column[3], "1.2"));
		assert_int_equal(strstr(column[3], "1.3") != NULL, schemes[i].tls13);
		row = next_row(row);
	}
	assert_null(row);
}

struct number {
	const char *name;
	unsigned value;
};

/* Rows "| value | `NAME`: … |" or, with name_first, "| `NAME` | value | … |". */
static void expect_numbers(const char *head, bool name_first, const struct number *numbers, size_t n)
{
	const char *row = first_row(head);

	for (size_t i = 0; i < n; i++) {
		char column[COLUMNS_MAX][512];
		if (!row)
			fail_msg("%s: the document lacks %s", head, numbers[i].name);
		assert_true(columns(row, column) >= 2);
		column[1][strcspn(column[1], "`")] = '\0'; /* what is said behind the name */
		assert_string_equal(column[name_first ? 0 : 1], numbers[i].name);
		assert_int_equal(strtoul(column[name_first ? 1 : 0], NULL, 10), numbers[i].value);
		row = next_row(row);
	}
	assert_null(row);
}

#define EXPECT(head, name_first, ...)                                                                                  \
	do {                                                                                                           \
		static const struct number numbers_[] = { __VA_ARGS__ };                                               \
		expect_numbers(head, name_first, numbers_, sizeof(numbers_) / sizeof(numbers_[0]));                    \
	} while (0)
#define LIMIT(name)                                                                                                    \
	{                                                                                                              \
#name, name                                                                                            \
	}

static void test_document_has_every_state_and_flag(void **state)
{
	(void)state;
	EXPECT("| token state |", false, { "LOCKED", KS_TOKEN_LOCKED }, { "UNLOCKED", KS_TOKEN_UNLOCKED },
	       { "OPEN", KS_TOKEN_OPEN }, { "BLOCKED", KS_TOKEN_BLOCKED }, { "ABSENT", KS_TOKEN_ABSENT });
	EXPECT("| verdict |", false, { "ALLOW", KS_VERDICT_ALLOW }, { "ASK", KS_VERDICT_ASK },
	       { "DENY", KS_VERDICT_DENY });
	EXPECT("| module state |", false, { "STARTING", KS_MODULE_STARTING }, { "READY", KS_MODULE_READY },
	       { "WAITING", KS_MODULE_WAITING }, { "FAILED", KS_MODULE_FAILED });
	EXPECT("| PIN flag |", false, { "NEEDED", KS_PIN_NEEDED }, { "SET", KS_PIN_SET },
	       { "COUNT_LOW", KS_PIN_COUNT_LOW }, { "FINAL_TRY", KS_PIN_FINAL_TRY },
	       { "IS_BLOCKED", KS_PIN_IS_BLOCKED }, { "TO_BE_CHANGED", KS_PIN_TO_BE_CHANGED }, { "PAD", KS_PIN_PAD },
	       { "SO_COUNT_LOW", KS_PIN_SO_COUNT_LOW }, { "SO_FINAL_TRY", KS_PIN_SO_FINAL_TRY },
	       { "SO_IS_BLOCKED", KS_PIN_SO_IS_BLOCKED }, { "SO_TO_BE_CHANGED", KS_PIN_SO_TO_BE_CHANGED });
	EXPECT("| provisioning |", false, { "LIST", KS_PROVISION_LIST }, { "INIT", KS_PROVISION_INIT },
	       { "PIN_SET", KS_PROVISION_PIN_SET }, { "PIN_CHANGE", KS_PROVISION_PIN_CHANGE },
	       { "PIN_UNBLOCK", KS_PROVISION_PIN_UNBLOCK }, { "SO_PIN_CHANGE", KS_PROVISION_SO_PIN_CHANGE });
	EXPECT("| key type |", false, { "RSA", KS_KEY_RSA }, { "EC", KS_KEY_EC }, { "ED25519", KS_KEY_ED25519 });
	EXPECT("| token events |", false, { "NONE", KS_EVENTS_NONE }, { "SLOTS", KS_EVENTS_SLOTS },
	       { "READERS", KS_EVENTS_READERS });
	EXPECT("| worker event |", false, { "CHANGED", KS_WORKER_EVENT_CHANGED },
	       { "TOKEN_GONE", KS_WORKER_EVENT_TOKEN_GONE }, { "RENEW", KS_WORKER_EVENT_RENEW });
	EXPECT("| prompt kind |", false, { "PIN", KS_PROMPT_PIN }, { "CONFIRM", KS_PROMPT_CONFIRM },
	       { "SHOW", KS_PROMPT_SHOW });
}

static const struct number limits[] = {
	LIMIT(KS_FRAME_MAX),
	LIMIT(KS_SIGN_INPUT_MAX),
	LIMIT(KS_TEXT_MAX),
	LIMIT(KS_CERTIFICATE_MAX),
	LIMIT(KS_CHAIN_MAX),
	LIMIT(KS_SIGNATURE_MAX),
	LIMIT(KS_SPKI_MAX),
	LIMIT(KS_LIST_PAGE),
	LIMIT(KS_WAIT_DEFAULT),
	LIMIT(KS_SUBMISSIONS_PLAIN),
	LIMIT(KS_FRAME_DEADLINE_MS),
	LIMIT(KS_REPLY_DEADLINE_MS),
	LIMIT(KS_PROOF_CERTIFICATES_MAX),
	LIMIT(KS_REQUEST_INFO_MAX),
	LIMIT(KS_REQUEST_NAME_PARTS_MAX),
	LIMIT(KS_REQUEST_ATTRIBUTES_MAX),
	LIMIT(KS_REQUEST_EXTENSIONS_MAX),
	LIMIT(KS_REQUEST_DEPTH_MAX),
	LIMIT(KS_CMP_PART_MAX),
	LIMIT(KS_REQUESTS_PER_CONNECTION),
	LIMIT(KS_CONNECTIONS_PER_PROCESS),
	LIMIT(KS_CONNECTIONS_PER_UID),
	LIMIT(KS_SIGNATURES_QUEUED),
	LIMIT(KS_WORKER_SIGN_DEADLINE_MS),
	LIMIT(KS_WORKER_LOGIN_DEADLINE_MS),
	LIMIT(KS_WORKER_KEYGEN_DEADLINE_MS),
	LIMIT(KS_PROVISION_DRAIN_MS),
	LIMIT(KS_PROVISION_DEADLINE_MS),
	LIMIT(KS_PROMPTS_QUEUED),
	LIMIT(KS_PROMPT_CLIENTS),
	LIMIT(KS_PROMPT_COOL_DOWN_MS),
	LIMIT(KS_PIN_PAD_DEADLINE_MS),
	LIMIT(KS_CLIENT_DEADLINE_MS),
	LIMIT(KS_CLIENT_UNLOCK_DEADLINE_MS),
	LIMIT(KS_CLIENT_TOKEN_DEADLINE_MS),
};

static void test_document_has_the_limits_of_limits_h(void **state)
{
	(void)state;
	bool seen[sizeof(limits) / sizeof(limits[0])] = { false };

	for (const char *line = document; line; line = next_line(line)) {
		char column[COLUMNS_MAX][512];
		if (strncmp(line, "| `KS_", 6) != 0)
			continue;
		assert_int_equal(columns(line, column), 3);
		size_t i = 0;
		while (i < sizeof(limits) / sizeof(limits[0]) && strcmp(limits[i].name, column[0]) != 0)
			i++;
		if (i == sizeof(limits) / sizeof(limits[0]))
			fail_msg("the document has a limit %s, this test has not", column[0]);
		assert_int_equal(strtoul(column[1], NULL, 10), limits[i].value);
		seen[i] = true;
	}
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (!seen[i])
			fail_msg("the document lacks the limit %s", limits[i].name);
	}
}

/* --- examples ---------------------------------------------------------------------------------------------------- */

static void test_document_shows_the_frames_of_its_vectors(void **state)
{
	(void)state;
	struct vectors vectors;
	size_t n_examples = 0;

	vectors_read(VECTORS, &vectors);
	for (const char *line = document; line; line = next_line(line)) {
		if (strncmp(line, "```hex ", 7) != 0)
			continue;
		const struct vector *vector = vectors_find(&vectors, line + 7);
		if (!vector)
			fail_msg("the document shows a vector that is not there: %s", line + 7);
		char digits[4096] = "", expected[4096];
		size_t n = 0;
		while ((line = next_line(line)) && line[0] != '`') {
			for (const char *at = line; *at && n < sizeof(digits) - 1; at++) {
				if (!isspace((unsigned char)*at))
					digits[n++] = *at;
			}
		}
		assert_true(vector->frame_size * 2 < sizeof(expected));
		ks_text_hex(ks_bytes(vector->frame, vector->frame_size), expected);
		assert_string_equal(digits, expected);
		n_examples++;
	}
	assert_int_equal(n_examples, 2);
	vectors_free(&vectors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document_has_every_message_as_the_table_has_it),
		cmocka_unit_test(test_document_has_every_error_code),
		cmocka_unit_test(test_document_has_every_scheme),
		cmocka_unit_test(test_document_has_every_state_and_flag),
		cmocka_unit_test(test_document_has_the_limits_of_limits_h),
		cmocka_unit_test(test_document_shows_the_frames_of_its_vectors),
	};
	return cmocka_run_group_tests(tests, read_document, free_document);
}
