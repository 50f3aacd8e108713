#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# One of keystay's plug-ins for OpenSSL inside a program that has bad times: no agent, a locked token, a rule that
# refuses, a token that is taken out; each is said in the program's own words, and the same process goes on when it is
# over. 64 threads, children forked after loading, 100 times unloaded and loaded again, an end in the middle of a
# signature: no crash, no hang, and by valgrind's count no leak and no wrong access.
#
# usage: outlive-bad-times-in-programs.sh provider|tap|engine

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
front=${1:-provider}
rig_begin
# shellcheck source=rig_tap.sh
. "$RIG_FOLDER/rig_tap.sh"
[ "$front" != engine ] || [ -e "$BUILD/lib/engines-3/keystay.so" ] || skip "this build has no engine"
rig_two_modules
tap_begin
shopt -s extglob
export OPENSSL_MODULES=$BUILD/lib/ossl-modules OPENSSL_ENGINES=$BUILD/lib/engines-3

# program WHAT [N]: to its end; $under is put before it.
under=()
program() {
	env "${RIG_PRELOAD[@]}" "${under[@]}" "$BUILD/tests/integration/plugin_client" "$front" "$1" "$port" \
		"$T/ca/root.pem" "$T/alice.pem" "${@:2}"
}

# --- one process through all of it
# -------------------------------------------------------------------------------------

# ask: what a running program answers now.
answer() {
	local line
	IFS= read -r -t "$DEADLINE_S" -u "${running[0]}" line || fail "the program ended or hangs"
	printf '%s' "$line"
}
ask() {
	echo >&"${running[1]}"
	answer
}
expect_page() {
	expect_equal "$(ask)" page "$1"
}
# expect_error WORDS SENTENCE: WORDS is a pattern (extglob).
expect_error() {
	local said
	said=$(ask)
	# shellcheck disable=SC2254,SC2001 # a pattern; and what no glob says
	case $said in
	error*$1*) ok "$2: $(sed 's/^error [^|]*keystay:[a-z_]*:\([^|]*\):keystay:.*/\1/' <<<"$said")" ;;
	*) fail "$2: expected \"$1\", got: $said" ;;
	esac
}
# end_well: the running program, at the end of its input.
end_well() {
	# shellcheck disable=SC2154 # set by coproc
	local pid=$running_PID fd=${running[1]}
	exec {fd}>&-
	wait "$pid" || fail "the program did not end well"
	ok "the program ends well"
}
# through_bad_times AGENT LOCKED: which words it has for these.
through_bad_times() {
	expect_page "at first"
	agent_stop
	expect_error "$1" "no agent"
	agent_start
	expect_error "$2" "a locked token"
	unlock corp >/dev/null
	expect_page "the agent is back"
	agent_stop KILL
	expect_error "$1" "a killed agent"
	agent_start
	unlock corp >/dev/null
	expect_page "the agent is back again"
}

coproc running {
	exec env "${RIG_PRELOAD[@]}" "$BUILD/tests/integration/plugin_client" "$front" on-demand "$port" "$T/ca/root.pem" \
		"$T/alice.pem" 2>&1
}
# shellcheck disable=SC2154 # set by coproc
process_started "$running_PID"
expect_equal "$(answer)" loaded "the $front is loaded"
through_bad_times "keystay-agent is not running" 'token "corp" is locked; run: keystay unlock corp'

cp "$T/keystay.conf" "$T/keystay.conf.good"
printf '%s\n' '[key "alice"]' 'match = pkcs11:object=alice' 'servers = elsewhere.example' >>"$T/keystay.conf"
keystay reload >/dev/null
expect_error '"alice"' "refused by a rule"
mv "$T/keystay.conf.good" "$T/keystay.conf"
keystay reload >/dev/null
expect_page "the rule is gone"

shim_script token-absent
# The module says so, or, when the agent has looked meanwhile, the agent.
expect_error "t@(he token is not there|oken here has this key)" "the token was taken out"
shim_script ''
# The module tells of no token that comes back: unlock looks for it. A look that was under way may still find out, after
# that, that the login has gone with the token.
find_token() {
	unlock corp >/dev/null 2>&1 && [ "$(ask)" = page ]
}
wait_until "unlock and a page from the token that is back" find_token
ok "the token is back"
end_well

if [ "$front" != engine ]; then
	# Python's ssl has libssl's words alone; the sentence is the agent's, when there is one.
	tap_option=()
	[ "$front" != tap ] || tap_option=(--tap)
	coproc running {
		exec env "${RIG_PRELOAD[@]}" "$KEYSTAY" run "${tap_option[@]}" -- "$PYTHON" "$RIG_FOLDER/python_client.py" \
			on-demand "$port" "$T/ca/root.pem" "$T/alice.pem" 2>&1
	}
	process_started "$running_PID"
	expect_equal "$(answer)" loaded "python with the $front"
	through_bad_times SSL SSL
	end_well
fi

# --- many threads, forks, reloads
# --------------------------------------------------------------------------------------

run program threads 64
expect_status 0 "64 threads"
run program forks 16
expect_status 0 "16 children forked after loading"
run program reload 100
expect_status 0 "loaded and unloaded 100 times"
run program dlclose 100
expect_status 0 "the file loaded and closed 100 times"
ok "64 threads, 16 children, 100 reloads, 100 times dlclose"

if [ "$front" = engine ]; then
	run program sentences 80
	expect_status 0 "80 different errors in one process"
	ok "80 different errors in one process, each in its own words"
fi

# ends_while_pending: in the middle of a signature that never comes.
ends_while_pending() {
	local before began pid
	before=$(grep -c . "$T/watcher.log")
	coproc running {
		exec env "${RIG_PRELOAD[@]}" KEYSTAY_SOCK="$T/watched.sock" "${under[@]}" \
			"$BUILD/tests/integration/plugin_client" "$front" pending "$port" "$T/ca/root.pem" "$T/alice.pem" \
			2>"$T/pending.log"
	}
	process_started "$running_PID"
	expect_equal "$(answer)" loaded "the agent gets no time for a program"
	kill -STOP "$agent_pid"
	echo >&"${running[1]}"
	is_asked() {
		[ "$(grep -c '^SIGN' "$T/watcher.log")" -ge "$before" ]
	}
	wait_until "a signature is wanted" is_asked
	began=$SECONDS
	pid=$running_PID
	echo >&"${running[1]}"
	status=0
	wait "$pid" || status=$?
	[ $status -eq 0 ] || cat "$T/pending.log"
	expect_equal $status 0 "a program may end while a signature is pending${under:+, with valgrind}"
	[ $((SECONDS - began)) -lt 10 ] || fail "its end took $((SECONDS - began)) s"
	kill -CONT "$agent_pid"
}
ends_while_pending

# --- what valgrind finds
# -----------------------------------------------------------------------------------------------

if [ -n "$RIG_SANITIZER" ]; then
	skip_part "valgrind: this build has sanitizers of its own"
elif ! command -v valgrind >/dev/null; then
	skip_part "valgrind is not installed"
else
	under=(valgrind --quiet --error-exitcode=99 --leak-check=full "--errors-for-leak-kinds=definite,indirect")
	for what in "threads 64" "forks 4" "reload 10" "dlclose 10"; do
		# shellcheck disable=SC2086 # two words
		run program $what
		expect_status 0 "valgrind: $what"
		ok "valgrind finds nothing: $what"
	done
	ends_while_pending
fi
