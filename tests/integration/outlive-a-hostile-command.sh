#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `protocol = exec` with programs that print without end, hang, crash, ignore signals, leave others behind or print what is
# no certificate of the key: each is a clear error, in time, with nothing left running, and the old certificate stays.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_enrol.sh
. "$RIG_FOLDER/rig_enrol.sh"
[[ $T != *' '* ]] || skip "command = is split at spaces, and the path of this story's folder has one"
enrol_begin 'timeout = 2s'
run keystay enroll alice
expect_status 0 "a first certificate"
before=$(serial_of)
cp "$T/ca.sh" "$T/good.sh"

# hostile SENTENCE WORDS LINE...: a renewal by a script of these lines fails with these words.
hostile() {
	local sentence=$1 words=$2
	shift 2
	printf '%s\n' '#!/bin/bash' "$@" >"$T/ca.sh"
	run keystay renew alice --force
	expect_fail "$sentence"
	expect_err "$words" "$sentence"
	expect_equal "$(serial_of)" "$before" "the old certificate stays: $sentence"
}

hostile "output without end is stopped" "was stopped: it printed more than 262144 bytes" 'exec yes'
hostile "errors without end are stopped by the time limit" "was stopped: it had not ended after 2 seconds" 'exec yes >&2'
hostile "a hanging program is stopped with what it started" "was stopped: it had not ended after 2 seconds" \
	"trap '' TERM HUP INT" 'sleep 1000 & sleep 1000'
hostile "a program that leaves somebody behind is over" "has no certificate in it" 'sleep 1000 & exit 0'
hostile "a crash is told" "was ended by signal 11" 'kill -SEGV $$'
hostile "escape sequences in its last words are shown as such" 'it said: \x1b[2J\x1b[31mgone' \
	"printf '\\033[2J\\033[31mgone\\n' >&2" 'exit 1'
hostile "what is no certificate is refused" "is none that certificates come in" 'echo done'
hostile "the CA's own certificate is none of the key" "key" "cat '$T/ca/root.pem'"
hostile "a hundred copies of it neither" "key" "for i in {1..100}; do cat '$T/ca/root.pem'; done"

# refused MODE WORDS SENTENCE: with a program of these permissions.
refused() {
	chmod "$1" "$T/ca.sh"
	run keystay renew alice --force
	expect_fail "$3"
	expect_err "$2" "$3"
	expect_equal "$(serial_of)" "$before" "the old certificate stays: $3"
}

refused 600 "cannot be started" "a file that is no program is not run"
refused 770 "is writable by its group" "a program that others may change is not run"
chmod 700 "$T/ca.sh"
cp "$T/good.sh" "$T/ca.sh"
run keystay renew alice --force
expect_status 0 "a good program brings the next one"
[ "$(serial_of)" != "$before" ] || fail "nothing was renewed"
ok "a good program brings the next one"
