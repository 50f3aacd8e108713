#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A full file gets a name of its own and another one goes on with the chain; only so many are kept, and a full one that goes
# is no hole. The log of before is read with the rest.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_audit.sh"
agent_configure '[agent]' 'audit-max-size = 16K' 'audit-keep = 3'
token_make corp
agent_start
files() {
	find "$LOG_FOLDER" -name 'audit*.jsonl' | wc -l
}
decide 20 >/dev/null
expect_equal "$(files)" 1 "a small log is one file"
decide 40 >/dev/null
expect_equal "$(files)" 2 "a full file is kept"
expect_equal "$(log_lines)" 60 "and read with the rest"
whole "both are one chain"
decide 340 >/dev/null
expect_equal "$(files)" 3 "no more files than audit-keep says"
for file in "$LOG_FOLDER"/audit*.jsonl; do
	[ "$(stat -c %s "$file")" -le 16384 ] || fail "${file##*/} is larger than audit-max-size"
done
ok "none is larger than audit-max-size"
whole "what was rotated away is no hole"
expect_out 'were rotated away' "but told of"
expect_equal "$(tail -n 1 "$LOG" | sed 's/.*"n":\([0-9]*\),"prev".*/\1/')" 400 "and the numbers go on"
printf '%s\n' '[module "softhsm"]' "path = $SOFTHSM" '[agent]' 'audit-max-size = 16M' 'audit-keep = 1' >"$T/keystay.conf"
keystay reload >/dev/null
decide 100 >/dev/null
expect_equal "$(files)" 3 "a reload changes the size"
whole "the chain goes on over it"
agent_stop
