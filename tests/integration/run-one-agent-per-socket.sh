#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Two agents on one socket: the second one says who has it and leaves it alone; a socket file that nobody listens on is
# taken over; a live one is never stolen, not even by twenty that start at once.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token p256
agent_start
first=$agent_pid
inode=$(stat -c %i "$XDG_RUNTIME_DIR/keystay/sign/agent.sock")

run timeout "$DEADLINE_S" "$AGENT" --config "$T/keystay.conf"
expect_fail "a second agent gives up"
expect_err "already" "it says that another one runs"
expect_err "$first" "it names the other one's pid"
expect_equal "$(stat -c %i "$XDG_RUNTIME_DIR/keystay/sign/agent.sock")" "$inode" \
	"the first one's socket was not touched"
run keystay status
expect_status 0 "the first agent still answers"

# A socket file without a listener, left by an agent that was killed.
agent_stop KILL
agent_start
ok "a stale socket is taken over"
unlock corp >/dev/null
agent_stop

# Twenty at once: exactly one wins.
rm -f "$T"/twenty.*
for index in {1..20}; do
	"$AGENT" --config "$T/keystay.conf" </dev/null >"$T/twenty.$index" 2>&1 &
	agents[index]=$!
	process_started $!
done
answers() {
	keystay status >/dev/null 2>&1
}
wait_until "one of twenty agents answers" answers
survivor=$(status_of 'agent["pid"]')
lost=0
for index in {1..20}; do
	[ "${agents[index]}" != "$survivor" ] || continue
	wait "${agents[index]}" && fail "an agent that lost ended with exit code 0"
	lost=$((lost + 1))
done
expect_equal $lost 19 "of twenty agents that start at once nineteen give up"
expect_equal "$(status_of 'agent["pid"]')" "$survivor" \
	"and the one that won still has the socket"
