/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity: GET and LIST (client.h): one identity with its chain, or all of them.
 *
 * Runs in: keystay and, by the plug-ins, any program. Never trusts a count: pages end when records end.
 */
#include "client/client.h"

#include <stdlib.h>
#include <string.h>

#include "client/choose.h"
#include "client/error.h"
#include "lib/base/cleanup.h"

/* 10,000 identities with long names; a list that grows past it is no list of a person's keys. */
#define LIST_BYTES_MAX ((size_t)16 << 20)

/* How often a list may change under our hands before we say so: tokens come and go once, not for ever. */
#define LIST_STARTS_MAX 8u

static int fail_identity(struct ks_client_error *ret_error)
{
	return ks_client_fail(
		ret_error, KS_ERR_MALFORMED,
		"keystay-agent's reply does not hold the identities that it should; restart it, and report "
		"this if it comes again: systemctl --user restart keystay-agent");
}

/* --- GET --------------------------------------------------------------------------------------------------------- */

void ks_client_identity_free(struct ks_client_identity *identity)
{
	if (!identity)
		return;
	ks_buffer_deinit(&identity->buffer);
	free(identity);
}

struct ks_bytes ks_client_identity_leaf(const struct ks_client_identity *identity)
{
	struct ks_reader reader = ks_reader(identity->chain);
	struct ks_msg_certificate leaf;

	return ks_record_read(&reader, KS_RECORD(certificate), &leaf, sizeof(leaf)) == 1 ? leaf.der : KS_BYTES_NONE;
}
KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

/* Exactly one record. */
static int read_one(struct ks_bytes list, struct ks_msg_identity *ret_identity)
{
	struct ks_reader reader = ks_reader(list);
	struct ks_msg_identity identity;
	int r = ks_record_read(&reader, KS_RECORD(identity), &identity, sizeof(identity));
	if (r != 1 || !ks_reader_done(&reader))
		return KS_ERR_MALFORMED;
	*ret_identity = identity;
	return 0;
}

/* Checked here once, so that who walks over the chain later cannot stumble. */
static int check_chain(struct ks_bytes chain)
{
	struct ks_reader reader = ks_reader(chain);
	struct ks_msg_certificate certificate;
	int r = 1;
	for (unsigned n = 0; r == 1; n++) {
		r = ks_record_read(&reader, KS_RECORD(certificate), &certificate, sizeof(certificate));
		if (r == 1 && n == KS_CHAIN_MAX)
			return KS_ERR_MALFORMED;
	}
	return r;
}

int ks_client_get_at(enum ks_client_socket socket, const char *name, struct ks_client_identity **ret_identity,
		     struct ks_client_error *ret_error)
{
	if (strcmp(name, KS_CHOOSE_AUTO) == 0)
		return ks_choose_auto(socket, ret_identity, ret_error);
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	int r = ks_client_open(socket, &client, ret_error);
	if (r < 0)
		return r;
	struct ks_msg_get request = { .name = ks_bytes_text(name) };
	struct ks_msg_get_reply reply;
	r = ks_client_call(&client, KS_MSG_GET, &request, KS_MSG_GET_REPLY, &reply, sizeof(reply), NULL, ret_error);
	if (r < 0)
		return r;

	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *identity = calloc(1, sizeof(*identity));
	if (!identity)
		return ks_client_fail(ret_error, KS_ERR_NO_MEMORY, NULL);
	if (read_one(reply.identity, &identity->identity) < 0 || check_chain(reply.chain) < 0)
		return fail_identity(ret_error);
	identity->chain = reply.chain;
	identity->issuer = reply.issuer;
	/* What was read points into the buffer's memory, which moves along. */
	identity->buffer = client.buffer;
	client.buffer = (struct ks_buffer){ 0 };
	*ret_identity = KS_STEAL(identity);
	return 0;
}

int ks_client_get(const char *name, struct ks_client_identity **ret_identity, struct ks_client_error *ret_error)
{
	return ks_client_get_at(KS_CLIENT_SIGN, name, ret_identity, ret_error);
}

/* --- LIST -------------------------------------------------------------------------------------------------------- */

