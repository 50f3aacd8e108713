#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# ssh -R: a sign socket forwarded to another machine. curl at the far side signs with the key of the token here; the
# PIN is asked for here, where the token is; the far side can sign with what the socket has and do nothing else, and
# when the connection ends so does the key.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=rig_far.sh
. "$RIG_FOLDER/rig_far.sh"
for_others
rig_begin
rig_alice_token p256
key_make corp p256 bob 02
certificate_make bob
server_start_nginx nginx
umask 022
far_begin
prompt_begin
agent_configure "${PROMPT_LINES[@]}" '[socket "far"]' "path = $T/far.sock" 'keys = alice' 'prompt = yes'
agent_start
install -m 644 "$T/ca/root.pem" "$far/etc/root.pem"
socket=$far/run/agent.sock

# at_far COMMAND: a shell's command line, as somebody who is logged in there.
at_far() {
	far_ssh far "export KEYSTAY_SOCK=$socket; cd; $1"
}
far_fetch() {
	at_far "env ${RIG_PRELOAD[*]@Q} ${1:-} DISPLAY=far.example:0 ${KEYSTAY@Q} run -- \
		curl -q --silent --show-error --max-time $DEADLINE_S --cacert $far/etc/root.pem \
		--cert alice.pem https://localhost:$port/"
}

run at_far 'id -u'
expect_out $FAR_UID "somebody else is logged in at the far side"
ssh -F "$T/ssh_config" -N -R "$socket:$T/far.sock" far &
tunnel=$!
process_started $tunnel
wait_until "the forwarded socket" test -S "$socket"
expect_equal "$(stat -c '%u %a' "$socket")" "$FAR_UID 600" "the socket at the far side is that user's alone"

# --- signing ---------------------------------------------------------------------------------------------------------

run at_far "${KEYSTAY@Q} list"
expect_status 0 "keystay list at the far side"
expect_out alice "the far side sees the key that the socket has"
! grep -q bob "$T/out" || fail "it sees another one"
ok "and no other"
at_far "${KEYSTAY@Q} cert alice >alice.pem"
run far_fetch KEYSTAY_PROMPT=never
expect_err 'token "corp" is locked' "a locked token, and nobody to be asked: the far curl says what to do"
prompt_answers_once "$PIN"
run far_fetch
expect_status 0 "curl at the far side"
expect_out "client=CN=alice" "curl at the far side signs with the token here"
expect_equal "$(prompt_count)" 1 "the PIN was asked for here, once, by a dialog where the token is"
! grep -rq 'far\.example' "$prompt_folder" || fail "the dialog went to a display that the far side named"
ok "on no display that the far side named"
grep -q 'signed for ssh .* with "alice"' "$T/agent.log" || fail "the log does not say who asked"
ok "the log names what connected here: ssh"

# --- and nothing else ------------------------------------------------------------------------------------------------

for words in 'status' 'lock' 'unlock --ask corp'; do
	run at_far "KEYSTAY_CONTROL_SOCK=$socket ${KEYSTAY@Q} $words"
	expect_fail "keystay $words at the far side"
done
ok "the far side can neither look, lock nor unlock"
expect_equal "$(status_of "tokens['corp']['state']")" unlocked "the token is as it was"

kill "$tunnel"
wait "$tunnel" 2>/dev/null || true
run far_fetch
expect_fail "without the connection"
ok "when the connection ends, the far side has no key"
