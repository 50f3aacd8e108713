# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# lib: the rig of every integration story, of tools/demo and of tools/bench.
#
# Why: a story should read like one. A story sources this file, calls rig_begin, and then uses the words below and in
# rig_pki.sh (token_make, key_make, ca_make, certificate_make), rig_server.sh (server_start_openssl,
# server_start_nginx), rig_agent.sh (agent_start, unlock, client, fetch) and rig_card.sh (card_alice, card_remove).
#
# Everything lives in one private temporary folder, $T: the runtime folder with the sockets, the token, the CA, the
# servers' files, all logs. Nothing is waited for by sleeping: a process is ready when it says so. On any end (also
# Ctrl-C) every process that was started here is stopped by its pid and the folder is removed, so stories may run at
# once, twice, and in a checkout at any path.
#
# Must never: use a fixed port or a path outside $T, or leave anything running.

set -euo pipefail

RIG_FOLDER=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
SOURCE_FOLDER=$(cd -- "$RIG_FOLDER/../.." && pwd)
BUILD=${KEYSTAY_BUILD:-$SOURCE_FOLDER/build/dev}
PYTHON=/usr/bin/python3
SOFTHSM=${KEYSTAY_TEST_SOFTHSM:-/usr/lib/softhsm/libsofthsm2.so}
PIN=314159
DEADLINE_S=30
[ -z "${KEYSTAY_TEST_WRAP:-}" ] || DEADLINE_S=120

rig_pids=()

# --- begin and end ---------------------------------------------------------------------------------------------------

# for_others: a story in which other users run our programs, before rig_begin. Where they cannot get at them (a checkout in
# root's home), the story is run again from a copy.
for_others() {
	local reachable=(test -x "$BUILD/bin/keystay" -a -r "$RIG_FOLDER/lib.sh")
	[ "$(id -u)" -eq 0 ] || return 0
	! setpriv --reuid 65534 --regid 65534 --clear-groups "${reachable[@]}" || return 0
	copy=$(mktemp -d /tmp/keystay-copy-XXXXXX)
	trap 'rm -rf -- "$copy"' EXIT
	mkdir -p "$copy/build/tests" "$copy/source/tests"
	cp -a "$BUILD/bin" "$BUILD/lib" "$BUILD/CMakeCache.txt" "$copy/build/"
	cp -a "$BUILD/tests/fakes" "$copy/build/tests/"
	cp -a "$SOURCE_FOLDER/tests/fakes" "$SOURCE_FOLDER/tests/integration" "$copy/source/tests/"
	chmod -R a+rX "$copy"
	local code=0
	KEYSTAY_BUILD=$copy/build "$copy/source/tests/integration/${0##*/}" || code=$?
	exit $code
}

# rig_begin: a private folder, and an environment in which nothing of the caller's shows through.
rig_begin() {
	local base=${TMPDIR:-}
	# Where a list cannot quote (LD_PRELOAD, command = in keystay.conf, openssl cmp -trusted), a space ends a name.
	[[ $base != *[![:alnum:]/._-]* ]] || base=''
	# In memory where that can be had: SoftHSM writes and syncs each object many times.
	if [ -z "$base" ] && [ -w /dev/shm ] && findmnt --noheadings --output OPTIONS /dev/shm | grep -qvw noexec; then
		base=/dev/shm
	fi
	# A socket's path has at most 107 bytes (unix(7)).
	if [ -z "$base" ] || [ ${#base} -gt 40 ]; then
		base=/tmp
	fi
	umask 077
	local name
	for name in $(compgen -e); do
		case $name in
		PATH | TMPDIR | LANG | LC_* | TERM | ASAN_OPTIONS | UBSAN_OPTIONS | LSAN_OPTIONS | TSAN_OPTIONS) ;;
		KEYSTAY_TEST_KEEP | KEYSTAY_TEST_WRAP) ;;
		*) unset "$name" 2>/dev/null || true ;;
		esac
	done
	T=$(mktemp -d "$base/keystay-XXXXXX")
	trap rig_end EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	export HOME=$T/home XDG_RUNTIME_DIR=$T/run XDG_CONFIG_HOME=$T/home/.config XDG_STATE_HOME=$T/home/.state
	export SOFTHSM2_CONF=$T/softhsm2.conf LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 T
	export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$T/no-bus
	# No story opens a dialog on the terminal of whoever runs it; prompt_begin (rig_prompt.sh) takes this back.
	export KEYSTAY_PROMPT=never
	mkdir -p "$HOME/.config" "$XDG_RUNTIME_DIR" "$T/certs"
	PATH=$PATH:/usr/sbin:/sbin
	mkfifo "$T/never"
	rig_sanitizer
}

