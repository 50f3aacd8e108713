#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# keystay explain URL: what a server asks for, of each key whether it fits and why not, which one is the best, what would
# be sent; with --try what the server says to it: HTTP status, alert in words. Servers that ask for nothing, that name
# another CA, that know other signatures, in TLS 1.2 and 1.3, that are not verified, that are not there.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_keys.sh
. "$RIG_FOLDER/rig_keys.sh"
ca_make
other_ca_make
token_make corp
for key in "p256 alice 01" "rsa2048 rsa 02" "p256 theirs 03" "p256 server-only 04" "p256 expired 05" "p256 bare 06"; do
	# shellcheck disable=SC2086 # three words
	key_make corp $key
done
certificate_days intermediate client alice 30
certificate_days intermediate client rsa 30
certificate_days other client theirs 30
certificate_days intermediate server server-only 30
certificate_days intermediate client expired -1
root=(--ca "$T/ca/root.pem")

# --- no agent --------------------------------------------------------------------------------------------------------

server_start_nginx server
good=$port
run keystay explain "${root[@]}" "localhost:$good"
expect_status 3 "no agent"
expect_out 'of these CAs  CN=Example Root CA,O=Example' "what the server asks for is said without an agent"
expect_err "keystay-agent is not running" "and that there is none"
agent_start
unlock corp >/dev/null

# --- the table -------------------------------------------------------------------------------------------------------

# says NAME TEXT SENTENCE: the line of this key.
says() {
	grep -qE "^  $1 +$2" "$T/out" || { show_run >&2 && fail "$3 (expected: $1 $2)"; }
	ok "$3"
}
run keystay explain "${root[@]}" "localhost:$good"
expect_status 0 "a server that takes alice"
expect_out "Server        localhost port $good, TLSv1.3, TLS_" "host, port, version and cipher"
expect_out "CN=localhost,O=Example" "the server's certificate"
expect_out "Verified      yes, for \"localhost\"" "it was verified"
expect_out "Asks          for a client certificate, in the handshake" "it asks in the handshake"
expect_out "signed by     ECDSA with P-256 and SHA-256" "signatures in words"
says alice 'yes  signs ecdsa_secp256r1_sha256' "alice fits"
says rsa 'yes  signs rsa_pss_rsae_sha256' "the RSA key fits"
says theirs 'no   its chain ends at the CA "Other CA", but the server asks for "Example Root CA"' "an issuer not asked for"
says server-only 'no   its certificate is not for TLS clients' "a wrong EKU"
says expired 'no   its certificate expired on [0-9-]{10}$' "an expired one"
says bare 'no   it has no certificate' "no certificate"
expect_out "Best          alice" "alice is the best one"
expect_out "Would send    CN=alice" "her certificate"
expect_out "issued by CN=Example Root CA,O=Example, which the server names" "and a chain up to what the server names"

run keystay explain "${root[@]}" --tls 1.2 "https://localhost:$good"
expect_status 0 "TLS 1.2"
expect_out "TLSv1.2, ECDHE-ECDSA" "its version and cipher"
expect_out "ECDSA with SHA-256" "signatures of TLS 1.2 bind no curve"
expect_out "RSA PKCS#1 with SHA-256," "and know PKCS#1"

# The intermediate is what leads to the CA that the server names.
mv "$T/certs/intermediate.pem" "$T/intermediate.pem"
keystay reload >/dev/null
run keystay explain "${root[@]}" --key alice "localhost:$good"
expect_status 1 "an intermediate certificate is missing"
says alice 'no   its chain ends at the CA "Example Issuing CA"' "then alice does not fit"
expect_out "its certificate is missing: put it (PEM) into certs/" "and it is said what is missing"
mv "$T/intermediate.pem" "$T/certs/intermediate.pem"
keystay reload >/dev/null

# --- other servers ---------------------------------------------------------------------------------------------------

server_start_of_other_ca
run keystay explain "${root[@]}" "localhost:$port"
expect_status 0 "a server of another CA"
expect_out "Best          theirs" "takes the key of that CA"
other=$port
server_start_openssl ec -client_sigalgs ECDSA+SHA256
run keystay explain "${root[@]}" "localhost:$port"
says rsa 'no   the server takes no signature of a RSA-2048 key, only ecdsa_secp256r1_sha256' "a type of key not offered"
server_start_openssl pkcs1 -client_sigalgs RSA+SHA256:ed25519
run keystay explain "${root[@]}" --tls 1.3 "localhost:$port"
expect_status 1 "a server that takes none of the keys"
says rsa 'no   TLS 1.3 takes RSA-PSS signatures alone' "RSA-PSS not offered"
expect_out "Best          none of the keys fits" "there is no best one"
run keystay explain "${root[@]}" --try "localhost:$port"
expect_status 1 "and nothing to try"
run keystay explain "${root[@]}" --tls 1.2 "localhost:$port"
says rsa 'yes  signs rsa_pkcs1_sha256' "in TLS 1.2 the same key fits"
process_start_until open '^ACCEPT .*:([0-9]+)$' openssl s_server -accept 127.0.0.1:0 -cert "$T/ca/server-leaf.pem" \
	-key "$T/ca/server.key" -cert_chain "$T/ca/intermediate.pem" -www || fail "openssl s_server did not start"
