#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fault E6: two tokens of one label are not mixed up: a name that fits both is refused with the choices, a URI tells them
# apart, and each has its own lock.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token
export KEYSTAY_SHIM_SCRIPT=$T/script
echo 'token-info serial 0123456789abcdef' >"$T/script"
agent_configure '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so"
agent_start
run unlock corp
expect_fail "a label that fits two tokens"
expect_err "serial=0123456789abcdef" "is refused with the choices"
run unlock 'pkcs11:token=corp;serial=0123456789abcdef'
expect_status 0 "a URI tells them apart"
expect_equal "$(keystay status --json | "$PYTHON" -c 'import json, sys
print(*sorted(token["state"] for token in json.load(sys.stdin)["tokens"]))')" "locked unlocked" "one is unlocked, the other is not"