# rig_sanitizer: a plug-in that was built with AddressSanitizer works in curl only when the sanitizer's library is there
# from the start; leaks of curl, Python and SoftHSM are not ours to report.
rig_sanitizer() {
	RIG_SANITIZER=$(sed -n 's/^KEYSTAY_SANITIZE:STRING=//p' "$BUILD/CMakeCache.txt" 2>/dev/null || true)
	RIG_PRELOAD=()
	case $RIG_SANITIZER in
	*thread*)
		[ -n "${RIG_NEEDS_NO_PLUGIN:-}" ] || skip "a plug-in with ThreadSanitizer cannot be loaded into other programs"
		;;
	*address*)
		local compiler library
		compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$BUILD/CMakeCache.txt")
		for library in libclang_rt.asan-x86_64.so libasan.so; do
			library=$("$compiler" -print-file-name=$library)
			# LD_PRELOAD knows no quotes, so by names without spaces; and it must not be renamed.
			if [ -e "$library" ]; then
				ln -s "$library" "$T/${library##*/}"
				RIG_PRELOAD=("LD_PRELOAD=$T/${library##*/}:$T/first.so" "ASAN_OPTIONS=detect_leaks=0")
			fi
		done
		ln -s "$BUILD/tests/fakes/keystay-sanitizer-first.so" "$T/first.so"
		export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:abort_on_error=1}
		;;
	esac
}

