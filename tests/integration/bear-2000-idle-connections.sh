#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 2,000 idle connections: from many processes they are all kept and signing goes on as before; from one process the
# oldest are closed, others lose nothing; and the agent has descriptors left for its worker.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice p256
server_start_nginx nginx
run "$PYTHON" "$RIG_FOLDER/idle_connections.py"
cat "$T/out"
expect_status 0 "2,000 idle connections: $(tail -n 1 "$T/err")"

# The worker can still be started again, and curl served, while they are there.
# exec, so that its pid is the one that is stopped at the end.
coproc idlers { exec "$PYTHON" "$RIG_FOLDER/idle_connections.py" hold 20 100; }
# shellcheck disable=SC2154 # set by coproc
process_started "$idlers_PID"
IFS= read -r -t "$DEADLINE_S" -u "${idlers[0]}" line || fail "the idle connections were not made"
expect_equal "$line" "holding 2000" "2,000 connections of 20 processes are open"
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl gets its page beside them"
expect_out "client=CN=alice" "curl gets its page beside them"
killed=$(module_pid softhsm)
kill -KILL "$killed"
worker_is_back() {
	local pid
	pid=$(module_pid softhsm)
	[ "$pid" -gt 0 ] && [ "$pid" -ne "$killed" ] && unlock corp >/dev/null 2>&1
}
wait_until "the worker is started again" worker_is_back
run fetch "$port" "$T/alice.pem"
expect_status 0 "a worker that died is replaced beside them"
