/* SPDX-License-Identifier: Apache-2.0 */
/*
 * params: see params.h, and OSSL_PARAM(3) for the rules.
 *
 * Runs in: any program that loads the provider. Never writes past data_size.
 */
#include "client/openssl/params.h"

#include <stdint.h>
#include <string.h>

const OSSL_PARAM *ks_param_find(const OSSL_PARAM *params, const char *name)
{
	for (const OSSL_PARAM *p = params; p && p->key; p++) {
		if (strcmp(p->key, name) == 0)
			return p;
	}
	return NULL;
}

static OSSL_PARAM *find(OSSL_PARAM *params, const char *name)
{
	for (OSSL_PARAM *p = params; p && p->key; p++) {
		if (strcmp(p->key, name) == 0)
			return p;
	}
	return NULL;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static bool get_unsigned(const OSSL_PARAM *param, int *ret_value)
{
	uint64_t wide;
	uint32_t narrow;

	if (param->data_size == sizeof(narrow)) {
		memcpy(&narrow, param->data, sizeof(narrow));
		wide = narrow;
	} else if (param->data_size == sizeof(wide)) {
		memcpy(&wide, param->data, sizeof(wide));
	} else {
		return false;
	}
	if (wide > INT32_MAX)
		return false;
	*ret_value = (int)wide;
	return true;
}

bool ks_param_get_int(const OSSL_PARAM *param, int *ret_value)
{
	int64_t wide;
	int32_t narrow;

	if (!param->data)
		return false;
	if (param->data_type == OSSL_PARAM_UNSIGNED_INTEGER)
		return get_unsigned(param, ret_value);
	if (param->data_type != OSSL_PARAM_INTEGER)
		return false;
	if (param->data_size == sizeof(narrow)) {
		memcpy(&narrow, param->data, sizeof(narrow));
		wide = narrow;
	} else if (param->data_size == sizeof(wide)) {
		memcpy(&wide, param->data, sizeof(wide));
	} else {
		return false;
	}
	if (wide < INT32_MIN || wide > INT32_MAX)
		return false;
	*ret_value = (int)wide;
	return true;
}

bool ks_param_get_text(const OSSL_PARAM *param, char *out, size_t size)
{
	const char *text = param->data;

	if (param->data_type == OSSL_PARAM_UTF8_PTR && text)
		memcpy(&text, param->data, sizeof(text));
	else if (param->data_type != OSSL_PARAM_UTF8_STRING)
		return false;
	if (!text)
		return false;
	/* data_size need not count a final NUL, and there may be one before it. */
	size_t length = strnlen(text, param->data_size);
	if (length >= size)
		return false;
	memcpy(out, text, length);
	out[length] = '\0';
	return true;
}

/* --- filling ----------------------------------------------------------------------------------------------------- */

bool ks_param_set_int(OSSL_PARAM *params, const char *name, int value)
{
	OSSL_PARAM *param = find(params, name);
	int64_t wide = value;
	int32_t narrow = value;

	if (!param)
		return true;
	if (param->data_type != OSSL_PARAM_INTEGER && (param->data_type != OSSL_PARAM_UNSIGNED_INTEGER || value < 0))
		return false;
	param->return_size = sizeof(narrow);
	if (!param->data)
		return true;
	if (param->data_size == sizeof(narrow)) {
		memcpy(param->data, &narrow, sizeof(narrow));
	} else if (param->data_size == sizeof(wide)) {
		param->return_size = sizeof(wide);
		memcpy(param->data, &wide, sizeof(wide));
	} else {
		return false;
	}
	return true;
}

bool ks_param_set_text(OSSL_PARAM *params, const char *name, const char *text)
{
	OSSL_PARAM *param = find(params, name);
	size_t length = strlen(text);

	if (!param)
		return true;
	param->return_size = length;
	if (param->data_type == OSSL_PARAM_UTF8_PTR) {
		if (param->data)
			memcpy(param->data, &text, sizeof(text));
		return true;
	}
	if (param->data_type != OSSL_PARAM_UTF8_STRING)
		return false;
	if (!param->data)
		return true;
	if (param->data_size < length)
		return false;
	memcpy(param->data, text, length);
	if (param->data_size > length)
		((char *)param->data)[length] = '\0';
	return true;
}

bool ks_param_set_octets(OSSL_PARAM *params, const char *name, struct ks_bytes octets)
{
	OSSL_PARAM *param = find(params, name);

	if (!param)
		return true;
	if (param->data_type != OSSL_PARAM_OCTET_STRING)
		return false;
	param->return_size = octets.size;
	if (!param->data)
		return true;
	if (param->data_size < octets.size)
		return false;
	if (octets.size > 0)
		memcpy(param->data, octets.data, octets.size);
	return true;
}

static bool is_little_endian(void)
{
	const uint16_t one = 1;
	uint8_t first;

	memcpy(&first, &one, sizeof(first));
	return first == 1;
}

void ks_param_native(struct ks_bytes magnitude, uint8_t *out)
{
	if (!is_little_endian()) {
		memcpy(out, magnitude.data, magnitude.size);
		return;
	}
	for (size_t i = 0; i < magnitude.size; i++)
		out[i] = magnitude.data[magnitude.size - 1 - i];
}

bool ks_param_set_number(OSSL_PARAM *params, const char *name, struct ks_bytes magnitude)
{
	OSSL_PARAM *param = find(params, name);

	if (!param)
		return true;
	if (param->data_type != OSSL_PARAM_UNSIGNED_INTEGER)
		return false;
	param->return_size = magnitude.size;
	if (!param->data)
		return true;
	if (param->data_size < magnitude.size)
		return false;
	uint8_t *out = param->data;
	size_t padding = param->data_size - magnitude.size;
	param->return_size = param->data_size;
	if (is_little_endian()) {
		ks_param_native(magnitude, out);
		memset(out + magnitude.size, 0, padding);
	} else {
		memset(out, 0, padding);
		ks_param_native(magnitude, out + padding);
	}
	return true;
}
