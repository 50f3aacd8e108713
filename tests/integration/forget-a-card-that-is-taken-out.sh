#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Faults E2, E3 and E4: a card that is taken out takes its identities and its PIN along, a kept one too; who waits for it
# is told so. Plugged in again it works after one PIN, without a restart of anything.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
card_begin
card_make alice
card_insert alice
server_start_nginx nginx
prompt_begin

is_listed() {
	keystay list 2>/dev/null | grep -q alice-9a
}
is_gone() {
	! is_listed
}

# signs SENTENCE, refused TEXT SENTENCE: of one curl, without any dialog.
signs() {
	KEYSTAY_PROMPT=never run fetch "$port" "$T/alice.pem"
	expect_status 0 "$1"
}
refused() {
	KEYSTAY_PROMPT=never run fetch "$port" "$T/alice.pem"
	expect_fail "$2"
	expect_err "$1" "$2"
}

for keep in no yes; do
	card_configure "${PROMPT_LINES[@]}" "keep-pin = $keep"
	agent_start
	worker=$(module_pid opensc)
	verifies=$(card_verifies)
	unlock alice >/dev/null
	keystay cert alice-9a -o "$T/alice.pem"
	signs "keep-pin = $keep: alice signs"
	expect_equal $(($(card_verifies) - verifies)) 1 "keep-pin = $keep: after one PIN"

	# E3: while idle and logged in.
	card_remove
	wait_until "keep-pin = $keep: the key not to be listed any more" is_gone
	ok "keep-pin = $keep: a card that was taken out is not listed"
	refused "no token here has this key; is its card plugged in?" "keep-pin = $keep: curl says to plug it in"

	# E4: the same card again.
	card_insert
	wait_until "keep-pin = $keep: the key to be listed again" is_listed
	refused "token \"alice\" is locked" "keep-pin = $keep: back again it is locked"
	expect_equal $(($(card_verifies) - verifies)) 1 "keep-pin = $keep: no PIN was given to it by itself"
	prompt_answers "$PIN"
	shown=$(prompt_count)
	run fetch "$port" "$T/alice.pem"
	expect_status 0 "keep-pin = $keep: it signs again"
	expect_equal "$(($(prompt_count) - shown))" 1 "keep-pin = $keep: after one dialog"
	expect_equal $(($(card_verifies) - verifies)) 2 "keep-pin = $keep: and one PIN"
	expect_equal "$(module_pid opensc)" "$worker" "keep-pin = $keep: nothing was started again"

	# E2: between the PIN's dialog and the signature.
	keystay lock >/dev/null
	prompt_holds "$PIN"
	fetch "$port" "$T/alice.pem" >"$T/waits.out" 2>"$T/waits.err" &
	waits=$!
	prompt_wait $((shown + 2))
	card_remove
	status=0
	wait $waits || status=$?
	[ $status -ne 0 ] || fail "a client got a signature of a card that is not there"
	grep -q "keystay.*taken out" "$T/waits.err" || fail "it was told: $(cat "$T/waits.err")"
	ok "keep-pin = $keep: who waits for the PIN is told that the card was taken out"
	wait_until "the dialog to be closed" prompt_is_gone
	ok "keep-pin = $keep: and the dialog is closed"
	card_insert
	wait_until "keep-pin = $keep: the key to be listed again" is_listed
	expect_equal $(($(card_verifies) - verifies)) 2 "keep-pin = $keep: the card saw no PIN of all that"

	# E2 again: the PIN is at the card, and the card goes before it has answered the signature that follows.
	prompt_answers "$PIN"
	card_ctl hang-next
	fetch "$port" "$T/alice.pem" >"$T/waits.out" 2>"$T/waits.err" &
	waits=$!
	card_wait hanging true
	card_ctl remove
	status=0
	wait $waits || status=$?
	[ $status -ne 0 ] || fail "a client got a signature of a card that was taken out"
	grep -q "keystay.*taken out" "$T/waits.err" || fail "it was told: $(cat "$T/waits.err")"
	ok "keep-pin = $keep: who waits for the signature is told that the card was taken out"
	card_wait absent
	card_insert
	wait_until "keep-pin = $keep: the key to be listed again" is_listed
	prompt_cancels
	refused "token \"alice\" is locked" "keep-pin = $keep: and it is locked"
	expect_equal $(($(card_verifies) - verifies)) 3 "keep-pin = $keep: one PIN for that decision"
	expect_equal "$(card_tries)" 3 "keep-pin = $keep: no try was lost"
	agent_stop
done
