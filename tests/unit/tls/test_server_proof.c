/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of lib/tls/server_proof.h: chain, time, purpose and the server's signature. Names and OCSP have files of their own. */
#include "tests/unit/tls/proof_scene.h"

#include <stdio.h>
#include <string.h>

#include <openssl/rsa.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define SHA256 (&(struct server_ca_signature){ .hash = "SHA256" })
#define PSS(hash_) (&(struct server_ca_signature){ .hash = (hash_), .pss = true, .salt = RSA_PSS_SALTLEN_DIGEST })

static struct scene scene;

static int setup(void **state)
{
	(void)state;
	scene_init(&scene);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_deinit(&scene);
	return 0;
}

/* --- whose word counts --------------------------------------------------------------------------------------------- */

static void test_proof_holds_for_a_server_below_a_trusted_root(void **state)
{
	(void)state;
	scene_make(&scene);
	scene_expect_proven(&scene);
}

static void test_proof_refuses_an_unknown_authority(void **state)
{
	(void)state;
	struct server_ca_certificate other;

	scene_make(&scene);
	server_ca_make(&other, &scene.root_plan, NULL);
	scene_trust(&scene, &other);
	scene_expect_refused(&scene, "\"Corp Issuing CA\" above it has a signature that is not of its issuer");
	server_ca_deinit(&other);
	scene.root_plan.common_name = "Other Root";
	server_ca_make(&other, &scene.root_plan, NULL);
	scene_trust(&scene, &other);
	scene_expect_refused(
		&scene,
		"no certificate authority that is trusted here issued its certificate (its issuer is \"Corp Issuing CA\")");
	server_ca_deinit(&other);
}

static void test_proof_refuses_when_nobody_is_trusted(void **state)
{
	(void)state;
	scene_make(&scene);
	scene.n_trust = 0;
	scene_expect_refused(&scene, "no certificate authority is trusted here");
	scene.n_trust = 1;
}

static void test_proof_refuses_a_chain_without_its_intermediate(void **state)
{
	(void)state;
	scene_make(&scene);
	scene.claim.n_certificates = 1;
	scene_expect_refused(&scene, "no certificate authority that is trusted here");
}

static void test_proof_takes_certificates_in_any_order_and_some_too_many(void **state)
{
	(void)state;
	struct ks_bytes middle, root;

	scene_make(&scene);
	middle = ks_buffer_bytes(&scene.middle.der);
	root = ks_buffer_bytes(&scene.root.der);
	scene.claim.certificates[1] = root;
	scene.claim.certificates[2] = ks_buffer_bytes(&scene.leaf.der);
	scene.claim.certificates[3] = middle;
	scene.claim.n_certificates = 4;
	scene_expect_proven(&scene);
}

static void test_proof_takes_an_intermediate_as_anchor(void **state)
{
	(void)state;
	scene_make(&scene);
	scene_trust(&scene, &scene.middle);
	scene_expect_proven(&scene);
}

static void test_proof_takes_a_self_signed_server_as_anchor(void **state)
{
	(void)state;
	scene.self_signed = true;
	scene_make(&scene);
	scene_expect_refused(&scene, "no certificate authority that is trusted here");
	scene_trust(&scene, &scene.leaf);
	scene_expect_proven(&scene);
}

static void test_proof_takes_a_leaf_as_anchor(void **state)
{
	(void)state;
	scene_make(&scene);
	scene_trust(&scene, &scene.leaf);
	scene_expect_proven(&scene);
}

static void test_proof_does_not_trust_a_root_that_the_server_sent(void **state)
{
	(void)state;
	struct server_ca_certificate other;

	scene_make(&scene);
	server_ca_make(&other,
		       &(struct server_ca_plan){ .key = "P-256",
						 .common_name = "Other Root",
						 .from = scene.root_plan.from,
						 .until = scene.root_plan.until },
		       NULL);
	scene.claim.certificates[scene.claim.n_certificates++] = ks_buffer_bytes(&scene.root.der);
	scene_trust(&scene, &other);
	scene_expect_refused(&scene, "no certificate authority that is trusted here");
	server_ca_deinit(&other);
}

static void test_proof_must_hold_for_every_set_of_anchors(void **state)
{
	(void)state;
	struct server_ca_certificate other;

	scene_make(&scene);
	scene_trust_too(&scene, &scene.middle);
	scene_expect_proven(&scene);
	scene.root_plan.common_name = "Other Root";
	server_ca_make(&other, &scene.root_plan, NULL);
	scene_trust(&scene, &scene.root);
	scene_trust_too(&scene, &other);
	scene_expect_refused(&scene, "no certificate authority that is trusted here");
	scene_trust(&scene, &other);
	scene_trust_too(&scene, &scene.root);
	scene_expect_refused(&scene, "no certificate authority that is trusted here");
	server_ca_deinit(&other);
}

