/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile: inputs that must never be signed, for one key, with the reason for which each must be refused.
 *
 * The classes are those of an attacker who can ask for signatures:
 *	C1  TLS 1.3 inputs of a wrong length          C2  a wrong byte in the padding
 *	C3  another context than the client's         C4  no separator
 *	C5  bare digests, in all their dresses        C6  TLS 1.2 transcripts with one fault
 *	C7  what other protocols sign                 C8  schemes that do not fit the key, or anybody
 *	C10 messages and numbers of a signing oracle (raw, digest, decrypt): ks_hostile_messages()
 *	C11 what a key signs in CMP, over a sign socket (its own message is another one, of the control socket)
 * (C9, a proof of the server that does not hold, is for the rules that ask for one.)
 */
#pragma once

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/protocol/spki.h"

struct ks_hostile_target {
	struct ks_bytes certificate; /* of the key, DER */
	const struct ks_spki *spki;  /* of that certificate */
	struct ks_bytes transcript;  /* a good TLS 1.2 input with this certificate, in which scheme is offered */
	uint32_t scheme12;           /* that the key can make */
	uint32_t scheme13;
};

struct ks_hostile_input {
	const char *class; /* "C2" */
	const char *name;  /* unique */
	struct ks_bytes input;
	uint32_t scheme;
	int expected; /* KS_ERR_INPUT_* */
	int or_else;  /* another code that is as good, where two faults come together; or 0 */
};

/* Calls each for every input; a negative return ends it. Returns how many there were, or that negative number. */
int ks_hostile_build(const struct ks_hostile_target *target,
		     int (*each)(const struct ks_hostile_input *input, void *userdata), void *userdata);

/* The two good inputs that all hostile ones are made from, to see that a refusal was not for another reason: a TLS 1.3
 * input, and a made TLS 1.2 transcript with this certificate. */
void ks_hostile_put_good13(struct ks_buffer *out);
void ks_hostile_put_good12(struct ks_buffer *out, struct ks_bytes certificate);

/* Usual schemes of a key: what it can make in TLS 1.2 and in TLS 1.3. */
void ks_hostile_schemes(const struct ks_spki *spki, uint32_t *ret_scheme12, uint32_t *ret_scheme13);
