#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The EST server of the stories (est_server.py) is one for others too: strongSwan's client gets the CA's certificates
# from it, enrolls with a password, and renews with its certificate in TLS. What they agree upon of RFC 7030 is not our
# belief alone.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_est.sh"
command -v pki >/dev/null || skip "strongSwan's pki is not installed (strongswan-pki)"
pki --help 2>&1 | grep -q -- --estca || skip "strongSwan's pki knows no EST"
ca_make
est_start
key_make_file rsa2048 "$T/bob.key"
openssl req -new -key "$T/bob.key" -subj "/O=Example/CN=bob" -outform DER -out "$T/bob.csr"

run pki --estca --url "$est_url" --cacert "$T/ca/root.pem" --caout "$T/cacert" --outform pem
expect_status 0 "pki --estca"
cat "$T"/cacert* >"$T/got.pem"
openssl crl2pkcs7 -nocrl -certfile "$T/got.pem" | openssl pkcs7 -print_certs -noout >"$T/out"
expect_out "CN = Example Root CA" "strongSwan gets the root"
expect_out "CN = Example Issuing CA" "and the intermediate"

# enrol [OPTION...]: into $T/bob.pem.
enrol() {
	run pki --est --in "$T/bob.csr" --cacert "$T/ca/root.pem" --outform pem "$@"
	cp "$T/out" "$T/bob.pem"
}

# verified: by the CA, for this key.
verified() {
	openssl verify -CAfile "$T/ca/root.pem" -untrusted "$T/ca/intermediate.pem" "$T/bob.pem" >"$T/out" 2>&1 ||
		fail "openssl does not verify it: $(cat "$T/out" "$T/err")"
	[ "$(openssl x509 -in "$T/bob.pem" -noout -pubkey)" = "$(openssl pkey -in "$T/bob.key" -pubout)" ] ||
		fail "the certificate is of another key"
	ok "$1"
}

enrol --url "$est_url"
expect_fail "without a password nothing is issued"
est_requests >"$T/out"
expect_out "POST simpleenroll - user=None cert=None 401" "without a password nothing is issued"
enrol --url "$est_url" --userpass device:s3cret
expect_status 0 "pki --est with a password"
verified "strongSwan enrolls with a password"
cp "$T/bob.pem" "$T/old.pem"
est_requests >"$T/out"
expect_out "POST simpleenroll - user=device cert=None 200" "the server saw the password"

enrol --url "$est_url" --cert "$T/old.pem" --key "$T/bob.key"
expect_status 0 "pki --est with a certificate"
verified "strongSwan renews with its certificate"
est_requests >"$T/out"
expect_out "POST simplereenroll - user=None cert=bob 200" "the server saw the certificate"
[ "$(openssl x509 -in "$T/bob.pem" -noout -serial)" != "$(openssl x509 -in "$T/old.pem" -noout -serial)" ] ||
	fail "it is the old certificate"
ok "which is a new one"
