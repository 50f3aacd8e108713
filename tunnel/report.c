/* SPDX-License-Identifier: Apache-2.0 */
/* report: see report.h. Runs in: keystay-tunnel. */
#include "tunnel/report.h"

#include <openssl/err.h>
#include <string.h>

#include "lib/base/text.h"

void ks_report_append(char *why, size_t why_size)
{
	const char *best = NULL;
	unsigned long code;
	size_t used = strlen(why);

	while ((code = ERR_get_error()) != 0) {
		const char *library = ERR_lib_error_string(code);
		const char *reason = ERR_reason_error_string(code);
		if (reason && library && strcmp(library, "keystay") == 0) {
			best = reason;
			break;
		}
		if (reason && !best)
			best = reason;
	}
	ERR_clear_error();
	(void)ks_text_print(why + used, why_size - used, "%s", best ? best : "OpenSSL does not say why");
}
