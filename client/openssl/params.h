/* SPDX-License-Identifier: Apache-2.0 */
/*
 * params: reads and fills OSSL_PARAM arrays (OpenSSL's typed name-value lists) without libcrypto.
 *
 * Getters return false when the parameter has another type or does not fit. Setters fill the parameter of that name if
 * the array has it: false only when it is there and cannot take the value; with data NULL just its size is told.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <openssl/core.h>

#include "lib/base/bytes.h"

/* NULL when params is NULL or has no such entry. */
const OSSL_PARAM *ks_param_find(const OSSL_PARAM *params, const char *name);

bool ks_param_get_int(const OSSL_PARAM *param, int *ret_value);

/* A UTF-8 string into out, NUL-terminated. */
bool ks_param_get_text(const OSSL_PARAM *param, char *out, size_t size);

bool ks_param_set_int(OSSL_PARAM *params, const char *name, int value);
bool ks_param_set_text(OSSL_PARAM *params, const char *name, const char *text);
bool ks_param_set_octets(OSSL_PARAM *params, const char *name, struct ks_bytes octets);

/* A big-endian magnitude as an unsigned integer. */
bool ks_param_set_number(OSSL_PARAM *params, const char *name, struct ks_bytes magnitude);

/* Copies a big-endian number to native byte order; out has magnitude.size bytes. */
void ks_param_native(struct ks_bytes magnitude, uint8_t *out);