for version in 1.3 1.2; do
	run keystay explain "${root[@]}" --tls $version "localhost:${BASH_REMATCH[1]}"
	expect_status 0 "no certificate is asked for in TLS $version"
	expect_out "Asks          for no client certificate in the handshake" "which is said, TLS $version"
done

# --- try -------------------------------------------------------------------------------------------------------------

before=$(signatures_of corp)
run keystay explain "${root[@]}" --try "https://localhost:$good/"
expect_status 0 "a good attempt"
expect_out "Tried         with alice" "was made with alice"
expect_out "Answer        HTTP/1.1 200 OK" "and the page came"
expect_equal "$(signatures_of corp)" $((before + 1)) "it was one signature; explaining alone makes none"
run keystay explain "${root[@]}" --try --tls 1.2 --key rsa "https://localhost:$good/x?y"
expect_status 0 "another key over TLS 1.2"
expect_out "Tried         with rsa" "which was named"
run keystay explain "${root[@]}" --try "localhost:$good"
expect_out "Answer        the handshake is good" "without a path there is no request"
for version in 1.3 1.2; do
	run keystay explain "${root[@]}" --try --key alice --tls $version "localhost:$other"
	expect_status 1 "a refused attempt over TLS $version"
	expect_out "Refused       the server refuses: it does not trust the CA of the certificate" \
		"the alert in words over TLS $version"
	expect_out "(unknown_ca)" "and by its name"
done
run keystay explain "${root[@]}" --try --key server-only "https://localhost:$good/"
expect_status 1 "nginx refuses a certificate for servers by HTTP"
expect_out "Refused       the server answers HTTP/1.1 400" "which is said"
run keystay explain "${root[@]}" --try --key expired "https://localhost:$good/"
expect_status 1 "the agent refuses an expired certificate"
expect_out 'its certificate expired on ' "with the date"
keystay lock >/dev/null
run keystay explain "${root[@]}" --try "https://localhost:$good/"
expect_status 1 "the agent refuses"
expect_out 'token "corp" is locked; run: keystay unlock corp' "its own sentence is there"
expect_out "its token is locked, the PIN will be asked for" "and was foretold"
unlock corp >/dev/null

# --- servers that are not what they should be ------------------------------------------------------------------------

run keystay explain --try "https://localhost:$good/"
expect_status 1 "a server that is not verified"
expect_out "Verified      NO: it is of no CA that this system names" "which is said"
expect_err "nothing was tried; --insecure" "and nothing was tried"
run keystay explain --try --insecure "https://localhost:$good/"
expect_status 0 "--insecure"
expect_err "the server is NOT verified" "is not silent"
run keystay explain "${root[@]}" --server-name www.example.org "localhost:$good"
expect_status 1 "a name that is not in its certificate"
expect_out 'NO: it is not for "www.example.org"' "is said"
run keystay explain "${root[@]}" --starttls postgres "localhost:$good"
expect_status 1 "no PostgreSQL"
expect_err "does not answer as PostgreSQL does" "is said"
run keystay explain "${root[@]}" "localhost:1"
expect_status 1 "nobody listens"
expect_err "localhost port 1: it cannot be reached" "is said"
for wrong in "http://localhost" "localhost:0" "a b" "--tls 1.1 localhost" "--key" "" "one two"; do
	# shellcheck disable=SC2086 # words
	run keystay explain $wrong
	expect_status 2 "not understood: $wrong"
done
run keystay explain "${root[@]}" --key nobody "localhost:$good"
expect_status 1 "no such key"
expect_err nobody "which is said"

# --- for programs ----------------------------------------------------------------------------------------------------

run keystay explain "${root[@]}" --json --try "https://localhost:$good/"
"$PYTHON" - "$T/out" <<'PY' || fail "the JSON is not as it should be: $(cat "$T/out")"
import json, sys
value = json.load(open(sys.argv[1]))
keys = {key["name"]: key for key in value["keys"]}
assert value["chosen"] == "alice" and value["request"]["asked"] and not value["request"]["after_handshake"]
assert value["request"]["ca_names"] == ["CN=Example Root CA,O=Example"]
assert value["server"]["certificate"]["verified"] and value["server"]["tls"] == "TLSv1.3"
assert {name: key["fault"] for name, key in keys.items()} == {
    "alice": None, "rsa": None, "theirs": "issuer", "server-only": "purpose", "expired": "expired",
    "bare": "no-certificate"}
assert keys["alice"]["rules"]["verdict"] == "allow"
assert [row["subject"] for row in value["chain"]] == ["CN=alice", "CN=Example Issuing CA,O=Example"]
assert value["attempt"]["good"] and value["attempt"]["http_status"] == 200 and value["attempt"]["alert"] is None
PY
ok "JSON has the same"
