/* SPDX-License-Identifier: Apache-2.0 */
/* audit_tail: see audit_tail.h. Runs in: keystay-audit. */
#include "agent/helpers/audit_tail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"
#include "lib/tls/verify_signature.h"

/* The last lines; with several agents of one user the last one of each is in it. */
#define TAIL_SIZE ((size_t)256 << 10)
_Static_assert(TAIL_SIZE > KS_AUDIT_LINE_MAX * 2, "the last whole line is in it");

static int read_at(int fd, uint64_t offset, uint8_t *out, size_t size)
{
	while (size > 0) {
		ssize_t n = pread(fd, out, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return KS_ERR_SYSTEM;
		out += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

/* The end of the file; ret_bytes is empty for an empty one. */
static int read_end(int fd, uint8_t **ret_data, struct ks_bytes *ret_bytes, uint64_t *ret_size)
{
	struct stat info;

	if (fstat(fd, &info) < 0 || info.st_size < 0)
		return KS_ERR_SYSTEM;
	uint64_t whole = (uint64_t)info.st_size;
	size_t size = whole < TAIL_SIZE ? (size_t)whole : TAIL_SIZE;
	KS_AUTO_FREE uint8_t *data = malloc(size + 1);
	if (!data)
		return KS_ERR_NO_MEMORY;
	int r = read_at(fd, whole - size, data, size);
	if (r < 0)
		return r;
	*ret_data = KS_STEAL(data);
	*ret_bytes = ks_bytes(*ret_data, size);
	*ret_size = whole;
	return 0;
}

/* Takes the last line, with its newline, off the end of text, which ends with one. false: that line begins before text. */
static bool take_line(struct ks_bytes *text, bool is_whole_file, struct ks_bytes *ret_line)
{
	if (text->size == 0)
		return false;
	const uint8_t *before = memrchr(text->data, '\n', text->size - 1);
	if (!before && !is_whole_file)
		return false;
	size_t start = before ? (size_t)(before - text->data) + 1 : 0;
	*ret_line = ks_bytes(text->data + start, text->size - start);
	*text = ks_bytes(text->data, start);
	return true;
}

static uint64_t read_first(int fd, uint64_t size)
{
	uint8_t begin[256];
	struct ks_audit_link link;
	size_t n = size < sizeof(begin) ? (size_t)size : sizeof(begin);

	return read_at(fd, 0, begin, n) == 0 && ks_audit_link_read(ks_bytes(begin, n), &link) ? link.n : 0;
}

int ks_audit_tail_read(int fd, struct ks_audit_tail *ret_tail)
{
	struct ks_audit_tail tail = { 0 };
	KS_AUTO_FREE uint8_t *data = NULL;
	struct ks_bytes text, line;

	int r = read_end(fd, &data, &text, &tail.size);
	if (r < 0)
		return r;
	bool is_whole = text.size == tail.size;
	const uint8_t *end = text.size > 0 ? memrchr(text.data, '\n', text.size) : NULL;
	size_t whole = end ? (size_t)(end - text.data) + 1 : 0;
	tail.torn = text.size - whole;
	tail.unreadable = tail.torn > KS_AUDIT_LINE_MAX;
	text = ks_bytes(text.data, whole);
	while (!tail.has_line && take_line(&text, is_whole, &line)) {
		tail.has_line = ks_audit_link_read(line, &tail.last);
		tail.unreadable = tail.unreadable || !tail.has_line;
	}
	if (tail.has_line)
		r = ks_sha256(line, tail.hash);
	tail.first = read_first(fd, tail.size);
	if (r == 0)
		*ret_tail = tail;
	return r;
}

uint64_t ks_audit_tail_find(int fd, uint64_t agent)
{
	KS_AUTO_FREE uint8_t *data = NULL;
	struct ks_bytes text, line;
	struct ks_audit_link link;
	uint64_t size;

	if (read_end(fd, &data, &text, &size) < 0)
		return 0;
	while (take_line(&text, text.size == size, &line)) {
		if (ks_audit_link_read(line, &link) && link.agent == agent)
			return link.sequence;
	}
	return 0;
}
