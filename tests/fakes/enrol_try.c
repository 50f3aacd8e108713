/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol-try: one driver of enrol/ and nothing around it, for stories about protocols: no profile of the agent, no judge, no
 * installation.
 *
 *	enrol-try enrol protocol=est url=https://… tls-ca=FILE key=NAME csr=FILE.der out=PREFIX [FIELD=VALUE...]
 *	enrol-try revoke reason=4 protocol=cmp … old=NAME
 *	enrol-try http url=… [plain=yes] [content-type=T body=FILE] [accept=T] [user=U secret-file=FILE] [identity=NAME]
 *
 * FIELD is one of struct ks_profile as keystay.conf writes it, or: key, old, identity (names of the agent's keys), csr
 * (DER; without it the agent signs one for key, with the challenge in it where the protocol wants that), pending (file that an earlier run wrote), out, reason, plain, content-type, accept, body, header.
 * enrol writes PREFIX-certificates.pem and PREFIX-anchors.pem, or PREFIX-pending; http writes the body to standard output.
 * Standard error has one line: "issued: 2 certificates, 1 anchors", "pending: 3600", "200 text/plain 0" or
 * "error WORD final|again: text". Exit code 0; 4 pending; 1 error; 2 usage.
 *
 * Runs in: tests, below the build folder's bin as a program of keystay's, so that it finds the provider.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/csr_text.h"
#include "enrol/base/http.h"
#include "enrol/drivers/driver.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/csr.h"

static struct ks_profile profile;

static const struct {
	const char *name;
	char **value;
} texts[] = {
	{ "protocol", &profile.protocol },
	{ "url", &profile.url },
	{ "tls-ca", &profile.tls_ca },
	{ "issued-by", &profile.issued_by },
	{ "subject", &profile.subject },
	{ "san", &profile.san },
	{ "hash", &profile.hash },
	{ "user", &profile.user },
	{ "secret-file", &profile.secret_file },
	{ "label", &profile.label },
	{ "ca-fingerprint", &profile.ca_fingerprint },
	{ "recipient", &profile.recipient },
	{ "namespace", &profile.namespace },
	{ "ttl", &profile.ttl },
	{ "command", &profile.command },
};

static struct {
	const char *key, *old, *identity, *csr, *pending, *out, *reason, *plain, *content_type, *accept, *body, *header;
	const char *timeout, *scep_legacy;
} arguments;

static const struct {
	const char *name;
	const char **value;
} others[] = {
	{ "key", &arguments.key },
	{ "old", &arguments.old },
	{ "identity", &arguments.identity },
	{ "csr", &arguments.csr },
	{ "pending", &arguments.pending },
	{ "out", &arguments.out },
	{ "reason", &arguments.reason },
	{ "plain", &arguments.plain },
	{ "content-type", &arguments.content_type },
	{ "accept", &arguments.accept },
	{ "body", &arguments.body },
	{ "header", &arguments.header },
	{ "timeout-ms", &arguments.timeout },
	{ "scep-legacy", &arguments.scep_legacy },
};

static void die(const char *what)
{
	(void)fprintf(stderr, "enrol-try: %s\n", what);
	exit(2);
}

static void read_argument(char *text)
{
	char *equals = strchr(text, '=');

	if (!equals)
		die("FIELD=VALUE is wanted");
	*equals = '\0';
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(texts[i].name, text) == 0) {
			*texts[i].value = equals + 1;
			return;
		}
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(others[i].name, text) == 0) {
			*others[i].value = equals + 1;
			return;
		}
	}
	die(text);
}

static void load(const char *path, struct ks_buffer *buffer)
{
	if (!path)
		return;
	KS_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	ssize_t n = 1;
	while (n > 0) {
		uint8_t *room = ks_buffer_reserve(buffer, 4096);
		n = room ? read(fd, room, 4096) : -1;
		if (n < 0)
			die(path);
		ks_buffer_grow(buffer, (size_t)n);
	}
}

