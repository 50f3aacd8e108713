#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keys on a token get certificates by SCEP (RFC 8894): from step-ca, RSA and EC, over http with a fingerprint and over
# https; and from Debian's scepserver, which answers in single DES and for RSA keys alone. The same keys renew, a curl
# signs in with what was issued, and what must be refused is: a wrong challenge, another CA, single DES.
#
# scepserver listens on all interfaces, so it runs, with its client, in a network namespace of its own.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/rig_stepca.sh"
need_root "a network namespace"
command -v scepserver >/dev/null || skip "scepserver is not installed (package scep)"
rig_begin

fingerprint_of() {
	openssl x509 -in "$1" -noout -fingerprint -sha256 | sed 's/^.*=//'
}

# scep OUT KEY FIELD=VALUE...: one enrolment of a key by enrol-try; certificates in $T/OUT-certificates.pem.
scep() {
	local out=$1 key=$2
	shift 2
	rm -f "$T/$out"-*
	run "$BUILD/try/enrol-try" enrol protocol=scep key="$key" out="$T/$out" subject="/O=Example/CN=$key" \
		secret-file="$T/challenge" timeout-ms=10000 "$@"
}

# is_for KEY FILE: the first certificate in FILE is of this key.
is_for() {
	[ "$(openssl x509 -in "$2" -noout -pubkey)" = "$(keystay csr "$1" --subject CN=a | openssl req -noout -pubkey)" ]
}

ca_make
token_make corp
key_make corp p256 ec 01
key_make corp rsa2048 rsa 02
key_make corp rsa2048 old 03
echo sekret >"$T/challenge"
stepca_start -lifetime 10m -backdate 1m
pin=$(fingerprint_of "$T/stepca/intermediate.pem")
(cd "$T" && scepserver ca -init -keySize 2048 -organization Example -depot depot) >"$T/depot.log" 2>&1 ||
	fail "scepserver makes no CA: $(cat "$T/depot.log")"
debian_pin=$(fingerprint_of "$T/depot/ca.pem")
agent_configure '[profile "corp"]' 'protocol = scep' "url = $stepca_scep_url" "ca-fingerprint = $pin" \
	"secret-file = $T/challenge" 'subject = /O=Example/CN=alice' \
	'[profile "debian"]' 'protocol = scep' 'url = http://127.0.0.1:8802/scep' "ca-fingerprint = $debian_pin" \
	"secret-file = $T/challenge" 'subject = /O=Example/CN=debian' 'scep-legacy = yes' \
	'[key "ec"]' 'match = pkcs11:object=ec' 'profile = corp' '[key "rsa"]' 'match = pkcs11:object=rsa' 'profile = corp' \
	'[key "old"]' 'match = pkcs11:object=old' 'profile = debian'
agent_start
unlock corp >/dev/null

# --- step-ca --------------------------------------------------------------------------------------------------------

for key in rsa ec; do
	scep "$key" "$key" url="$stepca_scep_url" ca-fingerprint="$pin"
	expect_status 0 "step-ca issues for the $key key"
	expect_err "issued: 2 certificates, 1 anchors" "it sent the leaf, and GetCACert its CA"
	is_for "$key" "$T/$key-certificates.pem" || fail "the certificate is of another key"
	expect_equal "$(openssl x509 -in "$T/$key-certificates.pem" -noout -subject -nameopt RFC2253)" \
		"subject=CN=$key,O=Example" "it names whom the request named"
	openssl verify -no-CAfile -no-CApath -CAfile "$stepca_root" -untrusted "$T/$key-anchors.pem" \
		"$T/$key-certificates.pem" >/dev/null || fail "the chain does not lead to the root of step-ca"
done
serial=$(openssl x509 -in "$T/ec-certificates.pem" -noout -serial)
scep ec ec url="$stepca_url/scep/scep" tls-ca="$stepca_root"
expect_status 0 "the same key once more, over https, where no fingerprint is needed"
[ "$(openssl x509 -in "$T/ec-certificates.pem" -noout -serial)" != "$serial" ] || fail "the certificate is no new one"
ok "a renewal is a request with the challenge"

echo wrong >"$T/challenge"
scep no ec url="$stepca_scep_url" ca-fingerprint="$pin"
expect_status 1 "a wrong challenge"
expect_err "error denied final: SCEP server $stepca_scep_url refuses the request" "is refused, and is not tried again"
expect_err '(failInfo badRequest); it says: "wrong password provided"' "with the reason that the CA gave"
echo sekret >"$T/challenge"

