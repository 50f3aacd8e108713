#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A PIV card and `keystay token`: its PIN is changed, its PUK unblocks it when another program has blocked it, and is asked
# for by that name. OpenSC cannot make keys on it: keystay says so, with the words of those who can, and so it is with a
# certificate, which then goes to the agent's own files.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_card.sh"
. "$RIG_FOLDER/rig_audit.sh"
NEW_PIN=271828
PUK=12345678
card_alice
server_start_nginx server

# pin_command WORDS... -- PIN...: `keystay token pin` with these on one descriptor.
pin_command() {
	local words=()
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	shift
	run keystay token pin "${words[@]}" 3< <(printf '%s\n' "$@")
}

# --- PIN and PUK ---------------------------------------------------------------------------------------------------------

keystay token list --json | "$PYTHON" -c \
	'import json, sys; print([(t["piv"], t["pin_state"]) for t in json.load(sys.stdin) if t["present"]])' >"$T/list"
expect_equal "$(cat "$T/list")" "[(True, 'PIN set')]" "it is known for a PIV card"
pin_command change alice --pin-fd 3 --new-pin-fd 3 -- "$PIN" "$NEW_PIN"
expect_status 0 "the PIN of a PIV card is changed"
run keystay unlock --pin-fd 3 alice 3<<<"$NEW_PIN"
expect_status 0 "it has the new one"
verifies=$(card_verifies)
for _ in 1 2 3; do
	opensc --login --pin 000000 --list-objects >/dev/null 2>&1 || true
done
expect_equal "$(card_tries)" 0 "another program has blocked it"
expect_equal "$verifies" "$(($(card_verifies) - 3))" "by three wrong PINs of its own"
run keystay token pin unblock alice </dev/null
expect_fail "there is no terminal"
expect_err 'there is no terminal to ask for the PUK of token "alice"; give it with --so-pin-fd' "the PUK is asked for by that name"
pin_command unblock alice --so-pin-fd 3 --new-pin-fd 3 -- "$PUK" "$PIN"
expect_status 0 "the PUK unblocks it"
expect_equal "$(card_tries)" 3 "it has all its tries"
run unlock alice
expect_status 0 "and takes its new PIN"
pin_command unblock alice --so-pin-fd 3 --new-pin-fd 3 -- 00000000 "$PIN"
expect_fail "a wrong PUK"
expect_err "PUK" "it is called so"
expect_equal "$(card_ctl status puk_tries)" 2 "given once"
pin_command unblock alice --so-pin-fd 3 --new-pin-fd 3 -- 11111111 "$PIN"
expect_fail "a second one"
tries=$(card_ctl status puk_tries)
for _ in 1 2 3; do
	pin_command unblock alice --so-pin-fd 3 --new-pin-fd 3 -- 22222222 "$PIN"
	expect_fail "a third one is not tried without a person's yes"
done
expect_equal "$(card_ctl status puk_tries)" "$tries" "the card is not blocked by us"
[ "$tries" -ge 1 ] || fail "the PUK is blocked"

# --- what OpenSC cannot ----------------------------------------------------------------------------------------------------

unlock alice >/dev/null
run keystay token keygen fresh --token alice --type p256
expect_fail "OpenSC makes no keys on a PIV card"
expect_err "yubico-piv-tool" "it names what does"
expect_equal "$(tail -n 1 "$LOG" | "$PYTHON" -c 'import json, sys; r = json.loads(sys.stdin.read()); print(r["purpose"], r["error"])')" \
	"keygen unsupported" "its record"
run keystay token import alice-9a "$T/cards/alice/9a.pem"
expect_status 0 "a certificate that the card has already is no trouble"
certificate_issue intermediate client "$T/cards/alice/9a.pub" "/O=Example/CN=alice-renewed" "$T/renewed.pem"
cat "$T/renewed.pem" "$T/ca/intermediate.pem" >"$T/bundle.pem"
run keystay token import alice-9a "$T/bundle.pem"
expect_status 0 "a new one is taken"
expect_out "in the agent's certs folder, since the token takes none" "where the card takes none"
name=$(keystay list --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[0]["name"])')
keystay cert "$name" -o "$T/renewed-alice.pem"
run fetch "$port" "$T/renewed-alice.pem"
expect_status 0 "the key signs in with it"
expect_out "client=CN=alice-renewed,O=Example" "the server sees the new one, at once"
