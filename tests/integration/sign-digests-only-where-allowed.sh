#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Invariant I3: a bare digest is signed only where the key and the socket both say so. The refusal says who asked and what
# to change; nothing reaches the token, nobody is asked for a PIN. A digest is never taken for anything but a digest of
# the scheme's hash, and what an RSA key signs is built here.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
token_make corp
key_make corp p256 ec 01
key_make corp rsa2048 rsa 02
key_make corp ed25519 ed 03
agent_configure '[key "ec"]' 'match = pkcs11:object=ec' '[key "ed"]' 'match = pkcs11:object=ed' 'allow = tls, digest'
agent_start
unlock corp >/dev/null
agent_socket=$XDG_RUNTIME_DIR/keystay/sign/agent.sock
module_socket=$XDG_RUNTIME_DIR/keystay/sign/module.sock

# digest SOCKET KEY SCHEME HASH [SIZE]
digest() {
	"$PYTHON" "$RIG_FOLDER/sign_digests.py" "$1" "$T/$2.der" "${@:3}"
}
public_key() {
	PYTHONPATH=$RIG_FOLDER "$PYTHON" -c 'import sys, wire
with wire.Connection() as client:
    for identity in wire.identities(client)[0]:
        if identity["name"] == sys.argv[1]:
            sys.stdout.buffer.write(identity["spki"])' "$1"
}
for key in ec rsa ed; do
	public_key "$key" >"$T/$key.der"
done
signatures=$(signatures_of corp)

refuses() {
	run digest "$1" "$2" "$3" "$4" ${5:+"$5"}
	expect_status 0 "asked"
	! grep -q ^signed "$T/out" || fail "$6: signed"
	! [ "$7" ] || grep -qF -- "$7" "$T/out" || fail "$6: it said: $(cat "$T/out")"
	ok "$6"
}

refuses "$module_socket" ec 0x0403 sha256 '' "neither key nor socket allow it" \
	'write "allow = tls, digest" into [key "ec"] and [socket "module"] of keystay.conf, then run: keystay reload'
refuses "$module_socket" rsa 0x0401 sha256 '' "a key without a section" '[key "rsa"] and [socket "module"]'
agent_configure '[key "ec"]' 'match = pkcs11:object=ec' 'allow = tls, digest' '[key "rsa"]' 'match = pkcs11:object=rsa' \
	'allow = tls, digest' '[key "ed"]' 'match = pkcs11:object=ed' 'allow = tls, digest'
keystay reload >/dev/null
refuses "$module_socket" ec 0x0403 sha256 '' "the socket does not allow it" 'into [socket "module"] of'
printf '%s\n' '[socket "module"]' 'allow = tls, digest' >>"$T/keystay.conf"
keystay reload >/dev/null
refuses "$agent_socket" ec 0x0403 sha256 '' "the other socket does not allow it" 'into [socket "agent"] of'
expect_equal "$(signatures_of corp)" "$signatures" "nothing has reached the token so far"

for way in "ec 0x0403 sha256" "ec 0x0503 sha384" "ec 0x0603 sha512" "rsa 0x0401 sha256" "rsa 0x0601 sha512" \
	"rsa 0x0804 sha256" "rsa 0x0806 sha512"; do
	# shellcheck disable=SC2086 # three words
	run digest "$module_socket" $way
	expect_status 0 "asked for $way"
	expect_out 'signed [] a digest says nothing of what it is for' "signs $way, and proves nothing"
done
signatures=$(signatures_of corp)
refuses "$module_socket" ec 0x0403 sha256 20 "a digest that is too short" '20 bytes are no digest'
refuses "$module_socket" ec 0x0403 sha256 33 "a digest that is too long" '33 bytes are no digest'
refuses "$module_socket" ec 0x0403 sha256 0 "no digest at all" '0 bytes are no digest'
refuses "$module_socket" rsa 0x0201 sha1 '' "SHA-1" 'too weak'
refuses "$module_socket" rsa 0x0403 sha256 '' "a scheme of another key" ''
refuses "$module_socket" ed 0x0807 sha512 '' "Ed25519" 'signs whole messages, never digests'
expect_equal "$(signatures_of corp)" "$signatures" "nothing of that has reached the token"
keystay lock >/dev/null
refuses "$module_socket" ec 0x0403 sha256 '' "locked" 'is locked; run: keystay unlock corp'
grep -q 'with "ec": a bare digest, which nobody can check' "$T/agent.log" || fail "the log does not tell of digests"
ok "the log tells of digests as what they are"
