#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fault G1: a full disk. With best-effort everything goes on, it is said in the agent's log and by `keystay status`, what
# could not be written is written when that can be done again, what is too much is counted in the next record. With require
# nothing is answered but that.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_root "a small file system"
# The file system is mounted in a namespace of its own, and gone with it.
if [ -z "${AUDIT_STORY_INSIDE:-}" ]; then
	unshare --mount true 2>/dev/null || skip "no mount namespace can be made here"
	exec unshare --mount env AUDIT_STORY_INSIDE=yes "$0"
fi
rig_begin
. "$RIG_FOLDER/rig_audit.sh"
mkdir -p "$LOG_FOLDER"
mount_small() {
	mount -t tmpfs -o "size=64k,mode=0700,uid=$(id -u)" small "$LOG_FOLDER" 2>/dev/null ||
		skip "no file system can be mounted here"
}
mount_small
full_end() {
	local code=$?
	set +e
	umount -l "$LOG_FOLDER" 2>/dev/null
	umount -l "$LOG_FOLDER" 2>/dev/null
	(exit "$code")
	rig_end
}
trap full_end EXIT
token_make corp
agent_start
said() {
	grep -c 'the audit log cannot be written: .*No space left on device' "$T/agent.log" || true
}
problem() {
	status_of 'status["audit"]["problem"]' | grep -q 'No space left'
}

decide 400 >/dev/null
ok "the disk is full and everything is answered"
expect_equal "$(said)" 1 "it is said once, not each time"
problem || fail "keystay status does not say so"
run keystay status
expect_out 'No space left on device' "keystay status says it"
run keystay status --check
expect_status 1 "keystay status --check knows that something is wrong"
expect_out 'the audit log cannot be written: ' "and what"
n=$(log_lines)
[ "$n" -lt 400 ] || fail "the disk was not full"
whole "half of a batch was taken back: the log is whole"
expect_equal "$(status_of 'status["audit"]["waiting"] + status["audit"]["written"]')" 400 "the others wait in memory"
mount -o remount,size=8m "$LOG_FOLDER"
wait_until "the disk to be used again" log_has 400
expect_equal "$(log_lines)" 400 "when there is room again they are written, each once"
whole "in their order"
expect_equal "$(status_of 'status["audit"]["problem"]')" "" "keystay status says that all is well"

mount -o "remount,size=$(df --output=used -B 1 "$LOG_FOLDER" | tail -n 1)" "$LOG_FOLDER"
decide 1500 >/dev/null
lost=$(status_of 'status["audit"]["lost"]')
if [ "$lost" -le 400 ] || [ "$lost" -ge 500 ]; then
	fail "$lost are lost of 1500 with room for 1024"
fi
mount -o remount,size=8m "$LOG_FOLDER"
wait_until "the disk to be used again" log_has $((1900 - lost))
expect_equal "$(keystay log --json | "$PYTHON" -c '
import json, sys
print(sum(json.loads(line).get("lost", 0) for line in sys.stdin))')" "$lost" "the next record counts those that are lost"
whole "the log is whole"

agent_stop
mount -o remount,ro "$LOG_FOLDER"
agent_start
decide 10 >/dev/null
grep -q 'the audit log cannot be written: .*Read-only file system' "$T/agent.log" ||
	fail "a read-only disk is not told of"
ok "with a read-only disk everything goes on, too"
agent_stop
mount_small
printf '%s\n' '[agent]' 'audit = require' >>"$T/keystay.conf"
agent_start
unlock corp >/dev/null
run decide 400
expect_fail "with require it ends"
expect_err '72: locked, but the audit record cannot be written:' "and says why"
keystay lock >/dev/null 2>&1 || true
run unlock corp
expect_fail "nothing is unlocked"
expect_err 'the audit record cannot be written: ' "the client hears why"
expect_equal "$(status_of 'tokens["corp"]["state"]')" locked "the token is locked again"
mount -o remount,size=8m "$LOG_FOLDER"
unlock corp >/dev/null
ok "at once when there is room, without a restart"
expect_equal "$(keystay log --outcome "done" --json | grep -c '"purpose":"unlock"')" 2 \
	"no record says that what was refused was done"
whole "the log is whole"
agent_stop
