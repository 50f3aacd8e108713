#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# logind: a locked screen, sleep and a session that is not in front any more lock all tokens, as lock-on says; the machine
# sleeps only after the token has been logged out; another user's session does not matter.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token
logind_start
agent_start
state() {
	status_of 'tokens["corp"]["state"]'
}
is_locked() {
	[ "$(state)" = locked ]
}
unlock corp >/dev/null
logind_say lock c1
wait_until "the screen's lock to lock the token" is_locked
ok "a locked screen locks the token"
unlock corp >/dev/null
logind_say sleep
logind_wait released
is_locked || fail "the machine sleeps with an unlocked token"
ok "the machine sleeps after the token was logged out"
logind_say wake
unlock corp >/dev/null
logind_say inactive c1
wait_until "an inactive session to lock the token" is_locked
ok "a session that is not in front locks the token"

agent_stop
printf '%s\n' '[agent]' 'lock-on = sleep' >>"$T/keystay.conf"
agent_start
unlock corp >/dev/null
logind_say lock c1
logind_say inactive c1
logind_say sleep
wait_until "sleep to lock the token" is_locked
expect_equal "$(grep -c 'the screen was locked' "$T/agent.log")" 1 "lock-on = sleep: the screen does not matter"
