#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `keystay csr`: a certificate request of a key that never leaves its token, for every key type. OpenSSL takes it, a CA
# issues a certificate from it, and curl signs in with that. Each request has its audit record; what is not a request for
# this very key is refused over the control socket, and no request is signed over a sign socket (invariant I2).

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_audit.sh"
types=(rsa2048 rsa3072 rsa4096 p256 p384 p521 ed25519)
ca_make
token_make corp
id=10
for type in "${types[@]}"; do
	key_make corp "$type" "$type" $((id += 1))
done
server_start_nginx server
agent_start
unlock corp >/dev/null

# last EXPRESSION: of the last record, as the Python variable r.
last() {
	tail -n 1 "$LOG" | "$PYTHON" -c 'import json, sys; r = json.loads(sys.stdin.read()); print(eval(sys.argv[1]))' "$1"
}

# csr_text FILE: verified by OpenSSL, in words.
csr_text() {
	openssl req -in "$1" -verify -noout -text -nameopt RFC2253 >"$T/out" 2>&1 || fail "openssl: $(cat "$T/out")"
	grep -q 'self-signature verify OK' "$T/out" || fail "openssl does not verify it: $(cat "$T/out")"
}

algorithm_of() {
	case $1 in
	rsa*) echo sha256WithRSAEncryption ;;
	p256) echo ecdsa-with-SHA256 ;;
	p384) echo ecdsa-with-SHA384 ;;
	p521) echo ecdsa-with-SHA512 ;;
	ed25519) echo ED25519 ;;
	esac
}

# --- every key type --------------------------------------------------------------------------------------------------

for type in "${types[@]}"; do
	run keystay csr "$type" --subject "/O=Example/CN=$type" --san "email:$type@corp.example" -o "$T/$type.csr"
	expect_status 0 "keystay csr with $type"
	csr_text "$T/$type.csr"
	expect_out "Subject: CN=$type,O=Example" "openssl reads the subject of $type"
	expect_out "Signature Algorithm: $(algorithm_of "$type")" "and its algorithm"
	expect_out "email:$type@corp.example" "and its name"
	expect_equal "$(last '(r["outcome"], r["purpose"], r["socket"], r["key"], r["program"])')" \
		"('signed', 'csr', 'control', '$type', 'keystay')" "the record of $type"
done
expect_equal "$(stat -c %a "$T/p256.csr")" 644 "anybody may read a request"
for hash in sha256 sha384 sha512; do
	run keystay csr rsa2048 --subject CN=rsa --pss --hash "$hash" -o "$T/pss.csr" --force
	expect_status 0 "RSA-PSS with $hash"
	csr_text "$T/pss.csr"
	expect_out "Signature Algorithm: rsassaPss" "a request signed with RSA-PSS"
	expect_out "Hash Algorithm: $hash" "with $hash"
done

# --- names -----------------------------------------------------------------------------------------------------------

names='dns:www.corp.example,dns:*.corp.example,email:alice@corp.example,uri:spiffe://corp/web,a,ip:192.0.2.1,ip:2001:db8::1'
keystay csr p256 --subject 'CN=Alice\, the first+UID=a1, OU=Ümläut,O=Example,C=DE' --san "$names,upn:alice@CORP.EXAMPLE" \
	>"$T/names.csr"
csr_text "$T/names.csr"
expect_out 'DNS:www.corp.example, DNS:*.corp.example, email:alice@corp.example, URI:spiffe://corp/web,a,' "names of all kinds"
expect_out 'IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, othername: UPN::alice@CORP.EXAMPLE' "and the others"
expect_equal "$(openssl req -in "$T/names.csr" -noout -subject -nameopt RFC2253,-esc_msb,utf8)" \
	'subject=CN=Alice\, the first+UID=a1,OU=Ümläut,O=Example,C=DE' "a subject in the form of RFC 4514"
