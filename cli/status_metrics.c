/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_metrics: ks_status_metrics() of status_view.h: OpenMetrics 1.0 text, which Prometheus reads, among others by
 * node_exporter's folder of text files.
 *
 * Runs in: keystay. Names are promised by man/keystay.1: they are added to, not changed.
 */
#include <inttypes.h>
#include <string.h>

#include "cli/status_view.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define DAY_S 86400.0

static void family(struct ks_buffer *out, const char *name, const char *type, const char *help)
{
	ks_buffer_printf(out, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

/* name="text", with what the format's section "Escaping" asks for. Texts of the agent have no control characters (they
 * are ks_text_valid()); one that is no text at all is left out rather than broken. */
static void label(struct ks_buffer *out, const char *name, struct ks_bytes text)
{
	bool is_text = ks_text_valid(text);

	ks_buffer_printf(out, "%s=\"", name);
	for (size_t i = 0; is_text && i < text.size; i++) {
		uint8_t byte = text.data[i];
		if (byte == '\\' || byte == '"')
			ks_buffer_put_u8(out, '\\');
		ks_buffer_put_u8(out, byte == '\n' ? ' ' : byte);
	}
	ks_buffer_printf(out, "\"");
}

/* --- certificates ------------------------------------------------------------------------------------------------ */

/* Days with their fraction, so that a graph falls evenly; negative once it has expired. */
static void write_certificates(const struct ks_cli *cli, const struct ks_msg_status_reply *status,
			       struct ks_buffer *out)
{
	struct ks_reader reader = ks_reader(status->certificates);
	struct ks_msg_certificate_status certificate;

	family(out, "keystay_certificate_days_left", "gauge",
	       "Days until the certificate of this key expires, negative once it has.");
	while (ks_record_read(&reader, KS_RECORD(certificate_status), &certificate, sizeof(certificate)) == 1) {
		double left_s = (double)certificate.not_after - (double)cli->now_s;
		ks_buffer_printf(out, "keystay_certificate_days_left{");
		label(out, "key", certificate.key);
		ks_buffer_printf(out, ",");
		label(out, "token", certificate.token);
		ks_buffer_printf(out, "} %.3f\n", left_s / DAY_S);
	}
}

/* One sample for each state that there can be, one of them 1. */
static void write_revocation(const struct ks_msg_status_reply *status, struct ks_buffer *out)
{
	static const char *const states[] = { "good", "revoked", "unknown" };
	struct ks_reader reader = ks_reader(status->certificates);
	struct ks_msg_certificate_status certificate;

	family(out, "keystay_certificate_revocation", "gauge",
	       "What is known of the revocation of the certificate of this key.");
	while (ks_record_read(&reader, KS_RECORD(certificate_status), &certificate, sizeof(certificate)) == 1) {
		size_t state = certificate.revocation == KS_REVOCATION_GOOD    ? 0 :
			       certificate.revocation == KS_REVOCATION_REVOKED ? 1 :
										 2;
		for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
			ks_buffer_printf(out, "keystay_certificate_revocation{");
			label(out, "key", certificate.key);
			ks_buffer_printf(out, ",");
			label(out, "token", certificate.token);
			ks_buffer_printf(out, ",state=\"%s\"} %d\n", states[i], i == state);
		}
	}
}

/* --- modules and tokens ------------------------------------------------------------------------------------------ */

static void write_modules(const struct ks_msg_status_reply *status, struct ks_buffer *out)
{
	struct ks_msg_module_status module;
	struct ks_reader reader = ks_reader(status->modules);

	family(out, "keystay_module_up", "gauge", "Whether the process of this PKCS#11 module runs.");
	while (ks_record_read(&reader, KS_RECORD(module_status), &module, sizeof(module)) == 1) {
		ks_buffer_printf(out, "keystay_module_up{");
		label(out, "module", module.name);
		ks_buffer_printf(out, "} %d\n", module.state == KS_MODULE_READY);
	}
	reader = ks_reader(status->modules);
	family(out, "keystay_worker_restarts", "counter",
	       "Times that the process of this PKCS#11 module was started again.");
	while (ks_record_read(&reader, KS_RECORD(module_status), &module, sizeof(module)) == 1) {
		ks_buffer_printf(out, "keystay_worker_restarts_total{");
		label(out, "module", module.name);
		ks_buffer_printf(out, "} %u\n", (unsigned)module.restarts);
	}
}

static bool is_of(struct ks_bytes module, const struct ks_msg_token_status *token)
{
	return ks_bytes_equal(token->module, module) && token->state != KS_TOKEN_ABSENT;
}

static void write_tokens(const struct ks_msg_status_reply *status, struct ks_buffer *out)
{
	struct ks_msg_module_status module;
	struct ks_msg_token_status token;
	struct ks_reader modules = ks_reader(status->modules);

	family(out, "keystay_tokens_present", "gauge", "Tokens of this PKCS#11 module that are there.");
	while (ks_record_read(&modules, KS_RECORD(module_status), &module, sizeof(module)) == 1) {
		struct ks_reader tokens = ks_reader(status->tokens);
		unsigned n = 0;
		while (ks_record_read(&tokens, KS_RECORD(token_status), &token, sizeof(token)) == 1)
			n += is_of(module.name, &token);
		ks_buffer_printf(out, "keystay_tokens_present{");
		label(out, "module", module.name);
		ks_buffer_printf(out, "} %u\n", n);
	}
}

/* --- what was asked ---------------------------------------------------------------------------------------------- */

static void write_signatures(const struct ks_msg_status_reply *status, struct ks_buffer *out)
{
	const struct {
		const char *result;
		uint64_t n;
	} results[] = { { "signed", status->n_signed },
			{ "denied", status->n_denied },
			{ "failed", status->n_failed },
			{ "cancelled", status->n_cancelled } };
	struct ks_reader reader = ks_reader(status->refusals);
	struct ks_msg_refusal_count refusal;

	family(out, "keystay_signatures", "counter", "Requests to sign, by how they ended.");
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		ks_buffer_printf(out, "keystay_signatures_total{result=\"%s\"} %" PRIu64 "\n", results[i].result,
				 results[i].n);
	family(out, "keystay_refusals", "counter", "Requests to sign that were not signed, by their error.");
	while (ks_record_read(&reader, KS_RECORD(refusal_count), &refusal, sizeof(refusal)) == 1)
		ks_buffer_printf(out, "keystay_refusals_total{error=\"%s\",code=\"%u\"} %" PRIu64 "\n",
				 ks_error_word(-(int)(refusal.error & 0x7fffffff)), (unsigned)refusal.error,
				 refusal.count);
}

static void write_audit(const struct ks_msg_status_reply *status, struct ks_buffer *out)
{
	family(out, "keystay_audit_records", "counter", "Audit records, by what became of them.");
	ks_buffer_printf(out, "keystay_audit_records_total{result=\"written\"} %" PRIu64 "\n", status->audit_written);
	ks_buffer_printf(out, "keystay_audit_records_total{result=\"lost\"} %" PRIu64 "\n", status->audit_lost);
	family(out, "keystay_audit_records_waiting", "gauge", "Audit records that could not be written yet.");
	ks_buffer_printf(out, "keystay_audit_records_waiting %" PRIu64 "\n", status->audit_waiting);
}

int ks_status_metrics(const struct ks_cli *cli, const struct ks_msg_status_reply *status)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };

	family(&out, "keystay_agent", "info", "The agent that runs.");
	ks_buffer_printf(&out, "keystay_agent_info{");
	label(&out, "version", status->agent_version);
	ks_buffer_printf(&out, "} 1\n");
	family(&out, "keystay_keys", "gauge", "Keys that are known.");
	ks_buffer_printf(&out, "keystay_keys %u\n", (unsigned)status->n_identities);
	write_certificates(cli, status, &out);
	write_revocation(status, &out);
	write_tokens(status, &out);
	write_modules(status, &out);
	write_signatures(status, &out);
	write_audit(status, &out);
	family(&out, "keystay_reload_failed", "gauge", "Whether the last reload of the configuration failed.");
	ks_buffer_printf(&out, "keystay_reload_failed %d\n# EOF\n", status->reload_failed);
	int r = ks_buffer_error(&out);
	if (r < 0)
		return r;
	return fwrite(out.data, 1, out.size, cli->out) == out.size ? 0 : KS_ERR_SYSTEM;
}
