/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_scep: the first byte of an input says what the rest is. */
#pragma once

enum fuzz_scep_kind {
	FUZZ_SCEP_ANSWER, /* CertRep */
	FUZZ_SCEP_CA,     /* of GetCACert */
	FUZZ_SCEP_STATE,  /* what was kept of a transaction */
	FUZZ_SCEP_CAPS,   /* of GetCACaps */
	FUZZ_SCEP_N_KINDS,
};

#define FUZZ_SCEP_URL "http://ca.example/scep"
