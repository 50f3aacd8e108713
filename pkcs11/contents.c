/* SPDX-License-Identifier: Apache-2.0 */
/* contents: see contents.h. Runs in: keystay-token. */
#include "pkcs11/contents.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/protocol/limits.h"
#include "pkcs11/ckr.h"
#include "pkcs11/key.h"
#include "pkcs11/object.h"

void ks_contents_deinit(struct ks_contents *contents)
{
	free(contents->hashes);
	*contents = (struct ks_contents){ 0 };
}

int ks_contents_add(struct ks_contents *contents, const struct ks_digest *digests, struct ks_bytes object)
{
	uint8_t hash[KS_DIGEST_MAX];

	if (contents->n == contents->capacity) {
		size_t capacity = contents->capacity ? contents->capacity * 2 : 16;
		void *grown = reallocarray(contents->hashes, capacity, sizeof(contents->hashes[0]));
		if (!grown)
			return KS_ERR_NO_MEMORY;
		contents->hashes = grown;
		contents->capacity = capacity;
	}
	int r = ks_digest_make(digests, KS_HASH_SHA256, &object, 1, hash);
	if (r < 0)
		return r;
	memcpy(contents->hashes[contents->n++], hash, KS_CONTENTS_SIZE);
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, KS_CONTENTS_SIZE);
}

int ks_contents_make(struct ks_contents *contents, const struct ks_digest *digests,
		     uint8_t ret_digest[KS_CONTENTS_SIZE])
{
	uint8_t value[KS_DIGEST_MAX];

	if (contents->n > 1)
		qsort(contents->hashes, contents->n, KS_CONTENTS_SIZE, by_bytes);
	const struct ks_bytes all = ks_bytes(contents->hashes, contents->n * KS_CONTENTS_SIZE);
	int r = ks_digest_make(digests, KS_HASH_SHA256, &all, 1, value);
	if (r < 0)
		return r;
	memcpy(ret_digest, value, KS_CONTENTS_SIZE);
	return 0;
}

struct ks_bytes ks_contents_certificate(struct ks_bytes value)
{
	struct ks_reader reader = ks_reader(value);
	uint8_t tag = 0;
	struct ks_bytes der = ks_der_take_any(&reader, &tag);

	return ks_reader_ok(&reader) && tag == KS_DER_SEQUENCE ? der : KS_BYTES_NONE;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

/* One run over the public objects of a token. */
struct run {
	const struct ks_module *module;
	CK_SESSION_HANDLE session;
	const struct ks_digest *digests;
	struct ks_contents contents;
	struct ks_handles handles;
	struct ks_object_memory memory;
};

static void run_deinit(struct run *run)
{
	ks_contents_deinit(&run->contents);
	ks_handles_deinit(&run->handles);
	ks_object_memory_deinit(&run->memory);
}

static CK_RV find_class(struct run *run, CK_OBJECT_CLASS class)
{
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) } };

	return ks_object_find(run->module, run->session, template, 1, KS_OBJECTS_PER_MODULE, &run->handles);
}

/* The public half of one key; none for what an inventory leaves out as well. */
static int add_key(struct run *run, CK_OBJECT_HANDLE handle, CK_RV *ret_rv)
{
	KS_CLEANUP(ks_key_freep) struct ks_key *key = NULL;

	int r = ks_key_read(run->module, run->session, handle, false, &run->memory, ret_rv, &key);
	if (r == 0)
		return ks_contents_add(&run->contents, run->digests, ks_key_spki(key));
	return r == KS_ERR_NO_MEMORY ? r : 0;
}

/* Neither labels nor ids are asked for: a card reads them from files of their own. */
static int add_certificate(struct run *run, CK_OBJECT_HANDLE handle, CK_RV *ret_rv)
{
	struct ks_attribute attributes[] = {
		{ .type = CKA_CERTIFICATE_TYPE, .max = sizeof(CK_CERTIFICATE_TYPE) },
		{ .type = CKA_VALUE, .max = KS_CERTIFICATE_MAX },
	};

	*ret_rv = ks_object_read(run->module, run->session, handle, attributes, 2, &run->memory);
	if (*ret_rv != CKR_OK || ks_attribute_number(&attributes[0], CKC_X_509) != CKC_X_509)
		return 0;
	struct ks_bytes der = ks_contents_certificate(attributes[1].value);
	return der.size > 0 ? ks_contents_add(&run->contents, run->digests, der) : 0;
}

static int read_class(struct run *run, CK_OBJECT_CLASS class,
		      int (*add)(struct run *run, CK_OBJECT_HANDLE handle, CK_RV *ret_rv), CK_RV *ret_rv)
{
	*ret_rv = find_class(run, class);
	if (*ret_rv != CKR_OK)
		return KS_ERR_TOKEN_FAILED;
	for (size_t i = 0; i < run->handles.n; i++) {
		int r = add(run, run->handles.handles[i], ret_rv);
		if (r < 0)
			return r;
		/* One that vanishes while it is read is not there; anything else is no answer at all. */
		if (*ret_rv != CKR_OK && ks_ckr_kind(*ret_rv) != KS_CKR_OBJECT_LOST)
			return KS_ERR_TOKEN_FAILED;
	}
	*ret_rv = CKR_OK;
	return 0;
}

int ks_contents_read(const struct ks_module *module, CK_SESSION_HANDLE session, const struct ks_digest *digests,
		     CK_RV *ret_rv, uint8_t ret_digest[KS_CONTENTS_SIZE])
{
	KS_CLEANUP(run_deinit) struct run run = { .module = module, .session = session, .digests = digests };

	int r = read_class(&run, CKO_PUBLIC_KEY, add_key, ret_rv);
	if (r == 0)
		r = read_class(&run, CKO_CERTIFICATE, add_certificate, ret_rv);
	return r == 0 ? ks_contents_make(&run.contents, digests, ret_digest) : r;
}
