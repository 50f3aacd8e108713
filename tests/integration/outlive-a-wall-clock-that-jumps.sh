#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fault G6: the wall clock jumps ten years ahead, and twenty back, under a running agent. How long a token stays unlocked is
# not its business; records have it beside the boot clock, which goes on; certificates are judged by it.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# The loader takes a space for the end of a name.
cp "$BUILD/tests/fakes/keystay-clock-shift.so" "$T/clock-shift.so"
. "$RIG_FOLDER/rig_audit.sh"
rig_alice_token
agent_configure '[agent]' 'unlock-for = 1h'
server_start_nginx nginx
export KEYSTAY_CLOCK_SHIFT=$T/shift
ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 \
	KEYSTAY_TEST_WRAP="env LD_PRELOAD=$T/clock-shift.so" agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"
ten_years=315360000

# jump SECONDS YEARS: from the right time.
jump() {
	printf '%s' "$1" >"$T/shift"
	run status_of '(tokens["corp"]["state"], 3300 < tokens["corp"]["unlocked_for_s"] <= 3600)'
	expect_equal "$(cat "$T/out")" "('unlocked', True)" "$2: the token stays unlocked for its hour"
}
# signs, refuses SENTENCE
signs() {
	fetch "$port" "$T/alice.pem" | grep -q client=CN=alice || fail "$1: no signature"
	ok "$1: the key signs"
}
refuses() {
	! fetch "$port" "$T/alice.pem" >/dev/null 2>&1 || fail "$1: a signature"
	tail -n 1 "$T/agent.log" | grep -qE 'the certificate of key "alice" (expired on|is not valid before) .*\[expired\]' ||
		fail "$1: the log says: $(tail -n 1 "$T/agent.log")"
	ok "$1: the certificate does not hold, and the key does not sign"
}
# year: of the last record.
year() {
	tail -n 1 "$LOG" | sed 's/.*"time":"\([0-9]*\)-.*/\1/'
}

now=$(date -u +%Y)
jump 0 "the right time"
signs "the right time"
jump $ten_years "ten years ahead"
refuses "ten years ahead"
jump -$ten_years "ten years back"
refuses "ten years back"
jump 0 "the right time again"
signs "the right time again"
printf '%s' "$ten_years" >"$T/shift"
keystay lock >/dev/null
later=$(year)
printf '%s' "-$ten_years" >"$T/shift"
keystay lock >/dev/null
earlier=$(year)
[ "$later" -ge $((now + 9)) ] || fail "no record of the year $later"
[ "$earlier" -le $((now - 9)) ] || fail "no record of the year $earlier"
ok "records have the wall clock as it was"
expect_equal "$(keystay log --json | "$PYTHON" -c '
import json, sys
times = [json.loads(line)["boot_ms"] for line in sys.stdin]
print(len(times) > 2 and times == sorted(times))')" True "and the boot clock, which goes on"
whole "the log is whole"
