/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scep_scene: one run of SCEP's driver at a CA (scep_fake_ca.h) that sits where http would be: ks_http_call() is
 * wrapped by the linker, so there is no socket. A test changes scene before it runs.
 */
#pragma once

#include "enrol/drivers/driver.h"
#include "tests/unit/enrol/scep_fake_ca.h"

#define SCEP_SCENE_CAPS "AES\nPOSTPKIOperation\nRenewal\nSHA-1\nSHA-256\n"

/* Made once: RSA keys take long. */
extern struct fake_party ca, other_ca, ra_encrypts, ra_signs;
extern X509 *leaf, *wrong_leaf;
extern unsigned char *csr, *name_der;
extern int csr_size, name_size;

/* One run, and what the CA does in it. */
struct scep_scene {
	/* the server */
	const char *caps;
	X509 *sent[4]; /* by GetCACert */
	size_t n_sent;
	const struct fake_party *recipient;
	struct fake_answer answer;
	struct ks_bytes raw_answer, raw_ca; /* in place of a proper one */
	unsigned status;
	int flip; /* this byte of the answer, from its end */
	/* what came in */
	struct fake_request request;
	bool has_request;
	char *urls[4];
	char content_type[64];
	unsigned n_calls;
	/* the client */
	struct ks_profile profile;
	char fingerprint[100];
	struct ks_bytes pending;
	struct ks_bytes subject;
	bool no_csr;
	struct ks_enrol_answer got;
	struct ks_enrol_problem problem;
};
extern struct scep_scene scene;

/* For cmocka: around all tests, and around each. */
int scep_scene_make_all(void **state);
int scep_scene_free_all(void **state);
int scep_scene_begin(void **state);
int scep_scene_end(void **state);

int scep_scene_run(void);
void scep_scene_forget_run(void);
void scep_scene_assert_said(const char *part);
/* Runs: it is refused with this code, and the problem says part. */
void scep_scene_assert_refused(int code, bool is_final, const char *part);
void scep_scene_assert_issued(void);
bool scep_scene_has(const struct ks_buffer *all, X509 *wanted);
