/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits: every quantity and every wait of keystay-tunnel, with its reason.
 *
 * Runs in: keystay-tunnel.
 */
#pragma once

/* A person's tools open some dozens; each is a thread, two descriptors and about 100 KiB. */
#define KS_TUNNEL_CONNECTIONS 512u

/* Descriptors beside those of connections: the listener, events, one connection to the agent for each handshake. */
#define KS_TUNNEL_FILES (2u * KS_TUNNEL_CONNECTIONS + KS_TUNNEL_HANDSHAKES + 64u)

/* Handshakes at once, each of which may wait for a signature: half of what the agent admits of one process
 * (KS_CONNECTIONS_PER_PROCESS). Others wait for their turn. */
#define KS_TUNNEL_HANDSHAKES 128u

/* getaddrinfo(3) with the plug-ins of a directory service wants most of it. */
#define KS_TUNNEL_STACK ((size_t)512 * 1024)

/* One address of the server; a host with a dead IPv6 route must not cost a client its patience. */
#define KS_TUNNEL_CONNECT_MS 10000u

/* A server that is silent in the handshake. The time that a signature takes, with its dialog, does not count. */
#define KS_TUNNEL_SERVER_MS 20000u

/* A client that has to speak first (PostgreSQL) and does not. */
#define KS_TUNNEL_CLIENT_MS 20000u

/* Silence after which a connection is ended. */
#define KS_TUNNEL_IDLE_MS 3600000u
#define KS_TUNNEL_IDLE_MAX_MS (7u * 86400000u)

/* At the end of the tunnel connections get this time, less when they are silent. */
#define KS_TUNNEL_GRACE_MS 5000u
#define KS_TUNNEL_QUIET_MS 1000u

/* A certificate that was renewed is used from then on, without a question to the agent at each connection. */
#define KS_TUNNEL_IDENTITY_MS 30000u

/* Somebody else who tries a port all the time fills no log. */
#define KS_TUNNEL_REFUSED_LOG_MS 10000u

/* "h2,http/1.1" and the like. */
#define KS_TUNNEL_ALPN_MAX 256u
