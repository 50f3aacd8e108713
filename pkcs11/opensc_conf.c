/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opensc_conf: see opensc_conf.h. Runs in: keystay-token.
 *
 * The language (scconf): words, strings in quotation marks, "#" comments to the end of the line, `key = value, value;` and
 * `name name {` blocks `}`. OpenSC reads the first `app opensc-pkcs11` and the first `app default`, and of these the first
 * `framework pkcs15`.
 */
#include "pkcs11/opensc_conf.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"

#define CONF_MAX ((size_t)1 << 20)
#define SYSTEM_CONF "/etc/opensc/opensc.conf"
#define OPTION "use_pin_caching"
#define SWITCHED_OFF " " OPTION " = false;"
#define FRAMEWORK " framework pkcs15 {" SWITCHED_OFF " }"
#define WORDS_MAX 3u

enum kind { END, SPACE, WORD, OPEN, CLOSE, SEMICOLON, OTHER };

struct token {
	enum kind kind;
	struct ks_bytes text;
};

struct edit {
	struct ks_bytes left;
	struct ks_buffer *out;
	struct ks_bytes words[WORDS_MAX]; /* since the last brace or semicolon */
	size_t n_words;
	unsigned depth;
	bool in_app;       /* one that the module reads */
	bool in_framework; /* `framework pkcs15` in it */
	bool done;         /* one was switched off */
	size_t app_at;     /* in out: behind the "{" of the best app without a framework; 0 = none */
};

/* --- tokens ------------------------------------------------------------------------------------------------------ */

static bool ends_word(uint8_t letter)
{
	return memchr(" \t\r\n{};=,#\"", letter, 11) != NULL;
}

static size_t comment_size(struct ks_bytes text)
{
	const uint8_t *end = memchr(text.data, '\n', text.size);

	return end ? (size_t)(end - text.data) : text.size;
}

static size_t string_size(struct ks_bytes text)
{
	size_t i = 1;

	while (i < text.size && text.data[i] != '"')
		i += text.data[i] == '\\' ? 2 : 1;
	return i < text.size ? i + 1 : text.size;
}

static struct token next_token(struct ks_bytes text)
{
	if (text.size == 0)
		return (struct token){ END, text };
	switch (text.data[0]) {
	case ' ':
	case '\t':
	case '\r':
	case '\n':
		return (struct token){ SPACE, ks_bytes(text.data, 1) };
	case '#':
		return (struct token){ SPACE, ks_bytes(text.data, comment_size(text)) };
	case '"':
		return (struct token){ OTHER, ks_bytes(text.data, string_size(text)) };
	case '{':
		return (struct token){ OPEN, ks_bytes(text.data, 1) };
	case '}':
		return (struct token){ CLOSE, ks_bytes(text.data, 1) };
	case ';':
		return (struct token){ SEMICOLON, ks_bytes(text.data, 1) };
	case '=':
	case ',':
		return (struct token){ OTHER, ks_bytes(text.data, 1) };
	default:
		break;
	}
	size_t size = 1;
	while (size < text.size && !ends_word(text.data[size]))
		size++;
	return (struct token){ WORD, ks_bytes(text.data, size) };
}

static struct token take(struct edit *edit)
{
	struct token token = next_token(edit->left);

	edit->left = ks_bytes(edit->left.data + token.text.size, edit->left.size - token.text.size);
	return token;
}

/* --- editing ----------------------------------------------------------------------------------------------------- */

static bool words_are(const struct edit *edit, const char *first, const char *second)
{
	return edit->n_words == 2 && ks_bytes_equal(edit->words[0], ks_bytes_text(first)) &&
	       ks_bytes_equal(edit->words[1], ks_bytes_text(second));
}

