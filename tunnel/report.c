/* SPDX-License-Identifier: Apache-2.0 */
/* report: see report.h. Runs in: keystay-tunnel, keystay-explain. */
#include "tunnel/report.h"

#include <openssl/err.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/text.h"

/* A reason of ours that is attached to an error, as no table of reasons can know it. */
#define REASON_ATTACHED 1

void ks_report_raise(const char *sentence)
{
	ERR_new();
	ERR_set_debug(NULL, 0, "keystay");
	ERR_set_error(ERR_LIB_USER, REASON_ATTACHED, "%s", sentence);
}

void ks_report_append(char *why, size_t why_size)
{
	char best[1024] = "";
	const char *data;
	unsigned long code;
	int flags;
	size_t used = strlen(why);

	while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
		const char *library = ERR_lib_error_string(code);
		const char *reason = ERR_reason_error_string(code);
		bool is_attached = ERR_GET_LIB(code) == ERR_LIB_USER && (flags & ERR_TXT_STRING);
		bool is_ours = is_attached || (reason && library && strcmp(library, "keystay") == 0);
		if (is_ours || (reason && !best[0]))
			(void)ks_text_print(best, sizeof(best), "%s", is_attached ? data : reason);
		if (is_ours)
			break;
	}
	ERR_clear_error();
	(void)ks_text_print(why + used, why_size - used, "%s", best[0] ? best : "OpenSSL does not say why");
}
