/* SPDX-License-Identifier: Apache-2.0 */
/* consent_words: see consent_words.h. Runs in: keystay-agent. */
#include "agent/consent_words.h"

#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

static void copy_escaped(const char *text, char *out, size_t size)
{
	ks_text_escape(ks_bytes_text(text), out, size);
}

static bool is_of_a_host_name(char letter)
{
	return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
	       (letter >= '0' && letter <= '9') || letter == '.' || letter == '-' || letter == '_';
}

/* What is no host name must not read like our own words: "db.corp.example (proven)". */
static void copy_server(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; text[n] && n + 1 < size; n++)
		out[n] = is_of_a_host_name(text[n]) ? text[n] : '?';
	out[n] = '\0';
}

void ks_consent_words_init(struct ks_consent_words *words, const struct ks_consent_question *question)
{
	*words = (struct ks_consent_words){ .level = question->level,
					    .pid = question->pid,
					    .is_request = question->is_request,
					    .is_cmp = question->is_cmp,
					    .server_proven = question->server_proven && question->server[0] };
	copy_escaped(question->program, words->program, sizeof(words->program));
	copy_escaped(question->socket, words->socket, sizeof(words->socket));
	copy_escaped(question->key, words->key, sizeof(words->key));
	copy_escaped(question->token, words->token, sizeof(words->token));
	copy_server(question->server, words->server, sizeof(words->server));
	copy_escaped(question->unverified, words->unverified, sizeof(words->unverified));
	copy_escaped(question->warning, words->warning, sizeof(words->warning));
	copy_escaped(question->purpose, words->purpose,
		     question->is_request ? sizeof(words->purpose) : KS_CONSENT_PROGRAM_SIZE);
}

bool ks_consent_words_remembers(const struct ks_consent_words *words)
{
	return words->level == KS_CONFIRM_FIRST_USE && words->server_proven;
}

/* --- the dialog -------------------------------------------------------------------------------------------------- */

static void describe_server(const struct ks_consent_words *words, struct ks_buffer *out)
{
	if (words->server_proven) {
		ks_buffer_printf(out, "\nServer: %s (proven)", words->server);
		return;
	}
	if (words->server[0])
		ks_buffer_printf(out, "\nServer: claims to be for %s, NOT PROVEN", words->server);
	else
		ks_buffer_printf(out, "\nServer: names no server, NOT PROVEN");
	if (words->unverified[0])
		ks_buffer_printf(out, ": %s", words->unverified);
}

/* The first line has no word of others in it: Qt's dialogs look there whether the text is HTML. */
void ks_consent_words_describe(const struct ks_consent_words *words, char *out, size_t size)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };

	ks_buffer_printf(&text, "A program wants to %s with your key.\n",
			 words->is_cmp     ? "ask a certificate authority for something" :
			 words->is_request ? "ask for a certificate" :
					     "sign in");
	ks_buffer_printf(&text, "\nProgram: calls itself \"%s\" (pid %d)", words->program, (int)words->pid);
	if (!words->is_request)
		describe_server(words, &text);
	ks_buffer_printf(&text, "\nKey: \"%s\" on token \"%s\"", words->key, words->token);
	if (words->warning[0])
		ks_buffer_printf(&text, "\nCertificate: %s", words->warning);
	ks_buffer_printf(&text, "\nFor: %s", words->purpose);
	if (ks_consent_words_remembers(words))
		ks_buffer_printf(&text, "\n\nA yes holds for this key and server until you lock.");
	else if (words->level == KS_CONFIRM_FIRST_USE && !words->is_request)
		ks_buffer_printf(&text, "\n\nA yes holds once: only a proven server is remembered.");
	(void)ks_text_print(out, size, "%.*s", (int)text.size, (const char *)text.data);
}

const char *ks_consent_words_yes(const struct ks_consent_words *words)
{
	return ks_consent_words_remembers(words) ? "Allow" : "Sign once";
}

/* --- refusals ---------------------------------------------------------------------------------------------------- */

/* Sentences stay below some 200 bytes where names are not long: of longer ones OpenSSL shows numbers alone. */
static const char *rule_of(const struct ks_consent_words *words)
{
	return words->level == KS_CONFIRM_FIRST_USE ? "confirm = first-use" : "confirm = always";
}

void ks_consent_words_ended(const struct ks_consent_words *words, int error, const char *text, char *why)
{
	if (error == KS_ERR_CANCELLED)
		(void)ks_text_print(why, KS_TEXT_MAX, "key \"%s\": signing for %s (pid %d) was refused in the dialog",
				    words->key, words->program, (int)words->pid);
	else if (error == KS_ERR_TIMEOUT)
		(void)ks_text_print(
			why, KS_TEXT_MAX,
			"key \"%s\": nobody answered in time whether it may sign for %s (pid %d); try again",
			words->key, words->program, (int)words->pid);
	else
		(void)ks_text_print(why, KS_TEXT_MAX,
				    "key \"%s\" needs a person's yes (%s), and nobody could be asked: %s", words->key,
				    rule_of(words), text);
}

void ks_consent_words_refused(const struct ks_consent_words *words, enum ks_consent_refusal refusal, char *why)
{
	switch (refusal) {
	case KS_CONSENT_NOBODY_TO_ASK:
		(void)ks_text_print(
			why, KS_TEXT_MAX,
			"key \"%s\" needs a person's yes (%s), and nobody is asked here: set prompt = yes in "
			"[socket \"%s\"], and do not set KEYSTAY_PROMPT=never",
			words->key, rule_of(words), words->socket);
		return;
	case KS_CONSENT_REFUSED_JUST_NOW:
		(void)ks_text_print(why, KS_TEXT_MAX,
				    "key \"%s\" was refused to %s a moment ago; wait %u seconds, then try again",
				    words->key, words->program, KS_CONSENT_COOL_DOWN_MS / 1000);
		return;
	case KS_CONSENT_REFUSED_TOO_OFTEN:
		(void)ks_text_print(why, KS_TEXT_MAX,
				    "key \"%s\" was refused %u times at socket \"%s\"; wait %u seconds, then try again",
				    words->key, KS_CONSENT_REFUSALS, words->socket, KS_CONSENT_REFUSALS_MS / 1000);
		return;
	case KS_CONSENT_PROCESS_IS_FULL:
		(void)ks_text_print(why, KS_TEXT_MAX,
				    "key \"%s\": %s (pid %d) has %u questions open that a person has to answer first",
				    words->key, words->program, (int)words->pid, KS_CONSENTS_PER_PROCESS);
		return;
	case KS_CONSENT_SOCKET_IS_FULL:
		(void)ks_text_print(why, KS_TEXT_MAX,
				    "key \"%s\": socket \"%s\" has %u questions open that a person has to answer first",
				    words->key, words->socket, KS_CONSENTS_PER_SOCKET);
		return;
	case KS_CONSENT_ALL_IS_FULL:
		(void)ks_text_print(why, KS_TEXT_MAX,
				    "key \"%s\": too many questions are open that a person has to answer first",
				    words->key);
		return;
	case KS_CONSENT_LOCKED:
		(void)ks_text_print(why, KS_TEXT_MAX, "key \"%s\": keystay was locked while a person was being asked",
				    words->key);
		return;
	}
}
