#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# keystay tunnel while the agent is down, back, and asks for a PIN: a connection that waits for a dialog holds up no
# other, each failure is a sentence in its log, and it goes on. At its end
# what is under way has its time, and nothing is left: no socket, no dialog.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_tunnel.sh
. "$RIG_FOLDER/rig_tunnel.sh"
rig_alice_token
prompt_begin
agent_configure "${PROMPT_LINES[@]}"
agent_start
unlock corp >/dev/null
tunnel_server
tunnel_start tunnel "unix:$T/t.sock"
tunnel=$started

# --- a dialog --------------------------------------------------------------------------------------------------------

mkfifo "$T/lines" "$T/echoes"
"$PYTHON" "$RIG_FOLDER/tunnel_client.py" "$where" hold <"$T/lines" >"$T/echoes" &
holder=$!
process_started $holder
exec 7>"$T/lines" 8<"$T/echoes"
# echoes SENTENCE: the held connection still carries both ways.
echoes() {
	local line
	echo "$1" >&7
	read -r -t "$DEADLINE_S" -u 8 line || fail "the held connection carries nothing: $1"
	expect_equal "$line" "$1" "the held connection: $1"
}
echoes "is open"
keystay lock >/dev/null
prompt_holds "$PIN"
"$PYTHON" "$RIG_FOLDER/tunnel_client.py" "$where" hash 100000 >"$T/first.log" 2>&1 &
first=$!
process_started $first
prompt_wait 1
echoes "goes on while another one waits for a PIN"
prompt_release
wait $first || fail "the one that waited: $(cat "$T/first.log")"
ok "the one that waited is served"

keystay lock >/dev/null
prompt_script cancel
run through "$where" hash 1
expect_fail "no PIN, no connection"
wait_until "a sentence about it" tunnel_said tunnel "no connection to localhost:$port: the TLS handshake failed: "
grep -q "handshake failed: .*corp" "$T/tunnel.log" || fail "the sentence names no token: $(tail -n 1 "$T/tunnel.log")"
echoes "outlives a refusal"

# --- the agent -------------------------------------------------------------------------------------------------------

agent_stop
run through "$where" hash 1
expect_fail "no agent, no connection"
wait_until "a sentence about it" tunnel_said tunnel "keystay-agent"
echoes "needs no agent any more"
agent_start
unlock corp >/dev/null
run through "$where" hash 100000
expect_status 0 "the agent is back, and so is the tunnel"
ok "the agent is back, and so is the tunnel"

# --- the end ---------------------------------------------------------------------------------------------------------

# What moves has its time: the echo comes after the signal.
kill -TERM "$tunnel"
echoes "has its time at the end"
wait "$tunnel" || fail "the tunnel ended with an error"
exec 7>&- 8<&-
process_stop $holder
[ ! -e "$T/t.sock" ] || fail "its socket is still there"
ok "SIGTERM ends it and removes its socket"

keystay lock >/dev/null
prompt_holds "$PIN"
shown=$(prompt_count)
tunnel_start second "unix:$T/t.sock"
second=$started
"$PYTHON" "$RIG_FOLDER/tunnel_client.py" "$where" hash 1 >"$T/second.out" 2>&1 &
waiting=$!
process_started $waiting
prompt_wait $((shown + 1))
began=$SECONDS
kill -INT "$second"
wait_until "its socket to go" test ! -e "$T/t.sock" # the first one is taken: two of a kind would count as one
kill -INT "$second"
code=0
wait "$second" || code=$?
expect_equal "$code" 0 "SIGINT ends it"
[ $((SECONDS - began)) -lt 4 ] || fail "a second signal did not hurry it: $((SECONDS - began)) s"
ok "a second signal ends it at once although a dialog is open"
wait $waiting && fail "a client was served by nobody"
wait_until "the dialog to be closed" prompt_is_gone
[ ! -e "$T/t.sock" ] || fail "its socket is still there"
ok "nothing is left: no socket, no dialog"
