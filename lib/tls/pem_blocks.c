/* SPDX-License-Identifier: Apache-2.0 */
/* pem_blocks: see pem_blocks.h. Runs in: keystay-agent, keystay-enroll. */
#include "lib/tls/pem_blocks.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "lib/base/cleanup.h"

/* Blocks of one PEM file: a bundle of all public CAs has 150 certificates. */
#define BLOCKS_MAX 1000

KS_DEFINE_CLEANUP(BIO *, BIO_free_all)

struct reading {
	const char *const *labels;
	int (*take)(struct ks_bytes der, void *userdata);
	void *userdata;
	bool end; /* of the text */
};

static bool is_wanted(const struct reading *reading, const char *label)
{
	for (size_t i = 0; reading->labels[i]; i++) {
		if (strcmp(label, reading->labels[i]) == 0)
			return true;
	}
	return false;
}

/* 1: one was taken; 0: another kind of block, or the end of the text. */
static int read_block(struct reading *reading, BIO *bio)
{
	char *label = NULL;
	char *header = NULL;
	unsigned char *data = NULL;
	long size = 0;

	/* Secure: what a private key leaves behind is wiped by OPENSSL_secure_clear_free(). */
	if (PEM_read_bio_ex(bio, &label, &header, &data, &size, PEM_FLAG_SECURE) != 1) {
		unsigned long reason = ERR_peek_last_error();
		reading->end = ERR_GET_LIB(reason) == ERR_LIB_PEM && ERR_GET_REASON(reason) == PEM_R_NO_START_LINE;
		return reading->end ? 0 : KS_ERR_MALFORMED;
	}
	int r = 0;
	if (is_wanted(reading, label)) {
		r = reading->take(ks_bytes(data, (size_t)size), reading->userdata);
		if (r >= 0)
			r = 1;
	}
	OPENSSL_secure_free(label);
	OPENSSL_secure_free(header);
	OPENSSL_secure_clear_free(data, (size_t)size);
	return r;
}

int ks_pem_blocks_read(struct ks_bytes pem, const char *const *labels, int (*take)(struct ks_bytes der, void *userdata),
		       void *userdata)
{
	struct reading reading = { .labels = labels, .take = take, .userdata = userdata };
	int n_taken = 0;

	if (pem.size == 0)
		return 0;
	if (pem.size > INT32_MAX)
		return KS_ERR_TOO_LARGE;
	KS_CLEANUP(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
	if (!bio)
		return KS_ERR_NO_MEMORY;
	while (!reading.end) {
		ERR_set_mark();
		int r = read_block(&reading, bio);
		ERR_pop_to_mark();
		if (r < 0)
			return r;
		n_taken += r;
		if (n_taken > BLOCKS_MAX)
			return KS_ERR_LIMIT;
	}
	return n_taken;
}
