#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# keystay tunnel: a plain curl over a Unix socket and over loopback ports, HTTP/1.1 and HTTP/2, TLS 1.3 and 1.2; the
# server sees alice; the agent gets the transcript of each TLS 1.3 handshake. Many at once with one held open,
# half-closed connections, a slow reader, a server that is cut off, a client that goes; silence ends a connection.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_tap.sh
. "$RIG_FOLDER/rig_tap.sh"
# shellcheck source=rig_tunnel.sh
. "$RIG_FOLDER/rig_tunnel.sh"
rig_alice
server_start_nginx server
tap_begin
export KEYSTAY_SOCK=$T/watched.sock

# --- HTTP ------------------------------------------------------------------------------------------------------------

tunnel_start unix "unix:$T/tunnel.sock"
expect_equal "$(stat -c %a "$T/tunnel.sock")" 600 "its socket is for this user alone"
run plain --unix-socket "$T/tunnel.sock" http://localhost/
expect_out "protocol=TLSv1.3 verified=SUCCESS client=CN=alice" "a plain curl over a Unix socket"
expect_transcript 1.3 "through the tunnel"
for listen in 127.0.0.1:0 '[::1]:0'; do
	tunnel_start "port-${#listen}" "$listen" || continue
	run plain --globoff "http://$where/"
	expect_out "verified=SUCCESS client=CN=alice" "a plain curl over ${listen%:0}"
	expect_transcript 1.3 "through ${listen%:0}"
done
tunnel_server old 1.2
tunnel_start tls12 127.0.0.1:0
run through "$where" hash 5
expect_status 0 "TLS 1.2"
expect_transcript 1.2 "TLS 1.2 through the tunnel"
unset KEYSTAY_SOCK

# ALPN towards the server, prior knowledge on the plain side.
NGINX_LISTEN=http2 server_start_nginx two
tunnel_start http2 127.0.0.1:0 --alpn h2
run plain --http2-prior-knowledge --write-out ' http=%{http_version}' "http://$where/"
expect_out "http=2" "HTTP/2 through the tunnel"
expect_out "client=CN=alice" "and alice"
tunnel_start imap 127.0.0.1:0 --alpn imap
run plain "http://$where/"
expect_fail "a server that does not speak what is offered is given up"
wait_until "a sentence about it" tunnel_said imap "no connection to localhost:$port: "

# --- bytes -----------------------------------------------------------------------------------------------------------

for version in 1.3 1.2; do
	tunnel_server "bytes$version" $version
	for listen in "unix:$T/bytes$version.sock" 127.0.0.1:0; do
		tunnel_start "bytes$version-${listen%%:*}" "$listen"
		tunnel=$started
		for size in 0 1 16384 3000001; do
			run through "$where" hash $size
			expect_status 0 "$size bytes up and a half-closed connection"
		done
		ok "half-closed connections: ${listen%%:*}, TLS $version"
		run through "$where" slow 30000000
		expect_out "30000000 bytes" "a slow reader over ${listen%%:*}, TLS $version"
		run through "$where" abandon
		expect_status 0 "a client that goes away"
		[ -n "$RIG_SANITIZER" ] || [ "$(tunnel_memory "$tunnel")" -lt 40000 ] ||
			fail "the tunnel took $(tunnel_memory "$tunnel") KiB for what a slow reader left waiting"
	done
	grep -q "client alice TLSv$version" "$T/bytes$version.log" ||
		fail "the server did not see alice over TLS $version"
	run through "$where" cut 100000
	expect_out "a reset" "what is cut off has no good end over TCP, TLS $version"
done
# A server that knows no ALPN speaks what the client expects only where that is HTTP/1.1.
tunnel_start no-alpn 127.0.0.1:0 --alpn h2
run through "$where" hash 1
expect_fail "a server without ALPN speaks no HTTP/2"
wait_until "a sentence about it" tunnel_said no-alpn "the server speaks none of the protocols of --alpn"
tunnel_start any-alpn 127.0.0.1:0 --alpn h2,http/1.1
run through "$where" hash 1
expect_status 0 "a server without ALPN may speak HTTP/1.1"
ok "a server without ALPN"
run through "$where" crowd 50 200000
expect_out "50 at once, and one that was held" "50 at once, one held open"

tunnel_start idle 127.0.0.1:0 --idle 1s
exec 8<>"/dev/tcp/${where%:*}/${where##*:}"
read -r -t "$DEADLINE_S" -u 8 line && fail "a silent connection was told something: $line"
[ $? -eq 1 ] || fail "a silent connection was not ended"
exec 8<&-
ok "a silent connection is ended"
