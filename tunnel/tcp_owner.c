/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp_owner: see tcp_owner.h.
 *
 * The kernel is asked for the one socket whose own address is our peer's and whose peer is us. Three of its answers
 * must not be believed:
 *
 *	a socket that was closed      counts as root's (it has no inode any more), whoever had it
 *	a listening socket            is what the kernel falls back to where there is no connection of these addresses
 *	a connection of later         may have these addresses once ours was reset
 *
 * So the answer must be a connection that has an inode, and our end must still stand after the answer: as long as it
 * does, its addresses cannot be given to another connection.
 *
 * Runs in: keystay-tunnel. /proc/net/tcp is not read: it is a walk over all sockets, and can change under the reader.
 */
#include "tunnel/tcp_owner.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define OVERFLOW_UID 65534u /* stands for everyone who has no number in this user namespace */
#define SEQUENCE 1u
#define ANSWER_S 5 /* the kernel answers in the same call; nothing is waited for without an end */

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
	if (ours.ss_family != theirs.ss_family || (ours.ss_family != AF_INET && ours.ss_family != AF_INET6))
		return KS_ERR_INVALID;
	*query = (struct query){ .head = { .nlmsg_len = sizeof(*query),
					   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
					   .nlmsg_flags = NLM_F_REQUEST,
					   .nlmsg_seq = SEQUENCE },
				 .request = { .sdiag_family = (uint8_t)theirs.ss_family,
					      .sdiag_protocol = IPPROTO_TCP,
					      .idiag_states = ~0u } };
	put_address(&theirs, query->request.id.idiag_src, &query->request.id.idiag_sport);
	put_address(&ours, query->request.id.idiag_dst, &query->request.id.idiag_dport);
	query->request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	query->request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return 0;
}

static int ask(const struct query *query, struct inet_diag_msg *ret_found)
{
	union {
		struct nlmsghdr head;
		uint8_t bytes[4096];
	} reply;
	const struct timeval limit = { .tv_sec = ANSWER_S };
	struct sockaddr_nl sender = { 0 };
	socklen_t sender_size = sizeof(sender);
	KS_AUTO_CLOSE int netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (netlink < 0 || setsockopt(netlink, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    send(netlink, query, sizeof(*query), 0) != (ssize_t)sizeof(*query))
		return KS_ERR_SYSTEM;
	ssize_t size = recvfrom(netlink, &reply, sizeof(reply), 0, (struct sockaddr *)&sender, &sender_size);
	if (size < 0 || sender.nl_pid != 0 || !NLMSG_OK(&reply.head, (size_t)size) || reply.head.nlmsg_seq != SEQUENCE)
		return KS_ERR_SYSTEM;
	if (reply.head.nlmsg_type != SOCK_DIAG_BY_FAMILY || reply.head.nlmsg_len < NLMSG_LENGTH(sizeof(*ret_found)))
		return KS_ERR_NOT_FOUND;
	memcpy(ret_found, NLMSG_DATA(&reply.head), sizeof(*ret_found));
	return 0;
}

/* Open, or half-closed by its owner, who still has it. */
static bool has_owner(const struct inet_diag_msg *found)
{
	bool connected = found->idiag_state == TCP_ESTABLISHED || found->idiag_state == TCP_FIN_WAIT1 ||
			 found->idiag_state == TCP_FIN_WAIT2;

	return connected && found->idiag_inode != 0;
}

static bool still_stands(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
	       (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT);
}

int ks_tcp_owner(int fd, uid_t *ret_uid)
{
	struct query query;
	struct inet_diag_msg found;

	int r = make_query(fd, &query);
	if (r == 0)
		r = ask(&query, &found);
	if (r < 0)
		return r;
	if (!has_owner(&found) || !still_stands(fd))
		return KS_ERR_NOT_FOUND;
	if (found.idiag_uid == OVERFLOW_UID)
		return KS_ERR_DENIED;
	*ret_uid = found.idiag_uid;
	return 0;
}
