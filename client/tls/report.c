/* SPDX-License-Identifier: Apache-2.0 */
/* report: see report.h. Runs in: keystay-tunnel, keystay-explain, keystay-enroll. */
#include "client/tls/report.h"

#include <openssl/err.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/text.h"

/* A reason of ours that is attached to an error, as no table of reasons can know it. */
#define REASON_ATTACHED 1

void ks_report_raise(const char *sentence)
{
	ERR_new();
	ERR_set_debug(NULL, 0, "keystay");
	ERR_set_error(ERR_LIB_USER, REASON_ATTACHED, "%s", sentence);
}

/* KS_ERR_* of a word that the provider attached (client/openssl/report.c); 0 = it is none. */
static int code_of(const char *word)
{
	static const int codes[] = {
#define CODE(name, number, word, text) KS_ERR_##name,
		KS_ERROR_LIST(CODE)
#undef CODE
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (strcmp(ks_error_word(codes[i]), word) == 0)
			return codes[i];
	}
	return 0;
}

/* An entry of ours: its sentence is the reason, with the word of its code attached; or it is attached itself, where it was
 * too long for a reason. */
static void take_ours(const char *reason, const char *data, bool has_data, char *out, size_t size, int *ret_code)
{
	static const char prefix[] = "keystay: ";
	int code = has_data ? code_of(data) : 0;

	if (has_data && code == 0)
		reason = strncmp(data, prefix, sizeof(prefix) - 1) == 0 ? data + sizeof(prefix) - 1 : data;
	(void)ks_text_print(out, size, "%s", reason);
	*ret_code = code != 0 ? code : KS_ERR_DENIED;
}

bool ks_report_take(char *out, size_t size, int *ret_code)
{
	bool is_ours = false;
	const char *data;
	unsigned long code;
	int flags;

	out[0] = '\0';
	while (!is_ours && (code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
		const char *library = ERR_lib_error_string(code);
		const char *reason = ERR_reason_error_string(code);
		bool has_data = (flags & ERR_TXT_STRING) && data[0];
		is_ours = (ERR_GET_LIB(code) == ERR_LIB_USER && has_data) ||
			  (reason && library && strcmp(library, "keystay") == 0);
		if (is_ours)
			take_ours(reason, data, has_data, out, size, ret_code);
		else if (reason && !out[0])
			(void)ks_text_print(out, size, "%s", reason);
	}
	ERR_clear_error();
	return is_ours;
}

void ks_report_append(char *why, size_t why_size)
{
	size_t used = strlen(why);
	char best[1024];
	int code;

	(void)ks_report_take(best, sizeof(best), &code);
	(void)ks_text_print(why + used, why_size - used, "%s", best[0] ? best : "OpenSSL does not say why");
}
