#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# docs/examples/python/client.py, which was written from docs/protocol.md alone, with a real agent: as a program it
# lists, gets and signs; as a library it signs for every kind of key. Each signature is verified by openssl and by
# Python's cryptography; what is not TLS client authentication is refused.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck disable=SC2034 # read by rig_sanitizer: no plug-in is loaded here
RIG_NEEDS_NO_PLUGIN=yes
rig_begin
EXAMPLE=$SOURCE_FOLDER/docs/examples/python
types=(p256 p384 rsa2048 ed25519)
ca_make
token_make corp
id=10
for type in "${types[@]}"; do
	key_make corp "$type" "$type" $((id += 1))
	certificate_make "$type"
done

run "$PYTHON" "$EXAMPLE/client.py" list
expect_fail "without an agent"
expect_err "client.py: [Errno 2]" "without an agent it says that nobody listens"

agent_start
unlock corp >/dev/null

example() {
	"$PYTHON" "$EXAMPLE/client.py" "$@"
}

# verify NAME DIGEST OPTION...: the signature in $T/out, in hexadecimal digits, over $T/input.
verify() {
	local name=$1 digest=$2
	shift 2
	"$PYTHON" -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))' <"$T/out" >"$T/signature"
	if [ "$digest" = none ]; then
		openssl pkeyutl -verify -rawin -pubin -inkey "$T/$name.pub" -in "$T/input" -sigfile "$T/signature" "$@"
	else
		openssl dgst "-$digest" -verify "$T/$name.pub" "$@" -signature "$T/signature" "$T/input"
	fi >"$T/verified" 2>&1
}

# --- a program -------------------------------------------------------------------------------------------------------

run example list
expect_status 0 "it lists"
for type in "${types[@]}"; do
	grep -qP "^$type\t[A-Z][^\t]*\tCN=$type,O=Example\$" "$T/out" || fail "list does not show $type: $(cat "$T/out")"
done
ok "it lists every key with type and subject"
run example get p256
expect_status 0 "it gets a chain"
cat "$T/certs/p256.pem" "$T/ca/intermediate.pem" >"$T/chain.pem"
cmp -s "$T/out" "$T/chain.pem" || fail "the chain is another one: $(cat "$T/out")"
ok "it gets the chain, leaf first"

# The input of RFC 8446 section 4.4.3, written out here and not by the example.
{
	printf '%64s' ''
	printf 'TLS 1.3, client CertificateVerify\0'
	printf 'a handshake' | openssl dgst -sha256 -binary
} >"$T/input"
pss=(-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest)
for case in "p256 0x0403 sha256" "p384 0x0503 sha384" "rsa2048 0x0804 sha256 ${pss[*]}" "ed25519 0x0807 none"; do
	# shellcheck disable=SC2086 # words
	set -- $case
	run example sign "$1" "$2" "$T/input"
	expect_status 0 "$1 signs"
	verify "$1" "${@:3}" || fail "$1: the signature does not verify: $(cat "$T/verified")"
	ok "openssl verifies the signature of $1 over a TLS 1.3 CertificateVerify"
done

# --- what is refused -------------------------------------------------------------------------------------------------

echo "transfer 1,000,000 to the bearer" >"$T/text"
run example sign p256 0x0403 "$T/text"
expect_status 1 "a text is refused"
expect_err 'client.py: key "p256" signs only TLS client authentication' "it hands on why a text is refused"
openssl dgst -sha256 -binary "$T/text" >"$T/digest"
run example sign p256 0x0403 "$T/digest"
expect_status 1 "a digest is refused"
expect_err "digest" "it hands on why a digest is refused"
run example sign nobody 0x0403 "$T/input"
expect_status 1 "an unknown key"
expect_err "nobody" "it hands on that nobody knows this key"
expect_equal "$(signatures_of corp)" ${#types[@]} "the token was asked for the good ones alone"

# --- a library, and cryptography as the judge ------------------------------------------------------------------------

cat >"$T/library.py" <<'PY'
import sys
sys.path.insert(0, sys.argv[1])
import client
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

tbs = 64 * b" " + b"TLS 1.3, client CertificateVerify\0" + 32 * b"h"
agent = client.Agent()
alice, chain = agent.get("p256")
key = x509.load_der_x509_certificate(chain[0]).public_key()
key.verify(agent.sign(alice.spki_hash, 0x0403, tbs), tbs, ec.ECDSA(SHA256()))
print("good:", alice.name, alice.key_type, alice.token, len(chain), "of", len(agent.list()))
try:
    key.verify(agent.sign(alice.spki_hash, 0x0403, tbs), tbs + b".", ec.ECDSA(SHA256()))
except InvalidSignature:
    print("another input does not verify")
try:
    agent.sign(alice.spki_hash, 0x0403, tbs.replace(b"client", b"server"))
except client.Refused as refused:
    print("refused:", refused.code)
PY
if "$PYTHON" -c 'import cryptography' 2>/dev/null; then
	run "$PYTHON" "$T/library.py" "$EXAMPLE"
	expect_status 0 "the library signs"
	expect_out "good: p256 P-256 corp 2 of ${#types[@]}" "cryptography verifies what the library got"
	expect_out "another input does not verify" "and would notice another input"
	expect_out "refused: 84" "a server's CertificateVerify is refused by code"
else
	skip_part "python's cryptography is not installed"
fi

keystay lock >/dev/null
run example sign p256 0x0403 "$T/input"
expect_status 1 "a locked token"
expect_err 'token "corp" is locked; run: keystay unlock corp' "it prints the agent's next step"
