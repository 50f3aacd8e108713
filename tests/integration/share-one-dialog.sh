#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Faults D8, D14 and D15: a hundred clients that want a locked token at once share one dialog and one submission; "no" is
# no for all of them, and for a while for those who come next; the last one who gives up closes the dialog.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token
server_start_nginx nginx
prompt_begin
counts=$T/counts
export KEYSTAY_SHIM_COUNTS=$counts
printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" "${PROMPT_LINES[@]}" >"$T/keystay.conf"
agent_start
keystay cert alice -o "$T/alice.pem"
n_logins() {
	grep -c '^C_Login' "$counts" || true
}

all_wait() {
	[ "$(status_of 'status["connections"]')" -gt "$1" ] # the question itself is one
}

# crowd N: so many curls at once, their exit codes in codes[].
crowd() {
	local i
	for ((i = 0; i < $1; i++)); do
		fetch "$port" "$T/alice.pem" >"$T/page.$i" 2>"$T/page.$i.err" &
		crowd[i]=$!
	done
}
crowd_wait() {
	local i
	codes=()
	for ((i = 0; i < $1; i++)); do
		codes[i]=0
		wait "${crowd[i]}" || codes[i]=$?
	done
}

prompt_holds "$PIN"
crowd 100
prompt_wait 1
wait_until "all clients to wait" all_wait 100
prompt_release
crowd_wait 100
for ((i = 0; i < 100; i++)); do
	[ "${codes[i]}" -eq 0 ] || fail "client $i: $(cat "$T/page.$i.err")"
	grep -q 'client=CN=alice' "$T/page.$i" || fail "client $i did not sign in"
done
ok "a hundred clients are served"
expect_equal "$(prompt_count)" 1 "by one dialog"
expect_equal "$(n_logins)" 1 "and one submission"

keystay lock >/dev/null
prompt_holds_and cancel
crowd 20
prompt_wait 2
wait_until "all clients to wait" all_wait 20
prompt_release
crowd_wait 20
for ((i = 0; i < 20; i++)); do
	[ "${codes[i]}" -ne 0 ] || fail "client $i signed in although the person said no"
	grep -q 'cancelled' "$T/page.$i.err" || fail "client $i does not say so: $(cat "$T/page.$i.err")"
done
ok "one no is no for all"
run fetch "$port" "$T/alice.pem"
expect_fail "the next one is refused at once"
expect_err 'its PIN dialog was closed a moment ago; run: keystay unlock corp' "it says how to be asked again"
expect_equal "$(prompt_count)" 2 "without a dialog"
expect_equal "$(n_logins)" 1 "and without a submission"

prompt_holds "$PIN"
"$KEYSTAY" unlock --ask corp </dev/null >/dev/null 2>&1 &
asking=$!
process_started "$asking"
prompt_wait 3
ok "keystay unlock asks again at once"
kill "$asking"
wait "$asking" 2>/dev/null || true
wait_until "the dialog to be closed" prompt_is_gone
ok "a client that goes away closes its dialog"
expect_equal "$(n_logins)" 1 "nothing was submitted"
