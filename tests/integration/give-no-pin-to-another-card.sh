#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Faults E5 and D17: another card with the same label and the same serial number takes the place of a card: while that is
# unlocked, while its PIN is kept, while somebody types its PIN, while it signs. It never sees a PIN that was meant for
# the other one, and nothing that it signs is released.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
card_begin
card_make alice
card_make thief like=alice
card_insert alice
server_start_nginx nginx
prompt_begin

alice_is_back() {
	keystay list --json 2>/dev/null | grep -q "$alice_key"
}
thief_is_in() {
	keystay list 2>/dev/null | grep -q alice-9a && ! alice_is_back
}

# refused_by_thief SENTENCE: alice's key gets no signature while the thief is in, and the thief no PIN.
refused_by_thief() {
	run fetch "$port" "$T/alice.pem"
	expect_fail "$1: a signature by another card"
	expect_err "no token here has this key" "$1: curl says that the key is not there"
	expect_equal "$(card_verifies)" 0 "$1: the other card was given no PIN"
}

for keep in no yes; do
	card_configure "${PROMPT_LINES[@]}" "keep-pin = $keep"
	agent_start
	unlock alice >/dev/null
	keystay cert alice-9a -o "$T/alice.pem"
	alice_key=$(keystay list --json | sed -n 's/.*"\(sha256\|fingerprint\|spki_sha256\)": *"\([^"]*\)".*/\2/p' | head -n 1)
	[ -n "$alice_key" ] || fail "no fingerprint in: $(keystay list --json)"
	run fetch "$port" "$T/alice.pem"
	expect_status 0 "keep-pin = $keep: alice signs"

	card_swap thief
	wait_until "the other card to be listed" thief_is_in
	expect_equal "$(status_of 'tokens["alice"]["state"]')" locked "keep-pin = $keep: the other card is locked"
	prompt_answers "$PIN"
	shown=$(prompt_count)
	refused_by_thief "keep-pin = $keep, swapped while unlocked"
	expect_equal "$(prompt_count)" "$shown" "keep-pin = $keep: nobody is asked for its PIN"
	card_swap alice
	wait_until "alice to be back" alice_is_back

	# While somebody types the PIN.
	prompt_holds "$PIN"
	verifies=$(card_verifies)
	fetch "$port" "$T/alice.pem" >"$T/job.out" 2>"$T/job.err" &
	job=$!
	prompt_wait $((shown + 1))
	card_swap thief
	code=0
	# shellcheck disable=SC2016 # it is for that shell
	timeout 2 "$BASH" -c 'echo >"$1"' - "$prompt_folder/release" 2>/dev/null || true
	wait $job || code=$?
	[ $code -ne 0 ] || fail "the other card signed"
	grep -q 'keystay.*taken out' "$T/job.err" || fail "who waited was told: $(cat "$T/job.err")"
	wait_until "the other card to be listed" thief_is_in
	expect_equal "$(card_verifies)" 0 "keep-pin = $keep: a PIN that was typed for alice was not given to the other card"
	card_swap alice
	wait_until "alice to be back" alice_is_back
	expect_equal "$(card_verifies)" "$verifies" "keep-pin = $keep: nor to alice, who was not there"

	# While it signs. (A swap that the reader itself does not notice, within the 0.4 s between two looks of pcscd at a
	# reader that has no interrupts, is noticed by nobody but by the check of the signature.)
	unlock alice >/dev/null
	verifies=$(card_verifies)
	card_ctl hang-next
	fetch "$port" "$T/alice.pem" >"$T/job.out" 2>"$T/job.err" &
	job=$!
	card_wait hanging true
	card_swap thief
	code=0
	wait $job || code=$?
	[ $code -ne 0 ] || fail "the other card signed"
	ok "keep-pin = $keep: a card that is swapped while it signs makes no signature: $(sed 's/.*keystay:://' "$T/job.err")"
	prompt_cancels
	run fetch "$port" "$T/alice.pem"
	expect_fail "a signature by another card"
	expect_equal "$(card_verifies)" 0 "keep-pin = $keep: the other card was given no PIN, not even a kept one"
	agent_stop
	card_remove
	card_insert alice
	expect_equal "$(card_verifies)" "$verifies" "keep-pin = $keep: alice saw no PIN beside that of unlock"
	expect_equal "$(card_tries)" 3 "keep-pin = $keep: no try was lost"
done
