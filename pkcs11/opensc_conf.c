/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opensc_conf: see opensc_conf.h. Runs in: keystay-token.
 *
 * What counts for OpenSC (0.15 to 0.27; src/libopensc/ctx.c, pkcs15.c, src/scconf): of each kind of app block, the
 * program's own, the module's and "default", the first; of these the first that has a framework block of the name
 * pkcs15, and of that the first use_pin_caching. The later ones are not looked into, not even for what the first does
 * not say. So a file of ours in front of the user's would hide his; instead the setting is put at the head of every
 * framework pkcs15 block there is, and a block with it where there is none. Likewise user_pin_unblock_style and blocks
 * pkcs11 (src/pkcs11/misc.c).
 *
 * To know what is a block, the text is read as scconf reads it, with its peculiarities: words end only at blanks, commas
 * and semicolons; a missing semicolon is forgiven; blocks that are never closed are, too; keys and names know no case.
 */
#include "pkcs11/opensc_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

#define FILE_SIZE_MAX ((size_t)1 << 20)
#define DEPTH_MAX 16u /* scconf's own */

/* For kernels that know it and may insist on it (vm.memfd_noexec). */
#define NO_EXEC_SEAL 0x0008u

struct block {
	const char *key;
	const char *name; /* NULL: any, or none */
	const char *head; /* what stands at its head */
	const char *whole;
};

#define N_BLOCKS 2u
#define NO_CACHE " use_pin_caching = false; "
#define UNBLOCK " user_pin_unblock_style = set_pin_in_unlogged_session; "

/* The second one only where PINs are unblocked. */
static const struct block blocks[N_BLOCKS] = {
	{ "framework", "pkcs15", NO_CACHE, " framework pkcs15 {" NO_CACHE "} " },
	{ "pkcs11", NULL, UNBLOCK, " pkcs11 {" UNBLOCK "} " },
};

/*
 *              word           word
 *   START ──────────▶ KEY ──────────▶ NAME       "{" after KEY or NAME opens a block, "=" leads to AWAITS_VALUE,
 *     ▲                ▲     "," ◀──────┘        ";" leads to START from anywhere
 *     │                "="
 *     └─ word ─ VALUE ◀──────── AWAITS_VALUE     a word after VALUE is the next key: the semicolon was forgotten
 *                 └────── "," ─────▶
 */
enum state { START, KEY, NAME, AWAITS_VALUE, VALUE };

struct reader {
	struct ks_bytes text;
	size_t at;
	enum state state;
	unsigned depth;
	struct ks_bytes key;
	struct ks_bytes name; /* the first of several, which is the one that counts */
	bool in_app;          /* within a block "app …" */
	bool in_default;      /* within the first "app default" */
	bool has_default;
	bool default_has[N_BLOCKS]; /* a block of its own */
	size_t n_blocks;            /* so many of them are looked for */
	/* Of the second reading; NULL in the first. */
	struct ks_buffer *out;
	size_t n_copied;
};

static bool is_word(struct ks_bytes bytes, const char *word)
{
	return bytes.size == strlen(word) && strncasecmp((const char *)bytes.data, word, bytes.size) == 0;
}

/* --- words ------------------------------------------------------------------------------------------------------- */

static int peek(const struct reader *reader)
{
	return reader->at < reader->text.size ? reader->text.data[reader->at] : EOF;
}

static struct ks_bytes read_until(struct reader *reader, const char *ends)
{
	size_t begin = reader->at;

	while (reader->at < reader->text.size && !strchr(ends, reader->text.data[reader->at]))
		reader->at++;
	return ks_bytes(reader->text.data + begin, reader->at - begin);
}

/* A string ends with its line at the latest. One that is not closed means something else than it says: it is nothing
 * that we look for. */
static struct ks_bytes read_quoted(struct reader *reader)
{
	reader->at++;
	struct ks_bytes content = read_until(reader, "\"\r\n");
	bool closed = peek(reader) == '"';
	if (reader->at < reader->text.size)
		reader->at++;
	return closed ? content : KS_BYTES_NONE;
}

