#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A machine with nobody at it: the PIN comes from a file or a systemd credential that the configuration names, when it is
# needed; a file that others can read is not used; one that holds a wrong PIN is submitted once and never again; what a
# person has locked stays locked.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token
server_start_nginx nginx
export KEYSTAY_SHIM_COUNTS=$T/counts KEYSTAY_SHIM_SCRIPT=$T/script
echo 'flags-remove COUNT_LOW' >"$T/script"
shim_configure() {
	printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" '[socket "agent"]' 'prompt = no' \
		'[token "corp"]' "$@" >"$T/keystay.conf"
}
expect_logins() {
	expect_equal "$(grep -c '^C_Login' "$T/counts" || true)" "$1" "$2"
}
fresh_agent() {
	[ -z "$agent_pid" ] || agent_stop
	agent_start
}

printf '%s\n' "$PIN" >"$T/pin"
chmod 600 "$T/pin"
shim_configure "pin-file = $T/pin"
fresh_agent
keystay cert alice -o "$T/alice.pem"
expect_logins 0 "nothing is unlocked before it is needed"
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl signs in with the PIN of a file"
expect_logins 1 "one submission"
keystay lock >/dev/null
run fetch "$port" "$T/alice.pem"
expect_fail "what a person has locked"
expect_err "run: keystay unlock corp" "stays locked"
expect_logins 1 "in spite of the file"
unlock corp >/dev/null
run fetch "$port" "$T/alice.pem"
expect_status 0 "until a person unlocks it"

chmod 644 "$T/pin"
fresh_agent
run fetch "$port" "$T/alice.pem"
expect_fail "a file that others can read is not used"
grep -q 'chmod 600' "$T/agent.log" || fail "the log does not say what to do"
expect_logins 2 "nothing of it was submitted"

mkdir "$T/credentials"
printf '%s' "$PIN" >"$T/credentials/hsm"
chmod 400 "$T/credentials/hsm"
shim_configure 'pin-credential = hsm'
export CREDENTIALS_DIRECTORY=$T/credentials
fresh_agent
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl signs in with the PIN of a systemd credential"
expect_logins 3 "one submission"

chmod 600 "$T/credentials/hsm"
echo 2718281 >"$T/credentials/hsm"
fresh_agent
for ((i = 0; i < 5; i++)); do
	run fetch "$port" "$T/alice.pem"
	expect_fail "a wrong PIN in the file, attempt $i"
done
expect_logins 4 "it was submitted once"
fresh_agent
run fetch "$port" "$T/alice.pem"
expect_fail "after a restart"
expect_logins 4 "it is not submitted again"
