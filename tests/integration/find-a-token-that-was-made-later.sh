#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# SoftHSM says nothing of new tokens and does not see them itself. They are found when somebody needs them: by a list, by
# a request for a key that nobody knows, by a name for unlock, by reload; and nobody is logged out for a mere look.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token
server_start_nginx nginx
agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"
run fetch "$port" "$T/alice.pem"
expect_status 0 "alice signs in"

token_make other
key_make other p256 bob 02
certificate_make bob
run keystay list
is_unlocked() {
	[ "$(status_of 'tokens["corp"]["state"]')" = unlocked ]
}
is_unlocked || fail "a mere list locked a token"
ok "a look does not lock what is unlocked"
run keystay reload
expect_status 0 "reload"
is_listed() {
	keystay list | grep -q bob
}
wait_until "bob to be listed" is_listed
ok "after reload the new token's key is listed"
run unlock other
expect_status 0 "the new token is unlocked"
unlock corp >/dev/null
keystay cert bob -o "$T/bob.pem"
run fetch "$port" "$T/bob.pem"
expect_status 0 "bob signs in"
expect_out "client=CN=bob" "the server sees bob"

# Nobody is unlocked, so a look costs nothing; it is due again when the last one is some seconds ago.
agent_stop
agent_start
keystay status >/dev/null
token_make fourth
key_make fourth p256 dave 04
certificate_make dave
can_be_unlocked() {
	unlock fourth >/dev/null 2>&1
}
wait_until "a token that was made later to be unlocked by its name" can_be_unlocked
ok "unlock by the name of a token that was made later"
run keystay list
expect_out dave "its key is listed"
