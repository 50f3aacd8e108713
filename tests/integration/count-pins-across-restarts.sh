#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Invariant I6: the count of PINs without success outlives kill -9 in the middle of a login, and a loop of wrong PINs by
# any program of the user ends after two, long before a card would block itself.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token
prompt_begin
export KEYSTAY_SHIM_COUNTS=$T/counts KEYSTAY_SHIM_SCRIPT=$T/script
# A token that says nothing of wrong PINs, like most cards after the first one.
echo 'flags-remove COUNT_LOW' >"$T/script"
printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" "${PROMPT_LINES[@]}" >"$T/keystay.conf"
agent_start
keystay list >/dev/null
n_logins() {
	grep -c '^C_Login' "$T/counts" || true
}
submissions() {
	status_of 'tokens["corp"]["submissions"]'
}

for ((i = 0; i < 10; i++)); do
	run keystay unlock --pin-fd 4 corp 4<<<271828
	expect_fail "wrong PIN number $i"
done
expect_err "only a dialog takes the next one" "the loop is told why"
expect_equal "$(n_logins)" 2 "ten wrong PINs, two submissions"
expect_equal "$(submissions)" 2 "status says so"
run keystay unlock --pin-fd 4 corp 4<<<"$PIN"
expect_fail "not even the right one is taken without a dialog"
expect_equal "$(n_logins)" 2 "and it was not submitted"

agent_stop KILL
agent_start
expect_equal "$(submissions)" 2 "the count outlives kill -9"
run keystay unlock --pin-fd 4 corp 4<<<271828
expect_fail "the loop goes on after a restart"
expect_equal "$(n_logins)" 2 "in vain"

prompt_answers "$PIN"
run keystay unlock --ask corp </dev/null
expect_status 0 "a person unlocks it by the dialog"
[[ $(prompt_text) == *"2 PINs were given without success"* ]] || fail "the dialog does not say so: $(prompt_text)"
ok "which says what has happened"
expect_equal "$(submissions)" 0 "a good PIN ends the count"
keystay lock >/dev/null

# Killed between submission and answer: counts as a failure.
mkfifo "$T/gate.1"
printf '%s\n' 'flags-remove COUNT_LOW' "C_Login 1 gate $T/gate" >"$T/script.new"
mv "$T/script.new" "$T/script"
agent_stop
agent_start
keystay list >/dev/null
"$KEYSTAY" unlock --pin-fd 4 corp 4<<<"$PIN" >/dev/null 2>&1 &
unlocking=$!
exec 5>"$T/gate.1" # returns when the module is inside C_Login
agent_stop KILL
exec 5>&-
wait "$unlocking" || true
echo 'flags-remove COUNT_LOW' >"$T/script.new"
mv "$T/script.new" "$T/script"
agent_start
expect_equal "$(submissions)" 1 "a submission that nobody answered counts"
run unlock corp
expect_status 0 "after one of them the right PIN is still taken without a dialog"
expect_equal "$(submissions)" 0 "and ends the count"
file=$XDG_STATE_HOME/keystay/pins
[ ! -e "$file" ] || expect_equal "$(stat -c %a "$file")" 600 "the file is for the user alone"
grep -rqF -e "$PIN" -e 271828 "$XDG_STATE_HOME" && fail "a PIN is in the state folder"
ok "no PIN is in the state folder"
