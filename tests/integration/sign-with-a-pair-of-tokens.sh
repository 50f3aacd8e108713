#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# One key on two tokens (a pair of HSMs) is one identity. While one of them hangs, fails, is stopped or killed, the other
# signs, within the deadline of the socket; a signature that neither makes is refused when that is over.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
key_make_file p256 "$T/alice.key"
openssl pkey -in "$T/alice.key" -pubout -out "$T/alice.pub"
certificate_make alice
token_make other
key_import other "$T/alice.key" alice 01
mv "$T/tokens" "$T/tokens.other"
sed "s|^directories.tokendir.*|directories.tokendir = $T/tokens.other|" "$SOFTHSM2_CONF" >"$T/other.conf"
token_make corp
key_import corp "$T/alice.key" alice 01
export KEYSTAY_SHIM_SCRIPT=$T/shim.script KEYSTAY_SHIM_COUNTS=$T/shim.counts KEYSTAY_ELSEWHERE_CONF=$T/other.conf
: >"$KEYSTAY_SHIM_SCRIPT"
printf '%s\n' '[agent]' 'keep-pin = yes' '[module "one"]' "path = $BUILD/tests/fakes/keystay-shim.so" \
	'[module "two"]' "path = $BUILD/tests/fakes/keystay-elsewhere.so" '[socket "agent"]' 'deadline = 4s' \
	>"$T/keystay.conf"
server_start_nginx nginx
agent_start
unlock corp >/dev/null
unlock other >/dev/null
expect_equal "$(keystay list --json | "$PYTHON" -c 'import json, sys; print(len(json.load(sys.stdin)))')" 1 \
	"one identity on two tokens"
run keystay token remove alice --yes
expect_status 1 "it is removed from neither of two"
expect_err 'key "alice" is on more than one token that is plugged in; take out those that are to keep it' "the reason"
keystay cert alice -o "$T/alice.pem"

is_back() {
	[ "$(status_of "'corp' in tokens and modules['one']['state']")" = ready ]
}

# signs SENTENCE TOKEN: a page, signed by this token.
signs() {
	local before
	before=$(signatures_of "$2")
	run fetch "$port" "$T/alice.pem"
	expect_status 0 "$1"
	expect_out "client=CN=alice" "$1"
	[ "$(signatures_of "$2")" -gt "$before" ] || fail "$1: token $2 made no signature"
}

# comes_back: with the kept PIN, while the other one signs; then it is asked first again.
comes_back() {
	wait_until "the first one signs again" signs_again
	ok "the first one signs again"
}

signs_again() {
	local before
	before=$(signatures_of corp)
	fetch "$port" "$T/alice.pem" >"$T/page" 2>&1 || fail "no page: $(cat "$T/page")"
	[ "$(signatures_of corp)" -gt "$before" ]
}

signs "both are well: the first one signs" corp
shim_script "C_Sign 1 hang"
signs "C_Sign of the first one hangs" other
signs "while it hangs the other one is asked at once" other
shim_script ""
kill -KILL "$(module_pid one)"
wait_until "the first one is back" is_back
comes_back
# CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_DEVICE_REMOVED
for fault in "rv 0x30" "rv 0x5" wrong garbage crash "rv 0x32"; do
	shim_script "C_Sign 1+ $fault"
	signs "C_Sign of the first one: $fault" other
	shim_script ""
	wait_until "the first one is back" is_back
	comes_back
done
grep -q 'another token that has the key is asked' "$T/agent.log" || fail "the log does not say that another token was asked"

worker=$(module_pid one)
kill -STOP "$worker"
signs "its process is stopped" other
kill -KILL "$worker"
signs "its process is killed" other

# Neither: an error, not a client that waits for ever.
wait_until "the first one is back" is_back
comes_back
kill -STOP "$(module_pid one)" "$(module_pid two)"
run fetch "$port" "$T/alice.pem"
expect_fail "neither of the two answers"
expect_err "within the deadline of this socket" "the reason"
