#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `keystay token` and a TPM (tpm2-pkcs11, a software TPM): a token is made in it, a key on that, its certificate beside it,
# and the key signs in, all by the running agent. What this module cannot do well it says, and who does.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_tokens.sh"
ca_make
server_start_nginx server
tpm_begin
tokens_configure tpm
agent_start

run keystay token init --label tpm --so-pin-fd 3 --new-pin-fd 3 3< <(printf '%s\n' "$SO_PIN" "$PIN")
expect_status 0 "a token in the TPM is initialised, with its PIN"
run unlock tpm
expect_status 0 "the agent sees it at once"
run keystay token keygen laptop --token tpm --type p256
expect_status 0 "a P-256 key in the TPM"
keystay csr laptop --subject /O=Example/CN=laptop -o "$T/laptop.csr"
openssl req -in "$T/laptop.csr" -verify -noout 2>&1 | grep -q 'verify OK' || fail "openssl does not verify it"
openssl req -in "$T/laptop.csr" -pubkey -noout >"$T/laptop.pub"
certificate_issue intermediate client "$T/laptop.pub" /O=Example/CN=laptop "$T/laptop.crt"
cat "$T/laptop.crt" "$T/ca/intermediate.pem" >"$T/laptop.bundle"
run keystay token import laptop "$T/laptop.bundle"
expect_status 0 "its certificate"
keystay cert laptop -o "$T/laptop.pem"
tokens_fetch_both "$T/laptop.pem" laptop

run keystay token keygen rsa --token tpm --type rsa:2048
expect_fail "an RSA key that signs and does nothing else"
expect_err "tpm2_ptool addkey" "who makes one that does more is named"
run keystay token keygen ed --token tpm --type ed25519
expect_fail "a TPM has no Ed25519"
run keystay token keygen big --token tpm --type p521
expect_fail "a key that the module makes and cannot show"
expect_err "choose another type of key" "what to do is said"
expect_equal "$(status_of "tokens['tpm']['keys']")" 1 "what was not made is not there"