keystay csr p256 --subject '/C=DE/O=A\/B/CN=alice' | openssl req -noout -subject -nameopt RFC2253 >"$T/subject"
expect_equal "$(cat "$T/subject")" 'subject=CN=alice,O=A/B,C=DE' "a subject as OpenSSL has it"
keystay csr p256 --san dns:www.corp.example >"$T/empty.csr"
csr_text "$T/empty.csr"
expect_out 'X509v3 Subject Alternative Name: critical' "without a subject the names are critical"

for wrong in '--subject CN' '--subject /CN=' '--subject /XX=a' '--subject /C=DEU' '--subject CN=a,' '--san host' \
	'--san dns:-.' '--san dns:a..b' '--san email:alice' '--san uri:x' '--san ip:1.2.3' '--san upn:alice' ''; do
	# shellcheck disable=SC2086 # words
	run keystay csr p256 $wrong
	expect_status 2 "refused: keystay csr p256 $wrong"
done
run keystay csr p256 --subject CN=a --pss
expect_fail "RSA-PSS with an EC key"
expect_err "is of type P-256; --pss and --hash are for RSA keys" "it says why"
run keystay csr p256 --subject CN=a -o "$T/p256.csr"
expect_fail "a file that is there is not replaced"
expect_err "is there already; to replace it: --force" "it says how"
run keystay csr nobody --subject CN=a
expect_fail "an unknown key"

# --- a certificate ---------------------------------------------------------------------------------------------------

for type in p256 rsa2048 ed25519; do
	openssl x509 -req -in "$T/$type.csr" -days 30 -CA "$T/ca/intermediate.pem" -CAkey "$T/ca/intermediate.key" \
		-extfile "$T/ca/extensions" -extensions client -copy_extensions copy -out "$T/certs/$type.pem" \
		2>"$T/ca/out" || fail "openssl could not issue: $(cat "$T/ca/out")"
done
keystay reload >/dev/null
for type in p256 rsa2048 ed25519; do
	keystay cert "$type" -o "$T/$type.pem"
	run fetch "$port" "$T/$type.pem"
	expect_status 0 "curl signs in with the certificate of $type"
	expect_out "client=CN=$type,O=Example" "nginx sees it"
done

# --- what is no request for this key ---------------------------------------------------------------------------------

signatures=$(signatures_of corp)
"$PYTHON" "$RIG_FOLDER/sign_requests.py" "$XDG_RUNTIME_DIR/$CONTROL_SOCKET" "$XDG_RUNTIME_DIR/$SIGN_SOCKET" \
	"$T/p256.csr" "$T/p384.csr" "$T/ca/intermediate.pem" >"$T/out" || fail "a hostile request: $(cat "$T/out")"
expect_out 'good: signed' "the request that all are made from is signed"
expect_out ' refused, 0 signed, 0 surprises' "what is no request for this key is refused over the control socket"
expect_equal "$(signatures_of corp)" $((signatures + 1)) "nothing of that has reached the token"
expect_equal "$(last '(r["outcome"], r["purpose"], r["error"])')" "('denied', 'csr', 'input-request')" "a refusal has its record"

# --- rules -----------------------------------------------------------------------------------------------------------

agent_configure '[key "p256"]' 'match = pkcs11:object=p256' 'servers = *.corp.example' 'max-rate = 1/h' \
	'[key "p384"]' 'match = pkcs11:object=p384' 'users = nobody' '[key "p521"]' 'match = pkcs11:object=p521' \
	'confirm = always'
keystay reload >/dev/null
for _ in 1 2; do
	run keystay csr p256 --subject CN=a
	expect_status 0 "rules of servers and max-rate do not concern requests"
done
run keystay csr p384 --subject CN=a
expect_fail "a rule of users does"
expect_err 'is for the users nobody' "it says so"
run env KEYSTAY_PROMPT=never "$KEYSTAY" csr p521 --subject CN=a
expect_fail "so does a confirmation, which nobody can give here"
expect_err "needs a person's yes (confirm = always)" "it says so"
keystay lock >/dev/null
run env KEYSTAY_PROMPT=never "$KEYSTAY" csr p256 --subject CN=a
expect_fail "a locked token makes no request"
expect_err 'run: keystay unlock corp' "it says what to do"
whole "the log is whole"
