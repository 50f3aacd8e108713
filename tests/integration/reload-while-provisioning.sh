#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# While a token is being provisioned its module is with that process alone: also when a reload changes the module's
# section and so brings a new worker, which starts when that is over.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
NEW_PIN=271828
rig_alice_token
export KEYSTAY_SHIM_SCRIPT=$T/shim.script KEYSTAY_SHIM_COUNTS=$T/shim.counts
: >"$KEYSTAY_SHIM_COUNTS"
mkfifo "$T/gate.1"
printf '%s\n' "C_SetPIN 1 gate $T/gate" >"$KEYSTAY_SHIM_SCRIPT"

# configure LINE...: the module, and these lines of its section.
configure() {
	printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" "$@" >"$T/keystay.conf"
}

# workers: how many processes the module has.
workers() {
	local child n=0
	for child in $(cat "/proc/$agent_pid/task/$agent_pid/children"); do
		[ "$(cat "/proc/$child/comm" 2>/dev/null)" != keystay-token ] || n=$((n + 1))
	done
	echo "$n"
}

configure
agent_start
unlock corp >/dev/null
KEYSTAY_PROMPT=never "$KEYSTAY" token pin change corp --pin-fd 3 --new-pin-fd 3 >"$T/changed" 2>&1 \
	3< <(printf '%s\n' "$PIN" "$NEW_PIN") &
changing=$!
exec 4>"$T/gate.1" # waits until the token is at it
configure 'max-sessions = 2'
keystay reload >/dev/null
expect_equal "$(workers)" 1 "one process has the module, the one that provisions"
exec 4>&-
wait "$changing" || fail "the PIN was not changed: $(cat "$T/changed")"
run keystay unlock --pin-fd 3 corp 3<<<"$NEW_PIN"
expect_status 0 "the new worker is there, and the token has the new PIN"
expect_equal "$(workers)" 1 "it has the module alone"