static void test_proof_refuses_a_wrong_signature_in_the_chain(void **state)
{
	(void)state;
	scene_make(&scene);
	scene.leaf.der.data[scene.leaf.der.size - 1] ^= 1;
	scene_expect_refused(&scene, "its certificate has a signature that is not of its issuer");
}

static void test_proof_refuses_a_chain_with_a_changed_name(void **state)
{
	(void)state;
	scene_make(&scene);
	uint8_t *at = memmem(scene.leaf.der.data, scene.leaf.der.size, SCENE_NAME, strlen(SCENE_NAME));
	assert_non_null(at);
	at[0] = 'x';
	(void)snprintf(scene.claim.server_name, sizeof(scene.claim.server_name), "xww.corp.example");
	scene_expect_refused(&scene, "its certificate has a signature that is not of its issuer");
}

/* --- what each may do ---------------------------------------------------------------------------------------------- */

static void test_proof_refuses_an_issuer_that_is_no_authority(void **state)
{
	(void)state;
	scene_set(&scene.middle_plan, "basicConstraints", "critical,CA:FALSE");
	scene_make(&scene);
	scene_expect_refused(
		&scene, "the certificate of the authority \"Corp Issuing CA\" above it is not that of an authority");
}

static void test_proof_refuses_an_issuer_without_basic_constraints(void **state)
{
	(void)state;
	scene_set(&scene.middle_plan, "basicConstraints", NULL);
	scene_set(&scene.middle_plan, "keyUsage", NULL);
	scene_make(&scene);
	scene_expect_refused(&scene, "is not that of an authority");
}

static void test_proof_refuses_an_issuer_that_may_not_sign_certificates(void **state)
{
	(void)state;
	scene_set(&scene.middle_plan, "keyUsage", "critical,digitalSignature");
	scene_make(&scene);
	scene_expect_refused(&scene, "\"Corp Issuing CA\" above it is not that of an authority");
}

static void test_proof_refuses_more_authorities_than_the_path_length_allows(void **state)
{
	(void)state;
	scene_set(&scene.root_plan, "basicConstraints", "critical,CA:TRUE,pathlen:0");
	scene_make(&scene);
	scene_expect_refused(&scene, "allows fewer authorities below it");
}

static void test_proof_refuses_a_name_outside_of_name_constraints(void **state)
{
	(void)state;
	scene_set(&scene.middle_plan, "nameConstraints", "critical,permitted;DNS:other.example");
	scene_make(&scene);
	scene_expect_refused(&scene, "has a name that an authority above may not issue for");
}

static void test_proof_refuses_a_name_that_is_excluded(void **state)
{
	(void)state;
	scene_set(&scene.middle_plan, "nameConstraints", "critical,excluded;DNS:corp.example");
	scene_make(&scene);
	scene_expect_refused(&scene, "has a name that an authority above may not issue for");
}

static void test_proof_takes_a_name_inside_of_name_constraints(void **state)
{
	(void)state;
	scene_set(&scene.middle_plan, "nameConstraints", "critical,permitted;DNS:corp.example");
	scene_make(&scene);
	scene_expect_proven(&scene);
}

static void test_proof_refuses_a_certificate_for_clients(void **state)
{
	(void)state;
	scene_set(&scene.leaf_plan, "extendedKeyUsage", "clientAuth");
	scene_make(&scene);
	scene_expect_refused(&scene, "its certificate is not for servers");
}

static void test_proof_refuses_any_extended_key_usage_but_server_authentication(void **state)
{
	(void)state;
	scene_set(&scene.leaf_plan, "extendedKeyUsage", "anyExtendedKeyUsage");
	scene_make(&scene);
	scene_expect_refused(&scene, "its certificate is not for servers");
}

static void test_proof_refuses_server_gated_cryptography_alone(void **state)
{
	(void)state;
	scene_set(&scene.leaf_plan, "extendedKeyUsage", "msSGC,nsSGC");
	scene_make(&scene);
	scene_expect_refused(&scene, "its certificate is not for servers");
}

static void test_proof_takes_a_certificate_without_extended_key_usage(void **state)
{
	(void)state;
	scene_set(&scene.leaf_plan, "extendedKeyUsage", NULL);
	scene_make(&scene);
	scene_expect_proven(&scene);
}

