/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: see report.h. The border at which KS_ERR_* becomes an entry of OpenSSL's error queue.
 *
 * Runs in: any program that loads the provider, in all of its threads. Takes no lock: a child of fork() must not
 * inherit one. A row that was being written at the moment of a fork is lost to the child, and nothing else is.
 */
#include "client/openssl/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"

enum { SENTENCE_FREE, SENTENCE_BEING_WRITTEN, SENTENCE_WRITTEN };

static const int codes[] = {
#define CODE(name, number, word, text) KS_ERR_##name,
	KS_ERROR_LIST(CODE)
#undef CODE
};

#define N_CODES (sizeof(codes) / sizeof(codes[0]))

/* OSSL_ITEM has a plain void * for what is only ever read. */
static void *readable(const char *text)
{
	union {
		const char *in;
		void *out;
	} pointer = { .in = text };

	return pointer.out;
}

static int make_reasons(struct ks_report *report)
{
	OSSL_ITEM *reasons = calloc(N_CODES + KS_REPORT_SENTENCES + 1, sizeof(*reasons));
	if (!reasons)
		return KS_ERR_NO_MEMORY;
	for (size_t i = 0; i < N_CODES; i++)
		reasons[i] = (OSSL_ITEM){ (unsigned)-codes[i], readable(ks_error_text(codes[i])) };
	for (unsigned i = 0; i < KS_REPORT_SENTENCES; i++)
		reasons[N_CODES + i] = (OSSL_ITEM){ KS_REPORT_FIRST + i, report->sentences[i].text };
	report->reasons = reasons;
	return 0;
}

int ks_report_init(struct ks_report *report, const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *upcalls)
{
	report->core = core;
	for (const OSSL_DISPATCH *row = upcalls; row->function_id != 0; row++) {
		switch (row->function_id) {
		case OSSL_FUNC_CORE_NEW_ERROR:
			report->new_error = OSSL_FUNC_core_new_error(row);
			break;
		case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
			report->set_debug = OSSL_FUNC_core_set_error_debug(row);
			break;
		case OSSL_FUNC_CORE_VSET_ERROR:
			report->vset_error = OSSL_FUNC_core_vset_error(row);
			break;
		default:
			break;
		}
	}
	if (!report->new_error || !report->set_debug || !report->vset_error)
		return KS_ERR_UNSUPPORTED;
	return make_reasons(report);
}

void ks_report_deinit(struct ks_report *report)
{
	free(report->reasons);
	report->reasons = NULL;
}

const OSSL_ITEM *ks_report_reasons(const struct ks_report *report)
{
	return report->reasons;
}

/* The reason number of this sentence, 0 when there is no row for it. */
static unsigned find_sentence(struct ks_report *report, const char *text)
{
	size_t size = strlen(text) + 1;
	if (size > KS_REPORT_SENTENCE_MAX)
		return 0;
	for (unsigned i = 0; i < KS_REPORT_SENTENCES; i++) {
		struct ks_report_sentence *row = &report->sentences[i];
		int expected = SENTENCE_FREE;
		if (atomic_compare_exchange_strong(&row->state, &expected, SENTENCE_BEING_WRITTEN)) {
			memcpy(row->text, text, size);
			atomic_store(&row->state, SENTENCE_WRITTEN);
			return KS_REPORT_FIRST + i;
		}
		if (expected == SENTENCE_WRITTEN && strcmp(row->text, text) == 0)
			return KS_REPORT_FIRST + i;
	}
	return 0;
}

static void set_error(struct ks_report *report, unsigned reason, const char *format, ...) KS_PRINTF(3, 4);

static void set_error(struct ks_report *report, unsigned reason, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report->vset_error(report->core, reason, format, arguments);
	va_end(arguments);
}

void ks_report_put(struct ks_report *report, const char *function, int code, const char *text)
{
	report->new_error(report->core);
	report->set_debug(report->core, "keystay", 0, function);
	char cut[KS_REPORT_REASON_MAX + 1];
	bool is_whole = ks_text_print(cut, sizeof(cut) - 3, "%s", text);
	if (!is_whole)
		(void)strcat(cut, "...");
	unsigned reason = find_sentence(report, is_whole ? text : cut);
	if (reason != 0)
		set_error(report, reason, "%s", is_whole ? ks_error_word(code) : text);
	else
		set_error(report, (unsigned)-code, "keystay: %s", text);
}

int ks_report_fail(struct ks_report *report, const char *function, int code, const char *format, ...)
{
	char text[KS_REPORT_SENTENCE_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	ks_report_put(report, function, code, text);
	return 0;
}
