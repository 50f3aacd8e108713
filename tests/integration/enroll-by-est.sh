#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A key on a token gets its certificate by EST: with a password the first time, then with the certificate it has, whose
# TLS handshake the agent signs as for any other program: it proves the server, so a rule that binds the key to the CA's
# server holds; what it refuses, a person reads in the agent's own words. The server's answers come in every form that
# servers have, and in some that are none.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_est.sh"
ca_make
token_make corp
key_make corp p256 alice 01
key_make corp rsa2048 next 02
agent_configure '[key "alice"]' 'match = pkcs11:object=alice' 'servers = localhost' "server-ca = $T/ca/root.pem"
agent_start
unlock corp >/dev/null
est_start
PASSWORD=("user=device" "secret-file=$T/est.secret")

# request KEY: $T/KEY.csr.der, anew.
request() {
	keystay csr "$1" --subject /O=Example/CN=alice --san dns:alice.example -o "$T/$1.csr" --force >/dev/null
	openssl req -in "$T/$1.csr" -outform DER -out "$T/$1.csr.der"
}

# is_of FILE KEY SENTENCE: a certificate of this key is among FILE, and openssl verifies it with the others there.
is_of() {
	"$PYTHON" - "$1" "$T/$2.pub" "$T/leaf.pem" <<'EOF' || fail "$3: no certificate of this key in $1"
import re, subprocess, sys
wanted = open(sys.argv[2]).read()
for pem in re.findall("-----BEGIN CERTIFICATE.*?-----END CERTIFICATE-----\n", open(sys.argv[1]).read(), re.S):
    if subprocess.run(["openssl", "x509", "-noout", "-pubkey"], input=pem, capture_output=True, text=True).stdout == wanted:
        open(sys.argv[3], "w").write(pem)
        sys.exit(0)
sys.exit(1)
EOF
	openssl verify -CAfile "$T/ca/root.pem" -untrusted "$1" "$T/leaf.pem" >"$T/verify" 2>&1 ||
		fail "$3: $(cat "$T/verify")"
	ok "$3"
}

# --- the first one ---------------------------------------------------------------------------------------------------

request alice
est_enrol '' "$T/first" "${PASSWORD[@]}"
expect_status 0 "the first certificate"
expect_err "issued: 2 certificates, 2 anchors" "the certificate comes with the CA's intermediate"
is_of "$T/first-certificates.pem" alice "it is of the key on the token, and openssl verifies it"
expect_equal "$(est_requests)" "GET cacerts - user=None cert=None 200
POST simpleenroll - user=device cert=None 200" "the password went once, with the request alone"
openssl x509 -in "$T/leaf.pem" -noout -ext subjectAltName >"$T/out"
expect_out "DNS:alice.example" "with the name that was asked for"

for label in wrapped crlf binary lax strict mixed wrapped+mixed; do
	est_enrol "$label" "$T/form" "${PASSWORD[@]}"
	expect_status 0 "a server of the manner $label"
	is_of "$T/form-certificates.pem" alice "a server of the manner $label"
done
expect_err "issued: 4 certificates, 2 anchors" "what else a server sends is handed on to be judged"
est_enrol '' "$T/form" "${PASSWORD[@]}" "url=$est_url/.well-known/est/crlf/"
expect_status 0 "an address with the path and a label in it"
est_enrol open "$T/form"
expect_status 0 "a server that asks for nothing"
est_requests >"$T/out"
expect_out "POST simpleenroll crlf user=device cert=None 200" "the path is not added twice"
expect_out "POST simpleenroll open user=None cert=None 200" "nothing is shown that nobody asks for"

# --- the CA has not decided ------------------------------------------------------------------------------------------

est_enrol wait "$T/wait" "${PASSWORD[@]}"
expect_status 4 "a CA that has not decided"
expect_err "pending: 3600" "what the server says of time is handed on"
request alice
est_enrol wait "$T/waited" "${PASSWORD[@]}" "pending=$T/wait-pending"
expect_status 0 "the same request comes again, whatever was signed since"
is_of "$T/waited-certificates.pem" alice "and is answered"
request next
est_enrol wait "$T/other" "${PASSWORD[@]}" "key=next" "csr=$T/next.csr.der" "pending=$T/wait-pending"
expect_status 1 "what is pending for another key is not taken up"
est_requests >/dev/null

# --- renewed ---------------------------------------------------------------------------------------------------------

cp "$T/leaf.pem" "$T/certs/alice.pem"
keystay reload >/dev/null
before=$(signatures_of corp)
est_enrol '' "$T/second" old=alice "${PASSWORD[@]}"
expect_status 0 "the renewal"
is_of "$T/second-certificates.pem" alice "a renewal gives a certificate of the same key"
! cmp -s "$T/leaf.pem" "$T/certs/alice.pem" || fail "it is the old certificate"
expect_equal "$(est_requests)" "GET cacerts - user=None cert=None 200
POST simplereenroll - user=None cert=alice 200" "the server saw the certificate, and no password"
expect_equal "$(signatures_of corp)" $((before + 1)) "by one signature of the token"
tail -n 1 "$XDG_STATE_HOME/keystay/audit/audit.jsonl" >"$T/out"
expect_out '"purpose":"tls13-client"' "which the log has as TLS"
expect_out '"key":"alice"' "with the key"
expect_out '"server":"localhost","proven":true' "for the server that was proven"

