#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fault G1: keystay-audit, the agent, or both are killed at any moment while clients are being answered: no answered request
# is without its record, none is there twice, and the chain goes on.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_audit.sh"
N_CLIENTS=4
# Small files, so that it is also killed while it rotates; and so many that none is rotated away.
agent_configure '[agent]' 'audit = require' 'audit-max-size = 64K' 'audit-keep = 1000'
token_make corp
agent_start

# clients_start, clients_end: several at once, until the agent is gone; what they were answered is in $T/tally.*.
n_tallies=0
clients_start() {
	local i
	clients=()
	for ((i = 0; i < N_CLIENTS; i++)); do
		n_tallies=$((n_tallies + 1))
		"$PYTHON" "$RIG_FOLDER/audit_load.py" "$XDG_RUNTIME_DIR/$CONTROL_SOCKET" 0 "$T/tally.$n_tallies" \
			>/dev/null 2>>"$T/clients.log" &
		clients+=($!)
		process_started $!
	done
}
clients_end() {
	local pid
	for pid in "${clients[@]}"; do
		wait "$pid" || fail "a client failed: $(tail -n 3 "$T/clients.log")"
	done
}

# moment: up to 30 ms.
moment() {
	pause "0.0$((RANDOM % 30 + 10))"
}

# none_missing: each client has at least as many records as it had answers.
none_missing() {
	"$PYTHON" - "$LOG_FOLDER" "$T" <<'PYTHON' || fail "$1"
import collections, json, pathlib, sys
recorded, answered, seen = collections.Counter(), 0, set()
for file in pathlib.Path(sys.argv[1]).glob("audit*.jsonl"):
    for line in file.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            record = json.loads(line)
            if record["event"] == "decision" and record["outcome"] == "done":
                recorded[record["pid"]] += 1
for file in pathlib.Path(sys.argv[2]).glob("tally.*"):
    if text := file.read_text().split():
        pid, n = map(int, text)
        answered += n
        if recorded[pid] < n:
            sys.exit(f"{n} answers of {pid}, {recorded[pid]} records")
print(f"{answered} answers")
sys.exit(0 if answered > 100 else "hardly anything was answered")
PYTHON
	ok "$1"
}

killed=0
clients_start
# 40 moments, or as many more as a slow machine needs: after each kill it is started later.
for ((i = 0; i < 40 || (killed <= 10 && i < 1000); i++)); do
	moment
	if pid=$(audit_process); then
		kill -KILL "$pid"
		killed=$((killed + 1))
	fi
done
[ $killed -gt 10 ] || fail "it was hardly ever there to be killed ($killed)"
wait_until "the log to be written again" decide 1
agent_stop
clients_end
none_missing "keystay-audit was killed $killed times: each answer has its record"
whole "and the log is whole"

for ((round = 0; round < 12; round++)); do
	rm -f "$XDG_RUNTIME_DIR/$CONTROL_SOCKET"
	agent_start
	clients_start
	pause "0.$((RANDOM % 20 + 10))"
	audit=$(audit_process || true)
	if ((round % 2)) && [ -n "$audit" ]; then
		kill -KILL "$agent_pid" "$audit"
	else
		kill -KILL "$agent_pid"
	fi
	wait "$agent_pid" 2>/dev/null || true
	clients_end
done
agent_start
decide 1 >/dev/null
agent_stop
none_missing "the agent was killed 12 times, with keystay-audit or without: each answer has its record"
whole "and the log is whole"

printf '{"schema":1,"n":99999,"pre' >>"$LOG"
run keystay log --verify
expect_status 0 "a line that was not finished is no forgery"
expect_out 'note: audit.jsonl ends with a line that was not finished' "and is told of"
agent_start
decide 1 >/dev/null
keystay log --json >"$T/lines"
grep -q '"event":"torn","text":"26 bytes of a line that was not finished were cut off"' "$T/lines" ||
	fail "the torn line is not told of in the log"
ok "the next start cuts it off, and says so in the log"
whole "the chain goes on"
