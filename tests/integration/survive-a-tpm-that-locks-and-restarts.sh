#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fault E13: a TPM in lockout after too many wrong PINs of another program: said so, nothing is submitted again and again, and
# when the lockout is cleared a PIN unlocks it. A TPM that restarts (another boot, a firmware update): its key signs
# again after one PIN, without a restart of anything.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

rig_begin
ca_make
tpm_begin
tpm_token_make desktop
tokens_key_make desktop p256 alice 01
certificate_make alice
server_start_nginx nginx
tokens_configure tpm2
agent_start
keystay cert alice -o "$T/alice.pem"
unlock desktop >/dev/null
run fetch "$port" "$T/alice.pem"
expect_status 0 "alice signs"
keystay lock >/dev/null

# Another program guesses until the TPM refuses everybody.
for _ in $(seq 40); do
	tokens_inside pkcs11-tool --module "$MODULE" --token-label desktop --login --pin wrong-one --list-objects \
		>"$T/tool.out" 2>&1 || true
	if grep -q PIN_LOCKED "$T/tool.out"; then
		break
	fi
done
grep -q PIN_LOCKED "$T/tool.out" || fail "the TPM did not lock itself: $(tail -n 3 "$T/tool.out")"
run unlock desktop
expect_fail "unlock during the lockout"
expect_err block "it is said that the TPM has blocked it"
tpm2_dictionarylockout -c >"$T/tool.out" 2>&1 || fail "the lockout was not cleared: $(cat "$T/tool.out")"
run unlock desktop
expect_status 0 "the PIN unlocks it when the lockout is cleared"
run fetch "$port" "$T/alice.pem"
expect_status 0 "and alice signs"

tpm_restart
signs() {
	unlock desktop >/dev/null 2>&1
	fetch "$port" "$T/alice.pem" >/dev/null 2>&1
}
run fetch "$port" "$T/alice.pem"
wait_until "the key of a TPM that has restarted to sign after a PIN" signs
ok "the TPM has restarted: its key signs after a PIN, nothing else was restarted"
