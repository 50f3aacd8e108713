#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Faults E1 and E2: four clients sign without a pause while the card is taken out at random moments and put back. OpenSC
# 0.23 hangs for ever when a card vanishes in the middle of an APDU; nobody else may. Each request is answered, the agent
# lives, and after each removal the card signs again, by one PIN that a person gives.
#
# usage: survive-50-random-removals.sh [REMOVALS]

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
removals=${1:-50}
rig_begin
ca_make
card_begin
card_make alice 9a=p256
prompt_begin
card_configure "${PROMPT_LINES[@]}"
card_insert alice
agent_start
keystay list >/dev/null
prompt_answers "$PIN"
mkfifo "$T/signing.in"
"$PYTHON" "$RIG_FOLDER/sign_while_cards_move.py" 4 60 <"$T/signing.in" >"$T/signing.out" 2>"$T/signing.err" &
signing=$!
process_started "$signing"
exec 6>"$T/signing.in"

slowest=0
for ((i = 1; i <= removals; i++)); do
	# The card signs; then, at some moment within the next 60 ms, it is gone.
	card_wait signatures $(($(card_signatures) + 1))
	pause "0.0$((RANDOM % 6))$((RANDOM % 10))"
	card_ctl remove
	card_wait absent
	before=$(card_signatures)
	began=$(date +%s%3N)
	card_ctl insert
	card_wait present
	seen=$(date +%s%3N)
	card_wait signatures $((before + 1))
	took=$(($(date +%s%3N) - seen))
	[ $took -le $slowest ] || slowest=$took
done
exec 6>&-
wait "$signing" || fail "a request was not answered: $(cat "$T/signing.err")"
ok "every request was answered"
say "$removals removals: $(head -n 1 "$T/signing.out"); slowest way from the reader's word to the next signature: $slowest ms"
say "workers started again: $(status_of 'modules["opensc"]["restarts"]')"
sed -n '2,$p' "$T/signing.out"
[ "$(card_verifies)" -le "$(prompt_count)" ] || fail "$(card_verifies) PINs for $(prompt_count) answers"
ok "at most one PIN for each answer ($(card_verifies) of $(prompt_count))"
expect_equal "$(card_tries)" 3 "the card's counter is what it was"