static void open_block(struct edit *edit)
{
	if (edit->depth == 0) {
		bool ours = words_are(edit, "app", "opensc-pkcs11");
		edit->in_app = ours || words_are(edit, "app", "default");
		if (ours || (edit->in_app && edit->app_at == 0))
			edit->app_at = edit->out->size;
	} else if (edit->depth == 1 && edit->in_app && words_are(edit, "framework", "pkcs15")) {
		edit->in_framework = edit->done = true;
		ks_buffer_put(edit->out, ks_bytes_text(SWITCHED_OFF));
	}
	edit->depth++;
	edit->n_words = 0;
}

static void close_block(struct edit *edit)
{
	if (edit->depth > 0)
		edit->depth--;
	if (edit->depth < 2)
		edit->in_framework = false;
	if (edit->depth == 0)
		edit->in_app = false;
	edit->n_words = 0;
}

/* `use_pin_caching = true;`: what we have put there counts instead. */
static bool is_option(const struct edit *edit, const struct token *token)
{
	return edit->in_framework && edit->depth == 2 && token->kind == WORD && edit->n_words == 0 &&
	       ks_bytes_equal(token->text, ks_bytes_text(OPTION));
}

static void pass_over_option(struct edit *edit)
{
	struct token token;

	do {
		token = next_token(edit->left);
		if (token.kind == CLOSE)
			return;
		(void)take(edit);
	} while (token.kind != SEMICOLON && token.kind != END);
}

static void note(struct edit *edit, const struct token *token)
{
	switch (token->kind) {
	case OPEN:
		open_block(edit);
		break;
	case CLOSE:
		close_block(edit);
		break;
	case SEMICOLON:
		edit->n_words = 0;
		break;
	case WORD:
		if (edit->n_words < WORDS_MAX)
			edit->words[edit->n_words++] = token->text;
		break;
	case END:
	case SPACE:
	case OTHER:
	default:
		break;
	}
}

void ks_opensc_conf_make(struct ks_bytes original, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	struct edit edit = { .left = original, .out = &text };
	struct token token;

	while ((token = take(&edit)).kind != END) {
		if (is_option(&edit, &token)) {
			pass_over_option(&edit);
			continue;
		}
		ks_buffer_put(&text, token.text);
		note(&edit, &token);
	}
	struct ks_bytes made = ks_buffer_bytes(&text);
	if (edit.done) {
		ks_buffer_put(out, made);
	} else if (edit.app_at > 0) {
		ks_buffer_put(out, ks_bytes(made.data, edit.app_at));
		ks_buffer_put(out, ks_bytes_text(FRAMEWORK));
		ks_buffer_put(out, ks_bytes(made.data + edit.app_at, made.size - edit.app_at));
	} else {
		ks_buffer_put(out, made);
		ks_buffer_put(out, ks_bytes_text("\napp default {" FRAMEWORK " }\n"));
	}
}

/* --- in place of the present one --------------------------------------------------------------------------------- */

static int write_all(int fd, struct ks_bytes bytes)
{
	while (bytes.size > 0) {
		ssize_t n = write(fd, bytes.data, bytes.size);
		if (n <= 0)
			return KS_ERR_SYSTEM;
		bytes = ks_bytes(bytes.data + n, bytes.size - (size_t)n);
	}
	return 0;
}

int ks_opensc_conf_use(void)
{
	const char *path = getenv("OPENSC_CONF");
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	KS_AUTO_FREE char *original = NULL;
	char name[64];
	size_t size = 0;

	/* None at all is as good as an empty one. */
	if (ks_path_read_file(path ? path : SYSTEM_CONF, CONF_MAX, &original, &size) < 0)
		size = 0;
	ks_opensc_conf_make(ks_bytes(original, size), &text);
	int r = ks_buffer_error(&text);
	if (r < 0)
		return r;
	/* Stays open for the life of the process, and is inherited by nobody. */
	int fd = memfd_create("opensc.conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return KS_ERR_SYSTEM;
	r = write_all(fd, ks_buffer_bytes(&text));
	(void)fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return r == 0 && setenv("OPENSC_CONF", name, 1) == 0 ? 0 : KS_ERR_SYSTEM;
}