static bool take_word(struct reader *reader, struct ks_bytes word)
{
	switch (reader->state) {
	case VALUE:
	case START:
		reader->key = word;
		reader->name = KS_BYTES_NONE;
		reader->state = KEY;
		return true;
	case KEY:
		if (!reader->name.data)
			reader->name = word;
		reader->state = NAME;
		return true;
	case AWAITS_VALUE:
		reader->state = VALUE;
		return true;
	case NAME:
	default:
		return false;
	}
}

/* --- blocks ------------------------------------------------------------------------------------------------------ */

/* Everything up to here as it is, and then this. */
static void insert(struct reader *reader, const char *text)
{
	if (!reader->out)
		return;
	ks_buffer_put(reader->out, ks_bytes(reader->text.data + reader->n_copied, reader->at - reader->n_copied));
	ks_buffer_put(reader->out, ks_bytes_text(text));
	reader->n_copied = reader->at;
}

/* At the head of the first "app default": what it lacks. */
static void insert_missing(struct reader *reader, const bool has[N_BLOCKS])
{
	for (size_t i = 0; i < reader->n_blocks; i++) {
		if (!has[i])
			insert(reader, blocks[i].whole);
	}
}

static void look_at_block(struct reader *reader)
{
	for (size_t i = 0; i < reader->n_blocks; i++) {
		if (!is_word(reader->key, blocks[i].key) || (blocks[i].name && !is_word(reader->name, blocks[i].name)))
			continue;
		reader->default_has[i] = reader->default_has[i] || reader->in_default;
		insert(reader, blocks[i].head);
	}
}

/* The text is read to behind the opening brace. has: which blocks the first "app default" is known to have. */
static bool open_block(struct reader *reader, const bool has[N_BLOCKS])
{
	if (reader->state != KEY && reader->state != NAME)
		return false;
	if (reader->depth == 0) {
		reader->in_app = is_word(reader->key, "app");
		reader->in_default = reader->in_app && !reader->has_default && is_word(reader->name, "default");
		reader->has_default = reader->has_default || reader->in_default;
		if (reader->in_default)
			insert_missing(reader, has);
	} else if (reader->depth == 1 && reader->in_app) {
		look_at_block(reader);
	}
	reader->depth++;
	reader->state = START;
	return true;
}

static bool close_block(struct reader *reader)
{
	if (reader->depth == 0 || (reader->state != START && reader->state != VALUE))
		return false;
	reader->depth--;
	reader->state = START;
	return true;
}

static bool take_sign(struct reader *reader, char sign, const bool has[N_BLOCKS])
{
	if ((sign == '{' || sign == ',') && reader->depth >= DEPTH_MAX)
		return false;
	switch (sign) {
	case '{':
		return open_block(reader, has);
	case '}':
		return close_block(reader);
	case '=':
		if (reader->state != KEY && reader->state != NAME)
			return false;
		reader->state = AWAITS_VALUE;
		return true;
	case ',':
		if (reader->state == START)
			return false;
		if (reader->state == NAME || reader->state == VALUE)
			reader->state = reader->state == NAME ? KEY : AWAITS_VALUE;
		return true;
	default: /* ';' */
		reader->state = START;
		return true;
	}
}

/* false when scconf would refuse the text. */
static bool read_all(struct reader *reader, const bool has[N_BLOCKS])
{
	bool good = true;

	while (good && peek(reader) != EOF) {
		int c = peek(reader);
		if (c == '\0')
			return false; /* reads differently in every version */
		if (strchr(" \t\r\n", c)) {
			reader->at++;
		} else if (c == '#') {
			(void)read_until(reader, "\r\n");
		} else if (c == '"') {
			good = take_word(reader, read_quoted(reader));
		} else if (strchr(",{}=;", c)) {
			reader->at++;
			good = take_sign(reader, (char)c, has);
		} else {
			good = take_word(reader, read_until(reader, ";, \t\r\n"));
		}
	}
	return good;
}

