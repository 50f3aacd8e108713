#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Java's SunPKCS11 on keystay-pkcs11.so, by HttpClient and HttpsURLConnection, without any password: the server sees the
# client's name, TLS 1.3 and 1.2. Whole inputs of EC keys, and of RSA keys where RSASSA-PSS can be avoided (TLS 1.2);
# digests of RSA keys for RSASSA-PSS, where they are allowed.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname -- "${BASH_SOURCE[0]}")/rig_module.sh"
command -v java >/dev/null || skip "java is not installed (package openjdk-17-jdk-headless)"
rig_begin
ca_make
for key in p256:p256 p384:p384 open:rsa2048 closed:rsa2048; do
	token_make "${key%:*}"
	key_make "${key%:*}" "${key#*:}" "${key%:*}" 01
	certificate_make "${key%:*}"
done
key_make p384 ed25519 ed 02
certificate_make ed
agent_configure "$(module_key open digest)" "${MODULE_ALLOWS[@]}"
agent_start
for key in p256 p384 open closed; do
	unlock $key >/dev/null
done
server_start_nginx nginx
echo 'ssl.KeyManagerFactory.algorithm=PKIX' >"$T/pkix"
javac -d "$T/java" "$RIG_FOLDER/java_client.java" || fail "javac does not compile java_client.java"
# The number of a slot stays the same.
pkcs11-tool --module "$MODULE_FILE" --list-slots >"$T/slots"
for key in p256 p384 open closed; do
	slot=$(sed -n "s/^Slot .* (\\(0x[0-9a-f]*\\)): keystay: $key$/\\1/p" "$T/slots")
	printf '%s\n' 'name = keystay' "library = $MODULE_FILE" "slot = $slot" >"$T/$key.cfg"
done

# fetch_java TOKEN VERSION WAY [OPTION...]
fetch_java() {
	timeout "$DEADLINE_S" java -Djava.security.properties="$T/pkix" "${@:4}" -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Djava.io.tmpdir="$T" -cp "$T/java" \
		JavaClient "$T/$1.cfg" "$T/ca/root.pem" "https://localhost:$port/" "TLSv$2" "$3" </dev/null
}
# signs KEY VERSION WAY WHAT [OPTION...]: WHAT is how the agent's log calls it.
signs() {
	run fetch_java "$1" "$2" "$3" "${@:5}"
	expect_status 0 "java signs with $1"
	expect_out "key=$1 chain=2" "java finds $1 and its chain without a password"
	expect_out "protocol=TLSv$2 verified=SUCCESS client=CN=$1,O=Example issuer=CN=Example Issuing CA" \
		"nginx sees $1 over TLS $2 ($3)"
	[[ $(grep 'signed for java' "$T/agent.log" | tail -n 1) == *" with \"$1\": $4"* ]] ||
		fail "the agent's log does not say \"$4\": $(tail -n 1 "$T/agent.log")"
	ok "what the agent saw: $4"
}

for way in client connection; do
	for version in 1.3 1.2; do
		for key in p256 p384; do
			signs $key $version $way "TLS $version client authentication, ecdsa_"
		done
		signs open $version $way 'a bare digest, which nobody can check, rsa_pss_rsae_sha256'
	done
done

# p384's token has an Ed25519 key too.
run fetch_java p384 1.3 client -Djava.security.properties=
expect_status 1 "java's default key manager looks at an Ed25519 key"
expect_err 'unknown key type' "java's default key manager does not know Ed25519 keys"

# Refused at C_SignInit, Java goes on to the next scheme that fits; TLS 1.3 has none.
signs closed 1.2 client 'TLS 1.2 client authentication, rsa_pkcs1_sha256'
expect_digest_refused closed java "RSASSA-PSS was refused before, and the log says how to allow it"
signs open 1.2 client 'TLS 1.2 client authentication, rsa_pkcs1_sha256' \
	-Djdk.tls.client.SignatureSchemes=ecdsa_secp256r1_sha256,rsa_pkcs1_sha256

# ends KEY WORDS SENTENCE [WAY]: with an exception.
ends() {
	run fetch_java "$1" 1.3 "${4:-client}"
	expect_status 1 "$3"
	expect_err "$2" "$3"
}
for way in client connection; do
	ends closed 'No supported CertificateVerify signature algorithm for RSA' "RSA in TLS 1.3 without digests ($way)" $way
	expect_digest_refused closed java "no digest is signed in TLS 1.3 ($way)"
done
keystay lock >/dev/null
ends p256 CKR_USER_NOT_LOGGED_IN "a locked token"
unlock p256 >/dev/null
agent_stop
ends p256 CKR_SLOT_ID_INVALID "no agent"
agent_start
unlock p256 >/dev/null
signs p256 1.3 client 'TLS 1.3 client authentication, ecdsa_secp256r1_sha256'
