/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json: JSON (RFC 8259) that a server sent, by jansson, within limits; and the certificates in it.
 *
 * Runs in: keystay-enroll. What is nested deeper than KS_ENROL_JSON_DEPTH_MAX is refused before the parser, which calls
 * itself for each level, sees it; so is what is larger than KS_ENROL_ANSWER_MAX. Two members of one name are refused:
 * readers that take the first and readers that take the last would see two answers.
 */
#pragma once

#include <jansson.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"

/* One object, and nothing behind it; given. MALFORMED, LIMIT or TOO_LARGE. */
int ks_json_read(struct ks_bytes text, json_t **ret_object) KS_WARN_UNUSED;

/* Appends the certificates (ks_bundle_read()) of a string, or of each string of an array; each must hold one at least. NULL,
 * JSON null and "" have none. Returns how many strings had some, or the first error. */
int ks_json_put_certificates(const json_t *value, struct ks_buffer *certificates) KS_WARN_UNUSED;

/* Writes an array of strings, or one string, escaped, with "; " between; cut at size. "" when it holds none. */
void ks_json_print_texts(const json_t *value, char *out, size_t size);
/* The same of this member of the object that text is: what a server says of an error. "" for anything else. */
void ks_json_print_member(struct ks_bytes text, const char *member, char *out, size_t size);

/* Appends object on one line. */
int ks_json_put(struct ks_buffer *buffer, const json_t *object) KS_WARN_UNUSED;
