/* SPDX-License-Identifier: Apache-2.0 */
/* scep_answer: see scep_answer.h; what is encrypted in it: scep_envelope.c. Runs in: keystay-enroll. */
#include "enrol/drivers/scep_answer.h"

#include <openssl/err.h>

#include "enrol/drivers/scep_envelope.h"
#include "enrol/drivers/scep_message.h"
#include "lib/base/text.h"
#include "lib/tls/crypto.h"

#define MESSAGE_TYPE_CERT_REP 3

KS_DEFINE_CLEANUP(BIO *, BIO_free_all)
KS_DEFINE_CLEANUP(ASN1_OBJECT *, ASN1_OBJECT_free)

void ks_scep_answer_deinit(struct ks_scep_answer *answer)
{
	CMS_ContentInfo_free(KS_STEAL(answer->cms));
	ks_buffer_deinit(&answer->certificates);
}

static int set_malformed(struct ks_enrol_problem *problem, const char *whose, const char *what)
{
	ERR_clear_error();
	return ks_enrol_problem_set(problem, KS_ERR_MALFORMED, "%s answered with no proper SCEP message: %s", whose,
				    what);
}

/* --- attributes -------------------------------------------------------------------------------------------------- */

static CMS_SignerInfo *only_signer(CMS_ContentInfo *cms)
{
	STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);

	return signers && sk_CMS_SignerInfo_num(signers) == 1 ? sk_CMS_SignerInfo_value(signers, 0) : NULL;
}

/* The value of the one signed attribute of this name, when it has one value of this type. */
static struct ks_bytes find_attribute(CMS_SignerInfo *signer, const char *oid, int type)
{
	KS_CLEANUP(ASN1_OBJECT_freep) ASN1_OBJECT *name = OBJ_txt2obj(oid, 1);
	/* -3: one attribute alone, with one value alone. */
	ASN1_STRING *value = name ? CMS_signed_get0_data_by_OBJ(signer, name, -3, type) : NULL;

	return value ? ks_bytes(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)) : KS_BYTES_NONE;
}

static bool read_number(CMS_SignerInfo *signer, const char *oid, unsigned *ret_number)
{
	struct ks_bytes text = find_attribute(signer, oid, V_ASN1_PRINTABLESTRING);
	unsigned number = 0;

	if (text.size == 0 || text.size > 3)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		number = number * 10 + (unsigned)(text.data[i] - '0');
	}
	*ret_number = number;
	return true;
}

/* A UTF8String by section 3.2.1.4; step-ca has a PrintableString of another name. */
static struct ks_bytes find_fail_text(CMS_SignerInfo *signer)
{
	static const char *const names[] = { KS_SCEP_OID_FAIL_INFO_TEXT, KS_SCEP_OID_FAIL_INFO_TEXT_STEPCA };
	struct ks_bytes text = KS_BYTES_NONE;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && text.size == 0; i++) {
		text = find_attribute(signer, names[i], V_ASN1_UTF8STRING);
		if (text.size == 0)
			text = find_attribute(signer, names[i], V_ASN1_PRINTABLESTRING);
	}
	return text;
}

static void read_texts(CMS_SignerInfo *signer, struct ks_scep_answer *answer)
{
	struct ks_bytes text = find_fail_text(signer);
	struct ks_bytes id = find_attribute(signer, KS_SCEP_OID_TRANSACTION_ID, V_ASN1_PRINTABLESTRING);

	if (text.size > 0)
		ks_text_escape(text, answer->fail_text, sizeof(answer->fail_text));
	if (id.size > 0 && id.size < sizeof(answer->transaction_id) && !memchr(id.data, '\0', id.size))
		memcpy(answer->transaction_id, id.data, id.size);
}

