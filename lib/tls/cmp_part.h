/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp_part: reads what a client of CMP signs: the ProtectedPart of a message (RFC 4210 section 5.1.3, RFC 9480), and the
 * CertRequest of CRMF (RFC 4211 section 4.1), which a new key signs to prove that it is there.
 *
 * Runs in: keystay-agent, before it is signed (invariant I2). To the last byte and in DER alone, at most KS_CMP_PART_MAX.
 *
 *	ProtectedPart ::= SEQUENCE { header PKIHeader, body PKIBody }
 *	PKIHeader     ::= SEQUENCE { pvno INTEGER 2 or 3, sender [4], recipient [4], [0] … [8] }
 *	CertRequest   ::= SEQUENCE { certReqId INTEGER 0, certTemplate SEQUENCE { [0] … [9] }, controls SEQUENCE OPTIONAL }
 *
 * Bodies: kur, rr, certConf, pollReq: what a client must sign with the key that it has a certificate for. A key update is
 * signed by the old key, and may ask for a certificate of this key or of another one; which, the reader says. Not signed:
 * ir, cr and p10cr, which the profile's secret protects (a key that is trusted by one CA would vouch for a stranger's
 * request to another); nested messages and ccr, which RAs and CAs send; genm and error, which no enrolment needs; answers.
 *
 * What it accepts is nothing else that anybody signs. It begins with 0x30, a whole SEQUENCE: no TLS 1.3 input (64 times
 * 0x20), no TLS 1.2 transcript (0x01), no signed attributes of CMS (a SET, 0x31), no SSH, JWT or digest. In a ProtectedPart
 * a SEQUENCE comes first and an INTEGER first in that. A CertificationRequestInfo, a version 1 TBSCertificate and a TSTInfo
 * begin with an INTEGER; a later TBSCertificate and OCSP's ResponseData with a context tag; a revocation list of version 1
 * and a SPKAC with a SEQUENCE whose first element is no INTEGER (an OBJECT IDENTIFIER, a SEQUENCE), an OCSP request with
 * one of SEQUENCEs. In a CertRequest an INTEGER is followed by a SEQUENCE of context tags, [6] among them: in a
 * CertificationRequestInfo that SEQUENCE is a Name, of SETs or empty; in a TBSCertificate or a revocation list it begins
 * with an OBJECT IDENTIFIER; an attribute certificate's holder has no [6].
 * Each of the two begins otherwise than the other. tests/unit/tls/test_cmp_part.c holds all readers against one another.
 *
 * Pure. Must never decide whose key it is: signable.c does.
 */
#pragma once

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/spki.h"
#include "lib/tls/signable.h"

enum ks_cmp_kind {
	KS_CMP_KEY_UPDATE = 1, /* kur */
	KS_CMP_REVOCATION,     /* rr */
	KS_CMP_CONFIRMATION,   /* certConf */
	KS_CMP_POLL,           /* pollReq */
	KS_CMP_CERT_REQUEST,   /* CRMF, for a proof of possession */
};

/* Borrowed from the input. */
struct ks_cmp_part {
	enum ks_cmp_kind kind;
	struct ks_bytes protection; /* protectionAlg, an AlgorithmIdentifier, DER; CERT_REQUEST: none */
	struct ks_bytes key;        /* KEY_UPDATE, CERT_REQUEST: what stands in the SEQUENCE of the SubjectPublicKeyInfo
				     * that a certificate is asked for */
	struct ks_bytes serial;     /* REVOCATION: of the certificate that is to be revoked, contents of an INTEGER */
};

/* 0, or INPUT_CMP with ret_refusal filled. */
int ks_cmp_part_read(struct ks_bytes input, struct ks_cmp_part *ret_part, struct ks_signable_refusal *ret_refusal)
	KS_WARN_UNUSED;

/* The key that is asked for, as others write it: with the tag that CRMF takes away. ret_spki borrows from memory.
 * INPUT_CMP when keystay does not know such keys. */
int ks_cmp_part_key(const struct ks_cmp_part *part, uint8_t memory[KS_SPKI_MAX], struct ks_spki *ret_spki)
	KS_WARN_UNUSED;
