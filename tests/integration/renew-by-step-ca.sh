#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A key on a token and smallstep's step-ca: /renew with the old certificate, /rekey for another key on the token, both over
# mutual TLS that our own agent signs for. What step-ca refuses is told in its own words.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=rig_stepca.sh
. "$RIG_FOLDER/rig_stepca.sh"
rig_begin
TRY=$BUILD/try/enrol-try
stepca_start -lifetime 5m
ca_make
token_make corp
key_make corp p256 alice 01
key_make corp rsa2048 alice-2 02
key_make corp p256 bob 03
agent_start
unlock corp >/dev/null

# request NAME SUBJECT: $T/NAME.csr (PEM) and $T/NAME.der.
request() {
	keystay csr "$1" --subject "$2" -o "$T/$1.csr"
	openssl req -in "$T/$1.csr" -outform DER -out "$T/$1.der"
}

# renew KEY OLD [FIELD=VALUE...]: by the driver alone; certificates in $T/got-certificates.pem.
renew() {
	local key=$1 old=$2
	shift 2
	rm -f "$T"/got-*
	run "$TRY" enrol protocol=step-ca url="$stepca_url" tls-ca="$stepca_root" key="$key" csr="$T/$key.der" \
		out="$T/got" ${old:+"old=$old"} "$@"
}

# certificate_of FILE FIELD: of its first certificate.
certificate_of() {
	openssl x509 -in "$1" -noout "-$2"
}

# The first one takes a one-time token.
request alice "/CN=alice"
renew alice ''
expect_status 1 "a first certificate"
expect_err 'error no-certificate final: step-ca renews a certificate that holds, and that of key "alice" is not there yet' \
	"without a certificate it says what step-ca wants first"
expect_err 'step ca sign' "and how to get it"
stepca_sign "$T/alice.csr" >"$T/certs/alice.pem"
keystay reload >/dev/null
expect_equal "$(stepca_requests POST /renew)" 0 "nothing was asked in vain"

# The same key.
renew alice alice
expect_status 0 "renewal"
expect_err "issued: 2 certificates" "step-ca renews over mutual TLS with the key on the token"
expect_equal "$(stepca_requests POST /renew)" 1 "by one request"
grep -q 'request POST /renew client=CN=alice' "$T/stepca.log" || fail "step-ca did not see the old certificate"
openssl verify -CAfile "$stepca_root" -untrusted "$T/got-certificates.pem" "$T/got-certificates.pem" >"$T/verify" ||
	fail "the new chain does not verify: $(cat "$T/verify")"
ok "the new chain verifies"
expect_equal "$(certificate_of "$T/got-certificates.pem" pubkey)" "$(certificate_of "$T/certs/alice.pem" pubkey)" \
	"the key is the same"
[ "$(certificate_of "$T/got-certificates.pem" serial)" != "$(certificate_of "$T/certs/alice.pem" serial)" ] ||
	fail "the certificate is the same"
ok "the certificate is another"
cp "$T/got-certificates.pem" "$T/certs/alice.pem"
keystay reload >/dev/null
renew alice alice
expect_err "issued: 2 certificates" "the new one renews itself in turn"

# Another key, EC to RSA, signed for with the old one.
request alice-2 "/CN=whatever"
renew alice-2 alice
expect_status 0 "rekey"
expect_err "issued: 2 certificates" "step-ca rekeys to another key on the token"
expect_equal "$(stepca_requests POST /rekey)" 1 "by one request"
expect_equal "$(certificate_of "$T/got-certificates.pem" subject)" "subject=CN = alice" \
	"names are those of the old certificate, whatever the request says"
expect_equal "$(certificate_of "$T/got-certificates.pem" pubkey)" \
	"$(openssl req -in "$T/alice-2.csr" -noout -pubkey)" "for the new key"

# What does not work, and why.
renew alice alice url="$stepca_url/nowhere/"
expect_status 1 "a wrong url"
expect_err "error not-found final: step-ca $stepca_url/nowhere/renew answered 404" "a wrong url is told"
renew alice alice tls-ca="$T/ca/root.pem"
expect_status 1 "another CA"
expect_err "nothing was sent" "a server of another CA gets nothing"
expect_equal "$(stepca_requests POST /renew)" 2 "not even a request"
request bob "/CN=bob"
stepca_sign "$T/bob.csr" 2s >"$T/certs/bob.pem"
keystay reload >/dev/null
expired() {
	[ "$(date +%s)" -gt "$(date +%s --date "$(certificate_of "$T/certs/bob.pem" enddate | cut -d= -f2)")" ]
}
wait_until "the end of two seconds" expired
renew bob bob
expect_status 1 "an expired certificate"
expect_err 'that of key "bob" expired on 20' "a certificate that has expired renews nothing: it says so, and since when"
expect_equal "$(stepca_requests POST /renew)" 2 "without a request"