static void test_proof_refuses_an_authority_for_clients_alone(void **state)
{
	(void)state;
	scene_set(&scene.middle_plan, "extendedKeyUsage", "clientAuth");
	scene_make(&scene);
	scene_expect_refused(&scene, "\"Corp Issuing CA\" above it is not for servers");
}

static void test_proof_refuses_a_key_that_may_only_encipher(void **state)
{
	(void)state;
	scene_set(&scene.leaf_plan, "keyUsage", "critical,keyEncipherment,keyAgreement");
	scene_make(&scene);
	scene_expect_refused(&scene, "its certificate's key is not for signatures");
}

static void test_proof_takes_a_certificate_without_key_usage(void **state)
{
	(void)state;
	scene_set(&scene.leaf_plan, "keyUsage", NULL);
	scene_make(&scene);
	scene_expect_proven(&scene);
}

static void test_proof_refuses_a_critical_extension_that_nobody_knows(void **state)
{
	(void)state;
	scene_set(&scene.leaf_plan, "1.2.3.4", "critical,DER:0500");
	scene_make(&scene);
	scene_expect_refused(&scene, "its certificate has a critical extension that is not understood");
}

/* --- when ---------------------------------------------------------------------------------------------------------- */

static void test_proof_refuses_an_expired_certificate_and_says_since_when(void **state)
{
	(void)state;
	scene.leaf_plan.until = SCENE_NOW - SCENE_DAY;
	scene_make(&scene);
	scene_expect_refused(&scene, "its certificate expired on 2027-01-14");
	scene.now = SCENE_NOW - 2 * SCENE_DAY;
	scene_expect_proven(&scene);
}

static void test_proof_refuses_a_certificate_of_the_future(void **state)
{
	(void)state;
	scene.leaf_plan.from = SCENE_NOW + SCENE_DAY;
	scene_make(&scene);
	scene_expect_refused(&scene, "its certificate is not valid before 2027-01-16");
}

static void test_proof_refuses_an_expired_authority_by_name(void **state)
{
	(void)state;
	scene.middle_plan.until = SCENE_NOW - SCENE_DAY;
	scene_make(&scene);
	scene_expect_refused(&scene,
			     "the certificate of the authority \"Corp Issuing CA\" above it expired on 2027-01-14");
}

static void test_proof_refuses_an_expired_root(void **state)
{
	(void)state;
	scene.root_plan.until = SCENE_NOW - SCENE_DAY;
	scene_make(&scene);
	scene_expect_refused(&scene, "the certificate of the authority \"Corp Root\" above it expired");
}

/* --- how strong ---------------------------------------------------------------------------------------------------- */

static void test_proof_refuses_a_short_rsa_key(void **state)
{
	(void)state;
	scene.leaf_plan.key = "RSA-1024";
	scene_make(&scene);
	scene_sign(&scene, 0x0804, PSS("SHA256"));
	scene_expect_refused(&scene, "its certificate has a key that is too weak");
}

static void test_proof_refuses_an_authority_with_a_short_rsa_key(void **state)
{
	(void)state;
	scene.middle_plan.key = "RSA-1024";
	scene_make(&scene);
	scene_expect_refused(&scene, "\"Corp Issuing CA\" above it has a key that is too weak");
}

static void test_proof_refuses_a_certificate_signed_over_sha1(void **state)
{
	(void)state;
	scene.leaf_plan.hash = "SHA1";
	scene_make(&scene);
	scene_expect_refused(&scene, "its certificate is signed over a hash that is too weak");
}

static void test_proof_refuses_a_certificate_signed_over_md5(void **state)
{
	(void)state;
	scene.root_plan.key = "RSA-2048";
	scene.middle_plan.hash = "MD5";
	scene_make(&scene);
	scene_expect_refused(&scene, "is signed over a hash that is too weak");
}

static void test_proof_takes_what_a_root_is_signed_over_as_no_matter(void **state)
{
	(void)state;
	scene.root_plan.hash = "SHA1";
	scene_make(&scene);
	scene_expect_proven(&scene);
}

/* --- what is no certificate ---------------------------------------------------------------------------------------- */

static void test_proof_refuses_no_certificate_and_more_than_ten(void **state)
{
	(void)state;
	scene_make(&scene);
	scene.claim.n_certificates = 0;
	scene_expect_refused(&scene, "it showed no certificate");
	scene.claim.n_certificates = KS_PROOF_CERTIFICATES_MAX + 1;
	scene_expect_refused(&scene, "or more than 10");
}

static void test_proof_refuses_what_is_no_certificate(void **state)
{
	(void)state;
	scene_make(&scene);
	scene.claim.certificates[1] = ks_bytes_text("certainly none");
	scene_expect_refused(&scene, "certificate 2 of its chain is not well-formed");
	scene.claim.certificates[0] = KS_BYTES_NONE;
	scene_expect_refused(&scene, "its certificate is not well-formed");
}

