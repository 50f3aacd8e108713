/* SPDX-License-Identifier: Apache-2.0 */
/* tcp_owner: see tcp_owner.h. Runs in: keystay-tunnel. */
#include "tunnel/tcp_owner.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

struct query {
	struct nlmsghdr head;
	struct inet_diag_req_v2 request;
};

static void put_address(const struct sockaddr_storage *address, __be32 out[4], __be16 *ret_port)
{
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)address;
		out[0] = in->sin_addr.s_addr;
		*ret_port = in->sin_port;
	} else {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
		memcpy(out, &in6->sin6_addr, sizeof(in6->sin6_addr));
		*ret_port = in6->sin6_port;
	}
}

static int make_query(int fd, struct query *query)
{
	struct sockaddr_storage ours = { 0 }, theirs = { 0 };
	socklen_t size = sizeof(ours), theirs_size = sizeof(theirs);

	if (getsockname(fd, (struct sockaddr *)&ours, &size) < 0 ||
	    getpeername(fd, (struct sockaddr *)&theirs, &theirs_size) < 0)
		return KS_ERR_NOT_FOUND;
	*query = (struct query){ .head = { .nlmsg_len = sizeof(*query),
					   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
					   .nlmsg_flags = NLM_F_REQUEST },
				 .request = { .sdiag_family = (uint8_t)theirs.ss_family,
					      .sdiag_protocol = IPPROTO_TCP,
					      .idiag_states = ~0u } };
	/* Their end: its own address is our peer's. */
	put_address(&theirs, query->request.id.idiag_src, &query->request.id.idiag_sport);
	put_address(&ours, query->request.id.idiag_dst, &query->request.id.idiag_dport);
	query->request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	query->request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return 0;
}

int ks_tcp_owner(int fd, uid_t *ret_uid)
{
	struct query query;
	union {
		struct nlmsghdr head;
		uint8_t bytes[4096];
	} reply;

	int r = make_query(fd, &query);
	if (r < 0)
		return r;
	KS_AUTO_CLOSE int netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (netlink < 0 || send(netlink, &query, sizeof(query), 0) != (ssize_t)sizeof(query))
		return KS_ERR_SYSTEM;
	ssize_t size = recv(netlink, &reply, sizeof(reply), 0);
	if (size < 0 || !NLMSG_OK(&reply.head, (size_t)size))
		return KS_ERR_SYSTEM;
	if (reply.head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    reply.head.nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
		return KS_ERR_NOT_FOUND;
	const struct inet_diag_msg *found = NLMSG_DATA(&reply.head);
	*ret_uid = found->idiag_uid;
	return 0;
}
