#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `keystay log --follow` prints what comes, over rotations, each line once and in order, until it is ended.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_audit.sh"
agent_configure '[agent]' 'audit-max-size = 16K' 'audit-keep = 100'
token_make corp
agent_start
decide 10 >/dev/null
"$KEYSTAY" log --follow --json -n 3 >"$T/followed" &
follower=$!
process_started $follower
has() {
	[ "$(grep -c . "$T/followed")" -ge "$1" ]
}
wait_until "the last three" has 3
expect_equal "$(head -n 1 "$T/followed" | grep -c '"n":8,')" 1 "it begins with the last three"
decide 300 >/dev/null
wait_until "all of them" has 303
[ "$(find "$LOG_FOLDER" -name 'audit-*.jsonl' | wc -l)" -gt 3 ] || fail "nothing was rotated"
expect_equal "$(sed 's/.*"n":\([0-9]*\),"prev".*/\1/' "$T/followed" | cmp - <(seq 8 310) && echo same)" same \
	"each line comes once, in order, over all files"
mv "$LOG" "$LOG.1"
decide 5 >/dev/null
wait_until "what comes after a rotation by others" has 308
ok "a file that others rename is no end"
process_stop $follower
"$KEYSTAY" log --follow --outcome failed >"$T/failed" &
follower=$!
process_started $follower
PIN=1
run unlock corp
has_failed() {
	grep -q 'token corp  unlock' "$T/failed"
}
wait_until "the one that failed" has_failed
expect_equal "$(grep -c . "$T/failed")" 1 "filters hold for what comes"
