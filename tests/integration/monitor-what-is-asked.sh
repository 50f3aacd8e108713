#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `keystay monitor` shows each request, what it waits for and its answer while it happens; two may watch; it ends with the
# agent, at once and with its own exit code.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token
agent_start
"$KEYSTAY" monitor >"$T/one" 2>"$T/one.err" &
one=$!
process_started $one
"$KEYSTAY" monitor --json >"$T/two" 2>"$T/two.err" &
two=$!
process_started $two
begun() {
	grep -q Watching "$T/one" && [ "$(status_of 'status["connections"]')" -eq 3 ]
}
wait_until "both to watch" begun
unlock corp >/dev/null
keystay lock >/dev/null
PIN=1
run unlock corp
has() {
	[ "$(grep -c . "$1")" -ge "$2" ]
}
wait_until "six events and a heading" has "$T/one" 7
wait_until "six events" has "$T/two" 6
grep -q '#1  asked      -  unlock  by keystay (pid [0-9]*)$' "$T/one" || fail "no line of what was asked"
grep -q '#1  done       -  unlock' "$T/one" || fail "no line of what was answered"
grep -q '#3  failed     -  unlock.*: .*PIN' "$T/one" || fail "no line of what failed"
ok "a person reads it"
expect_equal "$("$PYTHON" -c '
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
numbers = [event["number"] for event in events]
print(numbers == list(range(numbers[0], numbers[0] + 6)), [(e["event"], e["request"], e["purpose"], e["outcome"]) for e in events])
' "$T/two")" "True [('asked', 1, 'unlock', ''), ('answered', 1, 'unlock', 'done'), ('asked', 2, 'lock', ''), \
('answered', 2, 'lock', 'done'), ('asked', 3, 'unlock', ''), ('answered', 3, 'unlock', 'failed')]" "a program reads it"

start=$SECONDS
agent_stop
[ $((SECONDS - start)) -lt 4 ] || fail "the agent waits for those who watch"
code=0
wait $one || code=$?
expect_equal "$code" 3 "it ends with the agent"
grep -q 'the agent stops' "$T/one.err" || fail "it does not say why"
code=0
wait $two || code=$?
expect_equal "$code" 3 "both do"
