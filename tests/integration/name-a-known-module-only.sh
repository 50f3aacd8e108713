#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# [module "softhsm"] alone is enough: the profile knows the file. What the section says on top reaches the module:
# variables of its process (quotes and spaces included), and which slots it shows.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token p256
server_start_nginx nginx

printf '%s\n' '[module "softhsm"]' >"$T/keystay.conf"
run "$AGENT" --config "$T/keystay.conf" --check-config
if grep -q "none of" "$T/err"; then
	echo "SKIP: SoftHSM is in none of the places where distributions put it"
	exit 77
fi
expect_status 0 "the name alone is a good configuration"

# --- its environment: the worker finds the tokens by it alone ---
cp "$SOFTHSM2_CONF" "$T/with a space.conf"
unset SOFTHSM2_CONF
printf '%s\n' "environment = SOFTHSM2_CONF='$T/with a space.conf'" >>"$T/keystay.conf"
agent_start
run keystay config
expect_out "; profile softhsm" "keystay config says what the profile says"
expect_out "environment = SOFTHSM2_CONF='$T/with a space.conf' ; $T/keystay.conf:2" "and what the file says"
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl signs in"
ok "a key of a module that is named only signs"

# --- its slots ---
tokens() {
	status_of "sorted(tokens)"
}
no_token() {
	[ "$(tokens)" = "[]" ]
}
corp_is_there() {
	tokens | grep -q "'corp'"
}
echo "slots = *no such reader*" >>"$T/keystay.conf"
keystay reload >/dev/null
wait_until "a token in a slot that is not listed is not there" no_token
sed -i 's/^slots = .*/slots = 4711, SoftHSM slot*/' "$T/keystay.conf"
keystay reload >/dev/null
wait_until "a token in a slot whose description fits is there" corp_is_there
ok "slots = shows those slots alone"
