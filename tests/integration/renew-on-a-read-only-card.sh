#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A PIV card takes no certificate by OpenSC, and shows a key only where a certificate of it is on the card: one that its
# tool has signed with the key itself, minutes ago. A CA that dates its certificates back issues the real one, which goes to
# the agent's own files and is used at once, is renewed there while the card stays as it is, waits while the card is locked
# or in a pocket, and is never held up for good by a newer one on the card.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_card.sh"
# shellcheck source=rig_enrol.sh
. "$RIG_FOLDER/rig_enrol.sh"
[ -z "$RIG_SANITIZER" ] || skip "a program with a sanitizer takes no clock before it"
ca_make
ca_script
: >"$T/issued"
card_begin
card_make alice
card_insert alice
openssl x509 -new -key "$T/cards/alice/9a.key" -subj "/CN=SSH key" -days 365 -out "$T/self.pem" 2>/dev/null
card_rewrite 9a "$T/self.pem"
server_start_nginx server
card_configure '[profile "corp"]' 'protocol = exec' "command = $T/ca.sh" "issued-by = $T/ca/root.pem" \
	'subject = /O=Example/CN=alice' 'store = token' '[key "alice"]' 'match = pkcs11:id=%01' 'profile = corp'
agent_start
unlock alice >/dev/null

# subject_of_alice: of the certificate that the agent shows.
subject_of_alice() {
	keystay show alice --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["subject"])'
}

expect_equal "$(subject_of_alice)" "CN=SSH key" "the card has a certificate that its key signed itself"
on_card=$(sha256sum <"$(card_ctl certificate-file 9a)")
run keystay enroll alice --force
expect_status 0 "the first one of a CA, which dates it back to before that"
expect_equal "$(serial_of)" "$(last_issued)" "is in use"
keystay cert alice -o "$T/alice.pem"
run fetch "$port" "$T/alice.pem"
expect_status 0 "and signs in"
first=$(serial_of)

later=$((25 * 86400))
keystay lock >/dev/null
aged $later "$ENROLL" renew --all --quiet
expect_status 4 "a renewal waits while the card is locked"
expect_equal "$(enrolled "keys['alice']['state'], keys['alice']['failures']")" "('waiting', 0)" "nothing has failed"
unlock alice >/dev/null
aged $later "$ENROLL" renew --all --quiet
expect_status 0 "and is done when it is unlocked"
[ "$(serial_of)" != "$first" ] || fail "the agent shows the old one"
expect_equal "$(serial_of)" "$(last_issued)" "the new one is in use"
expect_equal "$(files_of_certs | wc -l)" 1 "alone"
expect_equal "$(sha256sum <"$(card_ctl certificate-file 9a)")" "$on_card" "the card has what it had"

# --- in a pocket -----------------------------------------------------------------------------------------------------

is_listed() {
	keystay list 2>/dev/null | grep -q '^alice '
}
is_gone() {
	! is_listed
}
card_remove
wait_until "the agent to see that the card is gone" is_gone
aged $((2 * later)) "$ENROLL" renew --all --quiet
expect_status 0 "a card in a pocket is nobody's fault"
card_insert alice
wait_until "the agent to see the card again" is_listed

# --- a newer one on the card -----------------------------------------------------------------------------------------

certificate_issue intermediate client "$T/cards/alice/9a.pub" "/O=Example/CN=by-hand" "$T/by-hand.pem"
by_hand=$(date +%s)
card_rewrite 9a "$T/by-hand.pem"
card_remove
wait_until "the agent to see that it is gone" is_gone
card_insert alice
has_it() {
	[ "$(subject_of_alice)" = "CN=by-hand,O=Example" ]
}
wait_until "the agent to see what was put on the card" has_it
unlock alice >/dev/null
run keystay renew alice --force
expect_fail "of a CA that dates back, one that seems older than what the card has got by hand"
expect_err 'before the one in use' "is not taken, and it says why"
expect_equal "$(enrolled "keys['alice']['state']")" failed "the order is over"
# Of two that begin in one second nobody could say which is newer.
is_later() {
	[ "$(date +%s)" -gt "$by_hand" ]
}
wait_until "the next second" is_later
ca_says now
aged $((29 * 86400)) "$ENROLL" renew --all --quiet
expect_status 0 "when that one is due, the CA is asked again"
expect_equal "$(serial_of)" "$(last_issued)" "and the newest one is in use"
