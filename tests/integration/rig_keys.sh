# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# rig_keys: several keys, with certificates of two CAs, good ones and bad ones. Sourced after lib.sh by the stories that
# are about choosing.

# other_ca_make: beside the CA of ca_make another one, with a root of its own: $T/ca/other.pem.
other_ca_make() {
	key_make_file p256 "$T/ca/other.key"
	openssl x509 -new -key "$T/ca/other.key" -subj "/O=Other/CN=Other CA" -days 60 -extfile "$T/ca/extensions" \
		-extensions ca -out "$T/ca/other.pem" 2>"$T/ca/out" || fail "$(cat "$T/ca/out")"
}

# certificate_days CA SECTION NAME DAYS: NAME's certificate; a negative number is one that has expired.
certificate_days() {
	openssl x509 -new -force_pubkey "$T/$3.pub" -subj "/CN=$3" -days "$4" -CA "$T/ca/$1.pem" -CAkey "$T/ca/$1.key" \
		-extfile "$T/ca/extensions" -extensions "$2" -out "$T/certs/$3.pem" 2>"$T/ca/out" || fail "$(cat "$T/ca/out")"
}

# server_start_of_other_ca: openssl s_server that names the other CA; $port.
server_start_of_other_ca() {
	process_start_until theirs '^ACCEPT .*:([0-9]+)$' openssl s_server -accept 127.0.0.1:0 \
		-cert "$T/ca/server-leaf.pem" -key "$T/ca/server.key" -cert_chain "$T/ca/intermediate.pem" \
		-CAfile "$T/ca/other.pem" -Verify 4 -verify_return_error -www || fail "openssl s_server did not start"
	# shellcheck disable=SC2034 # for the story
	port=${BASH_REMATCH[1]}
}
