#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A key in a TPM signs through tpm2-pkcs11: RSA and P-256, in TLS 1.3 and 1.2, although the module does not list
# RSA-PSS. A wrong PIN is said to be wrong; a killed worker costs one PIN and leaves nothing in the TPM.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

rig_begin
ca_make
tpm_begin
tpm_token_make desktop
tokens_key_make desktop p256 alice 01
tokens_key_make desktop rsa2048 bob 02
certificate_make alice
certificate_make bob
server_start_nginx nginx
tokens_configure tpm2
agent_start

run keystay list
expect_out desktop "the token is called as its owner named it"
expect_out alice "and so is the P-256 key"
expect_out bob "and the RSA key"
keystay cert alice -o "$T/alice.pem"
keystay cert bob -o "$T/bob.pem"
expect_equal "$(status_of 'len(tokens)')" 1 "the empty slot for the next token is not shown as one"

run fetch "$port" "$T/alice.pem"
expect_fail "no signature before the PIN"
expect_err 'token "desktop" is locked; run: keystay unlock desktop' "curl says how to unlock the TPM's token"
tokens_try_pin 271828 desktop
expect_status 1 "a wrong PIN"
expect_err "the PIN is wrong" "keystay says that the PIN is wrong"

unlock desktop >/dev/null
tokens_fetch_both "$T/alice.pem" alice
tokens_fetch_both "$T/bob.pem" bob

for turn in 1 2 3 4; do
	tokens_kill_worker tpm2
	run fetch "$port" "$T/bob.pem"
	expect_fail "no signature after kill $turn of the worker"
	grep -qF 'token "desktop" is locked; run: keystay unlock desktop' "$T/err" ||
		fail "curl does not say how to unlock after kill $turn: $(cat "$T/err")"
	unlock desktop >/dev/null
	run fetch "$port" "$T/bob.pem"
	expect_status 0 "bob signs again after kill $turn"
done
ok "four killed workers in turn leave nothing behind in the TPM"
