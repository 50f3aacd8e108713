/* SPDX-License-Identifier: Apache-2.0 */
/* choose: see choose.h. Runs in: keystay, keystay-tunnel, keystay-explain and, by the plug-ins, any program. */
#include "client/choose.h"

#include <stdlib.h>
#include <string.h>

#include "client/error.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

/* Of so many it is said why they do not fit. */
#define REASONS_MAX 5

struct candidate {
	struct ks_best best; /* first: ks_best_compare() sorts by it */
	char fingerprint[65];
};

struct candidates {
	enum ks_client_socket socket;
	const struct ks_best_asked *asked;
	const char *server;   /* or NULL */
	struct candidate *at; /* owned */
	size_t n, n_reserved;
};

static void candidates_deinit(struct candidates *candidates)
{
	free(candidates->at);
}

/* What the issuers are is only known after a GET. */
static struct ks_best_asked without_names(const struct ks_best_asked *asked)
{
	struct ks_best_asked rest = *asked;

	rest.n_ca_names = 0;
	return rest;
}

static int collect(const struct ks_msg_identity *identity, void *userdata)
{
	struct candidates *candidates = userdata;
	const struct ks_best_asked asked = without_names(candidates->asked);

	if (candidates->n == candidates->n_reserved) {
		size_t n = candidates->n_reserved ? 2 * candidates->n_reserved : 8;
		struct candidate *at = reallocarray(candidates->at, n, sizeof(*at));
		if (!at)
			return KS_ERR_NO_MEMORY;
		candidates->at = at;
		candidates->n_reserved = n;
	}
	struct candidate *candidate = &candidates->at[candidates->n];
	ks_best_judge(identity, KS_BYTES_NONE, &asked, &candidate->best);
	/* By its fingerprint: the name may be another key's by then. */
	ks_text_hex(identity->spki_hash, candidate->fingerprint);
	candidates->n++;
	return 0;
}

/* What the rules say, or -1 for an error that matters. An agent that does not know the question answers it later, when
 * it is asked for a signature. */
static int is_allowed(const struct candidates *candidates, struct candidate *candidate,
		      struct ks_client_error *ret_error)
{
	KS_AUTO_FREE struct ks_client_policy *policy = calloc(1, sizeof(*policy));

	if (!candidates->server)
		return 1;
	if (!policy)
		return ks_client_fail(ret_error, KS_ERR_NO_MEMORY, NULL);
	int r = ks_client_explain(candidates->socket, candidate->fingerprint, candidates->server, false, policy,
				  ret_error);
	if (r == KS_ERR_UNKNOWN_MESSAGE || r == KS_ERR_UNKNOWN_KEY)
		return 1;
	if (r < 0)
		return r;
	if (policy->verdict == KS_VERDICT_DENY)
		ks_text_escape(ks_bytes_text(policy->text), candidate->best.reason, sizeof(candidate->best.reason));
	return policy->verdict != KS_VERDICT_DENY;
}

/* 1: taken. */
static int offer(const struct candidates *candidates, struct candidate *candidate, ks_choose_take *take, void *userdata,
		 struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *identity = NULL;

	int r = ks_client_get_at(candidates->socket, candidate->fingerprint, &identity, ret_error);
	if (r == KS_ERR_UNKNOWN_KEY || r == KS_ERR_AMBIGUOUS) {
		(void)ks_text_print(candidate->best.reason, sizeof(candidate->best.reason), "it has gone meanwhile");
		return 0;
	}
	if (r < 0)
		return r;
	ks_best_judge(&identity->identity, identity->chain, candidates->asked, &candidate->best);
	if (candidate->best.fault != KS_BEST_FITS)
		return 0;
	r = is_allowed(candidates, candidate, ret_error);
	if (r <= 0)
		return r;
	r = take(&identity, &candidate->best, userdata);
	if (r == 0)
		(void)ks_text_print(candidate->best.reason, sizeof(candidate->best.reason),
				    "it cannot be used by this program");
	return r < 0 ? ks_client_fail(ret_error, r, NULL) : r;
}

static int fail_none(const struct candidates *candidates, struct ks_client_error *ret_error)
{
	char text[KS_TEXT_MAX] = "", shown[80];
	size_t used = 0;

	for (size_t i = 0; i < candidates->n && i < REASONS_MAX; i++) {
		const struct ks_best *best = &candidates->at[i].best;
		ks_text_escape(ks_bytes_text(best->name), shown, sizeof(shown));
		(void)ks_text_print(text + used, sizeof(text) - used, "%s%s: %s", i > 0 ? "; " : "", shown,
				    best->reason);
		used = strlen(text);
	}
	if (candidates->n > REASONS_MAX)
		(void)ks_text_print(text + used, sizeof(text) - used, "; and %zu more", candidates->n - REASONS_MAX);
	if (candidates->n == 0)
		return ks_client_fail(ret_error, KS_ERR_UNKNOWN_KEY,
				      "there is no key to choose from; run: keystay status");
	return ks_client_fail(ret_error, KS_ERR_UNKNOWN_KEY, "no key fits: %s", text);
}

int ks_choose(enum ks_client_socket socket, const struct ks_best_asked *asked, const char *server, ks_choose_take *take,
	      void *userdata, struct ks_client_error *ret_error)
{
	KS_CLEANUP(candidates_deinit)
	struct candidates candidates = { .socket = socket, .asked = asked, .server = server };

	int r = ks_client_list_at(socket, collect, &candidates, ret_error);
	if (r < 0)
		return r;
	if (candidates.n > 0)
		qsort(candidates.at, candidates.n, sizeof(candidates.at[0]), ks_best_compare);
	for (size_t i = 0; i < candidates.n && candidates.at[i].best.fault == KS_BEST_FITS; i++) {
		r = offer(&candidates, &candidates.at[i], take, userdata, ret_error);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return fail_none(&candidates, ret_error);
}

/* --- without a server -------------------------------------------------------------------------------------------- */

static int keep(struct ks_client_identity **identity, const struct ks_best *verdict, void *userdata)
{
	struct ks_client_identity **kept = userdata;

	(void)verdict;
	*kept = KS_STEAL(*identity);
	return 1;
}

int ks_choose_auto(enum ks_client_socket socket, struct ks_client_identity **ret_identity,
		   struct ks_client_error *ret_error)
{
	const struct ks_best_asked asked = { .now_s = ks_clock_wall_s() };

	return ks_choose(socket, &asked, NULL, keep, ret_identity, ret_error);
}
