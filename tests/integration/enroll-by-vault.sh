#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# HashiCorp Vault and OpenBao: a request goes to pki/sign/ROLE with a token, the certificate comes back in JSON. No server
# of either is in Debian: this is held against exchanges that were written from their documentation (vault_recorded/), by a
# server that takes nothing else. The token shows up nowhere.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
TRY=$BUILD/try/enrol-try
TOKEN=hvs.CAESIJ-not_a_real_one.0123456789
ca_make
token_make corp
key_make corp p256 alice 01
process_start_until vault '^ready ([0-9]+)$' "$PYTHON" "$RIG_FOLDER/vault_replay.py" "$T" ||
	fail "the replay server did not start: $(cat "$T/vault.log")"
vault=https://localhost:${BASH_REMATCH[1]}/v1
printf '%s\n' "$TOKEN" >"$T/vault-token"
agent_start
unlock corp >/dev/null
keystay csr alice --subject "/O=Example/CN=alice.corp.example" --san email:alice@corp.example -o "$T/alice.csr"
openssl req -in "$T/alice.csr" -outform DER -out "$T/alice.der"

# enrol URL [FIELD=VALUE...]: by the driver alone; certificates in $T/got-certificates.pem.
enrol() {
	local url=$1
	shift
	rm -f "$T"/got-*
	run "$TRY" enrol protocol=vault url="$url" tls-ca="$T/ca/root.pem" secret-file="$T/vault-token" key=alice \
		csr="$T/alice.der" subject="/O=Example/CN=alice.corp.example" out="$T/got" "$@"
	cat "$T/out" "$T/err" >>"$T/all-that-was-said"
}

enrol "$vault/pki/sign/my-role"
expect_status 0 "a certificate by Vault"
expect_err "issued: 3 certificates, 2 anchors" "Vault's certificate, its issuer and its root are read"
openssl verify -purpose sslclient -CAfile "$T/ca/root.pem" -untrusted "$T/got-certificates.pem" \
	"$T/got-certificates.pem" >"$T/verify" || fail "the chain does not verify: $(cat "$T/verify")"
expect_equal "$(openssl x509 -in "$T/got-certificates.pem" -noout -pubkey)" "$(cat "$T/alice.pub")" \
	"the certificate is of the key on the token"
expect_equal "$(openssl x509 -in "$T/got-certificates.pem" -noout -ext subjectAltName | tail -n 1)" \
	"    email:alice@corp.example" "with the names that were asked for"

enrol "$vault/team/pki/sign/short" namespace=ns1/ns2 ttl=24h
expect_status 0 "a namespace and a lifetime"
expect_err "issued: 2 certificates, 1 anchors" "namespace and ttl are sent as documented"

enrol "$vault/pki/sign/not-mine"
expect_status 1 "a token without the right"
expect_err "error denied final: Vault server $vault/pki/sign/not-mine answered 403: 1 error occurred: * permission denied. Has the token expired" \
	"what Vault says is said, with the next step"
enrol "$vault/pki/sign/strict"
expect_err "final: Vault server $vault/pki/sign/strict answered 400: common name alice.corp.example not allowed by this role" \
	"a role's refusal is in its own words"
enrol "$vault/nowhere/sign/my-role"
expect_err 'error not-found final' "a wrong path is final"
enrol "$vault/pki/sign/sealed"
expect_err "again: Vault server $vault/pki/sign/sealed answered 503: Vault is sealed" "a sealed Vault is asked again later"

# The token: one line, no spaces, https alone.
printf 'two words\n' >"$T/vault-token"
enrol "$vault/pki/sign/my-role"
expect_err "is no Vault token: there are spaces" "a file of something else is not sent"
: >"$T/vault-token"
enrol "$vault/pki/sign/my-role"
expect_err "has no Vault token: name the file" "without a token it says how to give one"
printf '%s\n' "$TOKEN" >"$T/vault-token"
enrol "http://localhost/v1/pki/sign/my-role"
expect_err "is not https" "no token goes over plain http"
expect_equal "$(grep -c '^request' "$T/vault.log")" 6 "what is wrong here is not even sent"
! grep '^not as recorded' "$T/vault.log" || fail "a request was not as documented"
! grep -F "$TOKEN" "$T/all-that-was-said" "$T"/*.log || fail "the token was shown"
ok "the token shows up nowhere"
