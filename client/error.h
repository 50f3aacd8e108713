/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error: fills struct ks_client_error with a sentence that says what happened and what to do next.
 */
#pragma once

#include "client/client.h"

/* Writes code and sentence (cut to fit; format NULL takes ks_error_text()) and returns code. ret_error may be NULL. */
int ks_client_fail(struct ks_client_error *ret_error, int code, const char *format, ...) KS_PRINTF(3, 4);

/* What the operating system said while doing something: "cannot connect to PATH: Permission denied". */
int ks_client_fail_errno(struct ks_client_error *ret_error, int error_number, const char *doing, const char *path);
