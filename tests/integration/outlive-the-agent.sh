#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The agent absent, stopped and started again under one running program: its key stays loaded, each handshake works or
# says why not, and nothing needs a restart.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice p256
server_start_nginx nginx
agent_stop
expect_equal $agent_code 0 "SIGTERM ends the agent with exit code 0"
[ ! -e "$XDG_RUNTIME_DIR/keystay/sign/agent.sock" ] || fail "the agent left its sign socket behind"
ok "its sockets are gone"
[ -z "$(pgrep -P "$agent_pid" || true)" ] || fail "a worker outlived its agent"

# Loaded while no agent runs: the reference carries the public key.
coproc program {
	exec env "${RIG_PRELOAD[@]}" "$KEYSTAY" run -- "$PYTHON" "$RIG_FOLDER/python_client.py" on-demand "$port" \
		"$T/ca/root.pem" "$T/alice.pem" 2>&1
}
# shellcheck disable=SC2154 # set by coproc
process_started "$program_PID"
answer() {
	local line
	IFS= read -r -t "$DEADLINE_S" -u "${program[0]}" line || fail "the program ended"
	printf '%s' "$line"
}
ask() {
	echo >&"${program[1]}"
	answer
}
expect_equal "$(answer)" loaded "a program loads its key while no agent runs"
case $(ask) in
error*) ok "without an agent its handshake fails" ;;
*) fail "a handshake worked without an agent" ;;
esac

agent_start
case $(ask) in
error*) ok "with an agent and a locked token its handshake fails" ;;
*) fail "a handshake worked with a locked token" ;;
esac
unlock corp >/dev/null
expect_equal "$(ask)" page "after unlock the same program gets its page"

agent_stop KILL
[ -e "$XDG_RUNTIME_DIR/keystay/sign/agent.sock" ] || fail "a killed agent cannot have removed its socket"
case $(ask) in
error*) ok "after SIGKILL its handshake fails" ;;
*) fail "a handshake worked after SIGKILL" ;;
esac
agent_start
unlock corp >/dev/null
expect_equal "$(ask)" page "the next agent takes the stale socket over, and the same program gets its page"
