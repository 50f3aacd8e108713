/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile: one [profile "NAME"] of keystay.conf, as the agent read it (docs/protocol.md, PROFILES).
 *
 * Runs in: keystay-enroll. The agent alone reads configuration; every form has been checked there (settings_enrol.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enrol/base/problem.h"
#include "lib/base/cleanup.h"
#include "lib/base/secret.h"

/* Texts are owned; those that the section does not have are NULL. */
struct ks_profile {
	char *name;
	char *origin;    /* "/etc/keystay/keystay.conf:12", for messages */
	char *protocol;  /* est, scep, cmp, vault, step-ca or exec */
	char *url;       /* NULL for exec */
	char *tls_ca;    /* PEM file: whom the server's TLS certificate must come from; NULL: the system's */
	char *issued_by; /* PEM file: CAs that must have issued what is enrolled; NULL: what the protocol itself says */
	char *subject;   /* as for keystay csr --subject */
	char *san;       /* as for keystay csr --san */
	char *hash;      /* sha256, sha384 or sha512, or NULL */
	char *user;      /* EST: of HTTP basic; CMP: reference of the secret */
	char *secret_file;       /* absolute; its first line: EST password, SCEP challenge, CMP secret, Vault token */
	char *secret_credential; /* name below $CREDENTIALS_DIRECTORY */
	char *label;          /* EST: of the path (RFC 7030 section 3.2.2); SCEP: GetCACert's message (CA identifier) */
	char *ca_fingerprint; /* SCEP: SHA-256 of the CA's certificate, 64 hex digits */
	char *recipient;      /* CMP: name of the CA, "/CN=…" */
	char *namespace;      /* Vault: X-Vault-Namespace */
	char *ttl;            /* Vault: lifetime asked for, "24h" */
	char *command;        /* exec: program and its arguments, split at spaces, no shell */
	char *deploy_hook;    /* program and its arguments, split at spaces, no shell; run after the swap */
	uint64_t timeout_ms;  /* of one exchange */
	bool pss;             /* sign RSA requests with PSS */
	bool rekey;           /* another key at each renewal */
	bool cmp_p10cr;       /* CMP: a first certificate by a PKCS#10 request and not by CRMF */
	bool scep_legacy;     /* SCEP: triple DES where the CA has no AES, and answers in single DES */
	const struct ks_profile_key
		*keys; /* of struct ks_profiles, borrowed: those that keystay.conf gives any profile */
	size_t n_keys;
	bool store_on_token; /* store = token; else certs */
};

/* One key that keystay.conf gives a profile. */
struct ks_profile_key {
	char *key; /* short name */
	uint8_t spki_hash[32];
	char *profile;
};

struct ks_profiles {
	char *folder; /* of the agent's state, absolute: what install.h and state.h write lies below it */
	struct ks_profile *profiles;
	size_t n_profiles;
	struct ks_profile_key *keys;
	size_t n_keys;
};

/* Asks the agent, over the control socket. */
int ks_profiles_get(struct ks_profiles *ret_profiles, struct ks_enrol_problem *problem) KS_WARN_UNUSED;
void ks_profiles_deinit(struct ks_profiles *profiles);

/* By name; NULL with problem, which lists those there are. */
const struct ks_profile *ks_profiles_find(const struct ks_profiles *profiles, const char *name,
					  struct ks_enrol_problem *problem);
/* Does keystay.conf give this key this profile? */
bool ks_profile_is_of(const struct ks_profile *profile, const uint8_t spki_hash[32]);
/* The name of the profile that keystay.conf gives this key, or NULL. */
const char *ks_profiles_of_key(const struct ks_profiles *profiles, const uint8_t spki_hash[32]);

/* --- profile_secret.c -------------------------------------------------------------------------------------------- */

/* The profile's secret: the first line of its file (owner only, at most KS_SECRET_MAX bytes) or credential; given. NULL when
 * the profile names none, which is no problem. */
int ks_profile_secret(const struct ks_profile *profile, struct ks_secret **ret_secret, struct ks_enrol_problem *problem)
	KS_WARN_UNUSED;
