#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# B10: another program of the same user removes or replaces a socket's file. A path where nothing lies is bound again
# at once (the kernel tells, nothing is polled); what somebody else put there is left alone and said in the log; when
# that goes, the agent is back. Whoever had connected before is served throughout.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice p256
sign=$XDG_RUNTIME_DIR/$SIGN_SOCKET
control=$XDG_RUNTIME_DIR/$CONTROL_SOCKET

inode() {
	stat -c %i "$1" 2>/dev/null || true
}
says() {
	grep -qF -- "$1" "$T/agent.log"
}
lists_alice() {
	keystay list 2>/dev/null | grep -q alice
}

# --- removed ---------------------------------------------------------------------------------------------------------

before=$(inode "$sign")
rm "$sign"
wait_until "the sign socket to be back" test -S "$sign"
[ "$(inode "$sign")" != "$before" ] || fail "it is the old file"
lists_alice || fail "nobody answers at the new socket"
expect_equal "$(stat -c %a "$sign")" 600 "a removed sign socket is bound again, with its mode"
says "somebody removed $sign; listening there again" || fail "the log does not say it"
ok "the log says that somebody removed it"
mv "$control" "$control.away"
wait_until "the control socket to be back" test -S "$control"
wait_until "an answer" keystay status >/dev/null
ok "a control socket that was renamed is bound again"
rm "$control.away"

# --- replaced --------------------------------------------------------------------------------------------------------

# shellcheck disable=SC2016 # it is Python
impostor='
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + ".new")
listener.listen()
os.rename(sys.argv[1] + ".new", sys.argv[1])
print("here", flush=True)
while True:
    connection, _ = listener.accept()
    print("somebody came", flush=True)
    connection.close()
'
process_start_until impostor '^here$' "$PYTHON" -c "$impostor" "$sign" || fail "the impostor did not start"
impostor_pid=$started
wait_until "the log to say it" says "somebody put something else at $sign"
ok "the log says that somebody put something else there"
taken=$(inode "$sign")
run keystay list
expect_fail "the impostor has no answers"
expect_equal "$(inode "$sign")" "$taken" "what somebody else put there is left alone"
run keystay status
expect_status 0 "the control socket is not touched by that"
process_stop "$impostor_pid"
rm "$sign"
wait_until "the agent at its old place" lists_alice
ok "when it has gone, the agent is back at its path"

# --- the folder, and again and again ---------------------------------------------------------------------------------

mv "${sign%/*}" "$T/away"
wait_until "the folder to be back" test -S "$sign"
expect_equal "$(stat -c %a "${sign%/*}")" 700 "a removed folder is made again, private"
wait_until "an answer" lists_alice
for ((i = 0; i < 300; i++)); do
	rm -f "$sign"
done
wait_until "the agent after 300 removals" lists_alice
lines=$(grep -c 'listening there again' "$T/agent.log")
[ "$lines" -lt 100 ] || fail "300 removals made $lines lines"
ok "300 removals in a row end with a socket"

# --- a lock that others cannot be shut out with ----------------------------------------------------------------------

rm "$sign.lock"
run timeout "$DEADLINE_S" "$AGENT" --config "$T/keystay.conf"
expect_status 2 "a second agent does not take a live socket although its lock was removed"
ok "a second agent does not take a live socket although its lock was removed"
server_start_nginx nginx
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl signs after all that"
agent_stop
expect_equal "$agent_code" 0 "the agent ends well"
[ ! -e "$sign" ] || fail "its socket is still there"
ok "and takes its socket with it"
