#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Six clients sign as fast as the card can, and fifty times the card is taken out at a random moment: every request is
# answered, nothing hangs, no wrong signature is released; each time the card is back one dialog suffices, and no try of
# its PIN is lost. The seed of the moments is printed; survive-50-random-removals.sh SEED repeats them.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
card_begin
card_make alice
card_insert alice
prompt_begin
card_configure "${PROMPT_LINES[@]}"
agent_start
prompt_answers "$PIN"
keystay list >/dev/null

seed=${1:-$SRANDOM}
say "seed: $seed"
"$PYTHON" "$RIG_FOLDER/remove_randomly.py" "$T/card0.ctl" "$CARD_FOLDER/pcsc_wait.py" alice-9a 50 6 "$seed" ||
	fail "with the seed $seed"
ok "every request was answered, and every signature was good"
expect_equal "$(card_ctl status verifies_bad) wrong, $(card_tries) left" "0 wrong, 3 left" "no try of the PIN was lost"
expect_equal "$(card_ctl status verifies_good)" "$(prompt_count)" "each dialog cost one PIN"
say "figure: the module's process was started again $(status_of 'modules["opensc"]["restarts"]') times"