static void test_proof_refuses_a_certificate_with_a_byte_too_many_or_too_few(void **state)
{
	(void)state;
	scene_make(&scene);
	scene.claim.certificates[0].size--;
	scene_expect_refused(&scene, "its certificate is not well-formed");
	ks_buffer_put_u8(&scene.leaf.der, 0);
	scene.claim.certificates[0] = ks_buffer_bytes(&scene.leaf.der);
	scene_expect_refused(&scene, "its certificate is not well-formed");
}

static void test_proof_escapes_and_cuts_names_of_certificates(void **state)
{
	(void)state;
	scene.middle_plan.common_name = "Evil\x1b[2J\n authority with a very\x1b\x1b long name that goes on and on";
	scene_make(&scene);
	scene.claim.n_certificates = 1;
	scene_expect_refused(&scene, "Evil\\x1b[2J\\x0a authority");
	assert_true(ks_text_valid(ks_bytes_text(scene.reason)));
	assert_non_null(strstr(scene.reason, "..."));
}

/* --- the server's own signature ------------------------------------------------------------------------------------ */

static void test_proof_refuses_a_signature_by_another_key(void **state)
{
	(void)state;
	struct server_ca_certificate other;

	scene_make(&scene);
	server_ca_make(&other, &scene.leaf_plan, &scene.middle);
	ks_buffer_reset(&scene.signature);
	server_ca_sign(&scene.signature, other.key, SHA256, ks_buffer_bytes(&scene.claim.signed_input));
	scene.claim.signature = ks_buffer_bytes(&scene.signature);
	scene_expect_refused(&scene, "the signature in its handshake was not made with the key of its certificate");
	server_ca_deinit(&other);
}

static void test_proof_refuses_a_signature_over_another_handshake(void **state)
{
	(void)state;
	scene_make(&scene);
	scene.claim.signed_input.data[scene.claim.signed_input.size - 1] ^= 1;
	scene_expect_refused(&scene, "the signature in its handshake was not made with the key");
}

static void test_proof_refuses_a_changed_or_empty_signature(void **state)
{
	(void)state;
	scene_make(&scene);
	scene.signature.data[scene.signature.size - 1] ^= 1;
	scene_expect_refused(&scene, "the signature in its handshake was not made with the key");
	scene.claim.signature = KS_BYTES_NONE;
	scene_expect_refused(&scene, "the signature in its handshake was not made with the key");
}

static void test_proof_takes_each_kind_of_key(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		uint32_t scheme;
		struct server_ca_signature how;
	} kinds[] = {
		{ "P-256", 0x0403, { .hash = "SHA256" } },
		{ "P-384", 0x0503, { .hash = "SHA384" } },
		{ "P-521", 0x0603, { .hash = "SHA512" } },
		{ "Ed25519", 0x0807, { .hash = NULL } },
		{ "RSA-2048", 0x0804, { .hash = "SHA256", .pss = true, .salt = RSA_PSS_SALTLEN_DIGEST } },
		{ "RSA-2048", 0x0806, { .hash = "SHA512", .pss = true, .salt = RSA_PSS_SALTLEN_DIGEST } },
		{ "RSA-PSS-2048", 0x0809, { .hash = "SHA256", .pss = true, .salt = RSA_PSS_SALTLEN_DIGEST } },
		{ "RSA-PSS-2048", 0x080b, { .hash = "SHA512", .pss = true, .salt = RSA_PSS_SALTLEN_DIGEST } },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		scene_deinit(&scene);
		scene_init(&scene);
		scene.leaf_plan.key = kinds[i].key;
		scene_make(&scene);
		scene_sign(&scene, kinds[i].scheme, &kinds[i].how);
		scene_expect_proven(&scene);
	}
}

static void test_proof_binds_the_curve_to_the_hash_in_tls13_alone(void **state)
{
	(void)state;
	scene.leaf_plan.key = "P-384";
	scene_make(&scene);
	scene_sign(&scene, 0x0403, SHA256);
	scene_expect_refused(&scene,
			     "it signed with ecdsa_secp256r1_sha256, which does not fit its key (P-384) in TLS 1.3");
	scene.claim.is_tls13 = false;
	scene_expect_proven(&scene);
}