static void put_file_of_ours(struct ks_buffer *out, size_t n_blocks)
{
	ks_buffer_put(out, ks_bytes_text("app default {"));
	for (size_t i = 0; i < n_blocks; i++)
		ks_buffer_put(out, ks_bytes_text(blocks[i].whole));
	ks_buffer_put(out, ks_bytes_text("}\n"));
}

int ks_opensc_conf_make(struct ks_bytes original, bool unblock, struct ks_buffer *out)
{
	const size_t n_blocks = unblock ? N_BLOCKS : 1;
	struct reader first = { .text = original, .n_blocks = n_blocks };
	struct reader second = { .text = original, .n_blocks = n_blocks, .out = out };
	static const bool all[N_BLOCKS] = { true, true };

	/* OpenSC refuses a text as a whole, and one that it refuses is no text. */
	if (!read_all(&first, all)) {
		put_file_of_ours(out, n_blocks);
		return ks_buffer_error(out);
	}
	/* In front: a text may end within a block. */
	if (!first.has_default)
		put_file_of_ours(out, n_blocks);
	(void)read_all(&second, first.default_has);
	insert(&second, "");
	return ks_buffer_error(out);
}

/* --- the file ---------------------------------------------------------------------------------------------------- */

/* Debian; Fedora, which has one for each architecture; others. Which one is compiled into libopensc and cannot be asked
 * for before it is loaded. */
static int read_distribution(char **ret_text, size_t *ret_size)
{
	char of_machine[sizeof(((struct utsname *)NULL)->machine) + 32];
	struct utsname names;
	const char *const paths[] = { "/etc/opensc/opensc.conf", of_machine, "/etc/opensc.conf" };
	int r = KS_ERR_NOT_FOUND;

	if (uname(&names) < 0)
		return KS_ERR_SYSTEM;
	(void)ks_text_print(of_machine, sizeof(of_machine), "/etc/opensc-%s.conf", names.machine);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && r == KS_ERR_NOT_FOUND; i++)
		r = ks_path_read_file(paths[i], FILE_SIZE_MAX, ret_text, ret_size);
	return r;
}

/* ret_fd is given: a file without a name that nobody can change any more. */
static int make_file(struct ks_bytes content, int *ret_fd)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	KS_AUTO_CLOSE int fd = memfd_create("opensc.conf", flags | NO_EXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("opensc.conf", flags);
	if (fd < 0 || ks_path_write_all(fd, content) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return KS_ERR_SYSTEM;
	*ret_fd = KS_STEAL_FD(fd);
	return 0;
}

/* OpenSC opens it by name; a system that does not let it would leave the cache on without a word. */
static bool can_open(const char *path)
{
	KS_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0;
}

int ks_opensc_conf_use(bool unblock)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	KS_AUTO_FREE char *original = NULL;
	KS_AUTO_CLOSE int fd = -1;
	char path[64];
	size_t size = 0;

	const char *named = getenv("OPENSC_CONF");
	int r = named ? ks_path_read_file(named, FILE_SIZE_MAX, &original, &size) : read_distribution(&original, &size);
	/* One that cannot be read is none, to OpenSC as to us. */
	if (r == KS_ERR_NO_MEMORY || r == KS_ERR_TOO_LARGE)
		return r;
	r = ks_opensc_conf_make(ks_bytes(original, original ? size : 0), unblock, &text);
	if (r == 0)
		r = make_file(ks_buffer_bytes(&text), &fd);
	if (r < 0)
		return r;
	(void)ks_text_print(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!can_open(path) || setenv("OPENSC_CONF", path, 1) < 0)
		return KS_ERR_SYSTEM;
	(void)KS_STEAL_FD(fd);
	return 0;
}
