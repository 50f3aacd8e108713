#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `keystay token` and a TPM (tpm2-pkcs11, a software TPM): a token is made in it, a key on that, its certificate beside it,
# and the key signs in, all by the running agent.

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
for type in p256 rsa:2048; do
	name=tpm-${type%:*}
	run keystay token keygen "$name" --token tpm --type "$type"
	expect_status 0 "a key of type $type in the TPM"
	keystay csr "$name" --subject "/O=Example/CN=$name" -o "$T/$name.csr"
	openssl req -in "$T/$name.csr" -verify -noout 2>&1 | grep -q 'verify OK' || fail "openssl does not verify it"
	openssl req -in "$T/$name.csr" -pubkey -noout >"$T/$name.pub"
	certificate_issue intermediate client "$T/$name.pub" "/O=Example/CN=$name" "$T/$name.crt"
	cat "$T/$name.crt" "$T/ca/intermediate.pem" >"$T/$name.bundle"
	run keystay token import "$name" "$T/$name.bundle"
	expect_status 0 "its certificate"
	keystay cert "$name" -o "$T/$name.pem"
	tokens_fetch_both "$T/$name.pem" "$name"
done
run keystay token keygen tpm-ed --token tpm --type ed25519
expect_fail "a TPM has no Ed25519"
expect_equal "$(status_of "tokens['tpm']['keys']")" 2 "what was not made is not there"