/* Appends the records of one page to all, after reading each of them. */
static int take_page(struct ks_bytes page, struct ks_buffer *all, uint32_t *offset)
{
	struct ks_reader reader = ks_reader(page);
	struct ks_msg_identity identity;
	uint32_t n = 0;
	int r;

	while ((r = ks_record_read(&reader, KS_RECORD(identity), &identity, sizeof(identity))) == 1)
		n++;
	if (r < 0 || n == 0 || n > KS_LIST_PAGE)
		return KS_ERR_MALFORMED;
	*offset += n;
	ks_buffer_put(all, page);
	return 0;
}

/* All pages of one generation. CHANGED when the agent's list is another one meanwhile. */
static int read_pages(struct ks_client *client, struct ks_buffer *all, uint64_t *ret_generation,
		      struct ks_client_error *ret_error)
{
	struct ks_msg_list request = { 0 };
	struct ks_msg_list_reply reply;

	ks_buffer_reset(all);
	for (;;) {
		int r = ks_client_call(client, KS_MSG_LIST, &request, KS_MSG_LIST_REPLY, &reply, sizeof(reply), NULL,
				       ret_error);
		if (r < 0)
			return r;
		if (request.generation != 0 && reply.generation != request.generation)
			return ks_client_fail(ret_error, KS_ERR_CHANGED, NULL);
		request.generation = reply.generation;
		*ret_generation = reply.generation;
		if (request.offset == reply.total)
			return reply.identities.size == 0 ? 0 : fail_identity(ret_error);
		if (take_page(reply.identities, all, &request.offset) < 0 || request.offset > reply.total)
			return fail_identity(ret_error);
		r = ks_buffer_error(all);
		if (r < 0)
			return ks_client_fail(ret_error, r, "keystay-agent's list of keys is too long to be read");
		if (request.offset == reply.total)
			return 0;
	}
}

int ks_client_list_news(enum ks_client_socket socket,
			int (*found)(const struct ks_msg_identity *identity, void *userdata), void *userdata,
			uint64_t *ret_generation, struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	uint64_t generation = 0;
	int r = ks_client_open(socket, &client, ret_error);
	if (r < 0)
		return r;

	/* Gathered whole before anything is handed out: a list that changes must not be seen half and then again. */
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer all = { 0 };
	ks_buffer_init(&all, LIST_BYTES_MAX);
	r = KS_ERR_CHANGED;
	for (unsigned start = 0; r == KS_ERR_CHANGED && start < LIST_STARTS_MAX; start++)
		r = read_pages(&client, &all, &generation, ret_error);
	if (r < 0)
		return r;

	struct ks_reader reader = ks_reader(ks_buffer_bytes(&all));
	struct ks_msg_identity identity;
	while (ks_record_read(&reader, KS_RECORD(identity), &identity, sizeof(identity)) == 1) {
		r = found(&identity, userdata);
		if (r < 0)
			return ks_client_fail(ret_error, r, NULL);
	}
	*ret_generation = generation;
	return 0;
}

int ks_client_list_at(enum ks_client_socket socket,
		      int (*found)(const struct ks_msg_identity *identity, void *userdata), void *userdata,
		      struct ks_client_error *ret_error)
{
	uint64_t generation;

	return ks_client_list_news(socket, found, userdata, &generation, ret_error);
}

int ks_client_generation(enum ks_client_socket socket, uint64_t *ret_generation, struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	int r = ks_client_open(socket, &client, ret_error);
	if (r < 0)
		return r;
	/* A page behind the last one: none of the identities, and nobody goes to look for new ones. */
	struct ks_msg_list request = { .offset = UINT32_MAX };
	struct ks_msg_list_reply reply;
	r = ks_client_call(&client, KS_MSG_LIST, &request, KS_MSG_LIST_REPLY, &reply, sizeof(reply), NULL, ret_error);
	if (r < 0)
		return r;
	*ret_generation = reply.generation;
	return 0;
}

int ks_client_list(int (*found)(const struct ks_msg_identity *identity, void *userdata), void *userdata,
		   struct ks_client_error *ret_error)
{
	return ks_client_list_at(KS_CLIENT_SIGN, found, userdata, ret_error);
}