requests=$(stepca_requests POST /scep/scep)
scep no ec url="$stepca_scep_url" ca-fingerprint="$(fingerprint_of "$T/ca/root.pem")"
expect_status 1 "another CA than the profile names"
expect_err "is not the CA that the profile names" "is refused"
scep no ec url="$stepca_scep_url"
expect_err "asks a SCEP server over plain http" "nobody is asked over http without a fingerprint"
expect_equal "$(stepca_requests POST /scep/scep)" "$requests" "neither was sent the request with the challenge"
scep no ec url="$stepca_url/acme/acme" tls-ca="$stepca_root"
expect_status 1 "an address that is no SCEP service"

process_stop "$started"
stepca_start -lifetime 10m -scep-cipher 0
scep no ec url="$stepca_scep_url" ca-fingerprint="$pin"
expect_status 1 "step-ca set to single DES"
expect_err "error unsupported final: " "is refused for good"
expect_err "encrypted with single DES" "and it says why"
expect_err "The CA must be set up to encrypt its answers with AES" "and what the CA has to change"
scep des ec url="$stepca_scep_url" ca-fingerprint="$pin" scep-legacy=yes
expect_status 0 "unless the profile says scep-legacy = yes"
is_for ec "$T/des-certificates.pem" || fail "the certificate is of another key"

# --- the whole way --------------------------------------------------------------------------------------------------

process_stop "$started"
stepca_start -lifetime 10m -backdate 1m
cat "$stepca_root" >>"$T/ca/root.pem"
server_start_openssl server
for key in rsa ec; do
	run keystay enroll "$key"
	expect_status 0 "keystay enroll $key"
	keystay cert "$key" -o "$T/$key.pem"
	run fetch "$port" "$T/$key.pem"
	expect_status 0 "curl signs in with the certificate of $key"
done
serial=$(keystay cert ec --no-key | openssl x509 -noout -serial)
run keystay renew ec --force
expect_status 0 "keystay renew ec"
[ "$(keystay cert ec --no-key | openssl x509 -noout -serial)" != "$serial" ] || fail "nothing was renewed"
ok "a renewal, with the challenge of the profile"
run keystay enroll ec --force --secret-fd 4 4<<<another-challenge
expect_fail "a wrong challenge"
expect_err "wrong password provided" "is refused with the CA's reason"

# --- Debian's scepserver --------------------------------------------------------------------------------------------

# in_namespace COMMAND...: with a scepserver at 127.0.0.1:8802, which nobody else sees or is in the way of.
in_namespace() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare --net --kill-child bash -c '
		ip link set lo up || exit 99
		cd "$T"
		scepserver -depot depot -port 8802 -challenge sekret -allowrenew 0 -debug >>scepserver.log 2>&1 &
		server=$!
		until (: </dev/tcp/127.0.0.1/8802) 2>/dev/null; do
			kill -0 $server 2>/dev/null || exit 98
			read -r -t 0.05 <>"$T/never" || true
		done
		code=0
		"$@" || code=$?
		kill $server
		wait $server 2>/dev/null
		exit $code' namespace "$@"
}

debian() {
	local out=$1 key=$2
	shift 2
	rm -f "$T/$out"-*
	run in_namespace "$BUILD/try/enrol-try" enrol protocol=scep key="$key" out="$T/$out" \
		subject="/O=Example/CN=debian-$key" secret-file="$T/challenge" url=http://127.0.0.1:8802/scep \
		ca-fingerprint="$debian_pin" "$@"
}

debian no rsa
expect_status 1 "scepserver answers in single DES, whatever was asked"
expect_err "encrypted with single DES" "which is refused"
debian debian rsa scep-legacy=yes
expect_status 0 "with scep-legacy = yes it issues for an RSA key"
is_for rsa "$T/debian-certificates.pem" || fail "the certificate is of another key"
run in_namespace "$KEYSTAY" enroll old
expect_status 0 "keystay enroll old"
expect_equal "$(keystay cert old --no-key | openssl x509 -noout -subject -nameopt RFC2253)" "subject=CN=debian,O=Example" \
	"and the agent has the new certificate"
run in_namespace "$KEYSTAY" renew old --force
expect_status 0 "scepserver renews"
debian no ec scep-legacy=yes
expect_status 1 "it issues for no EC key"
expect_err "error denied final: SCEP server http://127.0.0.1:8802/scep refuses the request" "and says so"
echo wrong >"$T/challenge"
debian no rsa scep-legacy=yes
expect_status 1 "nor with a wrong challenge"
expect_err "(failInfo badRequest)" "which is a refusal as well"

for log in agent stepca scepserver; do
	! grep -qF sekret "$T/$log.log" || fail "the challenge stands in $log.log"
done
ok "the challenge is in no log"
