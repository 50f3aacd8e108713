# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# rig_desktop: a system bus of the story's own, and a logind on it that does what it is told. Part of lib.sh.
#
# Without logind_start there is no system bus: what happens on this machine's is no business of a story.

FAKE_LOGIND=$BUILD/tests/fakes/fake-logind

# logind_start [SESSION=UID...]: session c1 of this user when none is named. Call it before agent_start. What logind
# says is in $T/logind.log: "inhibited sleep delay", "released" (tests/fakes/fake_logind.c).
logind_start() {
	command -v dbus-daemon >/dev/null || skip "dbus-daemon is not installed"
	[ $# -gt 0 ] || set -- "c1=$(id -u)"
	cat >"$T/system-bus.conf" <<-END
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
		 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig>
		<listen>unix:path=$T/system-bus</listen>
		<auth>EXTERNAL</auth>
		<policy context="default">
		<allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>
		</policy>
		</busconfig>
	END
	process_start_until system-bus '^unix:path=' dbus-daemon --config-file="$T/system-bus.conf" --nofork --nopidfile \
		--nosyslog --print-address=1 || fail "the system bus did not start: $(cat "$T/system-bus.log")"
	export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$T/system-bus
	rm -f "$T/logind.in"
	mkfifo "$T/logind.in"
	exec {logind_fd}<>"$T/logind.in"
	# shellcheck disable=SC2016 # expanded by the inner shell
	process_start_until logind '^ready$' "$BASH" -c 'exec "$0" "$@" <"$T/logind.in"' "$FAKE_LOGIND" "$@" ||
		fail "the fake logind did not start: $(cat "$T/logind.log")"
}

# logind_said LINE: how often it said this until now.
logind_said() {
	grep -cxF -- "$1" "$T/logind.log" || true
}

# logind_wait LINE [N]: until it has said this N times.
logind_wait() {
	# shellcheck disable=SC2317 # called by wait_until
	logind_has_said() {
		[ "$(logind_said "$1")" -ge "$2" ]
	}
	wait_until "logind's \"$1\"" logind_has_said "$1" "${2:-1}"
}

# logind_say WORD...: lock SESSION, hint SESSION, inactive SESSION, active SESSION, sleep, wake and so on; returns when
# the bus has it.
logind_say() {
	local n
	n=$(logind_said 'done')
	printf '%s\n' "$*" >&"$logind_fd"
	logind_wait 'done' $((n + 1))
}
