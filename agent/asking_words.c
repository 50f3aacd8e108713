/* SPDX-License-Identifier: Apache-2.0 */
/* asking_words: see asking_words.h. Runs in: keystay-agent. */
#include "agent/asking_words.h"

#include <string.h>

#include "agent/asking.h"
#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

static void copy_escaped(const char *text, char *out, size_t size)
{
	ks_text_escape(ks_bytes_text(text), out, size);
}

void ks_asking_words_init(struct ks_asking_words *words, const struct ks_token *token,
			  const struct ks_asking_reason *reason)
{
	char word[1100];

	*words = (struct ks_asking_words){ .for_signature = false };
	copy_escaped(reason->who, words->who, sizeof(words->who));
	copy_escaped(reason->key, words->key, sizeof(words->key));
	copy_escaped(reason->server, words->server, sizeof(words->server));
	(void)ks_text_print(words->warning, sizeof(words->warning), "%s", reason->warning);
	copy_escaped(reason->work ? reason->work : "", words->work, sizeof(words->work));
	ks_state_token_word(token, word, sizeof(word));
	(void)ks_text_print(words->word, sizeof(words->word), "%s", word);
}

/* What the next wrong PIN costs, as far as the token or our own count tells. */
static void describe_tries(uint32_t flags, unsigned submissions, struct ks_buffer *out)
{
	if (flags & KS_PIN_FINAL_TRY)
		ks_buffer_printf(out, "\n\nThis is the last try: one more wrong PIN blocks the token.");
	else if (flags & KS_PIN_COUNT_LOW)
		ks_buffer_printf(out, "\n\nA wrong PIN was given since the last good one.");
	else if (submissions == 1)
		ks_buffer_printf(out, "\n\nOne PIN was given without success. After too many the token blocks itself.");
	else if (submissions > 1)
		ks_buffer_printf(out, "\n\n%u PINs were given without success. After too many the token blocks itself.",
				 submissions);
}

static void describe_purpose(const struct ks_asking_words *words, struct ks_buffer *out)
{
	if (words->work[0] != '\0') {
		ks_buffer_printf(out, "\n\n%s %s.", words->who, words->work);
		return;
	}
	if (words->key[0] == '\0') {
		ks_buffer_printf(out, "\n\n%s wants the token unlocked.", words->who);
		return;
	}
	ks_buffer_printf(out, "\n\n%s wants to sign in%s%s\nwith the key \"%s\".", words->who,
			 words->server[0] ? " to " : " to a TLS server", words->server, words->key);
	if (words->warning[0])
		ks_buffer_printf(out, "\nIts certificate %s.", words->warning);
	if (words->for_signature)
		ks_buffer_printf(out, "\nThis key asks for the PIN at each signature.");
}

void ks_asking_words_describe(const struct ks_asking_words *words, const struct ks_token *token, unsigned submissions,
			      bool at_reader, char *out, size_t size)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	char label[128], serial[128];

	copy_escaped(token->inventory->label, label, sizeof(label));
	copy_escaped(token->inventory->serial, serial, sizeof(serial));
	ks_buffer_printf(&text,
			 at_reader ? "Please type the PIN of token \"%s\" at its reader" :
				     "Please enter the PIN of token \"%s\"",
			 label);
	ks_buffer_printf(&text, serial[0] ? "\n(serial number %s)." : ".%s", serial);
	describe_purpose(words, &text);
	describe_tries(token->inventory->pin_flags, submissions, &text);
	(void)ks_text_print(out, size, "%.*s", (int)text.size, (const char *)text.data);
}

/* A PIN is typed where the token is: a client, perhaps the far end of a forwarded socket, names no display of another
 * machine. "localhost:" is what ssh -X gives. */
static struct ks_bytes of_this_machine(struct ks_bytes display)
{
	static const char *const beginnings[] = { ":", "unix:", "localhost:", "/" };

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		size_t size = strlen(beginnings[i]);
		if (display.size > size && memcmp(display.data, beginnings[i], size) == 0)
			return display;
	}
	return KS_BYTES_NONE;
}

void ks_asking_place(struct ks_bytes tty, struct ks_bytes term, struct ks_bytes display,
		     struct ks_bytes wayland_display, struct ks_prompt_place *ret_place)
{
	const struct {
		struct ks_bytes from;
		char *to;
		size_t size;
	} parts[] = {
		{ tty, ret_place->tty, sizeof(ret_place->tty) },
		{ term, ret_place->term, sizeof(ret_place->term) },
		{ of_this_machine(display), ret_place->display, sizeof(ret_place->display) },
		{ wayland_display, ret_place->wayland_display, sizeof(ret_place->wayland_display) },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		(void)ks_text_print(parts[i].to, parts[i].size, "%.*s", (int)parts[i].from.size,
				    (const char *)parts[i].from.data);
}
