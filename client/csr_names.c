/* SPDX-License-Identifier: Apache-2.0 */
/* csr_names: alternative names as people type them, as GeneralNames (RFC 5280 section 4.2.1.6). */
#include "client/csr_text.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/text.h"

/* Of one name, and of all. */
#define NAME_MAX_SIZE 1024u
#define NAMES_MAX 256u

/* Context-specific, primitive. */
#define RFC822_NAME 0x81
#define DNS_NAME 0x82
#define URI_NAME 0x86
#define IP_ADDRESS 0x87
#define OTHER_NAME KS_DER_CONTEXT_0

/* 1.3.6.1.4.1.311.20.2.3, szOID_NT_PRINCIPAL_NAME */
static const uint8_t oid_upn[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03 };

/* Letters, digits and marks, no spaces and nothing that is not ASCII. */
static bool is_visible(const char *text)
{
	for (; *text; text++) {
		if (*text < 0x21 || *text > 0x7e)
			return false;
	}
	return true;
}

static bool is_of_a_label(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* --- one name of each kind --------------------------------------------------------------------------------------- */

/* Labels of 1 to 63 letters, 253 in all; "*." may stand in front. An international name stands as xn--… */
static bool put_dns(struct ks_buffer *out, const char *name)
{
	const char *c = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
	size_t n_label = 0;

	if (strlen(name) > 253)
		return false;
	for (; *c; c++) {
		if (*c == '.' && n_label > 0)
			n_label = 0;
		else if (!is_of_a_label(*c) || ++n_label > 63)
			return false;
	}
	ks_der_put(out, DNS_NAME, ks_bytes_text(name));
	return n_label > 0;
}

static bool has_two_sides(const char *name)
{
	const char *at = strrchr(name, '@');

	return at && at > name && at[1] != '\0';
}

static bool put_email(struct ks_buffer *out, const char *name)
{
	if (!has_two_sides(name) || !is_visible(name))
		return false;
	ks_der_put(out, RFC822_NAME, ks_bytes_text(name));
	return true;
}

/* "spiffe://corp/web": a scheme and something behind it. */
static bool put_uri(struct ks_buffer *out, const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

	if (n == 0 || name[n] != ':' || name[n + 1] == '\0' || !is_visible(name))
		return false;
	ks_der_put(out, URI_NAME, ks_bytes_text(name));
	return true;
}

static bool put_ip(struct ks_buffer *out, const char *name)
{
	uint8_t address[16];
	int family = strchr(name, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, name, address) != 1)
		return false;
	ks_der_put(out, IP_ADDRESS, ks_bytes(address, family == AF_INET ? 4 : 16));
	return true;
}

/* OtherName ::= SEQUENCE { type-id, value [0] EXPLICIT UTF8String }, in [0] IMPLICIT */
static bool put_upn(struct ks_buffer *out, const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };

	if (!has_two_sides(name) || !ks_text_valid(ks_bytes_text(name)))
		return false;
	ks_der_put(&text, KS_DER_UTF8_STRING, ks_bytes_text(name));
	ks_der_put(&parts, KS_DER_OID, ks_bytes(oid_upn, sizeof(oid_upn)));
	ks_der_put(&parts, KS_DER_CONTEXT_0, ks_buffer_bytes(&text));
	ks_der_put(out, OTHER_NAME, ks_buffer_bytes(&parts));
	return ks_buffer_error(&text) == 0 && ks_buffer_error(&parts) == 0;
}

static const struct kind {
	const char *prefix;
	bool (*put)(struct ks_buffer *out, const char *name);
	const char *what;
} kinds[] = {
	{ "dns:", put_dns, "a DNS name (an international one is written xn--…)" },
	{ "email:", put_email, "a mail address (ASCII)" },
	{ "uri:", put_uri, "a URI" },
	{ "ip:", put_ip, "an IPv4 or IPv6 address" },
	{ "upn:", put_upn, "a user's name such as alice@corp.example" },
};

static const struct kind *find_kind(const char *text)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strncasecmp(text, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return &kinds[i];
	}
	return NULL;
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

static int fail(struct ks_csr_problem *problem, const char *text, const char *words)
{
	char shown[96];

	ks_text_escape(ks_bytes_text(text), shown, sizeof(shown));
	(void)ks_text_print(problem->text, sizeof(problem->text), "\"%s\" is not %s", shown, words);
	return KS_ERR_INVALID;
}

/* Where this name ends: at a comma before another one, or at the end. */
static const char *end_of(const char *text)
{
	const char *comma = strchr(text, ',');

	while (comma && !find_kind(comma + 1))
		comma = strchr(comma + 1, ',');
	return comma ? comma : text + strlen(text);
}

static int put_name(struct ks_buffer *out, const struct kind *kind, struct ks_bytes text,
		    struct ks_csr_problem *problem)
{
	char name[NAME_MAX_SIZE + 1];

	if (text.size > NAME_MAX_SIZE)
		return fail(problem, kind->prefix, "shorter than 1 KiB");
	memcpy(name, text.data, text.size);
	name[text.size] = '\0';
	return kind->put(out, name) ? 0 : fail(problem, name, kind->what);
}

int ks_csr_names_put(struct ks_buffer *out, const char *text, struct ks_csr_problem *ret_problem)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer names = { 0 };
	unsigned n = 0;
	bool is_last;

	do {
		const struct kind *kind = find_kind(text);
		if (!kind)
			return fail(ret_problem, text, "dns:NAME, email:ADDRESS, uri:URI, ip:ADDRESS or upn:USER");
		if (++n > NAMES_MAX)
			return fail(ret_problem, text, "needed: there are too many names");
		const char *name = text + strlen(kind->prefix);
		const char *end = end_of(name);
		int r = put_name(&names, kind, ks_bytes(name, (size_t)(end - name)), ret_problem);
		if (r < 0)
			return r;
		is_last = *end == '\0';
		text = end + 1;
	} while (!is_last);
	int r = ks_buffer_error(&names);
	if (r < 0)
		return r;
	ks_der_put(out, KS_DER_SEQUENCE, ks_buffer_bytes(&names));
	return ks_buffer_error(out);
}
