/* SPDX-License-Identifier: Apache-2.0 */
/* identity: see identity.h. Runs in: keystay-tunnel. */
#include "tunnel/identity.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "client/client.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "client/tls/credentials.h"
#include "tunnel/limits.h"

struct ks_tunnel_identity {
	OSSL_LIB_CTX *context; /* borrowed */
	char *name;
	pthread_mutex_t mutex;             /* of what follows */
	struct ks_credentials credentials; /* never without a leaf */
	uint64_t asked_ms;
};

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

static int load(OSSL_LIB_CTX *context, const char *name, struct ks_credentials *ret_credentials, char *why,
		size_t why_size)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	struct ks_client_error error;

	int r = ks_client_get(name, &found, &error);
	if (r < 0) {
		(void)ks_text_print(why, why_size, "%s", error.text);
		return r;
	}
	return ks_credentials_make(context, found, ret_credentials, why, why_size);
}

int ks_tunnel_identity_new(OSSL_LIB_CTX *context, const char *name, struct ks_tunnel_identity **ret_identity, char *why,
			   size_t why_size)
{
	struct ks_tunnel_identity *identity = calloc(1, sizeof(*identity));

	(void)ks_text_print(why, why_size, "memory ran out");
	if (!identity)
		return KS_ERR_NO_MEMORY;
	identity->context = context;
	identity->name = ks_text_copy(ks_bytes_text(name));
	int r = identity->name ? load(context, name, &identity->credentials, why, why_size) : KS_ERR_NO_MEMORY;
	if (r < 0) {
		free(identity->name);
		free(identity);
		return r;
	}
	(void)pthread_mutex_init(&identity->mutex, NULL);
	identity->asked_ms = ks_clock_monotonic_ms();
	*ret_identity = identity;
	return 0;
}

void ks_tunnel_identity_free(struct ks_tunnel_identity *identity)
{
	if (!identity)
		return;
	ks_credentials_deinit(&identity->credentials);
	(void)pthread_mutex_destroy(&identity->mutex);
	free(identity->name);
	free(identity);
}

/* One of those that come late asks, the others go on with what there is. */
static bool is_to_be_asked(struct ks_tunnel_identity *identity)
{
	uint64_t now_ms = ks_clock_monotonic_ms();

	(void)pthread_mutex_lock(&identity->mutex);
	bool old = now_ms - identity->asked_ms >= KS_TUNNEL_IDENTITY_MS;
	if (old)
		identity->asked_ms = now_ms;
	(void)pthread_mutex_unlock(&identity->mutex);
	return old;
}

int ks_tunnel_identity_use(struct ks_tunnel_identity *identity, SSL *ssl)
{
	struct ks_credentials fresh;
	char why[512];

	if (is_to_be_asked(identity) && load(identity->context, identity->name, &fresh, why, sizeof(why)) == 0) {
		(void)pthread_mutex_lock(&identity->mutex);
		struct ks_credentials old = identity->credentials;
		identity->credentials = fresh;
		(void)pthread_mutex_unlock(&identity->mutex);
		ks_credentials_deinit(&old);
	}
	(void)pthread_mutex_lock(&identity->mutex);
	int r = ks_credentials_use(&identity->credentials, ssl);
	(void)pthread_mutex_unlock(&identity->mutex);
	return r;
}
