#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A token is provisioned while programs sign: those that use another module never notice; those that use the same one wait
# until its worker is back and go on with the PIN that is kept, without one failed request. What provisions may hang, crash
# or lie: it costs its own request alone, with a deadline, and the worker comes back.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_audit.sh"
SO_PIN=87654321
rig_two_modules '[agent]' 'keep-pin = yes'

# loop NAME PAGE: fetches with NAME's key until $T/stop is there; a line "good" or "bad" for each.
loop() {
	while [ ! -e "$T/stop" ]; do
		if fetch "$port" "$T/$1.pem" >"$T/loop.$1.out" 2>"$T/loop.$1.err"; then
			echo good >>"$T/loop.$1"
		else
			echo bad >>"$T/loop.$1"
			cat "$T/loop.$1.err" >>"$T/loop.$1.bad"
		fi
	done
}

fetched() {
	[ "$(grep -c good "$T/loop.$1" || true)" -ge "$2" ]
}

# more NAME N: N further ones.
more() {
	local n
	n=$(($(grep -c good "$T/loop.$1" || true) + $2))
	wait_until "$2 more signatures of $1" fetched "$1" "$n"
}

# hangs N: C_SetPIN has been called more than N times.
hangs() {
	[ "$(shim_calls C_SetPIN)" -gt "$1" ]
}

# --- in the midst of signatures --------------------------------------------------------------------------------------

: >"$T/loop.alice"
: >"$T/loop.bob"
loop alice &
loops=($!)
process_started $!
loop bob &
loops+=($!)
process_started $!
more alice 3
more bob 3
other_pid=$(module_pid elsewhere)
run keystay token init --label fresh --module shim --so-pin-fd 3 --new-pin-fd 3 3< <(printf '%s\n' "$SO_PIN" "$PIN")
expect_status 0 "a blank token of the module that signs is initialised"
more alice 3
more bob 3
run keystay token keygen fresh --token fresh --type p256
expect_fail "its token is locked"
unlock fresh >/dev/null
run keystay token keygen fresh --token fresh --type rsa:3072
expect_status 0 "a key is made on it, while others sign"
more alice 3
expect_equal "$(module_pid elsewhere)" "$other_pid" "the other module's worker never stopped"
expect_equal "$(status_of "modules['shim']['restarts'] + modules['elsewhere']['restarts']")" 0 "and none died"

# --- what provisions goes wrong ----------------------------------------------------------------------------------------

shim_script 'C_InitToken * crash'
run keystay token init --label lost --module shim --so-pin-fd 3 3<<<"$SO_PIN"
expect_fail "it crashes"
more alice 3
shim_script 'C_SetPIN * hang'
calls=$(shim_calls C_SetPIN)
"$KEYSTAY" token pin change fresh --pin-fd 3 --new-pin-fd 3 3< <(printf '%s\n' "$PIN" 271828) >/dev/null 2>&1 &
client=$!
process_started $client
wait_until "the new PIN is with the token" hangs "$calls"
kill $client
wait $client 2>/dev/null || true
more bob 3
expect_equal "$(status_of "modules['shim']['state'], 'provisioned' in modules['shim']['note']")" "('waiting', True)" \
	"a client that gives up does not end what is with a token; status says why the module rests"
kill -KILL "$(pgrep -P "$agent_pid" -f -- --provision)"
more alice 3
expect_equal "$(tail -n 1 "$LOG" | "$PYTHON" -c 'import json, sys; r = json.loads(sys.stdin.read()); print(r["purpose"])')" \
	"tls13-client" "signatures go on"
grep -q '"purpose":"provision".*"error":"module-failed"' "$LOG" || fail "the provision that was killed has no record"
shim_script ''

# --- many at once ------------------------------------------------------------------------------------------------------

lists=()
for i in {1..40}; do
	"$KEYSTAY" token list >/dev/null 2>"$T/list.$i" &
	lists+=($!)
done
wait "${lists[@]}" || true
grep -qh 'too many connections or requests at once' "$T"/list.* || fail "each of forty looks had its processes"
run keystay token list
expect_status 0 "after forty looks at once, of which some were refused, one has its answer"
touch "$T/stop"
wait "${loops[@]}" || true
expect_equal "$(grep -c bad "$T/loop.alice" || true)" 0 "not one request of the same module failed: $(cat "$T/loop.alice.bad" 2>/dev/null || true)"
expect_equal "$(grep -c bad "$T/loop.bob" || true)" 0 "nor of the other"
