/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same bytes as SubjectPublicKeyInfo, as certificate and as EC parameters. A key that reads well has the sizes that
 * the header promises, and written again from its parts it is the same DER.
 */
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/scheme.h"
#include "lib/protocol/spki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_key(const struct ks_spki *spki)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer again = { 0 };
	char name[32];

	ks_spki_type_name(spki, name, sizeof(name));
	check(name[0] != '\0' && spki->der.size <= KS_SPKI_MAX);
	check(ks_spki_same_key(spki, spki));
	switch (spki->algorithm) {
	case KS_KEY_RSA:
	case KS_KEY_RSA_PSS:
		check(spki->bits >= 2048 && spki->bits <= 8192 && (spki->bits + 7) / 8 == spki->modulus.size);
		check(spki->modulus.data[0] != 0 && spki->exponent.size >= 1 && spki->exponent.size <= 8);
		check(ks_spki_put_rsa(&again, spki->modulus, spki->exponent) == 0);
		break;
	case KS_KEY_EC:
		check(spki->point.size == 1 + 2 * ks_curve_size(spki->curve));
		check(ks_spki_put_ec(&again, spki->curve, spki->point) == 0);
		break;
	case KS_KEY_ED25519:
		check(spki->point.size == 32);
		check(ks_spki_put_ed25519(&again, spki->point) == 0);
		break;
	}
	/* RSASSA-PSS is written as rsaEncryption, which is the same key and other bytes. */
	struct ks_spki second;
	check(ks_spki_read(ks_buffer_bytes(&again), &second) == 0 && ks_spki_same_key(spki, &second));
	if (spki->algorithm != KS_KEY_RSA_PSS)
		check(ks_bytes_equal(ks_buffer_bytes(&again), spki->der));
	size_t n_schemes;
	const struct ks_scheme *schemes = ks_schemes(&n_schemes);
	size_t n_fit = 0;
	for (size_t i = 0; i < n_schemes; i++)
		n_fit += ks_scheme_fits(&schemes[i], spki, true);
	check(n_fit > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_bytes input = ks_bytes(data, size);
	struct ks_spki spki;
	struct ks_bytes inner;

	if (ks_spki_read(input, &spki) == 0)
		check_key(&spki);
	if (ks_spki_of_certificate(input, &inner) == 0) {
		check(inner.data >= data && inner.size < size && inner.data + inner.size <= data + size);
		if (ks_spki_read(inner, &spki) == 0)
			check_key(&spki);
	}
	(void)ks_curve_from_parameters(input);
	return 0;
}
