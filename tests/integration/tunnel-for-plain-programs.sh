#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# keystay-tunnel: a plain curl over a Unix socket and over a loopback port, HTTP/1.1 and HTTP/2, many at once; the server
# sees alice; the agent gets the transcript of each TLS 1.3 handshake. Another user stays outside, a server that is not
# who it should be is refused, silence ends a connection, SIGTERM ends the tunnel and removes its socket.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice
server_start_nginx server
process_start_until watcher '^listening' "$PYTHON" "$RIG_FOLDER/sign_watcher.py" "$T/watched.sock" \
	"$XDG_RUNTIME_DIR/$SIGN_SOCKET" || fail "the watcher did not start"

# tunnel_start NAME LISTEN [OPTION...]: its address in $where.
tunnel_start() {
	local name=$1 listen=$2
	shift 2
	process_start_until "$name" 'listening on ([^ ]+) for' env "KEYSTAY_SOCK=$T/watched.sock" \
		"$BUILD/bin/keystay-tunnel" alice --listen "$listen" --target "localhost:$port" \
		--ca "$T/ca/root.pem" "$@" || fail "the tunnel did not start: $(cat "$T/$name.log")"
	where=${BASH_REMATCH[1]}
}
plain() {
	curl -q --silent --show-error --max-time "$DEADLINE_S" "$@"
}

tunnel_start unix "unix:$T/tunnel.sock"
unix_pid=$started
expect_equal "$(stat -c %a "$T/tunnel.sock")" 600 "its socket is for this user alone"
run plain --unix-socket "$T/tunnel.sock" http://localhost/
expect_out "protocol=TLSv1.3 verified=SUCCESS client=CN=alice" "a plain curl over a Unix socket"
expect_equal "$(tail -n 1 "$T/watcher.log" | sed 's/.*matches=//')" yes "the agent got the handshake"
tunnel_start port 127.0.0.1:0
run plain "http://$where/"
expect_out "verified=SUCCESS client=CN=alice" "a plain curl over a port"

for ((i = 0; i < 40; i++)); do
	plain "http://$where/" -o "$T/page.$i" &
	pages[i]=$!
done
for ((i = 0; i < 40; i++)); do
	wait "${pages[i]}" || fail "page $i did not come"
	grep -q "client=CN=alice" "$T/page.$i" || fail "page $i is not alice's"
done
ok "40 at once"

if [ "$(id -u)" -eq 0 ]; then
	run setpriv --reuid=65534 --regid=65534 --clear-groups curl -q --silent --max-time "$DEADLINE_S" "http://$where/"
	expect_fail "another user does not come in"
	grep -q 'was refused: it is of another user' "$T/port.log" || fail "the tunnel's log does not say so"
	ok "another user does not come in"
else
	skip_part "another user cannot be played without root"
fi

# HTTP/2: ALPN towards the server, prior knowledge on the plain side.
NGINX_LISTEN=http2 server_start_nginx two
tunnel_start http2 127.0.0.1:0 --alpn h2
run plain --http2-prior-knowledge --write-out ' http=%{http_version}' "http://$where/"
expect_out "http=2" "HTTP/2 through the tunnel"
expect_out "client=CN=alice" "and alice"

# A server that cannot show the right name.
process_start_until wrong 'listening on ([^ ]+) for' "$BUILD/bin/keystay-tunnel" alice \
	--listen 127.0.0.1:0 --target "127.0.0.2:$port" --ca "$T/ca/root.pem" || fail "the tunnel did not start"
run plain "http://${BASH_REMATCH[1]}/"
expect_fail "nothing is carried to a server that cannot be reached or verified"

tunnel_start idle 127.0.0.1:0 --idle 1s
exec 8<>"/dev/tcp/${where%:*}/${where##*:}"
read -r -t "$DEADLINE_S" -u 8 line || true
exec 8<&-
ok "a silent connection is ended"

kill -TERM "$unix_pid"
wait "$unix_pid" || fail "the tunnel ended with an error"
[ ! -e "$T/tunnel.sock" ] || fail "its socket is still there"
ok "SIGTERM ends it and removes its socket"
