#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `keystay token`, from a blank token to a TLS handshake, without a restart of the agent: init, a PIN, a key of each type,
# its request, its certificate; the next request of anybody finds each of them at once. Another program looks at the token
# and finds keys that are sensitive and were never extractable (invariant I1).

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_audit.sh"
. "$RIG_FOLDER/rig_prompt.sh"
SO_PIN=87654321
ca_make
token_make other # for its configuration file, and as one that stands by
server_start_nginx server
prompt_begin
agent_configure "${PROMPT_LINES[@]}"
agent_start

# last EXPRESSION: of the last record, as the Python variable r.
last() {
	tail -n 1 "$LOG" | "$PYTHON" -c 'import json, sys; r = json.loads(sys.stdin.read()); print(eval(sys.argv[1]))' "$1"
}

slots() {
	keystay token list --json | "$PYTHON" -c 'import json, sys; s = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

# --- a blank token -----------------------------------------------------------------------------------------------------

expect_equal "$(slots 'sorted((t["initialised"], t["label"], t["pin_state"]) for t in s)')" \
	"[(False, '', 'not initialised'), (True, 'other', 'PIN set')]" "two slots, one of them blank"
expect_equal "$(keystay token list | grep -c blocked)" 0 "nothing of a blank token is called blocked"
run keystay token init --label corp --so-pin-fd 3 3<<<"$SO_PIN"
expect_status 0 "a blank token is initialised"
expect_out 'Token "corp": initialised; it needs a PIN: keystay token pin set.' "it says what comes next"
expect_equal "$(last '(r["outcome"], r["purpose"], r["socket"], r["token"], r["program"])')" \
	"('done', 'provision', 'control', 'corp', 'keystay')" "its record"
expect_equal "$(slots '[t["pin_state"] for t in s if t["label"] == "corp"]')" "['no PIN yet']" "it has no PIN"
run keystay token pin corp --so-pin-fd 3 --new-pin-fd 3 3< <(printf '%s\n' "$SO_PIN" "$PIN")
expect_status 0 "its first PIN, both from one descriptor"
expect_equal "$(slots '[t["pin_state"] for t in s if t["label"] == "corp"]')" "['PIN set']" "it has one"
run keystay token init --label corp --erase corp --so-pin-fd 3 3<<<"$SO_PIN"
expect_fail "a token that has a label is not erased without a question"
expect_err "there is no terminal to ask" "and says why"
run keystay token init --label again --slot 99999 --so-pin-fd 3 3<<<"$SO_PIN"
expect_fail "a slot that is not there"

# --- keys of all types -------------------------------------------------------------------------------------------------

run env KEYSTAY_PROMPT=never "$KEYSTAY" token keygen early --token corp --type p256
expect_fail "a locked token makes no key where nobody may be asked"
expect_err 'token "corp" is locked; run: keystay unlock corp' "it says how"
prompt_answers_once "$PIN"
run keystay token keygen p256 --token corp --type p256
expect_status 0 "the agent asks for the PIN as for a signature"
prompt_text | grep -qF 'wants to make the key "p256" on it' || fail "the dialog does not say what for"
for type in rsa:2048 rsa:3072 rsa:4096 p384 p521 ed25519; do
	run keystay token keygen "${type/:/}" --token corp --type "$type"
	expect_status 0 "a key of type $type"
	expect_equal "$(last '(r["outcome"], r["purpose"], r["key"], r["token"])')" \
		"('done', 'keygen', '${type/:/}', 'corp')" "the record of $type"
done
expect_equal "$(prompt_count)" 1 "one PIN for all"
expect_equal "$(keystay list --json | "$PYTHON" -c 'import json, sys; print(sorted(k["name"] for k in json.load(sys.stdin)))')" \
	"['ed25519', 'p256', 'p384', 'p521', 'rsa2048', 'rsa3072', 'rsa4096']" "the agent has them all at once"
run keystay token keygen p256 --token corp --type p384
expect_fail "a name that is taken"
run keystay token keygen x --token corp --type dsa
expect_status 2 "a type that nobody makes"

pkcs11-tool --module "$SOFTHSM" --token-label corp --login --pin "$PIN" --list-objects --type privkey >"$T/objects"
expect_equal "$(grep -c 'Private Key Object' "$T/objects")" 7 "another program sees seven keys"
expect_equal "$(grep -c 'Access: *sensitive, always sensitive, never extractable, local' "$T/objects")" 7 \
	"each is sensitive and was never extractable"
expect_equal "$(grep -c '^ *Usage: *sign$' "$T/objects")" 7 "each signs and does nothing else"

# --- requests, certificates, handshakes ---------------------------------------------------------------------------------

issue() {
	openssl x509 -req -in "$1.csr" -CA "$T/ca/intermediate.pem" -CAkey "$T/ca/intermediate.key" -days 5 \
		-extfile "$T/ca/extensions" -extensions client -out "$1.crt" 2>"$T/x509.err" || fail "$(cat "$T/x509.err")"
}

for name in p256 rsa2048 p384 ed25519; do
	keystay csr "$name" --subject "/O=Example/CN=$name" -o "$T/$name.csr"
	openssl req -in "$T/$name.csr" -verify -noout 2>&1 | grep -q 'verify OK' || fail "openssl does not verify $name"
	issue "$T/$name"
	cat "$T/ca/root.pem" "$T/$name.crt" "$T/ca/intermediate.pem" >"$T/$name.bundle"
	run keystay token import "$name" "$T/$name.bundle"
	expect_status 0 "the certificate of $name is found in its bundle"
	expect_out "The certificate of key \"$name\" is on token \"corp\"; 1 of its issuers" "and goes to its token"
	keystay cert "$name" -o "$T/$name.pem"
	run fetch "$port" "$T/$name.pem"
	expect_status 0 "$name signs in with it"
	expect_out "client=CN=$name,O=Example" "the server sees it"
done
run keystay token import p521 "$T/p256.crt"
expect_fail "a certificate of another key"
expect_err 'none of the 1 certificates in that file is of key "p521"' "it says so"
expect_equal "$(last '(r["outcome"], r["purpose"])')" "('signed', 'tls13-client')" "and never reached the agent"

# --- the way back --------------------------------------------------------------------------------------------------------

run keystay token remove p384 </dev/null
expect_fail "nothing is removed without a question"
run keystay token remove p384 --certificate-only --yes
expect_status 0 "a certificate is removed"
expect_equal "$(last '(r["outcome"], r["purpose"], r["key"])')" "('done', 'remove', 'p384')" "its record"
expect_equal "$(keystay list --json | "$PYTHON" -c \
	'import json, sys; print([k["certificates"] for k in json.load(sys.stdin) if k["name"] == "p384"])')" "[0]" "the key stays"
run keystay token remove rsa4096 --yes
expect_status 0 "a key is removed"
! keystay list | grep -q rsa4096 || fail "the agent still shows it"
! pkcs11-tool --module "$SOFTHSM" --token-label corp --login --pin "$PIN" --list-objects | grep -q rsa4096 ||
	fail "it is still on the token"
run fetch "$port" "$T/p256.pem"
expect_status 0 "the others sign on"
expect_equal "$(status_of "modules['softhsm']['restarts']")" 0 "the module was stopped for provisioning, and never died"
keystay log --verify >/dev/null || fail "the audit log does not verify"
