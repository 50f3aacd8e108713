# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # T, BUILD are of lib.sh
#
# rig_notices: a session bus of the story's own, and somebody on it who shows notices (tests/fakes/fake_notifications.c).
# Sourced after lib.sh by the stories that need it.

# notices_begin: before agent_start. What is shown stands in $T/notices.log.
notices_begin() {
	command -v dbus-daemon >/dev/null || skip "dbus-daemon is not installed"
	process_start_until session-bus '^unix:path=' dbus-daemon --session --nofork --nopidfile --nosyslog \
		"--address=unix:path=$T/session-bus" --print-address=1 ||
		fail "the session bus did not start: $(cat "$T/session-bus.log")"
	session_bus_pid=$started
	export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/session-bus
	rm -f "$T/notices.in"
	mkfifo "$T/notices.in"
	# shellcheck disable=SC2034 # it only has to stay open
	exec {notices_fd}<>"$T/notices.in"
	# shellcheck disable=SC2016 # expanded by the inner shell
	process_start_until notices '^ready$' "$BASH" -c 'exec "$0" <"$T/notices.in"' "$BUILD/tests/fakes/fake-notifications" ||
		fail "the fake server of notices did not start: $(cat "$T/notices.log")"
	notices_pid=$started
}

# notices_end: the bus goes, and who is on it.
notices_end() {
	process_stop "$notices_pid"
	process_stop "$session_bus_pid"
}

# notices_said PATTERN: the lines that fit.
notices_said() {
	grep -- "$1" "$T/notices.log" || true
}
# notices_wait PATTERN: until there is one.
notices_wait() {
	# shellcheck disable=SC2317 # called by wait_until
	notices_has() {
		grep -q -- "$1" "$T/notices.log"
	}
	wait_until "a notice: $1" notices_has "$1"
}