static const char *read_attributes(CMS_SignerInfo *signer, struct ks_scep_answer *answer)
{
	struct ks_bytes nonce = find_attribute(signer, KS_SCEP_OID_RECIPIENT_NONCE, V_ASN1_OCTET_STRING);
	unsigned status;

	if (!read_number(signer, KS_SCEP_OID_MESSAGE_TYPE, &answer->message_type))
		return "it has no messageType";
	if (answer->message_type != MESSAGE_TYPE_CERT_REP)
		return "its messageType is not CertRep";
	if (!read_number(signer, KS_SCEP_OID_PKI_STATUS, &status) ||
	    (status != KS_SCEP_SUCCESS && status != KS_SCEP_FAILURE && status != KS_SCEP_PENDING))
		return "it has no pkiStatus of RFC 8894";
	if (nonce.size != KS_SCEP_NONCE_SIZE)
		return "it has no recipientNonce of 16 bytes";
	answer->status = (enum ks_scep_status)status;
	memcpy(answer->nonce, nonce.data, nonce.size);
	answer->fail_info = UINT32_MAX;
	(void)read_number(signer, KS_SCEP_OID_FAIL_INFO, &answer->fail_info);
	read_texts(signer, answer);
	return NULL;
}

int ks_scep_answer_parse(struct ks_bytes der, const char *whose, struct ks_scep_answer *ret_answer,
			 struct ks_enrol_problem *problem)
{
	const struct ks_crypto *crypto = ks_crypto_get();
	KS_CLEANUP(ks_scep_answer_deinit) struct ks_scep_answer answer = { 0 };
	const unsigned char *next = der.data;

	answer.cms = crypto ? CMS_ContentInfo_new_ex(crypto->context, NULL) : NULL;
	if (!answer.cms)
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	if (!d2i_CMS_ContentInfo(&answer.cms, &next, (long)der.size) ||
	    OBJ_obj2nid(CMS_get0_type(answer.cms)) != NID_pkcs7_signed)
		return set_malformed(problem, whose, "it is no CMS SignedData");
	CMS_SignerInfo *signer = only_signer(answer.cms);
	if (!signer)
		return set_malformed(problem, whose, "it is not signed by exactly one signer");
	const char *wrong = read_attributes(signer, &answer);
	if (wrong)
		return set_malformed(problem, whose, wrong);
	ASN1_OCTET_STRING **content = CMS_get0_content(answer.cms);
	answer.enveloped = content ? *content : NULL;
	ERR_clear_error();
	*ret_answer = answer;
	answer = (struct ks_scep_answer){ 0 };
	return 0;
}

/* --- whose it is ------------------------------------------------------------------------------------------------- */

/* SHA-1 is what step-ca and Debian's scepserver sign answers with, whatever they say of SHA-256, and there is no better
 * answer to be had from them. A collision would have to be found against a message that the CA makes up itself; and the certificate
 * in it is looked at by its issuer's own signature afterwards. MD5 is refused. */
static bool is_known_digest(int nid)
{
	return nid == NID_sha1 || nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

static bool is_signer_among(CMS_SignerInfo *signer, const STACK_OF(X509) * certificates)
{
	for (int i = 0; i < sk_X509_num(certificates); i++) {
		if (CMS_SignerInfo_cert_cmp(signer, sk_X509_value(certificates, i)) == 0)
			return true;
	}
	return false;
}

static bool is_signature_good(CMS_ContentInfo *cms, STACK_OF(X509) * certificates)
{
	/* PENDING and FAILURE have no content: the digest is that of nothing. */
	KS_CLEANUP(BIO_free_allp) BIO *nothing = CMS_is_detached(cms) == 1 ? BIO_new_mem_buf("", 0) : NULL;

	/* NOINTERN: certificates that came along are nobody's. The chain was scep_ca.c's matter. */
	return CMS_verify(cms, certificates, NULL, nothing, NULL,
			  CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) == 1;
}

int ks_scep_answer_verify(const struct ks_scep_answer *answer, const struct ks_scep_context *context,
			  struct ks_enrol_problem *problem)
{
	const struct ks_scep_transaction *transaction = context->transaction;
	CMS_SignerInfo *signer = only_signer(answer->cms);
	X509_ALGOR *digest = NULL;

	if (!is_signer_among(signer, context->ca->certificates))
		return ks_enrol_problem_set(problem, KS_ERR_DENIED,
					    "the answer of %s is signed by somebody else than the CA and RA whose "
					    "certificates it gives out (GetCACert), and is not used",
					    context->whose);
	CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, NULL);
	if (!digest || !is_known_digest(OBJ_obj2nid(digest->algorithm)))
		return ks_enrol_problem_final(
			problem, KS_ERR_UNSUPPORTED,
			"%s signs its answers with MD5 or something unknown. The CA must be set up to "
			"sign them with SHA-256",
			context->whose);
	bool is_good = is_signature_good(answer->cms, context->ca->certificates);
	ERR_clear_error();
	if (!is_good)
		return ks_enrol_problem_set(
			problem, KS_ERR_DENIED,
			"the answer of %s has a wrong signature, and is not used. Somebody on the way "
			"may have changed it",
			context->whose);
	if (strcmp(answer->transaction_id, transaction->id) != 0)
		return ks_enrol_problem_set(
			problem, KS_ERR_DENIED,
			"the answer of %s belongs to another request (its transactionID is not ours), "
			"and is not used",
			context->whose);
	if (memcmp(answer->nonce, transaction->nonce, KS_SCEP_NONCE_SIZE) != 0)
		return ks_enrol_problem_set(
			problem, KS_ERR_DENIED,
			"the answer of %s is an old one that somebody sent again, or is broken (its "
			"recipientNonce is not ours), and is not used",
			context->whose);
	return 0;
}

