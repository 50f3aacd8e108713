#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# keystay tunnel and those who must not come in: other users at its port, also when they hang up before they are looked
# at; a folder in which others could replace its socket; a second tunnel on a live socket. A socket that was left behind
# is replaced, and what stands there at the end is removed only when it is its own. A server that is not verified gets
# nothing. Mistakes on the command line are told.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
for_others
rig_begin
# shellcheck source=rig_tunnel.sh
. "$RIG_FOLDER/rig_tunnel.sh"
rig_alice
server_start_nginx server

# --- the port --------------------------------------------------------------------------------------------------------

seen() {
	grep -c . "$T/server/access.log" || true
}
if [ "$(id -u)" -eq 0 ]; then
	for listen in 127.0.0.1:0 '[::1]:0'; do
		tunnel_start "port${#listen}" "$listen"
		before=$(seen)
		run setpriv --reuid=4242 --regid=4242 --clear-groups \
			curl -q --silent --globoff --max-time "$DEADLINE_S" "http://$where/"
		expect_fail "another user does not come in"
		wait_until "a sentence about it" tunnel_said "port${#listen}" "was refused: it is of another user"
		# Who hangs up before the tunnel looks leaves a socket that the kernel counts as root's.
		tunnel_start "late${#listen}" "$listen"
		kill -STOP "$started"
		host=${where%:*}
		setpriv --reuid=4242 --regid=4242 --clear-groups "$PYTHON" -c '
import socket, sys
with socket.create_connection((sys.argv[1].strip("[]"), int(sys.argv[2]))) as connection:
    connection.sendall(b"GET /stolen HTTP/1.0\r\n\r\n")' "$host" "${where##*:}"
		kill -CONT "$started"
		wait_until "a sentence about it" tunnel_said "late${#listen}" "was refused: it was closed before"
		run plain --globoff "http://$where/"
		expect_out client=CN=alice "the owner does come in at $host"
		expect_equal "$(seen)" $((before + 1)) "nothing of another user reached the server by $host"
	done
else
	skip_part "another user cannot be played without root"
fi

# --- the socket ------------------------------------------------------------------------------------------------------

tunnel_start first "unix:$T/t.sock"
first=$started
run "$KEYSTAY" tunnel alice --listen "unix:$T/t.sock" --target localhost:1
expect_status 1 "a second tunnel gives up"
expect_err "another program listens there" "a live socket is not taken away"
run plain --unix-socket "$T/t.sock" http://localhost/
expect_out client=CN=alice "the first one goes on"
tunnel_stop "$first" KILL
[ -S "$T/t.sock" ] || fail "the killed tunnel left no socket"
tunnel_start next "unix:$T/t.sock"
next=$started
run plain --unix-socket "$T/t.sock" http://localhost/
expect_out client=CN=alice "a socket that was left behind is replaced"
mv "$T/t.sock" "$T/aside.sock"
echo mine >"$T/t.sock"
tunnel_stop "$next"
expect_equal "$tunnel_code" 0 "SIGTERM ends it"
expect_equal "$(cat "$T/t.sock")" mine "it removes nothing that is not its own"
run "$KEYSTAY" tunnel alice --listen "unix:$T/t.sock" --target localhost:1
expect_status 1 "a file is not replaced"
expect_equal "$(cat "$T/t.sock")" mine "a file in its place stays"

# Ten at once over one leftover: one listens, the others give up.
for ((i = 0; i < 10; i++)); do
	"$KEYSTAY" tunnel alice --listen "unix:$T/aside.sock" --target "localhost:$port" --ca "$T/ca/root.pem" \
		>"$T/race$i.log" 2>&1 &
	race[i]=$!
	process_started $!
done
all_decided() {
	[ "$(cat "$T"/race*.log | grep -c -e 'listening on' -e 'another program listens')" -eq 10 ]
}
wait_until "ten tunnels to decide" all_decided
expect_equal "$(cat "$T"/race*.log | grep -c 'listening on')" 1 "one of ten listens"
run plain --unix-socket "$T/aside.sock" http://localhost/
expect_out client=CN=alice "and it serves"
for ((i = 0; i < 10; i++)); do
	process_stop "${race[i]}"
done

mkdir -m 777 "$T/open"
chmod 777 "$T/open"
run "$KEYSTAY" tunnel alice --listen "unix:$T/open/t.sock" --target localhost:1
expect_status 1 "a folder for everybody is refused"
expect_err "other users can change the folder" "it says why"

# --- the server ------------------------------------------------------------------------------------------------------

# refused NAME TEXT OPTION...
refused() {
	local name=$1 text=$2 before
	shift 2
	before=$(seen)
	tunnel_start "$name" 127.0.0.1:0 "$@"
	run plain "http://$where/"
	expect_fail "$name"
	wait_until "the sentence: $text" tunnel_said "$name" "$text"
	expect_equal "$(seen)" "$before" "nothing is sent: $name"
}
refused wrong-name "the server's certificate is not for \"wrong.example\"; nothing was sent" --server-name wrong.example
refused wrong-address "the server's certificate is not for \"127.0.0.2\"" --server-name 127.0.0.2
openssl req -x509 -newkey ed25519 -nodes -keyout "$T/other.key" -out "$T/other.pem" -subj /CN=other 2>/dev/null
refused wrong-ca "is of no CA that $T/other.pem names" --ca "$T/other.pem"
refused nobody "it cannot be reached: Connection refused" --target "localhost:$(port_free)"
tunnel_start address 127.0.0.1:0 --target "127.0.0.1:$port" --server-name localhost.
run plain "http://$where/"
expect_out client=CN=alice "a server by its address and --server-name"

# --- the command line ------------------------------------------------------------------------------------------------

# usage TEXT OPTION...
usage() {
	local text=$1
	shift
	run "$KEYSTAY" tunnel "$@"
	expect_status 2 "usage: $*"
	expect_err "$text" "it is told: $text"
}
usage "--listen is needed" alice
usage "--target is needed" alice --listen 127.0.0.1:0
usage "--target takes HOST:PORT" alice --listen 127.0.0.1:0 --target localhost
usage "--alpn takes names" --listen 127.0.0.1:0 --target localhost:1 --alpn h2,,h3
usage "--idle takes a time" --listen 127.0.0.1:0 --target localhost:1 --idle 0
usage "--starttls takes postgres" --listen 127.0.0.1:0 --target localhost:1 --starttls ldap
for listen in 0.0.0.0:0 '[::]:0' 127.0.0.1 192.0.2.1:1 unix:t.sock; do
	run "$KEYSTAY" tunnel alice --listen "$listen" --target localhost:1
	expect_status 1 "$listen is not listened on"
done
ok "nothing but loopback and absolute paths is listened on"
run "$KEYSTAY" tunnel nobody --listen 127.0.0.1:0 --target localhost:1
expect_status 1 "an unknown key"
expect_err nobody "an unknown key is told"
agent_stop
run "$KEYSTAY" tunnel alice --listen 127.0.0.1:0 --target localhost:1
expect_status 3 "no agent is exit code 3"
expect_err keystay-agent "no agent: how to start one is told"
