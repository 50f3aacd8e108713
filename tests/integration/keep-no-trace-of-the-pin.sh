#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# After a wrong PIN and the right one by a dialog the PIN is in no log, no environment, no argument and nowhere in the
# agent's memory outside the locked arena; after lock it is nowhere in it. With keep-pin as well. The scan is shown to
# find a PIN where there is one.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_root "reading the memory of an undumpable process"
[ ! -e "$BUILD/CMakeCache.txt" ] || grep -q '^KEYSTAY_SANITIZE:STRING=$' "$BUILD/CMakeCache.txt" ||
	skip "a sanitizer's own memory, terabytes of it, cannot be searched"
rig_begin
PIN="pin-$(openssl rand -hex 12)"
rig_alice_token p256
server_start_nginx nginx

# scan NAME PID: prints "arena N outside M".
scan() {
	"$PYTHON" "$RIG_FOLDER/find_in_memory.py" "$1" <<<"$PIN"
}
# The scan finds what is there, or its silence would mean nothing.
mkfifo "$T/feed"
exec {feed}<>"$T/feed"
"$PYTHON" -c 'import sys; secret = sys.stdin.readline(); print("have it", flush=True); sys.stdin.readline()' \
	<"$T/feed" >"$T/holder.out" &
holder=$!
process_started $holder
printf '%s\n' "$PIN" >&"$feed"
holder_has_it() {
	[ -s "$T/holder.out" ]
}
wait_until "a process that holds the PIN" holder_has_it
found=$(scan $holder)
[ "${found##* }" -gt 0 ] || fail "the scan does not find the PIN of a process that holds it: $found"
ok "the scan finds a PIN in a process that holds it"
process_stop $holder

# no_trace WHEN
no_trace() {
	local pid file
	for pid in "$agent_pid" "$(module_pid softhsm)"; do
		for file in environ cmdline; do
			! tr '\0' '\n' <"/proc/$pid/$file" | grep -qF "$PIN" || fail "$1: the PIN is in /proc/$pid/$file"
		done
	done
	! grep -rqF "$PIN" "$T"/*.log "$XDG_RUNTIME_DIR" "$HOME" || fail "$1: the PIN is in a file"
	ok "$1: the PIN is in no log, file, environment or argument"
}

prompt_begin
prompt_answers "$PIN"
for keep in no yes; do
	agent_configure "${PROMPT_LINES[@]}" "keep-pin = $keep"
	agent_start --log-level debug
	run "$KEYSTAY" unlock corp --pin-fd 4 4<<<"wrong-${PIN#pin-}"
	expect_status 1 "keep-pin = $keep: a wrong PIN"
	run "$KEYSTAY" unlock --ask corp
	expect_status 0 "keep-pin = $keep: the right one, by a dialog"
	keystay cert alice -o "$T/alice.pem"
	run fetch "$port" "$T/alice.pem"
	expect_status 0 "keep-pin = $keep: curl gets its page"

	found=$(scan "$agent_pid")
	expect_equal "${found##* }" 0 "keep-pin = $keep, unlocked: not in the agent's memory outside the arena"
	if [ $keep = yes ]; then
		[ "$found" != "arena 0 outside 0" ] || fail "a kept PIN should be in the arena: the scan cannot see it"
		ok "keep-pin = yes, unlocked: the kept PIN is in the arena ($found)"
	fi
	no_trace "keep-pin = $keep, unlocked"
	say "note: keep-pin = $keep, unlocked: in keystay-token with SoftHSM: $(scan "$(module_pid softhsm)")"

	keystay lock >/dev/null
	expect_equal "$(scan "$agent_pid")" "arena 0 outside 0" "keep-pin = $keep, locked: nowhere in the agent's memory"
	no_trace "keep-pin = $keep, locked"
	worker=$(module_pid softhsm)
	if [ "$worker" -gt 0 ]; then
		expect_equal "$(scan "$worker")" "arena 0 outside 0" "keep-pin = $keep, locked: nowhere in keystay-token"
	fi
	grep -q '^Max core file size  *0  *0 ' "/proc/$agent_pid/limits" || fail "the agent may leave a core file"
	ok "keep-pin = $keep: the agent leaves no core file"
	agent_stop
done
