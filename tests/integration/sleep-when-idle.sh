#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# An idle agent and its workers (SoftHSM, and OpenSC with a card in the reader) do not wake up: for some seconds not one
# of their threads makes a system call. Afterwards they still answer.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
command -v strace >/dev/null || skip "strace is not installed"
seconds=${1:-4}
card_alice 9a=p256
token_make corp
printf '%s\n' '[module "softhsm"]' "path = $SOFTHSM" >>"$T/keystay.conf"
keystay reload >/dev/null
unlock corp >/dev/null
server_start_nginx nginx
run fetch "$port" "$T/alice-9a.pem"
expect_status 0 "the card signs"
traced=(-p "$agent_pid")
for pid in $(pgrep -P "$agent_pid"); do
	traced+=(-p "$pid")
done
[ ${#traced[@]} -ge 6 ] || fail "agent and two workers should run"
strace -f -o "$T/strace" "${traced[@]}" 2>"$T/strace.log" &
tracer=$!
process_started "$tracer"
attached() {
	[ "$(grep -c attached "$T/strace.log")" -ge $((${#traced[@]} / 2)) ]
}
if ! attached; then
	for ((i = 0; i < 100; i++)); do
		attached && break
		kill -0 "$tracer" 2>/dev/null || skip "strace may not look at other processes here: $(tail -n 1 "$T/strace.log")"
		pause 0.05
	done
fi
# What they were waiting in when strace came is one line for each thread, with "<unfinished ...>" or a restart.
pause 2
settled=$(grep -vc 'unfinished\|resumed\|restart_syscall\|+++\|---' "$T/strace" || true)
pause "$seconds"
now=$(grep -vc 'unfinished\|resumed\|restart_syscall\|+++\|---' "$T/strace" || true)
kill "$tracer"
wait "$tracer" 2>/dev/null || true
expect_equal "$now" "$settled" "no system call within $seconds s: 0 wake-ups a minute"
run fetch "$port" "$T/alice-9a.pem"
expect_status 0 "and they still sign"
