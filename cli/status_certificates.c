/* SPDX-License-Identifier: Apache-2.0 */
/* status_certificates: the certificates of status_view.h. Runs in: keystay. */
#include "cli/status_view.h"
#include "cli/words.h"
#include "lib/base/cleanup.h"
#include "lib/base/lifetime.h"
#include "lib/base/text.h"

json_t *ks_status_certificates_json(const struct ks_cli *cli, const struct ks_msg_status_reply *status)
{
	json_t *list = json_array();
	struct ks_reader reader = ks_reader(status->certificates);
	struct ks_msg_certificate_status certificate;

	while (list && ks_record_read(&reader, KS_RECORD(certificate_status), &certificate, sizeof(certificate)) == 1) {
		json_t *object = json_object();
		char from[KS_WORDS_TIME_MAX], until[KS_WORDS_TIME_MAX];
		ks_words_timestamp(certificate.not_before, from, sizeof(from));
		ks_words_timestamp(certificate.not_after, until, sizeof(until));
		ks_output_json_put(&object, "key", ks_output_json_text(certificate.key));
		ks_output_json_put(&object, "token", ks_output_json_text(certificate.token));
		ks_output_json_put(&object, "not_before", json_string(from));
		ks_output_json_put(&object, "not_after", json_string(until));
		enum ks_validity validity =
			ks_lifetime_validity(certificate.not_before, certificate.not_after, cli->now_s);
		bool is_revoked = certificate.revocation == KS_REVOCATION_REVOKED;
		ks_output_json_put(&object, "validity",
				   json_string(ks_words_validity(is_revoked ? KS_VALIDITY_REVOKED : validity)));
		ks_output_json_put(&object, "revocation",
				   json_string(ks_words_revocation_state(certificate.revocation)));
		ks_output_json_put(&object, "days_left",
				   json_integer((json_int_t)ks_lifetime_days_left(certificate.not_after, cli->now_s)));
		ks_output_json_put(&object, "client_auth", json_boolean(certificate.client_auth));
		(void)json_array_append_new(list, object);
	}
	return list;
}

static void put_row(struct ks_table *table, const struct ks_msg_certificate_status *certificate, enum ks_color color,
		    const char *words)
{
	ks_table_foreign(table, KS_COLOR_NONE, certificate->key);
	ks_table_foreign(table, KS_COLOR_NONE, certificate->token);
	ks_table_cell(table, color, "%s", words);
}

/* Where it is not known, and somebody could know it. */
static void put_revocation(struct ks_table *table, const struct ks_msg_certificate_status *certificate)
{
	uint32_t state = certificate->revocation;
	char words[KS_WORDS_REVOCATION_MAX], sentence[KS_WORDS_REVOCATION_MAX + 16];
	bool is_bad = state == KS_REVOCATION_REVOKED || certificate->unproven_refused;

	if (!is_bad && state != KS_REVOCATION_UNKNOWN && state != KS_REVOCATION_OUTDATED &&
	    state != KS_REVOCATION_NO_ANSWER)
		return;
	ks_words_revocation(state, certificate->revocation_said, certificate->revocation_until, words);
	(void)ks_text_print(sentence, sizeof(sentence), "revocation: %s", words);
	put_row(table, certificate, is_bad ? KS_COLOR_BAD : KS_COLOR_CARE, sentence);
}

int ks_status_certificates(const struct ks_cli *cli, const struct ks_msg_status_reply *status)
{
	static const char *const headings[] = { "KEY", "TOKEN", "CERTIFICATE" };
	KS_CLEANUP(ks_table_deinit) struct ks_table table;
	struct ks_reader reader = ks_reader(status->certificates);
	struct ks_msg_certificate_status certificate;

	ks_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
	while (ks_record_read(&reader, KS_RECORD(certificate_status), &certificate, sizeof(certificate)) == 1) {
		char words[KS_LIFETIME_TEXT_MAX];
		ks_lifetime_words(certificate.not_before, certificate.not_after, cli->now_s, words);
		if (words[0] != '\0')
			put_row(&table, &certificate, cli->now_s > certificate.not_after ? KS_COLOR_BAD : KS_COLOR_CARE,
				words);
		put_revocation(&table, &certificate);
	}
	if (table.n_cells == 0 && !table.failed)
		return 0;
	(void)fputc('\n', cli->out);
	return ks_table_print(&table, cli, "");
}
