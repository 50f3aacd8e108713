#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Who leaves the choice to keystay gets the best certificate: keystay:auto and "auto" where no server is known yet, the
# PKCS#11 module's order of tokens and objects, the tunnel and the engine by what the server asks for. Never one that has
# expired, is for servers or has no certificate; of several the one whose [key] section comes first.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_keys.sh
. "$RIG_FOLDER/rig_keys.sh"
# shellcheck source=rig_tunnel.sh
. "$RIG_FOLDER/rig_tunnel.sh"
ca_make
other_ca_make
token_make corp
token_make second
for key in "p256 ours 01" "p256 theirs 02" "p256 expired 03" "p256 server-only 04" "p256 bare 05"; do
	# shellcheck disable=SC2086 # three words
	key_make corp $key
done
key_make second rsa2048 first 06
certificate_days intermediate client ours 30
certificate_days other client theirs 30
certificate_days intermediate client expired -1
certificate_days intermediate server server-only 30
certificate_days intermediate client first 30
# The order that this person wants; "expired" stands before all.
sections=('[key "expired"]' 'match = pkcs11:object=expired' '[key "first"]' 'match = pkcs11:object=first'
	'[key "theirs"]' 'match = pkcs11:object=theirs' '[key "ours"]' 'match = pkcs11:object=ours')
agent_configure "${sections[@]}"
agent_start
unlock corp >/dev/null
unlock second >/dev/null

# --- no server yet ---------------------------------------------------------------------------------------------------

# subject_of FILE: of its first certificate.
subject_of() {
	openssl x509 -in "$1" -noout -subject -nameopt RFC2253
}
keystay cert auto -o "$T/auto.pem"
expect_equal "$(subject_of "$T/auto.pem")" "subject=CN=first" "keystay cert auto takes the first section that fits"
run keystay show auto
expect_out "Order         1 of 3" "keystay show says the order, of those that fit"
run keystay show expired
expect_out "Order         never chosen: its certificate expired on" "and why a key is never chosen"
run client openssl storeutl -noout -text -certs keystay:auto
expect_status 0 "keystay:auto is a store"
expect_out "CN=first" "with the same certificate"
printf '%s\n' '[module "softhsm"]' "path = $SOFTHSM" "${sections[@]:6}" "${sections[@]:0:6}" >"$T/keystay.conf"
keystay reload >/dev/null
keystay cert auto -o "$T/auto.pem"
expect_equal "$(subject_of "$T/auto.pem")" "subject=CN=ours" "another order of the sections, another choice"

# --- the module ------------------------------------------------------------------------------------------------------

MODULE_FILE=$BUILD/lib/pkcs11/keystay-pkcs11.so
# module_tokens: labels in the order of the slots; module_certificates TOKEN: labels in the order of the objects.
module_tokens() {
	timeout "$DEADLINE_S" env "${RIG_PRELOAD[@]}" pkcs11-tool --module "$MODULE_FILE" --list-token-slots 2>/dev/null |
		sed -n 's/^ *token label *: *//p' | tr '\n' ' '
}
module_certificates() {
	timeout "$DEADLINE_S" env "${RIG_PRELOAD[@]}" pkcs11-tool --module "$MODULE_FILE" --token-label "$1" \
		--list-objects --type cert 2>/dev/null | sed -n 's/^ *label: *//p' | grep -vE 'CA$' | tr '\n' ' '
}
if command -v pkcs11-tool >/dev/null; then
	expect_equal "$(module_tokens)" "corp second " "the module has the token of the best key first"
	expect_equal "$(module_certificates corp)" "ours theirs expired server-only " "and its certificate first"
	agent_configure "${sections[@]}"
	keystay reload >/dev/null
	expect_equal "$(module_tokens)" "second corp " "another order of the sections, another one here"
	expect_equal "$(module_certificates corp)" "theirs ours expired server-only " "and of the certificates"
else
	skip_part "there is no pkcs11-tool"
	agent_configure "${sections[@]}"
	keystay reload >/dev/null
fi

# --- the tunnel: by what the server asks for -------------------------------------------------------------------------

# tunnel_sees NAME SUBJECT SENTENCE [OPTION...]: through a tunnel with "auto" to $port.
tunnel_sees() {
	local name=$1 subject=$2 sentence=$3
	shift 3
	process_start_until "$name" 'listening on ([^ ]+) for' "$KEYSTAY" tunnel auto --listen 127.0.0.1:0 \
		--target "localhost:$port" --ca "$T/ca/root.pem" "$@" || fail "the tunnel did not start: $(cat "$T/$name.log")"
	run plain "http://${BASH_REMATCH[1]}/"
	expect_out "$subject" "$sentence"
}
server_start_nginx nginx
tunnel_sees ours "client=CN=ours" "a tunnel takes the scheme that the server likes most before the order of the sections"
server_start_openssl rsa -client_sigalgs RSA-PSS+SHA256
tunnel_sees rsa "Subject: CN=first" "and the one whose signature it knows"
server_start_of_other_ca
tunnel_sees other "Subject: CN=theirs" "and the one whose CA it names"
server_start_openssl ed -client_sigalgs ed25519
process_start_until none 'listening on ([^ ]+) for' "$KEYSTAY" tunnel auto --listen 127.0.0.1:0 \
	--target "localhost:$port" --ca "$T/ca/root.pem" || fail "the tunnel did not start"
run plain "http://${BASH_REMATCH[1]}/"
expect_fail "a server for which there is no key"
wait_until "a sentence about it" tunnel_said none "no key fits: "
wait_until "and about each key" tunnel_said none "the server takes no signature of a P-256 key, only ed25519"
ok "a tunnel without a key that fits says why"

# --- the engine ------------------------------------------------------------------------------------------------------

if [ -x "$BUILD/tests/integration/engine_chooser" ]; then
	export OPENSSL_ENGINES=$BUILD/lib/engines-3
	server_start_nginx engine
	run env "${RIG_PRELOAD[@]}" "$BUILD/tests/integration/engine_chooser" "$port" "$T/ca/root.pem"
	expect_out ours "and so does the engine"
else
	skip_part "this OpenSSL has no engines"
fi

# --- rules -----------------------------------------------------------------------------------------------------------

agent_configure "${sections[@]}" 'servers = *.corp.example'
keystay reload >/dev/null
server_start_nginx rules
tunnel_sees rules "client=CN=first" "a key that a rule keeps from this server is not chosen"
