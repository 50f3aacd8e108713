/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_chain_name: ks_server_chain_check_name() of server_chain.h: the names of a certificate against that of a server.
 *
 * Ours and not X509_check_host(): what counts is RFC 9525 without the exceptions that others need (the common name, part
 * of a label, a leading dot), and a person is to read which names there are.
 *
 * Runs in: keystay-prove's children.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <openssl/x509v3.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/tls/server_chain.h"

#define DNS_NAME_MAX 253u
#define LABEL_MAX 63u
#define SHOWN_SIZE 80 /* of a name in a sentence */

KS_DEFINE_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free)

static bool is_label_character(char c)
{
	/* '_' is in no host name (RFC 952) and in many a private certificate. */
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

/* Labels of letters, digits and hyphens with dots between them; the last is not a number, as that of an address. */
static bool is_dns_name(const char *name, size_t size)
{
	size_t label = 0;
	bool has_letter = false;

	if (size == 0 || size > DNS_NAME_MAX)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (name[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
			has_letter = false;
			continue;
		}
		if (!is_label_character(name[i]) || ++label > LABEL_MAX)
			return false;
		has_letter = has_letter || !isdigit((unsigned char)name[i]);
	}
	return label > 0 && has_letter;
}

/* "*.corp.example" over "db.corp.example" and nothing else of it; "*.example" over nothing: whoever has that has a
 * whole top-level domain. */
static bool wildcard_matches(const char *rest, size_t rest_size, const char *name)
{
	const char *dot = strchr(name, '.');

	if (!is_dns_name(rest, rest_size) || !memchr(rest, '.', rest_size) || !dot)
		return false;
	return strlen(dot + 1) == rest_size && strncasecmp(dot + 1, rest, rest_size) == 0;
}

/* pattern is not NUL-terminated and may hold NUL, which is no letter of any name. */
static bool matches(const char *pattern, size_t size, const char *name)
{
	if (size > 2 && pattern[0] == '*' && pattern[1] == '.')
		return wildcard_matches(pattern + 2, size - 2, name);
	return is_dns_name(pattern, size) && strlen(name) == size && strncasecmp(pattern, name, size) == 0;
}

static int refuse(const char *first, size_t size, size_t n, const char *name, char reason[KS_REASON_SIZE])
{
	char shown[SHOWN_SIZE];

	if (n == 0)
		return ks_server_chain_refuse(reason, "its certificate has no DNS name");
	ks_text_escape(ks_bytes(first, size), shown, sizeof(shown));
	if (n == 1)
		return ks_server_chain_refuse(reason, "its certificate is for %s, not for %.100s", shown, name);
	return ks_server_chain_refuse(reason, "its certificate is for %s and %zu more, not for %.100s", shown, n - 1,
				      name);
}

int ks_server_chain_check_name(X509 *leaf, const char *name, char ret_reason[KS_REASON_SIZE])
{
	if (!is_dns_name(name, strlen(name)))
		return ks_server_chain_refuse(ret_reason, "the name that the client asked for is not a DNS name");
	KS_CLEANUP(GENERAL_NAMES_freep)
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	const char *first = NULL;
	size_t first_size = 0, n = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		int type = 0;
		const ASN1_IA5STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
		if (type != GEN_DNS)
			continue;
		const char *text = (const char *)ASN1_STRING_get0_data(value);
		size_t size = (size_t)ASN1_STRING_length(value);
		if (matches(text, size, name))
			return 0;
		if (n++ == 0) {
			first = text;
			first_size = size;
		}
	}
	return refuse(first, first_size, n, name, ret_reason);
}
