#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs of the same user, without root (fault list B, 8 and 9): none of them sees into agent, worker or dialog, by
# any way that the kernel has; who stops or kills one of them gets an error or a wait, never an unlocked token that
# nobody unlocked.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_root "being an ordinary user"
for_others
rig_begin
rig_alice_token p256
server_start_nginx nginx
prompt_begin
export KEYSTAY_PROMPT=never # but for the one dialog below
user=4300
# Everything is this user's from here on.
agent_configure "deadline = 2s" "${PROMPT_LINES[@]}"
mkdir "$T/raw"
cp "$RIG_FOLDER/attack_process.py" "$T/raw/"
chmod 755 "$T/raw"
chmod 644 "$T/raw/attack_process.py"
touch "$T/agent.log"
chown -R $user:$user "$T"
as_user() {
	setpriv --reuid $user --regid $user --clear-groups "$@"
}
user_agent_start() {
	KEYSTAY_TEST_WRAP="setpriv --reuid $user --regid $user --clear-groups" agent_start
}
keystay() {
	as_user "$KEYSTAY" "$@"
}
user_fetch() {
	as_user env "${RIG_PRELOAD[@]}" "$KEYSTAY" run -- curl -q --silent --show-error --max-time "$DEADLINE_S" \
		--cacert "$T/ca/root.pem" --cert "$T/alice.pem" "https://localhost:$port/"
}
user_unlock() {
	as_user "$KEYSTAY" unlock --pin-fd 4 corp 4<<<"$PIN"
}
umask 022
user_agent_start
user_unlock >/dev/null
keystay cert alice >"$T/alice.pem"
worker=$(module_pid softhsm)

# --- B8: looking in --------------------------------------------------------------------------------------------------

# A child of the one who looks, so that it may be looked into also where ptrace(2) is for parents alone (Yama).
# shellcheck disable=SC2016 # it is for that shell
run as_user bash -c 'sleep 60 & "$1" "$2" $!; kill $!' - "$PYTHON" "$T/raw/attack_process.py"
ways=$(grep -c . "$T/out")
expect_equal "$(grep -c 'open$' "$T/out")" "$ways" "an ordinary process can be looked into by all $ways ways"
# sees_nothing PID WHAT
sees_nothing() {
	expect_equal "$(stat -c %u "/proc/$1/mem")" 0 "$2 is undumpable"
	expect_equal "$(ps -o uid= -p "$1" | tr -d ' ')" $user "and a process of the same user"
	run as_user "$PYTHON" "$T/raw/attack_process.py" "$1"
	expect_equal "$(grep -c 'shut$' "$T/out")" "$ways" \
		"B8: $2 cannot be looked into by any of them: $(tr '\n' ' ' <"$T/out")"
}
sees_nothing "$agent_pid" "keystay-agent"
sees_nothing "$worker" "keystay-token"
keystay lock >/dev/null
prompt_holds "$PIN"
chown -R $user "$prompt_folder"
as_user env -u KEYSTAY_PROMPT "$KEYSTAY" unlock --ask corp >"$T/unlock.out" 2>&1 &
unlocking=$!
process_started $unlocking
wait_until "a dialog" pgrep -u $user -x keystay-prompt >/dev/null
sees_nothing "$(pgrep -u $user -x keystay-prompt | head -n 1)" "keystay-prompt"
prompt_release
wait $unlocking || fail "unlocking by the dialog: $(cat "$T/unlock.out")"

# --- B9: stopping and killing ----------------------------------------------------------------------------------------

run user_fetch
expect_status 0 "curl signs"
as_user kill -STOP "$worker"
run user_fetch
expect_fail "a signature with a stopped worker"
ok "B9: a stopped worker's request ends at its deadline: $(tr '\n' ' ' <"$T/err")"
replaced() {
	local now
	now=$(module_pid softhsm)
	[ "$now" -gt 0 ] && [ "$now" != "$worker" ]
}
wait_until "a new worker" replaced
! [ -e "/proc/$worker/mem" ] || fail "the stopped worker is still there"
run user_fetch
expect_fail "what the worker's death leaves"
expect_err 'is locked' "B9: the new worker is logged in nowhere"
user_unlock >/dev/null
run user_fetch
expect_status 0 "until somebody unlocks"
worker=$(module_pid softhsm)
as_user kill -KILL "$worker"
wait_until "a new worker" replaced
run user_fetch
expect_err 'is locked' "B9: a killed worker leaves no unlocked token behind"
user_unlock >/dev/null

as_user kill -STOP "$agent_pid"
user_fetch >"$T/page" 2>&1 &
waiting=$!
process_started $waiting
as_user kill -CONT "$agent_pid"
wait $waiting || fail "a signature that was asked of a stopped agent: $(cat "$T/page")"
ok "B9: a stopped agent answers when it goes on"

worker=$(module_pid softhsm)
kill -STOP "$agent_pid"
kill -KILL "$agent_pid"
wait "$agent_pid" 2>/dev/null || true
worker_is_gone() {
	! [ -e "/proc/$worker/mem" ]
}
wait_until "the end of the killed agent's worker" worker_is_gone
ok "B9: a killed agent takes its worker with it, and with that what was unlocked"
run user_fetch
expect_fail "nobody is there"
user_agent_start
run user_fetch
expect_err 'is locked' "B9: the next agent knows no PIN and has nothing unlocked"
user_unlock >/dev/null
run user_fetch
expect_status 0 "after an unlock it signs"
expect_out "client=CN=alice" "after an unlock it signs"