rig_end() {
	local code=$? pid index
	trap - EXIT
	trap '' HUP INT TERM
	if [ $code -ne 0 ] && [ $code -ne 77 ] && [ -z "${RIG_QUIET:-}" ]; then
		rig_show_logs >&2
	fi
	for ((index = ${#rig_pids[@]} - 1; index >= 0; index--)); do
		pid=${rig_pids[index]}
		process_stop "$pid"
	done
	rig_leave_nothing_running || code=1
	if [ -n "${KEYSTAY_TEST_KEEP:-}" ]; then
		echo "kept: $T" >&2
	else
		rm -rf -- "$T"
	fi
	exit $code
}

# rig_running: pids of what still runs in this rig's environment or with its folder among its arguments (nginx writes its
# title over its environment), started here or not.
rig_running() {
	local file
	for file in $(
		env -i "$(command -v grep)" -lszxF -- "XDG_RUNTIME_DIR=$T/run" /proc/[0-9]*/environ || true
		env -i "$(command -v grep)" -lsaF -f <(printf '%s' "$T/") /proc/[0-9]*/cmdline || true
	); do
		file=${file%/*}
		printf '%s ' "${file#/proc/}"
	done
}

# rig_leave_nothing_running: what is about to end has five seconds for it; a story that forgot a process has failed.
rig_leave_nothing_running() {
	local end=$((SECONDS + 5)) pid left
	while left=$(rig_running) && [ -n "$left" ]; do
		if [ $SECONDS -ge $end ]; then
			for pid in $left; do
				echo "FAILED: left running: $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline" || true)" >&2
				kill -KILL "$pid" || true
			done
			return 1
		fi
		pause 0.05
	done
}

rig_show_logs() {
	local log
	for log in "$T"/*.log; do
		[ -s "$log" ] || continue
		echo "--- last lines of ${log##*/}"
		tail -n 25 "$log"
	done
}

# --- processes -------------------------------------------------------------------------------------------------------

# process_started PID: it is stopped at the end, whatever happens.
process_started() {
	rig_pids+=("$1")
}

# process_is_ours PID: still running and a child of this shell (a number that was given to somebody else is not).
process_is_ours() {
	local name value
	{
		while read -r name value; do
			[ "$name" != PPid: ] || break
		done
	} 2>/dev/null <"/proc/$1/status" || return 1
	[ "${value:-}" = $$ ]
}

# process_stop PID [SIGNAL]: a child of ours ends; one that does not within ten seconds is killed.
process_stop() {
	local pid=$1 signal=${2:-TERM} guard
	if process_is_ours "$pid"; then
		kill -"$signal" "$pid" 2>/dev/null || true
		(
			pause 10
			kill -KILL "$pid" 2>/dev/null
		) >/dev/null 2>&1 &
		guard=$!
		wait "$pid" 2>/dev/null || true
		kill -KILL "$guard" 2>/dev/null || true
		wait "$guard" 2>/dev/null || true
	fi
}

# pause SECONDS: only for guards and for polling what gives no event.
pause() {
	read -r -t "$1" <>"$T/never" || true
}

# process_start_until NAME PATTERN COMMAND...: starts it with its output in $T/NAME.log; returns when a line matches
# PATTERN (bash regular expression; groups in BASH_REMATCH), pid in $started. 1 when it ends or is silent for too long.
# It writes that file itself: what it has said before it answers somebody is there when they have the answer.
process_start_until() {
	local name=$1 pattern=$2 line fd reader said code=1
	shift 2
	: >>"$T/$name.log"
	said=$(stat -c %s "$T/$name.log")
	"$@" </dev/null >>"$T/$name.log" 2>&1 &
	started=$!
	process_started "$started"
	exec {fd}< <(exec tail -c "+$((said + 1))" -s 0.1 -f --pid="$started" "$T/$name.log")
	reader=$!
	while IFS= read -r -t "$DEADLINE_S" -u "$fd" line; do
		if [[ $line =~ $pattern ]]; then
			code=0
			break
		fi
	done
	exec {fd}<&-
	kill "$reader" 2>/dev/null || true
	wait "$reader" 2>/dev/null || true
	return $code
}

# port_free: a port of the loopback interface that nobody uses now. Somebody may take it before its user binds it, so
# who uses it tries again with another.
port_free() {
	"$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# --- what a story says and expects -----------------------------------------------------------------------------------

say() {
	printf '%s\n' "$*"
}

# ok SENTENCE: a check held.
ok() {
	printf 'ok: %s\n' "$*"
}

fail() {
	printf 'FAILED: %s\n' "$*" >&2
	exit 1
}

# skip REASON: the whole story cannot run here; counted by ctest and tools/test.
skip() {
	printf 'SKIP: %s\n' "$*"
	exit 77
}

# skip_part REASON: one check of the story cannot run here; counted by tools/test.
skip_part() {
	printf 'SKIP: %s\n' "$*"
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "$1 needs root"
}

# run COMMAND...: $status, and what it printed in $T/out and $T/err.
run() {
	status=0
	"$@" >"$T/out" 2>"$T/err" || status=$?
}

show_run() {
	printf 'exit code %s\n--- it printed:\n' "$status"
	cat "$T/out"
	echo '--- and as error:'
	cat "$T/err"
}

# expect_status CODE SENTENCE: of the last run.
expect_status() {
	if [ "$status" -ne "$1" ]; then
		show_run >&2
		fail "$2 (expected exit code $1)"
	fi
}

# expect_fail SENTENCE: the last run failed, but by itself and not by a signal.
expect_fail() {
	if [ "$status" -eq 0 ] || [ "$status" -ge 126 ]; then
		show_run >&2
		fail "$1 (expected a clean failure)"
	fi
}

# expect_out TEXT SENTENCE, expect_err TEXT SENTENCE: the last run printed this text.
expect_out() {
	if ! grep -qF -- "$1" "$T/out"; then
		show_run >&2
		fail "$2 (expected on standard output: $1)"
	fi
	ok "$2"
}

expect_err() {
	if ! grep -qF -- "$1" "$T/err"; then
		show_run >&2
		fail "$2 (expected on standard error: $1)"
	fi
	ok "$2"
}

# expect_equal GOT WANTED SENTENCE
expect_equal() {
	[ "$1" = "$2" ] || fail "$3 (expected \"$2\", got \"$1\")"
	ok "$3"
}

# wait_until SENTENCE COMMAND...: for what gives no event to wait for (a file written by others, a /proc entry).
wait_until() {
	local sentence=$1 end=$((SECONDS + DEADLINE_S))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || fail "$sentence did not happen within $DEADLINE_S seconds"
		pause 0.05
	done
}

# shellcheck source=rig_pki.sh
. "$RIG_FOLDER/rig_pki.sh"
# shellcheck source=rig_server.sh
. "$RIG_FOLDER/rig_server.sh"
# shellcheck source=rig_agent.sh
. "$RIG_FOLDER/rig_agent.sh"
# shellcheck source=rig_card.sh
. "$RIG_FOLDER/rig_card.sh"
# shellcheck source=rig_desktop.sh
. "$RIG_FOLDER/rig_desktop.sh"
# shellcheck source=rig_prompt.sh
. "$RIG_FOLDER/rig_prompt.sh"
# shellcheck source=rig_tokens.sh
. "$RIG_FOLDER/rig_tokens.sh"
