/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing_private: what the files of signing share: the story (signing.c), what was asked (signing_message.c), which token
 * (signing_token.c), how it ends (signing_end.c). Nobody else includes it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/asking.h"
#include "agent/audit.h"
#include "agent/consent.h"
#include "agent/notify.h"
#include "agent/rules_now.h"
#include "agent/signing_pin.h"
#include "agent/signing_proof.h"
#include "agent/state.h"
#include "lib/tls/signable.h"

enum ks_signing_state {
	KS_SIGNING_LOOKING, /* working, nothing is awaited */
	KS_SIGNING_WAITING, /* for news of the state or an answer of a person; one deadline for all waits together */
	KS_SIGNING_PROVING, /* for keystay-prove; deadline KS_PROOF_DEADLINE_MS, kept by prove.c */
	KS_SIGNING_AT_TOKEN, /* for the worker; deadline KS_WORKER_SIGN_DEADLINE_MS or the module's, kept by the worker */
	KS_SIGNING_ENDING,   /* for the record; deadline KS_AUDIT_DEADLINE_MS, kept by audit.c */
};

/* "a key update (kur) of CMP, for key "…" (sha256:…)" */
#define KS_SIGNING_CMP_WORDS 512u

/* The reply, while its record is being written. */
struct ks_signing_reply {
	int error; /* 0: a signature */
	uint8_t signature[KS_SIGNATURE_MAX];
	size_t signature_size;
	char text[KS_TEXT_MAX];
};

struct ks_signing_job {
	struct ks_waiter waiter; /* first, so that the waiter is the signing */
	struct ks_request *request;
	enum ks_signing_state state;
	struct ks_msg_sign message; /* borrows from the request's body; of SIGN_DIGEST: input is the digest; of
				       SIGN_REQUEST: the request; of SIGN_CMP: the part */
	bool is_digest, is_request, is_cmp, is_for_ca;
	sd_event_source
		*timer; /* of all together: from the first WAITING on, or from the start where a deadline holds */
	uint64_t begun_ms;
	bool timed_out;
	bool looked_again; /* for a key that nobody knew */
	bool login_tried;  /* a kept PIN is used once for one request */
	struct ks_asker asker;
	struct ks_signing_pin pin; /* of a key that asks for it each time */
	struct ks_signing_proof proof;
	struct ks_consenter consenter;
	bool asked_proven; /* its dialog said that the server is proven */
	bool consented;    /* a person said yes to this one */
	bool counted;      /* for max-rate */
	struct ks_worker_call *call;
	struct ks_location location; /* of the call */
	sd_event_source *turn_timer; /* of the call, when another token has this key too */
	struct ks_notice *notice;
	struct ks_location failed[KS_LOCATIONS_MAX]; /* where it was tried in vain */
	size_t n_failed;
	uint64_t number;       /* for `keystay monitor` */
	const char *waits_for; /* what it was told last */
	/* For the record. */
	enum ks_signable_kind kind;     /* 0 = not understood */
	char server_name[256];          /* that the handshake names, claimed */
	char rule[384];                 /* that decided last */
	char cmp[KS_SIGNING_CMP_WORDS]; /* what is asked for by CMP, for a person, or "" */
	char token[65];
	bool pin_asked, pin_used, told_of_touch;
	struct ks_audit_entry *entry;
	struct ks_signing_reply reply; /* ENDING; also a signature that waits for its proof */
};

/* What LOOKING finds; nothing of it outlives a wait. */
struct ks_signing_finding {
	struct ks_identity *identity;
	struct ks_signable signable;
	struct ks_policy_question question;
	struct ks_policy_answer answer;
	struct ks_location location;
	struct ks_token token; /* its worker is NULL when no token is there */
};

const struct ks_settings_socket *ks_signing_socket(const struct ks_signing_job *signing);

/* May a person be asked for this client: do the socket, the client's own words and its patience allow it? */
bool ks_signing_may_prompt(const struct ks_signing_job *signing);

