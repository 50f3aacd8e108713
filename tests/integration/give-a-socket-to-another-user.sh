#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A socket with a name is a capability: it has its own path, keys, users and groups. Who is not named gets no answer, a key
# that it does not have is unknown there, and a reload opens, narrows and takes it away, also under open connections.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_root "being somebody else"
for_others
rig_begin
ca_make
rig_alice p256
certificate_make alice
server_start_nginx nginx
mkdir -m 755 "$T/web"
mkdir -m 700 "$T/his"
chown 4242 "$T/his"
chmod 755 "$T"
# as UID GIDS COMMAND...
as() {
	setpriv --reuid "$1" --regid 4000 --groups "$2" "${@:3}"
}
asks() {
	as "$1" "$2" env KEYSTAY_SOCK="$T/web/sign.sock" "$KEYSTAY" list
}
cp "$T/keystay.conf" "$T/plain.conf"
configure() {
	cp "$T/plain.conf" "$T/keystay.conf"
	printf '%s\n' '[socket "web"]' "path = $T/web/sign.sock" "$@" >>"$T/keystay.conf"
	keystay reload >/dev/null
}

configure 'users = 4242' 'groups = 4300'
expect_equal "$(stat -c %a "$T/web/sign.sock")" 666 "others can reach the socket"
run asks 4242 4999
expect_status 0 "a user that is named"
grep -q alice "$T/out" || fail "alice is not listed"
run asks 4243 4300,4999
expect_status 0 "a member of a group that is named"
run asks 4243 4999
expect_fail "a stranger"
run asks 0 4999
expect_status 0 "the agent's own user"

cp "$T/alice.pem" "$T/web/alice.pem"
cp "$T/ca/root.pem" "$T/web/root.pem"
chmod 644 "$T"/web/*.pem
as_web_fetch() {
	as 4242 4999 env "${RIG_PRELOAD[@]}" KEYSTAY_SOCK="$T/web/sign.sock" XDG_RUNTIME_DIR="$T/his" "$KEYSTAY" run -- curl -q --silent --show-error \
		--max-time "$DEADLINE_S" --cacert "$T/web/root.pem" --cert "$T/web/alice.pem" "https://localhost:$port/"
}
run as_web_fetch
expect_status 0 "curl of another user signs"
keystay lock >/dev/null
run as_web_fetch
expect_fail "a locked token"
ok "nobody is asked for a PIN by a socket with a name"
unlock >/dev/null

configure 'users = 4242' 'keys = web-*'
run asks 4242 4999
expect_status 0 "other keys"
! grep -q alice "$T/out" || fail "alice is listed"
run as_web_fetch
expect_fail "a key that the socket does not have"
grep -q 'no token here has this key' "$T/agent.log" || fail "it is not said"
ok "a key that the socket does not have is unknown there"

# Who is in already and is named no more: a connection is no ticket.
cat >"$T/web/stay.py" <<'END'
import os, sys
sys.path.insert(0, sys.argv[1])
import wire
with wire.Connection() as there:
    found, _ = wire.identities(there)
    print("in", flush=True)
    sys.stdin.readline()
    try:
        there.send(wire.sign_message(found[0]["spki_hash"], 0x0403, wire.tls13_input()))
        there.answer()
        print("signed", flush=True)
    except (wire.Refused, EOFError, ConnectionError) as refused:
        print("refused:", refused, flush=True)
END
cp "$RIG_FOLDER/wire.py" "$T/web/"
chmod 644 "$T/web/stay.py" "$T/web/wire.py"
configure 'users = 4242' 'keys = alice'
coproc stay { as 4242 4999 env KEYSTAY_SOCK="$T/web/sign.sock" "$PYTHON" "$T/web/stay.py" "$T/web"; }
stay_pid=$!
read -r -t "$DEADLINE_S" line <&"${stay[0]}"
expect_equal "$line" in "a user that is named is in"
configure 'users = 4243' 'keys = alice'
echo >&"${stay[1]}"
read -r -t "$DEADLINE_S" line <&"${stay[0]}"
[[ $line == refused:* ]] || fail "a connection of a user that is named no more: $line"
wait "$stay_pid" || true
ok "a user that is named no more gets nothing by a connection of before"

configure 'keys = alice'
run asks 4242 4999
expect_fail "a user that is named no more"
expect_equal "$(stat -c %a "$T/web/sign.sock")" 600 "only the agent's user can reach the socket"
cp "$T/plain.conf" "$T/keystay.conf"
keystay reload >/dev/null
! [ -e "$T/web/sign.sock" ] || fail "the socket is still there"
ok "a socket that is configured no more is gone"

# In a folder that others can change, somebody else could be us.
chmod 777 "$T/web"
configure 'users = 4242'
! [ -e "$T/web/sign.sock" ] || fail "it listens where others could"
grep -q "folder $T/web of a socket .* can be changed by others" "$T/agent.log" || fail "it is not said why"
ok "no socket in a folder that others can change"
