/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_name: see server_name.h.
 *
 * Runs in: keystay-agent. Must never give two spellings of one name: what is given here is compared with rules and
 * written into records. An empty label, a dot at the end or an address would be read in one way by a rule and in
 * another by the check of the certificate, so none of them is a name here.
 */
#include "lib/tls/server_name.h"

#include <string.h>

#include "lib/tls/refusal.h"

#define NAME_SIZE_MAX 253u /* RFC 1035 section 2.3.4, as text */
#define LABEL_SIZE_MAX 63u

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* '_' is in use, whatever RFC 1123 says. */
static bool is_inner(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

static bool is_label(const char *label, size_t size)
{
	if (size == 0 || size > LABEL_SIZE_MAX || label[0] == '-' || label[size - 1] == '-')
		return false;
	for (size_t i = 0; i < size; i++) {
		if (!is_inner(label[i]))
			return false;
	}
	return true;
}

/* A last label of digits alone ("192.0.2.1"), or one that begins like a number of C ("0x7f"): no top-level domain is
 * like that, but programs read addresses into it. */
static bool is_number(const char *label, size_t size)
{
	if (size >= 2 && label[0] == '0' && label[1] == 'x')
		return true;
	for (size_t i = 0; i < size; i++) {
		if (!is_digit(label[i]))
			return false;
	}
	return true;
}

static int check_labels(const char *name, size_t size, struct ks_signable_refusal *refusal)
{
	size_t start = 0;

	for (size_t i = 0; i < size; i++) {
		if (name[i] != '.')
			continue;
		if (!is_label(name + start, i - start))
			return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE,
					       "the server name in the ClientHello is not a well-formed DNS name");
		start = i + 1;
	}
	if (start == size)
		return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE,
				       "the server name in the ClientHello ends with a dot, which no certificate has");
	if (!is_label(name + start, size - start))
		return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE,
				       "the server name in the ClientHello is not a well-formed DNS name");
	if (is_number(name + start, size - start))
		return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE,
				       "the server name in the ClientHello is an address, not a DNS name");
	return 0;
}

int ks_server_name_read(const struct ks_extensions *client_hello, char ret_name[256],
			struct ks_signable_refusal *ret_refusal)
{
	struct ks_bytes body;
	char name[NAME_SIZE_MAX + 1] = "";

	if (!ks_extensions_find(client_hello, KS_EXTENSION_SERVER_NAME, &body))
		return ks_refusal_give(
			ret_refusal, KS_ERR_RULE_UNPROVABLE,
			"the client did not say which server it wants (no server name in its ClientHello)");
	struct ks_reader reader = ks_reader(body);
	struct ks_reader list = ks_reader(ks_reader_vector16(&reader));
	(void)ks_reader_u8(&list); /* host_name; extensions.c has looked, and that it is the only one */
	struct ks_bytes host = ks_reader_vector16(&list);
	if (host.size == 0 || host.size > NAME_SIZE_MAX)
		return ks_refusal_give(ret_refusal, KS_ERR_RULE_UNPROVABLE,
				       "the server name in the ClientHello has %zu bytes; a DNS name has 1 to %u",
				       host.size, NAME_SIZE_MAX);
	for (size_t i = 0; i < host.size; i++) {
		char c = (char)host.data[i];
		name[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	int r = check_labels(name, host.size, ret_refusal);
	if (r < 0)
		return r;
	memcpy(ret_name, name, host.size + 1);
	return 0;
}