/* --- signing_token.c --------------------------------------------------------------------------------------------- */

/* In ascending order of goodness. */
enum ks_token_use { KS_TOKEN_USE_NO, KS_TOKEN_USE_ASK, KS_TOKEN_USE_SOON, KS_TOKEN_USE_NOW };

/* May this token sign now, soon (its worker starts, a login is under way or can be made), once its PIN was asked for, or
 * not? */
enum ks_token_use ks_signing_use_of(const struct ks_signing_job *signing, const struct ks_token *token);

/* Of the tokens with this key the first that can sign now, else one that soon can, else one whose PIN can be asked for;
 * those where it was tried in vain come last of all. Fills in location and token. */
enum ks_token_use ks_signing_choose_token(const struct ks_signing_job *signing, struct ks_signing_finding *finding);

/* Of a pair of tokens one signs and the other was lost and is back: it is logged in again with its kept PIN, once for each
 * worker, so that the pair is a pair again. */
void ks_signing_warm_others(const struct ks_signing_job *signing, const struct ks_signing_finding *finding);

/* The call at location failed: it is tried at another token, if there is one that can. */
void ks_signing_give_up_location(struct ks_signing_job *signing);
bool ks_signing_has_another_token(const struct ks_signing_job *signing, const struct ks_identity *identity);

/* The sentence for a token that cannot be used, and its error. */
int ks_signing_describe_token(const struct ks_signing_finding *finding, char text[KS_TEXT_MAX]) KS_WARN_UNUSED;

/* --- signing_message.c -------------------------------------------------------------------------------------------- */

/* Fills in message and says which one it is, from the request. MALFORMED and others of ks_message_read(). */
int ks_signing_read_message(struct ks_signing_job *signing) KS_WARN_UNUSED;

/* Is it no TLS handshake, but the way to a certificate? Then there is no server, and a revoked certificate is no reason to
 * refuse. */
bool ks_signing_is_for_a_certificate(const struct ks_signing_job *signing);

/* Invariant I2: what lib/tls says to the input, as this message wants it understood. */
int ks_signing_understand(const struct ks_signing_job *signing, const struct ks_spki *spki,
			  struct ks_signable *ret_signable, struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* For persons: "key … signs only …", and what this one is for. */
const char *ks_signing_what_it_signs(const struct ks_signing_job *signing);
const char *ks_signing_purpose_words(const struct ks_signing_job *signing);

/* --- signing_cmp.c ------------------------------------------------------------------------------------------------ */

/* What signable.h has read of CMP is judged by what is known here: a key update is for a key that some token here has.
 * 0, or INPUT_CMP with ret_refusal filled. */
int ks_signing_look_at_cmp(struct ks_signing_job *signing, const struct ks_signable *signable,
			   struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* --- signing_certificate.c ---------------------------------------------------------------------------------------- */

/* Has the certificate expired, was it revoked, or does keystay.conf want a word of its CA that is not there
 * (standing.h)? Then it refuses, before anybody is asked for anything. What brings the key another certificate may
 * always be signed. */
bool ks_signing_refuse_certificate(struct ks_signing_job *signing, const struct ks_signing_finding *finding);

/* --- signing_end.c ----------------------------------------------------------------------------------------------- */

/* Both end the signing: the record is written, then the reply leaves. key_name may be NULL. */
void ks_signing_refuse(struct ks_signing_job *signing, const char *key_name, int error, const char *text);

/* The signature stands in signing->reply. */
void ks_signing_release(struct ks_signing_job *signing, const struct ks_signing_finding *finding);

/* For `keystay monitor`: it waits now, for that; told once for each thing. */
void ks_signing_tell_wait(struct ks_signing_job *signing, const char *what);
void ks_signing_tell_asked(struct ks_signing_job *signing);

/* The client has gone: a record, no reply. */
void ks_signing_abandon(struct ks_signing_job *signing);

/* Lets go of all that is awaited, but for the record. */
void ks_signing_let_go(struct ks_signing_job *signing);
