#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Faults D1, D2 and D7: a wrong PIN is submitted once, and a new dialog says so; one that cannot be right is not submitted;
# after three dialogs it ends; a kept PIN that has become wrong is submitted once and forgotten.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token
server_start_nginx nginx
prompt_begin
export KEYSTAY_SHIM_COUNTS=$T/counts
shim_configure() {
	printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" "${PROMPT_LINES[@]}" "$@" \
		>"$T/keystay.conf"
}
shim_configure
agent_start
keystay cert alice -o "$T/alice.pem"
expect_logins() {
	expect_equal "$(grep -c '^C_Login' "$T/counts" || true)" "$1" "$2"
}

prompt_answers 271828 "$PIN"
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl signs in after a wrong PIN and a right one"
expect_equal "$(prompt_count)" 2 "by two dialogs"
[[ $(prompt_problem) == *"the PIN is wrong"* ]] || fail "the second dialog does not say that the PIN was wrong"
ok "the second one says that the PIN was wrong"
[[ $(prompt_text) == *"A wrong PIN was given since the last good one"* ]] || fail "it does not warn: $(prompt_text)"
[[ $(prompt_text) == *'token "corp"'*curl*'key "alice"'* ]] || fail "it does not say what for: $(prompt_text)"
ok "it names token, program and key"
expect_logins 2 "one submission for each answer"

keystay lock >/dev/null
prompt_answers 1 "$PIN"
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl signs in after a PIN that is too short"
[[ $(prompt_problem) == *"this one was not tried"* ]] || fail "the dialog does not say so: $(prompt_problem)"
expect_logins 3 "the short one was not submitted"

keystay lock >/dev/null
prompt_answers 271828
run fetch "$port" "$T/alice.pem"
expect_fail "curl ends after three wrong PINs"
expect_err "the PIN is wrong" "it says why"
expect_equal "$(prompt_count)" 7 "three dialogs"
expect_logins 6 "and three submissions"

# The right PIN, by a person, makes all good again. It is kept, and then another program changes it.
agent_stop
shim_configure 'keep-pin = yes'
agent_start
prompt_answers "$PIN"
run fetch "$port" "$T/alice.pem"
expect_status 0 "with the right PIN curl signs in"
softhsm2-util --show-slots >/dev/null
printf '%s\n' 2718281 | pkcs11-tool --module "$SOFTHSM" --token-label corp --login --pin "$PIN" --change-pin --new-pin 2718281 \
	>"$T/change.log" 2>&1 || fail "the PIN could not be changed: $(cat "$T/change.log")"
logins=$(grep -c '^C_Login' "$T/counts")
kill -KILL "$(module_pid shim)"
prompt_cancels
run fetch "$port" "$T/alice.pem"
expect_fail "the kept PIN is wrong now"
expect_logins $((logins + 1)) "it was submitted once"
run fetch "$port" "$T/alice.pem"
expect_fail "and once more"
expect_logins $((logins + 1)) "it is not submitted again"
run keystay status
expect_out "locked" "the token is locked"
