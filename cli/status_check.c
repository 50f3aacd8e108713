/* SPDX-License-Identifier: Apache-2.0 */
/* status_check: ks_status_check() of status_view.h. Runs in: keystay. */
#include <inttypes.h>

#include "cli/status_view.h"
#include "cli/words.h"
#include "lib/base/cleanup.h"
#include "lib/base/lifetime.h"

static bool is_below(const struct ks_msg_certificate_status *certificate, const struct ks_status_limit *limit,
		     enum ks_validity validity, uint64_t now_s)
{
	if (validity == KS_VALIDITY_EXPIRED || validity == KS_VALIDITY_EARLY)
		return true;
	if (limit->is_given)
		return certificate->not_after - now_s <= limit->left_s;
	return validity == KS_VALIDITY_SOON;
}

static bool check_certificate(const struct ks_cli *cli, const struct ks_msg_certificate_status *certificate,
			      const struct ks_status_limit *limit)
{
	enum ks_validity validity = ks_lifetime_validity(certificate->not_before, certificate->not_after, cli->now_s);
	KS_AUTO_FREE char *key = ks_output_escape(certificate->key);
	KS_AUTO_FREE char *token = ks_output_escape(certificate->token);
	char words[KS_LIFETIME_TEXT_MAX], left[KS_LIFETIME_TEXT_MAX], date[KS_WORDS_TIME_MAX];

	if (!certificate->client_auth || !is_below(certificate, limit, validity, cli->now_s))
		return false;
	(void)fprintf(cli->out, "the certificate of %s", key ? key : "?");
	if (token && token[0])
		(void)fprintf(cli->out, " (token %s)", token);
	if (validity == KS_VALIDITY_EXPIRED || validity == KS_VALIDITY_EARLY) {
		ks_lifetime_words(certificate->not_before, certificate->not_after, cli->now_s, words);
		(void)fprintf(cli->out, " %s%s\n", words,
			      validity == KS_VALIDITY_EARLY ? ": is this computer's clock right?" :
							      ": put a new one in its place");
		return true;
	}
	ks_lifetime_left(certificate->not_after - cli->now_s, left);
	ks_words_date(certificate->not_after, date, sizeof(date));
	(void)fprintf(cli->out, " expires in %s, on %s: renew it in time\n", left, date);
	return true;
}

/* A CA that was never asked is nothing wrong, unless keystay.conf wants its word. */
static bool check_revocation(const struct ks_cli *cli, const struct ks_msg_certificate_status *certificate)
{
	uint32_t state = certificate->revocation;
	KS_AUTO_FREE char *key = ks_output_escape(certificate->key);
	char words[KS_WORDS_REVOCATION_MAX];

	if (state != KS_REVOCATION_REVOKED && state != KS_REVOCATION_UNKNOWN && state != KS_REVOCATION_OUTDATED &&
	    !certificate->unproven_refused)
		return false;
	ks_words_revocation(state, certificate->revocation_said, certificate->revocation_until, words);
	(void)fprintf(cli->out, "the revocation of the certificate of %s: %s%s\n", key ? key : "?", words,
		      certificate->unproven_refused && state != KS_REVOCATION_REVOKED ?
			      "; nothing is signed with it (revocation = require)" :
			      "");
	return true;
}

static size_t check_certificates(const struct ks_cli *cli, const struct ks_msg_status_reply *status,
				 const struct ks_status_limit *limit)
{
	struct ks_reader reader = ks_reader(status->certificates);
	struct ks_msg_certificate_status certificate;
	size_t n = 0;

	while (ks_record_read(&reader, KS_RECORD(certificate_status), &certificate, sizeof(certificate)) == 1) {
		n += check_certificate(cli, &certificate, limit);
		n += check_revocation(cli, &certificate);
	}
	/* With a limit of somebody's own these may be below it; else those that end soon had their place first. */
	if (status->n_certificates_left_out > 0) {
		(void)fprintf(cli->out, "%u certificates were not looked at, there are too many: see keystay list\n",
			      (unsigned)status->n_certificates_left_out);
		n++;
	}
	return n;
}

/* One that is only starting has nothing wrong with it yet. */
static size_t check_modules(const struct ks_cli *cli, const struct ks_msg_status_reply *status, size_t *n_modules)
{
	struct ks_reader reader = ks_reader(status->modules);
	struct ks_msg_module_status module;
	size_t n = 0;

	while (ks_record_read(&reader, KS_RECORD(module_status), &module, sizeof(module)) == 1) {
		(*n_modules)++;
		if (module.state == KS_MODULE_READY || module.state == KS_MODULE_STARTING)
			continue;
		KS_AUTO_FREE char *name = ks_output_escape(module.name);
		KS_AUTO_FREE char *note = ks_output_escape(module.note);
		(void)fprintf(cli->out, "the module %s does not run%s%s\n", name ? name : "?",
			      note && note[0] ? ": " : "", note ? note : "");
		n++;
	}
	return n;
}

static size_t check_agent(const struct ks_cli *cli, const struct ks_msg_status_reply *status)
{
	size_t n = 0;

	if (status->audit_problem.size > 0) {
		KS_AUTO_FREE char *problem = ks_output_escape(status->audit_problem);
		(void)fprintf(cli->out, "the audit log cannot be written: %s\n", problem ? problem : "?");
		n++;
	}
	if (status->reload_failed) {
		KS_AUTO_FREE char *why = ks_output_escape(status->configuration);
		(void)fprintf(cli->out, "the last reload failed, the old configuration holds: %s\n", why ? why : "?");
		n++;
	}
	return n;
}

size_t ks_status_check(const struct ks_cli *cli, const struct ks_msg_status_reply *status,
		       const struct ks_status_limit *limit)
{
	size_t n_modules = 0;
	size_t n = check_certificates(cli, status, limit);

	n += check_modules(cli, status, &n_modules);
	n += check_agent(cli, status);
	if (n == 0)
		(void)fprintf(cli->out, "nothing is wrong: %u key%s, %zu module%s\n", (unsigned)status->n_identities,
			      status->n_identities == 1 ? "" : "s", n_modules, n_modules == 1 ? "" : "s");
	return n;
}
