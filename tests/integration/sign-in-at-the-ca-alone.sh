#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Over the control socket keystay-enroll signs in at the server of the key's enrolment profile, by TLS 1.3 and by TLS
# 1.2, and nobody signs in anywhere else: each try is refused, and in the log as denied. The key's other rules hold there
# as well.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_audit.sh"
. "$RIG_FOLDER/rig_est.sh"
. "$RIG_FOLDER/rig_enrol.sh"
ca_make
token_make corp
key_make corp p256 alice 01
key_make corp p256 bob 02

# configure [LINE...]: the profile, and these lines in the section of its key.
configure() {
	agent_configure '[profile "corp"]' 'protocol = est' "url = $est_url" "tls-ca = $T/ca/root.pem" \
		'subject = /O=Example/CN=alice' 'user = device' "secret-file = $T/est.secret" \
		'[key "alice"]' 'match = pkcs11:token=corp;object=alice' 'servers = www.example' 'profile = corp' "$@" \
		'[key "bob"]' 'match = pkcs11:token=corp;object=bob'
}

# decisions N: outcome, purpose, socket, server and whether it was proven, of the last handshakes.
decisions() {
	keystay log --json | "$PYTHON" -c '
import json, sys
found = [one for one in map(json.loads, sys.stdin) if "tls" in one.get("purpose", "")]
for one in found[-int(sys.argv[1]):]:
    print(one["outcome"], one["purpose"], one["socket"], one["server"] or "-", one["proven"])' "$1"
}

# ask: all that must not be signed.
ask() {
	"$PYTHON" - "$XDG_RUNTIME_DIR/$CONTROL_SOCKET" "$T/alice.pub" "$T/bob.pub" <<'PYTHON'
import base64, hashlib, re, sys
sys.path.insert(0, __import__("os").environ["RIG_FOLDER"])
import wire

SIGN_FOR_CA, P256 = 59, 0x0403

def ask(path, kind, key, transcript=b""):
    text = open(key, encoding="ascii").read()
    spki = base64.b64decode(re.search("-----BEGIN [A-Z ]+-----(.*?)-----END", text, re.S).group(1))
    asked = wire.sign_message(hashlib.sha256(spki).digest(), P256, wire.tls13_input(), transcript)
    with wire.Connection(path) as connection:
        connection.send(asked[:4] + bytes([kind]) + asked[5:])
        return connection.refusal()

control, alice, bob = sys.argv[1:]
print(ask(control, SIGN_FOR_CA, alice), ask(control, SIGN_FOR_CA, alice, b"\1\0\0\1\0"), ask(control, SIGN_FOR_CA, bob),
      ask(control, wire.SIGN, alice), ask(wire.sign_path(), SIGN_FOR_CA, alice))
PYTHON
}
export RIG_FOLDER

est_start
chmod 600 "$T/est.secret"
configure
agent_start
unlock corp >/dev/null
run keystay enroll alice
expect_status 0 "a first certificate"
run keystay renew alice --force
expect_status 0 "a renewal by TLS 1.3"
expect_equal "$(decisions 9)" "signed tls13-client control localhost True" "one handshake, with a proven server"

signed=$(signatures_of corp)
expect_equal "$(ask)" "24 24 24 24 24" "a server that nobody proves, a key without a profile, the wrong sockets"
expect_equal "$(signatures_of corp)" "$signed" "nothing is signed"
expect_equal "$(decisions 3)" "denied tls13-client control - False
denied tls13-client control - False
denied tls13-client control - False" "they are denied, and that is in the log"

# By its address no server is proven: both sockets say why not.
name=$est_url
est_url=${est_url/localhost/127.0.0.1}
configure
est_url=$name
keystay reload >/dev/null
run keystay renew alice --force
expect_fail "a CA that the profile names by its address"
expect_err "is for the servers www.example; which one this is could not be proven" "the sign socket's reason"
expect_err "for keystay-enroll: key \"alice\" signs in over the control socket at" "and that of the control socket"

configure 'max-rate = 1/h'
keystay reload >/dev/null
run keystay renew alice --force
expect_status 0 "the only handshake of this hour"
run keystay renew alice --force
expect_fail "a second one"
expect_err "max-rate" "the rule says so"

process_stop est
est_start 1.2
configure
keystay reload >/dev/null
run keystay renew alice --force
expect_status 0 "a renewal by TLS 1.2"
expect_equal "$(decisions 1)" "signed tls12-client control localhost True" "its server was proven as well"
