#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The timer comes while the token is locked, or where a person would be asked for a confirmation: nobody is asked, it is
# said plainly, nothing counts as failed, and soon after the next unlock `keystay renew --watch` has the new certificate.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_enrol.sh
. "$RIG_FOLDER/rig_enrol.sh"
[ -z "$RIG_SANITIZER" ] || skip "a program with a sanitizer takes no clock before it"
enrol_begin
run keystay enroll alice
expect_status 0 "a first certificate"
first=$(serial_of)
keystay lock >/dev/null

later=$((25 * 86400))
aged $later "$ENROLL" renew --all --quiet
expect_status 4 "a timer run while the token is locked waits"
expect_err 'keystay: alice: ' "it says which key"
grep -qi 'lock' "$T/err" || fail "it does not say why: $(cat "$T/err")"
expect_equal "$(enrolled "keys['alice']['state'], keys['alice']['failures']")" "('waiting', 0)" "nothing has failed"
expect_equal "$(issued)" 1 "and the CA was not asked"

LD_PRELOAD=$T/clock-shift.so KEYSTAY_CLOCK_SHIFT=$T/shift "$ENROLL" renew --watch >"$T/watch.log" 2>&1 &
watch=$!
process_started $watch
said() {
	[ -s "$T/watch.log" ] || [ "$(enrolled "keys['alice']['state']")" = waiting ]
}
wait_until "a first look" said
expect_equal "$(serial_of)" "$first" "the old one is in use while the token is locked"
unlock corp >/dev/null
renewed() {
	grep -q '^alice: new certificate' "$T/watch.log"
}
DEADLINE_S=20 wait_until "a renewal soon after the unlock" renewed
ok "soon after the unlock it is renewed"
[ "$(serial_of)" != "$first" ] || fail "the agent shows the old one"
expect_equal "$(enrolled "keys['alice']['state']")" good "and all is good"
process_stop $watch

# --- a key that asks a person ----------------------------------------------------------------------------------------

# confirm VALUE: of the key, from now on.
confirm() {
	agent_configure '[profile "corp"]' 'protocol = exec' "command = $T/ca.sh" "issued-by = $T/ca/root.pem" \
		'subject = /O=Example/CN=alice' '[key "alice"]' 'match = pkcs11:token=corp;object=alice' 'profile = corp' \
		"confirm = $1"
	keystay reload >/dev/null
}
confirm always
n=$(issued)
KEYSTAY_PROMPT=never run keystay renew --force
expect_status 4 "the timer asks nobody for a confirmation"
expect_err 'keystay: alice: ' "it says which key"
grep -q 'confirm = always' "$T/err" || fail "it does not say why: $(cat "$T/err")"
expect_equal "$(issued)" "$n" "and the CA was not asked"
confirm no

# --- two at once -----------------------------------------------------------------------------------------------------

# The timer and a person: the lock of the key lets one of them be first, and both certificates are whole.
n=$(issued)
"$ENROLL" renew alice --force >"$T/one.log" 2>&1 &
one=$!
"$ENROLL" renew alice --force >"$T/two.log" 2>&1 || fail "a second one at once: $(cat "$T/two.log")"
wait $one || fail "a first one: $(cat "$T/one.log")"
expect_equal "$(issued)" $((n + 2)) "both have asked, one after the other"
expect_equal "$(serial_of)" "$(last_issued)" "and the later one is in use"
expect_equal "$(files_of_certs | wc -l)" 1 "alone"

# --- a damaged state -------------------------------------------------------------------------------------------------

for file in "$STATE"/enrol/????*.json; do
	printf '{"version": 1, "spki": ' >"$file"
done
run keystay renew
expect_status 0 "a damaged state stops nothing"
expect_err 'was damaged and is begun anew' "it is said"
expect_equal "$(find "$STATE/enrol" -name '*.json.bad' | wc -l)" 1 "and set aside"
run keystay renew alice --force
expect_status 0 "and the key is renewed"

# --- the end of it ---------------------------------------------------------------------------------------------------

run keystay token remove alice --certificate-only --yes
expect_status 0 "a certificate that was enrolled is removed"
expect_out '1 file of the agent' "with the agent's file"
expect_equal "$(files_of_certs)" "" "nothing of it is left"
expect_equal "$(keystay list --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[0]["certificates"])')" 0 \
	"and the agent shows none"
run keystay token remove alice --yes
expect_status 0 "the key is removed"
expect_equal "$(enrolled "keys['alice']['state']")" absent "its state is there still"
run keystay renew
expect_status 0 "a run after that"
expect_out 'alice: key and certificate were removed; it is not looked after any more' "says that it is over"
expect_equal "$(enrolled 'len(keys)')" 0 "nothing is looked after any more"
run keystay renew
expect_status 0 "the next run"
expect_equal "$(cat "$T/out" "$T/err")" "" "has nothing to say"