int ks_scep_answer_open(struct ks_scep_answer *answer, const struct ks_scep_context *context,
			struct ks_enrol_problem *problem)
{
	if (!answer->enveloped || ASN1_STRING_length(answer->enveloped) == 0)
		return set_malformed(problem, context->whose, "it says SUCCESS and has no certificate in it");
	struct ks_bytes enveloped =
		ks_bytes(ASN1_STRING_get0_data(answer->enveloped), (size_t)ASN1_STRING_length(answer->enveloped));
	return ks_scep_envelope_open(enveloped, context, &answer->certificates, problem);
}

int ks_scep_answer_read(struct ks_bytes der, const struct ks_scep_context *context, struct ks_scep_answer *ret_answer,
			struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_scep_answer_deinit) struct ks_scep_answer answer = { 0 };
	int r = ks_scep_answer_parse(der, context->whose, &answer, problem);

	if (r == 0)
		r = ks_scep_answer_verify(&answer, context, problem);
	if (r == 0 && answer.status == KS_SCEP_SUCCESS)
		r = ks_scep_answer_open(&answer, context, problem);
	if (r < 0)
		return r;
	*ret_answer = answer;
	answer = (struct ks_scep_answer){ 0 };
	return 0;
}

/* --- refusals ---------------------------------------------------------------------------------------------------- */

int ks_scep_answer_problem(const struct ks_scep_answer *answer, const char *whose, struct ks_enrol_problem *problem)
{
	static const struct {
		const char *name;
		const char *meaning;
		const char *next;
	} reasons[] = {
		{ "badAlg", "it does not know an algorithm of the request",
		  "Is the type of the key allowed for this profile of the CA?" },
		{ "badMessageCheck", "it could not check the request's integrity",
		  "Has the CA a new certificate, or another one for SCEP than it gives out?" },
		{ "badRequest", "it does not permit or support the request",
		  "Is the challenge (secret-file) right and still valid, and may the CA issue for these names?" },
		{ "badTime", "the request's time is too far from its own", "Is the clock of this machine right?" },
		{ "badCertId", "it knows no certificate or request that fits",
		  "A request that waited there may have been deleted; ask anew" },
	};
	bool is_known = answer->fail_info < sizeof(reasons) / sizeof(reasons[0]);

	return (answer->fail_info == 3 ? ks_enrol_problem_set : ks_enrol_problem_final)(
		problem, KS_ERR_DENIED, "%s refuses the request: %s (failInfo %s)%s%s%s. %s", whose,
		is_known ? reasons[answer->fail_info].meaning : "it does not say why",
		is_known ? reasons[answer->fail_info].name : "unknown", answer->fail_text[0] ? "; it says: \"" : "",
		answer->fail_text, answer->fail_text[0] ? "\"" : "",
		is_known ? reasons[answer->fail_info].next : "Its administrator finds the reason in its log");
}
