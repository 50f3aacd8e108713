# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # names are for the stories, others are of lib.sh
#
# rig_audit: the audit log of a story's agent, and the ways in which it can go wrong. Sourced by the stories of the log.

LOG_FOLDER=$XDG_STATE_HOME/keystay/audit
LOG=$LOG_FOLDER/audit.jsonl

# audit_process: pid of the agent's keystay-audit; fails while there is none.
audit_process() {
	local child children
	children=$(cat "/proc/$agent_pid/task/$agent_pid/children" 2>/dev/null) || return 1
	for child in $children; do
		if [ "$(cat "/proc/$child/comm" 2>/dev/null)" = keystay-audit ]; then
			echo "$child"
			return 0
		fi
	done
	return 1
}

# log_check [ARGUMENT...]: a second implementation of --verify, of SHA-256 and JSON alone.
log_check() {
	"$PYTHON" "$RIG_FOLDER/audit_check.py" "$LOG_FOLDER" "$@"
}

# log_lines: how many decisions the log has.
log_lines() {
	keystay log --json | grep -c '"event":"decision"' || true
}

# log_has N: at least so many.
log_has() {
	[ "$(log_lines)" -ge "$1" ]
}

# head_is_there: the head names the last line: nothing is under way.
head_is_there() {
	[ "$(sed 's/.*"n":\([0-9]*\).*/\1/' "$LOG_FOLDER/head")" = \
		"$(tail -n 1 "$LOG" | sed 's/.*"n":\([0-9]*\),"prev".*/\1/')" ]
}

# decide N: so many decisions, each with its record: locks, which need neither token nor PIN.
decide() {
	"$PYTHON" "$RIG_FOLDER/audit_load.py" "$XDG_RUNTIME_DIR/$CONTROL_SOCKET" "$1"
}

# whole SENTENCE: keystay and the second implementation agree that nothing is wrong.
whole() {
	run keystay log --verify
	expect_status 0 "$1"
	log_check >"$T/check" || fail "$1: the second implementation says: $(cat "$T/check")"
	ok "$1"
}

# not_whole TEXT SENTENCE: both see it, and keystay says this of it.
not_whole() {
	run keystay log --verify
	expect_status 1 "$2"
	! log_check >"$T/check" || fail "$2: the second implementation sees nothing wrong"
	expect_out "$1" "$2"
}
