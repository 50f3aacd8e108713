/* SPDX-License-Identifier: Apache-2.0 */
/* scep_caps: see scep_caps.h. Runs in: keystay-enroll. */
#include "enrol/drivers/scep_caps.h"

#include <strings.h>

static bool is_word(struct ks_bytes line, const char *word)
{
	return line.size == strlen(word) && strncasecmp((const char *)line.data, word, line.size) == 0;
}

static void read_line(struct ks_bytes line, struct ks_scep_caps *caps)
{
	/* SCEPStandard: all that RFC 8894 section 2.9 demands. */
	bool standard = is_word(line, "SCEPStandard");
	bool aes = standard || is_word(line, "AES");
	bool sha256 = standard || is_word(line, "SHA-256");
	bool post = standard || is_word(line, "POSTPKIOperation");
	bool des3 = is_word(line, "DES3");
	bool other = is_word(line, "SHA-1") || is_word(line, "SHA-512") || is_word(line, "Renewal") ||
		     is_word(line, "GetNextCACert") || is_word(line, "Update");

	caps->aes |= aes;
	caps->sha256 |= sha256;
	caps->post |= post;
	caps->des3 |= des3;
	caps->some |= aes || sha256 || post || des3 || other;
}

void ks_scep_caps_read(struct ks_bytes text, struct ks_scep_caps *ret_caps)
{
	struct ks_scep_caps caps = { 0 };
	size_t begin = 0;

	for (size_t i = 0; i <= text.size; i++) {
		bool is_end = i == text.size || text.data[i] == '\n' || text.data[i] == '\r' || text.data[i] == ' ' ||
			      text.data[i] == '\t';
		if (!is_end)
			continue;
		if (i > begin)
			read_line(ks_bytes(text.data + begin, i - begin), &caps);
		begin = i + 1;
	}
	*ret_caps = caps;
}

int ks_scep_caps_check(const struct ks_scep_caps *caps, bool legacy, const char *whose,
		       struct ks_enrol_problem *problem)
{
	if (!caps->some)
		return ks_enrol_problem_final(
			problem, KS_ERR_UNSUPPORTED,
			"%s does not say what it can do: its answer to GetCACaps names no capability of RFC 8894. AES and "
			"SHA-256 are needed; is url the address of its SCEP service?",
			whose);
	if (!caps->sha256)
		return ks_enrol_problem_final(
			problem, KS_ERR_UNSUPPORTED,
			"%s does not offer SHA-256 (GetCACaps), and keystay signs no request with SHA-1 or MD5. The CA must "
			"be set up to take SHA-256",
			whose);
	if (caps->aes || (legacy && caps->des3))
		return 0;
	if (caps->des3)
		return ks_enrol_problem_final(
			problem, KS_ERR_UNSUPPORTED,
			"%s offers triple DES and no AES (GetCACaps). The CA should be set up for AES; until it is, the "
			"profile can take triple DES with: scep-legacy = yes",
			whose);
	return ks_enrol_problem_final(
		problem, KS_ERR_UNSUPPORTED,
		"%s offers no AES (GetCACaps), so it would take nothing but single DES, which can "
		"be read by anybody. The CA must be set up for AES",
		whose);
}
