/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent_words: what a dialog of consent.h says, and what is said to a program that is refused by it.
 *
 * Runs in: keystay-agent. Pure. Every text of a client, a token or a handshake is escaped, cut to a length and stands
 * where we say what it is, so that none can forge a line or pass for proven.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/consent.h"

/* Of the texts below, with their NUL. Together they fit one line of the Assuan protocol (1,000 bytes), where what is too
 * much would be cut off at the end. */
#define KS_CONSENT_PROGRAM_SIZE 64
#define KS_CONSENT_NAME_SIZE 97
/* Where no server is spoken of there is room for it. */
#define KS_CONSENT_PURPOSE_SIZE 192
#define KS_CONSENT_SERVER_SIZE 256
#define KS_CONSENT_REASON_SIZE 161
#define KS_CONSENT_DESCRIPTION_SIZE 2048

/* A copy of what a question says, fit to be shown. */
struct ks_consent_words {
	enum ks_confirm level;
	pid_t pid;
	bool is_request, is_cmp, server_proven;
	char program[KS_CONSENT_PROGRAM_SIZE];
	char socket[KS_CONSENT_NAME_SIZE], key[KS_CONSENT_NAME_SIZE], token[KS_CONSENT_NAME_SIZE];
	char server[KS_CONSENT_SERVER_SIZE];
	char unverified[KS_CONSENT_REASON_SIZE];
	char purpose[KS_CONSENT_PURPOSE_SIZE];
	char warning[KS_LIFETIME_TEXT_MAX];
};

void ks_consent_words_init(struct ks_consent_words *words, const struct ks_consent_question *question);

/* Will a yes be remembered? */
bool ks_consent_words_remembers(const struct ks_consent_words *words);

/* The dialog: its text, and the word on the button that says yes. */
void ks_consent_words_describe(const struct ks_consent_words *words, char *out, size_t size);
const char *ks_consent_words_yes(const struct ks_consent_words *words);
#define KS_CONSENT_WORDS_NO "Refuse"

/* The sentence for a program whose dialog ended with this error; text is prompt.h's. why: KS_TEXT_MAX bytes. */
void ks_consent_words_ended(const struct ks_consent_words *words, int error, const char *text, char *why);

/* ... for one that nobody is asked for. */
enum ks_consent_refusal {
	KS_CONSENT_NOBODY_TO_ASK,
	KS_CONSENT_REFUSED_JUST_NOW,  /* to the same program */
	KS_CONSENT_REFUSED_TOO_OFTEN, /* at this socket, whoever asks */
	KS_CONSENT_PROCESS_IS_FULL,
	KS_CONSENT_SOCKET_IS_FULL,
	KS_CONSENT_ALL_IS_FULL,
	KS_CONSENT_LOCKED,
};
void ks_consent_words_refused(const struct ks_consent_words *words, enum ks_consent_refusal refusal, char *why);
