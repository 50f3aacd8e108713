#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# HashiCorp Vault and OpenBao: a request goes to pki/sign/ROLE with a token, the certificate comes back in JSON. No server
# of either is in Debian: this is held against exchanges that were written from their documentation (vault_recorded/), by a
# server that takes nothing else. The token shows up nowhere.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
TOKEN=hvs.CAESIJ-not_a_real_one.0123456789
ca_make
token_make corp
key_make corp p256 alice 01
process_start_until vault '^ready ([0-9]+)$' "$PYTHON" "$RIG_FOLDER/vault_replay.py" "$T" ||
	fail "the replay server did not start: $(cat "$T/vault.log")"
vault=https://localhost:${BASH_REMATCH[1]}/v1
printf '%s\n' "$TOKEN" >"$T/vault-token"

# configure URL [LINE...]: of the profile.
configure() {
	local url=$1
	shift
	agent_configure '[profile "vault"]' 'protocol = vault' "url = $url" "tls-ca = $T/ca/root.pem" \
		"secret-file = $T/vault-token" 'subject = /O=Example/CN=alice.corp.example' 'san = email:alice@corp.example' "$@" \
		'[key "alice"]' 'match = pkcs11:token=corp;object=alice' 'profile = vault'
}
configure "$vault/pki/sign/my-role"
agent_start
unlock corp >/dev/null

# try COMMAND...: a run, of which everything is kept that was said.
try() {
	run keystay "$@"
	cat "$T/out" "$T/err" >>"$T/all-that-was-said"
}

# renewed URL [LINE...]: `keystay renew` with another profile.
renewed() {
	configure "$@"
	keystay reload >/dev/null
	try renew alice --force
}

serial() {
	keystay cert alice --no-key | openssl x509 -noout -serial
}

try enroll alice
expect_status 0 "keystay enroll with Vault"
keystay cert alice --no-key >"$T/chain.pem"
openssl verify -purpose sslclient -CAfile "$T/ca/root.pem" -untrusted "$T/chain.pem" "$T/chain.pem" >"$T/verify" ||
	fail "the chain does not verify: $(cat "$T/verify")"
ok "Vault's certificate and its issuer are read"
expect_equal "$(openssl x509 -in "$T/chain.pem" -noout -pubkey)" "$(cat "$T/alice.pub")" \
	"the certificate is of the key on the token"
expect_equal "$(openssl x509 -in "$T/chain.pem" -noout -ext subjectAltName | tail -n 1)" \
	"    email:alice@corp.example" "with the names that were asked for"

before=$(serial)
renewed "$vault/team/pki/sign/short" 'namespace = ns1/ns2' 'ttl = 24h'
expect_status 0 "a namespace and a lifetime"
[ "$(serial)" != "$before" ] || fail "nothing was renewed: $(cat "$T/err")"
ok "namespace and ttl are sent as documented, and a renewal is another request"
before=$(serial)

renewed "$vault/pki/sign/not-mine"
expect_fail "a token without the right"
expect_err "Vault server $vault/pki/sign/not-mine answered 403: 1 error occurred: * permission denied. Has the token expired" \
	"what Vault says is said, with the next step"
renewed "$vault/pki/sign/strict"
expect_err "answered 400: common name alice.corp.example not allowed by this role" \
	"a role's refusal is in its own words"
renewed "$vault/nowhere/sign/my-role"
expect_err "answered 404: no handler for route" "a wrong path is told"
renewed "$vault/pki/sign/sealed"
expect_err "answered 503: Vault is sealed" "a sealed Vault is told"

# The token: one line, no spaces, of a file that nobody else may read.
printf 'two words\n' >"$T/vault-token"
renewed "$vault/pki/sign/my-role"
expect_err "is no Vault token: there are spaces" "a file of something else is not sent"
printf '%s\n' "$TOKEN" >"$T/vault-token"
configure "$vault/pki/sign/my-role"
sed -i '/^secret-file/d' "$T/keystay.conf"
keystay reload >/dev/null
try renew alice --force
expect_err "has no Vault token: name the file" "without a token it says how to give one"
expect_equal "$(grep -c '^request' "$T/vault.log")" 6 "what is wrong here is not even sent"
expect_equal "$(serial)" "$before" "the old certificate stays all the while"
! grep '^not as recorded' "$T/vault.log" || fail "a request was not as documented"
! grep -F "$TOKEN" "$T/all-that-was-said" "$T"/*.log || fail "the token was shown"
! grep -rF "$TOKEN" "$XDG_STATE_HOME" || fail "the token was kept"
ok "the token shows up nowhere"
