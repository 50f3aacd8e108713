#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# SIGKILL of keystay-token in the middle of a signature: that request gets an error that says so, the next one succeeds
# (with keep-pin; without it, it says that the token is locked), and the other module never notices.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin

bob_is_served() {
	run fetch "$port" "$T/bob.pem"
	expect_status 0 "bob, $1"
	grep -q 'client=CN=bob' "$T/out" || fail "bob, $1: the server did not see bob"
	expect_equal "$(module_pid elsewhere)" "$elsewhere" "$1: the other module signs, in the same process as before"
}

# killed_in_the_middle WHEN: one signature whose worker dies while it is in C_Sign.
killed_in_the_middle() {
	local worker curl code=0
	worker=$(module_pid shim)
	mkfifo "$T/gate.1"
	shim_script "C_Sign 1 gate $T/gate"
	fetch "$port" "$T/alice.pem" >"$T/page" 2>"$T/err" &
	curl=$!
	# Opens when the call is inside the module.
	exec {gate}>"$T/gate.1"
	bob_is_served "$1, while a signature is under way"
	kill -KILL "$worker"
	wait $curl || code=$?
	shim_script ""
	exec {gate}>&-
	rm "$T/gate.1"
	expect_equal $code 35 "$1: the request whose worker was killed gets an error"
	grep -qi 'signal 9' "$T/err" || fail "$1: the error does not say why: $(cat "$T/err")"
	ok "$1: $(sed 's/^curl: //' "$T/err")"
}

for keep in yes no; do
	if [ $keep = yes ]; then
		rig_two_modules '[agent]' 'keep-pin = yes'
	else
		agent_stop
		sed -i 's/^keep-pin = yes/keep-pin = no/' "$T/keystay.conf"
		agent_start
		unlock corp >/dev/null
		unlock other >/dev/null
	fi
	elsewhere=$(module_pid elsewhere)
	killed_in_the_middle "keep-pin = $keep"
	run fetch "$port" "$T/alice.pem"
	if [ $keep = yes ]; then
		expect_status 0 "keep-pin = yes: the next signature"
		expect_out "client=CN=alice" "keep-pin = yes: the next signature is made without a word from the user"
	else
		expect_fail "keep-pin = no: the next signature"
		expect_err 'token "corp" is locked; run: keystay unlock corp' "keep-pin = no: the next one says what to do"
		unlock corp >/dev/null
		run fetch "$port" "$T/alice.pem"
		expect_status 0 "keep-pin = no: and works after that"
		expect_out "client=CN=alice" "keep-pin = no: and works after that"
	fi
	bob_is_served "keep-pin = $keep, afterwards"
	expect_equal "$(status_of "modules['shim']['restarts'], modules['elsewhere']['restarts']")" "(1, 0)" \
		"keep-pin = $keep: status counts one restart of the one module"
done
