/* SPDX-License-Identifier: Apache-2.0 */
/* scep_scene: see scep_scene.h. */
#include "tests/unit/enrol/scep_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/provider.h>

#include "enrol/base/bundle.h"
#include "enrol/base/http.h"
#include "lib/base/text.h"

struct fake_party ca, other_ca, ra_encrypts, ra_signs;
X509 *leaf, *wrong_leaf;
unsigned char *csr, *name_der;
int csr_size, name_size;
struct scep_scene scene;
static struct fake_party holder;

/* --- the server's end of HTTP --------------------------------------------------------------------------------------- */

static void unescape(const char *text, struct ks_buffer *out)
{
	for (; *text; text++) {
		if (*text != '%') {
			ks_buffer_put_u8(out, (uint8_t)*text);
			continue;
		}
		char digits[3] = { text[1], text[2], '\0' };
		ks_buffer_put_u8(out, (uint8_t)strtoul(digits, NULL, 16));
		text += 2;
	}
}

static void read_request(struct ks_bytes message)
{
	fake_request_deinit(&scene.request);
	scene.has_request = fake_request_read(message, scene.recipient, &scene.request);
	assert_true(scene.has_request);
}

static void answer_message(const struct ks_http_request *http, struct ks_buffer *out)
{
	const char *message = strstr(http->url, "&message=");
	struct ks_buffer text = { 0 };
	unsigned char *der = NULL;

	if (message) {
		unescape(message + strlen("&message="), &text);
		der = malloc(text.size);
		int size = EVP_DecodeBlock(der, text.data, (int)text.size);
		assert_true(size > 2);
		/* EVP_DecodeBlock counts the padding. */
		for (size_t i = text.size; i > 0 && text.data[i - 1] == '='; i--)
			size--;
		read_request(ks_bytes(der, (size_t)size));
	} else {
		read_request(http->body);
	}
	ks_buffer_deinit(&text);
	free(der);
	if (scene.raw_answer.data)
		ks_buffer_put(out, scene.raw_answer);
	else
		fake_answer_put(&scene.answer, &scene.request, out);
	if (scene.flip)
		out->data[out->size - (size_t)scene.flip] ^= 1;
}

int __wrap_ks_http_call(const struct ks_http_request *http, struct ks_http_answer *ret_answer,
			struct ks_enrol_problem *problem);
int __wrap_ks_http_call(const struct ks_http_request *http, struct ks_http_answer *ret_answer,
			struct ks_enrol_problem *problem)
{
	struct ks_http_answer answer = { .status = 200 };

	(void)problem;
	assert_true(scene.n_calls < 4);
	scene.urls[scene.n_calls++] = strdup(http->url);
	if (strstr(http->url, "operation=GetCACaps")) {
		ks_buffer_put(&answer.body, ks_bytes_text(scene.caps));
	} else if (strstr(http->url, "operation=GetCACert")) {
		if (scene.raw_ca.data)
			ks_buffer_put(&answer.body, scene.raw_ca);
		else
			fake_put_certificates(scene.sent, scene.n_sent, &answer.body);
	} else {
		assert_non_null(strstr(http->url, "operation=PKIOperation"));
		if (http->content_type)
			(void)snprintf(scene.content_type, sizeof(scene.content_type), "%s", http->content_type);
		answer_message(http, &answer.body);
		answer.status = scene.status;
	}
	*ret_answer = answer;
	return 0;
}

/* --- scenes --------------------------------------------------------------------------------------------------------- */

int scep_scene_begin(void **state)
{
	static char name[] = "corp", origin[] = "/etc/k.conf:7", url[] = "http://ca.example/scep";
	unsigned char hash[32];

	(void)state;
	scene = (struct scep_scene){
		.caps = SCEP_SCENE_CAPS,
		.sent = { ca.certificate },
		.n_sent = 1,
		.recipient = &ca,
		.status = 200,
		.answer = { .signer = &ca, .status = "0", .certificates = &leaf, .n_certificates = 1 },
		.subject = ks_bytes(name_der, (size_t)name_size),
	};
	assert_int_equal(X509_digest(ca.certificate, EVP_sha256(), hash, NULL), 1);
	ks_text_hex(ks_bytes(hash, sizeof(hash)), scene.fingerprint);
	scene.profile = (struct ks_profile){
		.name = name, .origin = origin, .url = url, .ca_fingerprint = scene.fingerprint, .timeout_ms = 1000
	};
	return 0;
}

