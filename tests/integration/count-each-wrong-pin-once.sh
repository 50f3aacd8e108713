#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The card itself counts what keystay costs it (faults D1, D3, D5 and D7): a wrong PIN one try, a PIN of a length that
# no PIN has none. After two wrong ones no script can cost it another (invariant I6): only a dialog that tells of it
# takes the next, which may block the card. A blocked card is said to be blocked.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# try_pin PIN: as a script would; the outcome for the expect words.
try_pin() {
	run "$KEYSTAY" unlock alice --pin-fd 4 4<<<"$1"
}

# type_pin PIN: as a person would, into the agent's dialog; when it asks again they press Cancel.
type_pin() {
	prompt_answers_once "$1"
	run "$KEYSTAY" unlock --ask alice
}

# expect_card TRIES VERIFIES SENTENCE: what the card says of itself.
expect_card() {
	expect_equal "$(card_tries) tries, $(card_verifies) PINs" "$1 tries, $2 PINs" "$3"
}

rig_begin
ca_make
server_start_nginx nginx
card_begin
card_make alice tries=3
card_insert alice
prompt_begin
export KEYSTAY_PROMPT=never
card_configure "${PROMPT_LINES[@]}"
agent_start
keystay cert alice-9a -o "$T/alice.pem"
expect_card 3 0 "a new card"

try_pin 271828
expect_status 1 "a wrong PIN"
expect_err "the PIN is wrong" "keystay says that the PIN is wrong"
expect_card 2 1 "a wrong PIN costs one try and is given to the card once"

run fetch "$port" "$T/alice.pem"
expect_fail "a signature after a wrong PIN"
expect_card 2 1 "a signature that is wanted afterwards does not try again"

for pin in 314 314159265; do
	try_pin "$pin"
	expect_status 1 "a PIN of ${#pin} digits"
	expect_err "was not tried" "keystay says that a PIN of ${#pin} digits was not tried"
	expect_card 2 1 "a PIN of ${#pin} digits costs nothing"
done

try_pin "$PIN"
expect_status 0 "the right PIN"
expect_card 3 2 "the right PIN gives the try back"
keystay lock >/dev/null

try_pin 271828
expect_card 2 3 "a wrong PIN on another day costs one try"
try_pin 271828
expect_err "one more wrong PIN blocks it" "the last warning is given with the second wrong PIN"
expect_card 1 4 "the second wrong PIN costs one try"
run keystay status
expect_out "2 PINs were given without success; the next one is asked for by a dialog" "keystay status tells of both"

for turn in "the agent" "a new agent"; do
	try_pin "$PIN"
	expect_status 1 "a PIN for a card that has one try left, $turn"
	expect_err "nothing was tried; run: keystay unlock --ask alice" "$turn says that only a dialog takes the next one"
	expect_card 1 4 "$turn leaves the last try alone, even for the right PIN"
	agent_stop
	agent_start
done

unset KEYSTAY_PROMPT
type_pin 271828
expect_status 1 "a wrong PIN for the last try"
[[ $(prompt_text) == *"This is the last try: one more wrong PIN blocks the token."* ]] ||
	fail "the dialog says: $(prompt_text)"
ok "the dialog says that it is the last try"
expect_err "blocked" "keystay says that the card is blocked now"
expect_card 0 5 "the last try was used once, because a person was told and typed"

n=$(prompt_count)
try_pin "$PIN"
expect_status 1 "the right PIN for a blocked card"
expect_err "blocked" "keystay says that the card is blocked"
type_pin "$PIN"
expect_err "blocked" "keystay unlock --ask says so, too"
expect_equal "$(prompt_count)" "$n" "and asks for nothing"
expect_card 0 5 "a blocked card is not asked"
run fetch "$port" "$T/alice.pem"
expect_fail "a signature of a blocked card"
expect_card 0 5 "nor is it for a signature"
run keystay status
expect_out "blocked" "keystay status says that the card is blocked"
