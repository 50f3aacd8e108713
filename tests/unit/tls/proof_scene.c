/* SPDX-License-Identifier: Apache-2.0 */
/* proof_scene: see proof_scene.h. */
#include "tests/unit/tls/proof_scene.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/base/cleanup.h"
#include "lib/tls/verify_signature.h"

void scene_init(struct scene *scene)
{
	*scene = (struct scene){ .now = SCENE_NOW };
	const struct server_ca_plan base = { .key = "P-256",
					     .from = SCENE_NOW - 30 * SCENE_DAY,
					     .until = SCENE_NOW + 30 * SCENE_DAY };
	scene->root_plan = scene->middle_plan = scene->leaf_plan = base;
	scene->root_plan.common_name = "Corp Root";
	scene_set(&scene->root_plan, "basicConstraints", "critical,CA:TRUE");
	scene_set(&scene->root_plan, "keyUsage", "critical,keyCertSign,cRLSign,digitalSignature");
	scene_set(&scene->root_plan, "subjectKeyIdentifier", "hash");
	scene->middle_plan.common_name = "Corp Issuing CA";
	scene_set(&scene->middle_plan, "basicConstraints", "critical,CA:TRUE,pathlen:0");
	scene_set(&scene->middle_plan, "keyUsage", "critical,keyCertSign,cRLSign,digitalSignature");
	scene_set(&scene->middle_plan, "subjectKeyIdentifier", "hash");
	scene->leaf_plan.common_name = "a server";
	scene_set(&scene->leaf_plan, "basicConstraints", "critical,CA:FALSE");
	scene_set(&scene->leaf_plan, "keyUsage", "critical,digitalSignature");
	scene_set(&scene->leaf_plan, "extendedKeyUsage", "serverAuth");
	scene_set(&scene->leaf_plan, "subjectAltName", "DNS:" SCENE_NAME);
	(void)snprintf(scene->claim.server_name, sizeof(scene->claim.server_name), "%s", SCENE_NAME);
	scene->claim.is_tls13 = true;
	ks_buffer_printf(&scene->claim.signed_input, "%64sTLS 1.3, server CertificateVerify", "");
	ks_buffer_put_u8(&scene->claim.signed_input, 0);
	ks_buffer_printf(&scene->claim.signed_input, "%32s", "a hash of handshake messages");
}

static void forget_trust(struct scene *scene)
{
	while (scene->n_trust > 0)
		ks_server_trust_free(scene->trust[--scene->n_trust]);
}

void scene_deinit(struct scene *scene)
{
	server_ca_deinit(&scene->root);
	server_ca_deinit(&scene->middle);
	server_ca_deinit(&scene->leaf);
	ks_buffer_deinit(&scene->claim.signed_input);
	ks_buffer_deinit(&scene->signature);
	ks_buffer_deinit(&scene->staple);
	forget_trust(scene);
}

void scene_set(struct server_ca_plan *plan, const char *name, const char *value)
{
	struct server_ca_extension *at = plan->extensions;

	while (at->name && strcmp(at->name, name) != 0)
		at++;
	assert_true(at < plan->extensions + SERVER_CA_EXTENSIONS_MAX);
	if (value) {
		*at = (struct server_ca_extension){ name, value };
		return;
	}
	for (; at->name && at + 1 < plan->extensions + SERVER_CA_EXTENSIONS_MAX; at++)
		at[0] = at[1];
}

void scene_trust_too(struct scene *scene, const struct server_ca_certificate *anchor)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };

	assert_true(scene->n_trust < KS_PROOF_ANCHORS_MAX);
	assert_int_equal(ks_server_trust_new(&scene->trust[scene->n_trust]), 0);
	server_ca_put_pem(&pem, anchor);
	assert_int_equal(ks_server_trust_add_pem(scene->trust[scene->n_trust++], ks_buffer_bytes(&pem)), 1);
}

void scene_trust(struct scene *scene, const struct server_ca_certificate *anchor)
{
	forget_trust(scene);
	scene_trust_too(scene, anchor);
}

void scene_sign(struct scene *scene, uint32_t scheme, const struct server_ca_signature *how)
{
	ks_buffer_reset(&scene->signature);
	server_ca_sign(&scene->signature, scene->leaf.key, how, ks_buffer_bytes(&scene->claim.signed_input));
	scene->claim.scheme = scheme;
	scene->claim.signature = ks_buffer_bytes(&scene->signature);
}

void scene_make(struct scene *scene)
{
	const struct server_ca_certificate *issuer = &scene->root;

	server_ca_make(&scene->root, &scene->root_plan, NULL);
	if (!scene->without_middle) {
		server_ca_make(&scene->middle, &scene->middle_plan, &scene->root);
		issuer = &scene->middle;
	}
	server_ca_make(&scene->leaf, &scene->leaf_plan, scene->self_signed ? NULL : issuer);
	scene->claim.certificates[0] = ks_buffer_bytes(&scene->leaf.der);
	scene->claim.n_certificates = 1;
	if (!scene->without_middle && !scene->self_signed)
		scene->claim.certificates[scene->claim.n_certificates++] = ks_buffer_bytes(&scene->middle.der);
	scene_trust(scene, &scene->root);
	if (strcmp(scene->leaf_plan.key, "P-256") == 0)
		scene_sign(scene, 0x0403, &(struct server_ca_signature){ .hash = "SHA256" });
}

int scene_prove(struct scene *scene)
{
	const struct ks_server_trust *anchors[KS_PROOF_ANCHORS_MAX];

	for (size_t i = 0; i < scene->n_trust; i++)
		anchors[i] = scene->trust[i];
	memset(scene->reason, 0, sizeof(scene->reason));
	int r = ks_server_proof_make(&scene->claim, anchors, scene->n_trust, scene->now, scene->hash, scene->reason);
	assert_int_equal(ERR_peek_error(), 0); /* nothing is left for others to find */
	return r;
}

void scene_expect_proven(struct scene *scene)
{
	uint8_t hash[32];
	unsigned char *der = NULL;

	if (scene_prove(scene) != 0)
		fail_msg("not proven: %s", scene->reason);
	int size = i2d_PUBKEY(scene->leaf.key, &der);
	assert_true(size > 0);
	assert_int_equal(ks_sha256(ks_bytes(der, (size_t)size), hash), 0);
	assert_memory_equal(hash, scene->hash, sizeof(hash));
	OPENSSL_free(der);
}

void scene_expect_refused(struct scene *scene, const char *words)
{
	assert_int_equal(scene_prove(scene), KS_ERR_RULE_UNPROVABLE);
	if (!strstr(scene->reason, words))
		fail_msg("\"%s\" does not say \"%s\"", scene->reason, words);
}
