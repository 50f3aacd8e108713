/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring_revoked: which certificates are on a revocation list of certs/.
 *
 * Runs in: keystay-agent. A list is asked for names and numbers first, which is cheap; whether its CA signed it is looked
 * at once for each list that has a certificate of ours. So neither a large list nor a module that shows many
 * certificates makes the agent compute for long (invariant I8).
 */
#include <time.h>

#include "agent/keyring_items.h"
#include "agent/keyring_private.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

static bool has_signed(const struct ks_certificate *issuer, void *userdata)
{
	const struct ks_revocation *list = userdata;

	return ks_revocation_signed_by(list, issuer);
}

static void complain(struct ks_overlay_list *from, const struct ks_certificate *certificate)
{
	char subject[512];
	char path[512];

	if (from->told)
		return;
	from->told = true;
	ks_text_escape(ks_bytes_text(ks_certificate_subject(certificate)), subject, sizeof(subject));
	ks_text_escape(ks_bytes_text(from->path), path, sizeof(path));
	ks_log_warning(
		"%s: it says that the certificate of %s was revoked, but counts for nothing: no certificate that is "
		"known here is of the CA that issued that one and signed this list; put the CA's certificate into "
		"certs/",
		path, subject);
}

static void mark(struct ks_keyring_items *items, struct ks_overlay_list *from, struct ks_chain_pool *pool,
		 int64_t now_s)
{
	const struct ks_certificate *signer = NULL;
	bool looked = false;
	int64_t when;

	for (size_t i = 0; i < items->n; i++) {
		struct ks_keyring_item *item = &items->items[i];
		if (!item->certificate || item->revoked || !ks_revocation_names(from->list, item->certificate, &when))
			continue;
		if (!looked)
			signer = ks_chain_find(pool, ks_certificate_issuer(item->certificate), now_s, has_signed,
					       from->list);
		looked = true;
		/* The same serial number of another CA of this name says nothing. */
		if (signer && ks_certificate_issued_by(item->certificate, signer)) {
			item->revoked = true;
			item->revoked_s = when;
		} else {
			complain(from, item->certificate);
		}
	}
}

void ks_keyring_mark_revoked(struct ks_keyring_items *items, const struct ks_overlay *overlay,
			     struct ks_chain_pool *pool, int64_t now_s)
{
	for (size_t i = 0; i < overlay->n_lists; i++)
		mark(items, &overlay->lists[i], pool, now_s);
}

void ks_keyring_say_revoked(const struct ks_identity *identity, char *out, size_t size)
{
	time_t when = (time_t)identity->revoked_s;
	struct tm parts;
	char day[32] = "";

	if (when > 0 && gmtime_r(&when, &parts))
		(void)strftime(day, sizeof(day), " on %Y-%m-%d", &parts);
	(void)ks_text_print(out, size, "key \"%s\": its certificate was revoked%s; get another one", identity->name,
			    day);
}