static void test_proof_takes_pkcs1_in_tls12_alone(void **state)
{
	(void)state;
	scene.leaf_plan.key = "RSA-2048";
	scene_make(&scene);
	scene_sign(&scene, 0x0401, SHA256);
	scene_expect_refused(&scene,
			     "it signed with rsa_pkcs1_sha256, which does not fit its key (RSA-2048) in TLS 1.3");
	scene.claim.is_tls13 = false;
	scene_expect_proven(&scene);
}

static void test_proof_tells_rsa_keys_from_rsa_pss_keys(void **state)
{
	(void)state;
	scene.leaf_plan.key = "RSA-PSS-2048";
	scene_make(&scene);
	scene_sign(&scene, 0x0804, PSS("SHA256"));
	scene_expect_refused(&scene, "rsa_pss_rsae_sha256, which does not fit its key (RSA-PSS-2048)");
}

static void test_proof_wants_the_salt_as_long_as_the_hash(void **state)
{
	(void)state;
	scene.leaf_plan.key = "RSA-2048";
	scene_make(&scene);
	scene_sign(&scene, 0x0804, &(struct server_ca_signature){ .hash = "SHA256", .pss = true, .salt = 20 });
	scene_expect_refused(&scene, "the signature in its handshake was not made with the key");
}

static void test_proof_wants_the_mask_of_the_same_hash(void **state)
{
	(void)state;
	scene.leaf_plan.key = "RSA-2048";
	scene_make(&scene);
	scene_sign(&scene, 0x0804,
		   &(struct server_ca_signature){
			   .hash = "SHA256", .pss = true, .salt = RSA_PSS_SALTLEN_DIGEST, .mgf1 = "SHA1" });
	scene_expect_refused(&scene, "the signature in its handshake was not made with the key");
}

static void test_proof_knows_no_weak_scheme(void **state)
{
	(void)state;
	static const uint32_t weak[] = { 0x0101, 0x0201, 0x0203, 0x0301, 0x0303, 0x0202, 0, 0xffffffff };

	scene.leaf_plan.key = "RSA-2048";
	scene.claim.is_tls13 = false;
	scene_make(&scene);
	scene_sign(&scene, 0x0201, &(struct server_ca_signature){ .hash = "SHA1" });
	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
		scene.claim.scheme = weak[i];
		scene_expect_refused(&scene, "a scheme that is unknown or too weak");
	}
}

static void test_proof_refuses_a_kind_of_key_that_is_not_known(void **state)
{
	(void)state;
	scene.leaf_plan.key = "Ed448";
	scene_make(&scene);
	scene_sign(&scene, 0x0808, &(struct server_ca_signature){ .hash = NULL });
	scene_expect_refused(&scene, "its certificate has a kind of key that keystay does not know");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_proof_holds_for_a_server_below_a_trusted_root, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_an_unknown_authority, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_when_nobody_is_trusted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_chain_without_its_intermediate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_takes_certificates_in_any_order_and_some_too_many, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_proof_takes_an_intermediate_as_anchor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_takes_a_self_signed_server_as_anchor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_takes_a_leaf_as_anchor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_does_not_trust_a_root_that_the_server_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_must_hold_for_every_set_of_anchors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_wrong_signature_in_the_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_chain_with_a_changed_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_an_issuer_that_is_no_authority, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_an_issuer_without_basic_constraints, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_an_issuer_that_may_not_sign_certificates, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_more_authorities_than_the_path_length_allows, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_name_outside_of_name_constraints, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_name_that_is_excluded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_takes_a_name_inside_of_name_constraints, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_certificate_for_clients, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_any_extended_key_usage_but_server_authentication,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_server_gated_cryptography_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_takes_a_certificate_without_extended_key_usage, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_an_authority_for_clients_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_key_that_may_only_encipher, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_takes_a_certificate_without_key_usage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_critical_extension_that_nobody_knows, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_an_expired_certificate_and_says_since_when, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_certificate_of_the_future, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_an_expired_authority_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_an_expired_root, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_short_rsa_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_an_authority_with_a_short_rsa_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_certificate_signed_over_sha1, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_certificate_signed_over_md5, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_takes_what_a_root_is_signed_over_as_no_matter, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_no_certificate_and_more_than_ten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_what_is_no_certificate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_certificate_with_a_byte_too_many_or_too_few, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_proof_escapes_and_cuts_names_of_certificates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_signature_by_another_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_signature_over_another_handshake, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_changed_or_empty_signature, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_takes_each_kind_of_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_binds_the_curve_to_the_hash_in_tls13_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_takes_pkcs1_in_tls12_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_tells_rsa_keys_from_rsa_pss_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_wants_the_salt_as_long_as_the_hash, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_wants_the_mask_of_the_same_hash, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_knows_no_weak_scheme, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proof_refuses_a_kind_of_key_that_is_not_known, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
