/* SPDX-License-Identifier: Apache-2.0 */
/* digest_info: see digest_info.h. Runs in: any program that loads the module. */
#include "client/module/digest_info.h"

#define PREFIX 19u

/* RFC 8017 section 9.2, note 1. Compared as bytes: a parser would have to be as strict as this is by itself. */
static const struct {
	enum ks_hash hash;
	uint8_t prefix[PREFIX];
} forms[] = {
	{ KS_HASH_SHA256,
	  { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
	    0x20 } },
	{ KS_HASH_SHA384,
	  { 0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04,
	    0x30 } },
	{ KS_HASH_SHA512,
	  { 0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04,
	    0x40 } },
};

int ks_digest_info_read(struct ks_bytes info, enum ks_hash *ret_hash, struct ks_bytes *ret_digest)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t size = ks_hash_size(forms[i].hash);
		if (info.size != PREFIX + size || memcmp(info.data, forms[i].prefix, PREFIX) != 0)
			continue;
		*ret_hash = forms[i].hash;
		*ret_digest = ks_bytes(info.data + PREFIX, size);
		return 0;
	}
	return KS_ERR_MALFORMED;
}
