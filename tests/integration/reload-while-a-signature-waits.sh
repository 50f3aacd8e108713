#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A reload that changes the module of a signature under way: that request gets its error, nobody else notices, and the
# agent lives.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_two_modules '[agent]' 'keep-pin = yes'

mkfifo "$T/gate.1"
shim_script "C_Sign 1 gate $T/gate"
fetch "$port" "$T/alice.pem" >"$T/page" 2>"$T/waits.err" &
curl=$!
exec {gate}>"$T/gate.1" # opens when the module is inside C_Sign, and keeps it there

sed -i '/^\[module "shim"\]/a max-sessions = 2' "$T/keystay.conf"
run keystay reload
expect_status 0 "a reload that changes the module of a waiting signature"
code=0
wait $curl || code=$?
expect_equal $code 35 "the signature that waited gets an error: $(cat "$T/waits.err")"
exec {gate}>&-
shim_script ""
run fetch "$port" "$T/bob.pem"
expect_status 0 "the other module"
run keystay status
expect_status 0 "the agent"
ok "the agent and the other module live"
