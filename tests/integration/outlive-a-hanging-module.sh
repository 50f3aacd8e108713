#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A module that hangs in C_Sign: the request gets its error when the deadline is over, others of the same token as well,
# the worker is killed and replaced, and the other module signs all the while.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_two_modules '[agent]' 'keep-pin = yes'
worker=$(module_pid shim)

shim_script "C_Sign 1 hang"
start=$SECONDS
fetch "$port" "$T/alice.pem" >"$T/page" 2>"$T/hang.err" &
curl=$!
bobs=0
while kill -0 $curl 2>/dev/null; do
	run fetch "$port" "$T/bob.pem"
	expect_status 0 "bob while alice's module hangs"
	bobs=$((bobs + 1))
	pause 0.2
done
code=0
wait $curl || code=$?
took=$((SECONDS - start))
expect_equal $code 35 "the request to a module that hangs gets an error"
ok "after $took s: $(cat "$T/hang.err")"
[ $took -lt 25 ] || fail "the deadline of a signature is 15 seconds"
[ $bobs -gt 3 ] || fail "the other module was blocked meanwhile: $bobs signatures"
ok "the other module made $bobs signatures meanwhile"

shim_script ""
run fetch "$port" "$T/alice.pem"
expect_status 0 "the next signature"
expect_out "client=CN=alice" "the next signature is made by a new worker"
[ "$(module_pid shim)" != "$worker" ] || fail "the worker that hung is still there"
