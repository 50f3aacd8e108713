#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Faults D3, D4, D5 and D6: a token whose flags warn gets its next PIN from a dialog that says so, never from a program,
# a kept PIN or a file; one that is blocked or whose PIN has expired gets none at all, and people are told what to do.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token
server_start_nginx nginx
prompt_begin
export KEYSTAY_SHIM_COUNTS=$T/counts KEYSTAY_SHIM_SCRIPT=$T/script
: >"$T/script"
printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" "${PROMPT_LINES[@]}" >"$T/keystay.conf"
n_logins() {
	grep -c '^C_Login' "$T/counts" || true
}
# flags NAME: of the token from now on, in a fresh agent.
flags() {
	printf '%s\n' "flags-add $1" >"$T/script.new"
	mv "$T/script.new" "$T/script"
	[ -z "$agent_pid" ] || agent_stop
	agent_start
	[ -e "$T/alice.pem" ] || keystay cert alice -o "$T/alice.pem"
}

flags FINAL_TRY
run unlock corp
expect_fail "with one try left unlock --pin-fd is refused"
expect_err "one more blocks it" "it says why"
expect_equal "$(n_logins)" 0 "nothing was submitted"
prompt_cancels
run fetch "$port" "$T/alice.pem"
expect_fail "the person who is asked says no"
[[ $(prompt_text) == *"This is the last try"* ]] || fail "the dialog does not say so: $(prompt_text)"
ok "the dialog says that it is the last try"
expect_equal "$(n_logins)" 0 "nothing was submitted"
prompt_answers "$PIN"
run keystay unlock --ask corp </dev/null
expect_status 0 "a person may use the last try"
expect_equal "$(n_logins)" 1 "once"

flags COUNT_LOW
run unlock corp
expect_fail "after a wrong PIN unlock --pin-fd is refused"
expect_equal "$(n_logins)" 1 "nothing was submitted"

flags LOCKED
run unlock corp
expect_fail "a blocked token"
expect_err "has blocked its PIN" "is said plainly"
run keystay unlock --ask corp </dev/null
expect_fail "not even a person is asked"
run fetch "$port" "$T/alice.pem"
expect_fail "nor a program's user"
expect_err "unblock it with its SO PIN or PUK" "curl says it too"
expect_equal "$(n_logins)" 1 "no PIN was submitted to it"

flags TO_BE_CHANGED
run unlock corp
expect_fail "a PIN that must be changed first"
expect_err "change it: keystay token pin change" "is said plainly"