static void save(struct ks_bytes bytes, const char *suffix)
{
	char path[4096];

	if (!arguments.out)
		return;
	(void)snprintf(path, sizeof(path), "%s-%s", arguments.out, suffix);
	FILE *file = fopen(path, "wxe");
	if (!file || (bytes.size > 0 && fwrite(bytes.data, 1, bytes.size, file) != bytes.size) || fclose(file) != 0)
		die(path);
}

/* Certificates one behind the other, as PEM; how many. */
static unsigned save_certificates(struct ks_bytes bytes, const char *suffix)
{
	const unsigned char *at = bytes.data;
	BIO *memory = BIO_new(BIO_s_mem());
	unsigned n = 0;
	char *text;

	for (; at && at < bytes.data + bytes.size; n++) {
		X509 *certificate = d2i_X509(NULL, &at, bytes.data + bytes.size - at);
		if (!certificate || PEM_write_bio_X509(memory, certificate) != 1)
			die("the driver gave what is no certificate");
		X509_free(certificate);
	}
	long size = BIO_get_mem_data(memory, &text);
	save(ks_bytes(text, (size_t)size), suffix);
	BIO_free(memory);
	return n;
}

static int fail(const struct ks_enrol_problem *problem)
{
	(void)fprintf(stderr, "error %s %s: %s\n", ks_error_word(problem->code), problem->is_final ? "final" : "again",
		      problem->text);
	return 1;
}

static void get(const char *name, struct ks_client_identity **ret_identity)
{
	struct ks_client_error error;

	if (name && ks_client_get(name, ret_identity, &error) < 0)
		die(error.text);
}

static struct ks_secret *read_secret(void)
{
	struct ks_secret *secret = NULL;

	if (!profile.secret_file)
		return NULL;
	KS_AUTO_CLOSE int fd = open(profile.secret_file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ks_secret_new(&secret) < 0 || ks_secret_read(secret, fd, true) < 0)
		die(profile.secret_file);
	return secret;
}

static void make_csr(const struct ks_client_identity *key, const struct ks_csr *wanted, struct ks_buffer *out)
{
	struct ks_client_sign_request request = { .name = profile.name };
	struct ks_csr csr = *wanted;
	struct ks_buffer info = { 0 };
	struct ks_client_error error;
	uint8_t signature[KS_SIGNATURE_MAX];
	struct ks_spki spki;
	size_t size;

	csr.spki = key->identity.spki;
	if (ks_spki_read(csr.spki, &spki) < 0 || ks_csr_put_info(&info, &csr) < 0)
		die("csr");
	const struct ks_scheme *scheme = ks_csr_scheme(&spki, false, KS_HASH_NONE);
	request.scheme = scheme->code;
	request.info = ks_buffer_bytes(&info);
	memcpy(request.spki_hash, key->identity.spki_hash.data, sizeof(request.spki_hash));
	if (ks_client_sign_request(&request, signature, &size, &error) < 0)
		die(error.text);
	if (ks_csr_put(out, request.info, scheme, ks_bytes(signature, size)) < 0)
		die("csr");
	ks_buffer_deinit(&info);
}

static int end(const struct ks_enrol_answer *answer)
{
	if (answer->outcome == KS_ENROL_PENDING) {
		save(ks_buffer_bytes(&answer->pending), "pending");
		(void)fprintf(stderr, "pending: %u\n", answer->retry_after_s);
		return 4;
	}
	unsigned n = save_certificates(ks_buffer_bytes(&answer->certificates), "certificates.pem");
	unsigned n_anchors = save_certificates(ks_buffer_bytes(&answer->anchors), "anchors.pem");
	(void)fprintf(stderr, "issued: %u certificates, %u anchors\n", n, n_anchors);
	return 0;
}