request next
est_enrol '' "$T/rekeyed" old=alice key=next "csr=$T/next.csr.der"
expect_status 0 "another key with the old certificate"
is_of "$T/rekeyed-certificates.pem" next "a renewal with another key"
est_enrol both "$T/both" old=alice "${PASSWORD[@]}"
expect_status 0 "a server that wants certificate and password"
est_requests >"$T/out"
expect_out "POST simplereenroll both user=None cert=alice 401" "the password is not shown at first"
expect_out "POST simplereenroll both user=device cert=alice 200" "and then with the certificate"
est_enrol '' "$T/bootstrap"
expect_status 0 "a key that has a certificate already"
est_requests >"$T/out"
expect_out "POST simpleenroll - user=None cert=alice 200" "may show that"

modern_url=$est_url
est_start 1.2
est_enrol '' "$T/tls12" old=alice
expect_status 0 "a renewal in TLS 1.2"
tail -n 1 "$XDG_STATE_HOME/keystay/audit/audit.jsonl" >"$T/out"
expect_out '"purpose":"tls12-client"' "a renewal in TLS 1.2"
expect_out '"server":"localhost","proven":true' "whose server is proven too"
est_url=$modern_url

# --- what goes wrong -------------------------------------------------------------------------------------------------

# refused LABEL TEXT SENTENCE [FIELD=VALUE...]
refused() {
	local label=$1 text=$2 sentence=$3
	shift 3
	est_enrol "$label" "$T/refused" "$@"
	expect_status 1 "$sentence"
	expect_err "$text" "$sentence"
	! grep -q s3cret "$T/err" || fail "the password is shown"
	[ ! -e "$T/refused-certificates.pem" ] || fail "there are certificates all the same"
}
refused refuse 'error denied final: EST server' "a server that does not know who asks"
expect_err "answered 401: it wants to know who asks" "the server's status is explained"
expect_err 'it says: "Who are you?"' "and its own words are there"
refused pop "tls-unique in the challengePassword" "a server that wants its proof of possession" "${PASSWORD[@]}"
refused html 'answered with "text/html" and not with certificates' "a page" "${PASSWORD[@]}"
refused untyped "answered with nothing that it names and not with certificates" "an answer without a type" "${PASSWORD[@]}"
refused empty "has no certificate in it" "an empty answer" "${PASSWORD[@]}"
refused giant "more than 256 KiB" "CA certificates without end" "${PASSWORD[@]}"
refused giant+late "more than 256 KiB" "an answer without end" "${PASSWORD[@]}"
refused redirect "to https://elsewhere.example/est. Redirects are not followed" "a redirect" "${PASSWORD[@]}"
refused redirect+late "Redirects are not followed" "a redirect of the request" "${PASSWORD[@]}"
refused no-cacerts "answered 404" "no CA certificates" "${PASSWORD[@]}"
openssl x509 -new -key "$T/ca/server.key" -subj "/CN=Another CA" -days 9 -out "$T/other.pem" 2>/dev/null
refused '' "of no CA in $T/other.pem" "a server of another CA" "${PASSWORD[@]}" "tls-ca=$T/other.pem"
refused '' "has a user and no secret" "a user without a secret" user=device
refused '' "answered 401" "a wrong password" user=device "secret-file=$T/certs/alice.pem"
est_requests >"$T/out"
! grep -q elsewhere "$T/out" || fail "a redirect was followed"
for label in other-key other-ca; do
	est_enrol "$label" "$T/form" "${PASSWORD[@]}"
	expect_status 0 "$label: whether a certificate is good is for others to decide"
done

openssl x509 -new -force_pubkey "$T/alice.pub" -subj /O=Example/CN=alice -days 9 -CA "$T/other.pem" \
	-CAkey "$T/ca/server.key" -out "$T/certs/alice.pem" 2>/dev/null
keystay reload >/dev/null
# Its alert may be lost, as it closes at once.
refused '' "this key's certificate" "a server that does not know the CA of ours" old=alice

keystay lock corp >/dev/null
refused '' "error token-locked again: " "a token that is locked" old=alice
expect_err "keystay unlock" "a person reads the agent's own words"
unlock corp >/dev/null
agent_configure '[key "alice"]' 'match = pkcs11:object=alice' 'servers = other.example' "server-ca = $T/ca/root.pem"
keystay reload >/dev/null
refused '' "error rule again: " "a rule of the agent" old=alice
expect_err "localhost" "which says what server it was"