void scep_scene_forget_run(void)
{
	for (unsigned i = 0; i < scene.n_calls; i++)
		free(scene.urls[i]);
	scene.n_calls = 0;
	ks_enrol_answer_deinit(&scene.got);
	scene.got = (struct ks_enrol_answer){ 0 };
	scene.problem = (struct ks_enrol_problem){ 0 };
}

int scep_scene_end(void **state)
{
	(void)state;
	scep_scene_forget_run();
	fake_request_deinit(&scene.request);
	return 0;
}

int scep_scene_run(void)
{
	const struct ks_enrol_request request = {
		.profile = &scene.profile,
		.csr = scene.no_csr ? KS_BYTES_NONE : ks_bytes(csr, (size_t)csr_size),
		.subject = scene.subject,
		.pending = scene.pending,
	};

	return ks_enrol_scep.run(&request, &scene.got, &scene.problem);
}

void scep_scene_assert_said(const char *part)
{
	if (!strstr(scene.problem.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, scene.problem.text);
}

void scep_scene_assert_refused(int code, bool is_final, const char *part)
{
	int r = scep_scene_run();

	scep_scene_assert_said(part);
	assert_int_equal(r, code);
	assert_int_equal(scene.problem.code, code);
	assert_int_equal(scene.problem.is_final, is_final);
	assert_int_equal(scene.got.certificates.size, 0);
}

void scep_scene_assert_issued(void)
{
	if (scep_scene_run() != 0)
		fail_msg("%s", scene.problem.text);
	assert_int_equal(scene.got.outcome, KS_ENROL_ISSUED);
}

bool scep_scene_has(const struct ks_buffer *all, X509 *wanted)
{
	struct ks_bytes rest = ks_buffer_bytes(all), one;
	unsigned char *der = NULL;
	int size = i2d_X509(wanted, &der);
	bool found = false;

	while (ks_bundle_next(&rest, &one))
		found = found || ks_bytes_equal(one, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	return found;
}

/* --- all ------------------------------------------------------------------------------------------------------------------ */

static void make_csr(void)
{
	X509_REQ *request = X509_REQ_new();

	assert_int_equal(X509_REQ_set_subject_name(request, X509_get_subject_name(leaf)), 1);
	assert_int_equal(X509_REQ_set_pubkey(request, holder.key), 1);
	assert_true(X509_REQ_sign(request, holder.key, EVP_sha256()) > 0);
	csr_size = i2d_X509_REQ(request, &csr);
	name_size = i2d_X509_NAME(X509_get_subject_name(leaf), &name_der);
	X509_REQ_free(request);
}

static OSSL_PROVIDER *usual, *legacy;

int scep_scene_make_all(void **state)
{
	const struct fake_certificate ca_wanted = { "Example CA", NULL, FAKE_CA, "RSA", 2048, 30 };
	const struct fake_certificate other_wanted = { "Other CA", NULL, FAKE_CA, "RSA", 2048, 30 };
	const struct fake_certificate ra1 = { "RA 1", &ca, FAKE_RA_ENCRYPTS, "RSA", 2048, 30 };
	const struct fake_certificate ra2 = { "RA 2", &ca, FAKE_RA_SIGNS, "RSA", 2048, 30 };
	const struct fake_certificate client = { "alice", &ca, FAKE_CLIENT, "EC", 0, 20 };

	(void)state;
	/* For the CA's side, in the default context alone: its answers in DES. */
	usual = OSSL_PROVIDER_load(NULL, "default");
	legacy = OSSL_PROVIDER_load(NULL, "legacy");
	assert_non_null(legacy);
	fake_party_make(&ca_wanted, &ca);
	fake_party_make(&other_wanted, &other_ca);
	fake_party_make(&ra1, &ra_encrypts);
	fake_party_make(&ra2, &ra_signs);
	fake_party_make(&client, &holder);
	leaf = holder.certificate;
	wrong_leaf = fake_certificate_make(&client, other_ca.key);
	make_csr();
	return 0;
}

int scep_scene_free_all(void **state)
{
	(void)state;
	X509_free(wrong_leaf);
	OPENSSL_free(csr);
	OPENSSL_free(name_der);
	fake_party_deinit(&ca);
	fake_party_deinit(&other_ca);
	fake_party_deinit(&ra_encrypts);
	fake_party_deinit(&ra_signs);
	fake_party_deinit(&holder);
	(void)OSSL_PROVIDER_unload(legacy);
	(void)OSSL_PROVIDER_unload(usual);
	return 0;
}
