#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs that ask for many signatures with confirm = always: few questions are open of one process and of one socket,
# the rest is refused with a reason; one no ends all of the same program; a program that retries without end, under its
# own name or others, is not asked about again and again; a PIN of somebody else waits for one question at most.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token p256
token_make other
key_make other p256 bob 02
certificate_make bob
server_start_nginx nginx
prompt_begin
agent_configure "${PROMPT_LINES[@]}" '[key "alice"]' 'match = pkcs11:object=alice' 'confirm = always'
agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"
keystay cert bob -o "$T/bob.pem"
"$KEYSTAY" monitor >"$T/events" 2>"$T/events.err" &
process_started $!
wait_until "the monitor to watch" grep -q Watching "$T/events"
# waits WHAT PROGRAM N: N requests of this program wait for this; to be connected is too little, as a client also lists.
waits() {
	[ "$(grep -c "  waits  .* by $2 (pid .* for: $1\$" "$T/events")" -ge "$3" ]
}

# asks NAME N: a process that wants N signatures at once by the raw protocol, and prints a line for each answer, as it
# comes. It calls itself NAME.
cat >"$T/asks.py" <<'PY'
import selectors
import sys
from wire import *

name, n = sys.argv[1], int(sys.argv[2])
with open("/proc/self/comm", "w") as comm:
    comm.write(name)
with Connection() as connection:
    alice = next(i for i in identities(connection)[0] if i["name"] == "alice")["spki_hash"]
waiting = selectors.DefaultSelector()
for _ in range(n):
    connection = Connection()
    connection.send(sign_message(alice, 0x0403, tls13_input(), wait_ms=WAIT_DEFAULT))
    waiting.register(connection.socket, selectors.EVENT_READ, connection)
for _ in range(n):
    key = waiting.select()[0][0]
    waiting.unregister(key.fileobj)
    try:
        key.data.answer()
        print("signed", flush=True)
    except Refused as refused:
        print(refused, flush=True)
PY
asks() {
	PYTHONPATH=$RIG_FOLDER "$PYTHON" "$T/asks.py" "$@"
}
# lines_of FILE PATTERN
lines_of() {
	grep -c -- "$2" "$T/$1" || true
}
has_lines() {
	[ "$(lines_of "$1" "$2")" -ge "$3" ]
}

# --- one process ---
prompt_holds_and cancel
asks flood 20 >"$T/flood" 2>"$T/flood.err" &
flood=$!
process_started "$flood"
wait_until "16 refusals" has_lines flood '^25: .*flood (pid [0-9]*) has 4 questions open' 16
ok "a process has 4 questions open; 16 more are refused, and hear why"

# --- a PIN of somebody else comes after the question that is shown ---
prompt_wait 1
asks second 4 >"$T/second" 2>"$T/second.err" &
second=$!
process_started "$second"
wait_until "the second program to wait" waits confirmation second 4
fetch "$port" "$T/bob.pem" >"$T/bob.page" 2>"$T/bob.err" &
bob=$!
process_started "$bob"
wait_until "bob's program to wait" waits PIN curl 1
prompt_script "pin $PIN" cancel
prompt_release
wait "$bob" || fail "bob's program did not sign in: $(cat "$T/bob.err")"
wait "$flood" "$second" || fail "a program failed: $(cat "$T/flood.err" "$T/second.err")"
expect_equal "$(grep -Eo '^> (CONFIRM|GETPIN)$' "$T/pinentry/log" | tr '\n' ' ')" '> CONFIRM > GETPIN > CONFIRM ' \
	"one question, the PIN, then the other questions"
expect_equal "$(lines_of flood '^6: .*was refused in the dialog')" 4 "one no ends all questions of the first program"
expect_equal "$(lines_of second '^6: .*was refused in the dialog')" 4 "and one those of the second"

# --- names do not help ---
asks third 1 >"$T/third"
expect_equal "$(lines_of third '^6: .*was refused in the dialog')" 1 "a third program is refused by a person"
asks fourth 1 >"$T/fourth"
expect_equal "$(cat "$T/fourth")" \
	'6: key "alice" was refused 3 times at socket "agent"; wait 120 seconds, then try again' \
	"a fourth is not asked about"
expect_equal "$(prompt_count)" 4 "three questions in all, and a PIN"

# --- one socket ---
keystay lock >/dev/null # forgets what was said
unlock corp >/dev/null
prompt_holds_and cancel
for ((i = 0; i < 5; i++)); do
	asks "crowd-$i" 4 >"$T/crowd.$i" 2>"$T/crowd.$i.err" &
	crowd[i]=$!
	process_started "${crowd[i]}"
done
refused_by_socket() {
	[ "$(cat "$T"/crowd.? | grep -c '^25: .*socket "agent" has 16 questions open')" -eq 4 ]
}
wait_until "4 refusals" refused_by_socket
ok "a socket has 16 questions open; 4 more are refused, and hear why"
keystay lock >/dev/null
for ((i = 0; i < 5; i++)); do
	wait "${crowd[i]}" || fail "a program failed: $(cat "$T/crowd.$i.err")"
done
expect_equal "$(cat "$T"/crowd.? | grep -c '^6: .*keystay was locked while a person was being asked')" 16 \
	"a lock ends them all"
wait_until "the dialog to be closed" prompt_is_gone
expect_equal "$(signatures_of corp)" 0 "nothing was signed with alice's key"