static int enrol(const char *verb, const struct ks_client_identity *key, const struct ks_client_identity *old,
		 const struct ks_secret *secret)
{
	struct ks_buffer csr = { 0 }, pending = { 0 }, subject = { 0 }, names = { 0 };
	const struct ks_enrol_driver *driver = profile.protocol ? ks_enrol_driver_of(profile.protocol) : NULL;
	struct ks_enrol_problem problem = { 0 };
	struct ks_enrol_answer answer = { 0 };
	struct ks_csr_problem csr_problem;

	if (!driver)
		die("no such protocol");
	load(arguments.csr, &csr);
	load(arguments.pending, &pending);
	if (profile.subject && ks_csr_subject_put(&subject, profile.subject, &csr_problem) < 0)
		die("subject");
	if (profile.san && ks_csr_names_put(&names, profile.san, &csr_problem) < 0)
		die("san");
	const struct ks_csr wanted = {
		.subject = ks_buffer_bytes(&subject),
		.names = ks_buffer_bytes(&names),
		.challenge = secret && driver->wants_challenge ? ks_secret_bytes(secret) : KS_BYTES_NONE,
	};
	if (key && !arguments.csr && !arguments.pending && !driver->makes_no_request)
		make_csr(key, &wanted, &csr);
	const struct ks_enrol_request request = {
		.profile = &profile,
		.key = key,
		.old = old,
		.secret = secret,
		.csr = ks_buffer_bytes(&csr),
		.subject = ks_buffer_bytes(&subject),
		.names = ks_buffer_bytes(&names),
		.pending = ks_buffer_bytes(&pending),
	};
	int r, result = 0;
	if (strcmp(verb, "revoke") == 0) {
		r = driver->revoke ? driver->revoke(&request, (unsigned)atoi(arguments.reason ? arguments.reason : "0"),
						    &problem) :
				     -1;
	} else {
		r = driver->run(&request, &answer, &problem);
		result = r < 0 ? 0 : end(&answer);
	}
	ks_enrol_answer_deinit(&answer);
	ks_buffer_deinit(&csr);
	ks_buffer_deinit(&pending);
	ks_buffer_deinit(&subject);
	ks_buffer_deinit(&names);
	return r < 0 ? fail(&problem) : result;
}

static int http(const struct ks_client_identity *identity, const struct ks_secret *secret)
{
	const char *headers[] = { arguments.header, NULL };
	struct ks_enrol_problem problem = { 0 };
	struct ks_http_answer answer = { 0 };
	struct ks_buffer body = { 0 };

	load(arguments.body, &body);
	const struct ks_http_request request = {
		.profile = &profile,
		.url = profile.url,
		.may_be_plain = arguments.plain != NULL,
		.content_type = arguments.content_type,
		.accept = arguments.accept,
		.body = ks_buffer_bytes(&body),
		.headers = headers,
		.user = profile.user,
		.password = secret,
		.identity = identity,
	};
	int r = ks_http_call(&request, &answer, &problem);
	if (r == 0) {
		struct ks_bytes bytes = ks_buffer_bytes(&answer.body);
		(void)fprintf(stderr, "%u %s %u\n", answer.status, answer.content_type, answer.retry_after_s);
		(void)fwrite(bytes.data, 1, bytes.size, stdout);
	}
	ks_buffer_deinit(&body);
	ks_http_answer_deinit(&answer);
	return r < 0 ? fail(&problem) : 0;
}

int main(int argc, char **argv)
{
	static char name[] = "test", origin[] = "keystay.conf:1";
	struct ks_client_identity *key = NULL, *old = NULL, *identity = NULL;

	if (argc < 2)
		die("enrol, revoke or http");
	profile.name = name;
	profile.origin = origin;
	for (int i = 2; i < argc; i++)
		read_argument(argv[i]);
	profile.timeout_ms = arguments.timeout ? strtoul(arguments.timeout, NULL, 10) : 10000;
	profile.scep_legacy = arguments.scep_legacy && strcmp(arguments.scep_legacy, "yes") == 0;
	get(arguments.key, &key);
	get(arguments.old, &old);
	get(arguments.identity, &identity);
	struct ks_secret *secret = read_secret();
	int result = strcmp(argv[1], "http") == 0 ? http(identity, secret) : enrol(argv[1], key, old, secret);
	ks_secret_free(secret);
	ks_client_identity_free(key);
	ks_client_identity_free(old);
	ks_client_identity_free(identity);
	return result;
}
