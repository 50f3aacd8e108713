#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# unlock-for: the time is absolute, use does not prolong it; with 0 the unlock holds for one signature.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token p256
server_start_nginx nginx
agent_configure '[agent]' 'unlock-for = 3s'
agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"
start=$SECONDS
fetches=0
still_served() {
	fetch "$port" "$T/alice.pem" >"$T/out" 2>"$T/err"
}
while still_served; do
	fetches=$((fetches + 1))
	[ $((SECONDS - start)) -lt $DEADLINE_S ] || fail "use prolongs the unlock"
done
[ $fetches -gt 0 ] || fail "the token was never unlocked"
ok "$fetches pages within unlock-for = 3s, and then no more: use does not prolong it"
run keystay status
expect_out "locked" "status says that the token is locked again"

agent_configure '[agent]' 'unlock-for = 0'
keystay reload >/dev/null
unlock corp >/dev/null
run still_served
expect_status 0 "with unlock-for = 0 the first signature is made"
run still_served
expect_fail "with unlock-for = 0 the second one is refused"
ok "unlock-for = 0 holds for one signature"
