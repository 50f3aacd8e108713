#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Certificates by CMP, from OpenSSL's own mock of a CA (`openssl cmp -port`): a first one with a secret (ir and p10cr), a
# renewed one that the old key signs for itself and for another key (kur), revocation (rr), a CA that has not decided and a
# client that was started again in between. What a server says against it arrives in words: rejection, another secret, a
# certificate of another key, of another CA, errors that nobody protects. Each signature has its audit record (purpose
# cmp), and only keys with `profile =` make them.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# The mock listens at every address there is: in a network of its own.
if [ -z "${CMP_ALONE:-}" ]; then
	unshare --net true 2>/dev/null || skip "no network namespace of its own can be had"
	CMP_ALONE=yes exec unshare --net -- "$BASH" "$0" "$@"
fi
ip link set lo up
rig_begin
. "$RIG_FOLDER/rig_audit.sh"
TRY=$BUILD/try/enrol-try
types=(p256 rsa2048 p384 ed25519)
ca_make
cat "$T/ca/intermediate.pem" "$T/ca/root.pem" >"$T/ca/both.pem"
token_make corp
id=10
for type in "${types[@]}" other; do
	key_make corp "${type/other/rsa2048}" "$type" $((id += 1))
done
key_make corp p256 stranger 30
certificate_issue intermediate server "$T/ca/server.pub" "/O=Example/CN=CMP" "$T/ca/cmp.pem"
printf 's3cret\n' >"$T/secret"
printf 'wrong\n' >"$T/wrong-secret"

export KEYSTAY_SHIM_SCRIPT=$T/shim.script KEYSTAY_SHIM_COUNTS=$T/shim.counts
: >"$KEYSTAY_SHIM_SCRIPT"
printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" '[profile "ca"]' 'protocol = cmp' \
	'url = http://127.0.0.1:1/pkix/' "issued-by = $T/ca/both.pem" 'subject = /O=Example/CN=somebody' >"$T/keystay.conf"
for type in "${types[@]}" other; do
	printf '%s\n' "[key \"$type\"]" "match = pkcs11:object=$type" 'profile = ca' >>"$T/keystay.conf"
done
agent_start
keystay list >/dev/null # answers when the tokens are known

# --- what must never be signed ----------------------------------------------------------------------------------------

ask_for_anything() {
	run "$PYTHON" "$RIG_FOLDER/sign_cmp.py" "$@" "$XDG_RUNTIME_DIR/$CONTROL_SOCKET" "$XDG_RUNTIME_DIR/$SIGN_SOCKET" \
		"$T/p256.pub" "$T/other.pub" "$T/stranger.pub" "$T/ca/cmp.pem"
}
for state in locked unlocked; do
	[ $state = locked ] || unlock corp >/dev/null
	before=$(wc -l <"$KEYSTAY_SHIM_COUNTS")
	[ "$before" -gt 0 ] || fail "the shim counts nothing"
	ask_for_anything --hostile
	expect_status 0 "$state: each hostile input is refused for its own reason"
	ok "$state: $(tail -n 1 "$T/out")"
	expect_equal "$(wc -l <"$KEYSTAY_SHIM_COUNTS")" "$before" "$state: the module was not called once"
done
expect_out 'lonely: key "stranger" belongs to no enrolment profile, so it signs nothing of CMP; write "profile = NAME"' \
	"a key without a profile: the refusal says what to write"
n=$(signatures_of corp)
ask_for_anything
expect_status 0 "the good inputs that they are made from are signed, by SIGN_CMP and by nothing else"
ok "$(tail -n 1 "$T/out")"
expect_equal "$(signatures_of corp)" $((n + 17)) "seventeen signatures for seventeen good inputs"

# last EXPRESSION: of the last record, as the Python variable r.
last() {
	tail -n 1 "$LOG" | "$PYTHON" -c 'import json, sys; r = json.loads(sys.stdin.read()); print(eval(sys.argv[1]))' "$1"
}

# mock_start CERTIFICATE [OPTION...]: a CA that answers each request with this certificate. $url.
mock_start() {
	local certificate=$1
	shift
	[ -z "${mock_pid:-}" ] || process_stop "$mock_pid"
	process_start_until mock 'ACCEPT \[::\]:([0-9]+) ' openssl cmp -config '' -port 0 -srv_cert "$T/ca/cmp.pem" \
		-srv_key "$T/ca/server.key" -srv_untrusted "$T/ca/intermediate.pem" -srv_trusted "$T/ca/root.pem" \
		-rsp_extracerts "$T/ca/intermediate.pem" -rsp_cert "$certificate" -srv_ref r1 -srv_secret file:"$T/secret" \
		"$@" || fail "openssl cmp -port did not start: $(cat "$T/mock.log")"
	mock_pid=$started
	url=http://127.0.0.1:${BASH_REMATCH[1]}/pkix/
}

# issue PUBLIC-KEY FILE [SERIAL [ISSUER]]: what the mock is to answer; it wants the serial number of what is renewed.
issue() {
	openssl x509 -new -force_pubkey "$T/$1.pub" -subj "/O=Example/CN=$1" -days 30 -CA "$T/ca/${4:-intermediate}.pem" \
		-CAkey "$T/ca/${4:-intermediate}.key" -set_serial "${3:-0x4711}" -extfile "$T/ca/extensions" \
		-extensions client -out "$2" 2>"$T/ca/out" || fail "openssl could not issue: $(cat "$T/ca/out")"
}

# try VERB KEY [FIELD=VALUE...]: enrol-try with the fields of the profile.
try() {
	local verb=$1
	shift
	rm -f "$T"/got-*
	run "$TRY" "$verb" protocol=cmp url="$url" out="$T/got" "$@"
}

# expect_certificate KEY SENTENCE: the last run brought one of this key.
expect_certificate() {
	expect_status 0 "$2"
	expect_equal "$(openssl x509 -in "$T/got-certificates.pem" -noout -pubkey)" "$(cat "$T/$1.pub")" "$2: it is of this key"
}

# install KEY: the agent has it now.
install() {
	cp "$T/got-certificates.pem" "$T/certs/$1.pem"
	keystay reload >/dev/null
}

secret=(user=r1 secret-file="$T/secret" subject=/O=Example/CN=somebody)

# --- a first certificate, by a secret ---------------------------------------------------------------------------------

for type in p256 rsa2048 p384 ed25519; do
	issue "$type" "$T/rsp.pem"
	mock_start "$T/rsp.pem" -rsp_capubs "$T/ca/root.pem"
	try enrol key=$type "${secret[@]}"
	expect_certificate $type "ir with $type"
	expect_equal "$(last '(r["outcome"], r["purpose"], r["socket"], r["key"], r["text"])')" \
		"('signed', 'cmp', 'control', '$type', 'a certificate request (CRMF), for this key')" "the record of $type"
	install $type
done
grep -q 'BEGIN CERTIFICATE' "$T/got-anchors.pem" || fail "no CA that the CA vouches for"
ok "the CA that it vouches for came along"
n=$(signatures_of corp)
keystay csr p256 --subject /O=Example/CN=p256 | openssl req -outform DER -out "$T/p256.csr"
issue p256 "$T/rsp.pem"
mock_start "$T/rsp.pem" -grant_implicitconf
try enrol key=p256 csr="$T/p256.csr" "${secret[@]}"
expect_certificate p256 "p10cr"
expect_equal "$(signatures_of corp)" $((n + 1)) "the key signed nothing but the PKCS#10 request"

# --- renewed: the old key signs ---------------------------------------------------------------------------------------

serial_of() {
	echo "0x$(openssl x509 -in "$1" -noout -serial | cut -d= -f2)"
}

signed_by=(issued-by="$T/ca/both.pem" subject=/O=Example/CN=somebody)
for type in p256 rsa2048 p384; do
	issue $type "$T/rsp.pem" "$(serial_of "$T/certs/$type.pem")"
	mock_start "$T/rsp.pem"
	n=$(signatures_of corp)
	try enrol key=$type old=$type "${signed_by[@]}"
	expect_certificate $type "kur with $type"
	expect_equal "$(signatures_of corp)" $((n + 3)) "three signatures: of the request, of kur, of certConf"
	expect_equal "$(tail -n 3 "$LOG" | "$PYTHON" -c 'import json, sys
for line in sys.stdin: print(json.loads(line)["text"].split(" (sha256")[0])')" \
		"a certificate request (CRMF), for this key
a key update (kur) of CMP, for key \"$type\"
a confirmation (certConf) of CMP" "the records of $type"
	mock_start "$T/rsp.pem" -grant_implicitconf
	try enrol key=$type old=$type "${signed_by[@]}"
	expect_certificate $type "kur with $type, which needs no confirmation"
	expect_equal "$(signatures_of corp)" $((n + 5)) "two signatures"
done
issue other "$T/rsp.pem" "$(serial_of "$T/certs/p256.pem")"
mock_start "$T/rsp.pem"
try enrol key=other old=p256 "${signed_by[@]}"
expect_certificate other "kur for another key"
grep -q 'with "p256": a key update (kur) of CMP, for key "other" (sha256:' "$T/agent.log" || fail "the log names no key"
ok "the log says for which"

# --- revoked ----------------------------------------------------------------------------------------------------------

mock_start "$T/certs/p256.pem"
try revoke key=p256 old=p256 reason=4 "${signed_by[@]}"
expect_status 0 "rr"
expect_equal "$(last '(r["outcome"], r["purpose"], r["key"], r["text"])')" \
	"('signed', 'cmp', 'p256', 'a revocation (rr) of CMP, of the certificate with the serial number 4711')" \
	"its record says which certificate"
mock_start "$T/certs/p256.pem" -pkistatus 2 -statusstring 'ask the help desk'
try revoke key=p256 old=p256 "${signed_by[@]}"
expect_fail "a CA that does not revoke"
expect_err 'ask the help desk' "its words arrive"

# --- a CA that takes its time -----------------------------------------------------------------------------------------

issue p256 "$T/rsp.pem"
mock_start "$T/rsp.pem" -poll_count 3 -check_after 7
try enrol key=p256 "${secret[@]}"
expect_status 4 "the CA has not decided"
expect_err 'pending: 7' "it says when to come again"
n=$(signatures_of corp)
for n_polls in 2 3; do
	mv "$T/got-pending" "$T/pending"
	try enrol key=p256 "${secret[@]}" pending="$T/pending"
	[ $n_polls = 3 ] || expect_status 4 "a second program polls on"
done
expect_certificate p256 "a third one has the certificate"
expect_equal "$(signatures_of corp)" "$n" "nothing was signed for polls that a secret protects"
issue p256 "$T/rsp.pem" "$(serial_of "$T/certs/p256.pem")"
mock_start "$T/rsp.pem" -poll_count 2 -check_after 1
try enrol key=p256 old=p256 "${signed_by[@]}"
expect_status 4 "a renewal that has to wait"
n=$(signatures_of corp)
mv "$T/got-pending" "$T/pending"
try enrol key=p256 old=p256 "${signed_by[@]}" pending="$T/pending"
expect_certificate p256 "kur after a wait"
expect_equal "$(signatures_of corp)" $((n + 2)) "the key signed one poll and certConf, and no request again"
mock_start "$T/rsp.pem"
try enrol key=p256 old=p256 "${signed_by[@]}" pending="$T/pending"
expect_certificate p256 "a CA that has forgotten the exchange: it begins anew"
head -c 40 "$T/pending" >"$T/damaged"
try enrol key=p256 old=p256 "${signed_by[@]}" pending="$T/damaged"
expect_certificate p256 "what was kept is damaged: it begins anew"

# --- what servers say against it --------------------------------------------------------------------------------------

# refused SENTENCE WORDS: the last run failed with these words.
refused() {
	expect_fail "$1"
	expect_err "$2" "$1: in words"
	[ ! -e "$T/got-certificates.pem" ] || fail "$1: there is a certificate"
}

issue p256 "$T/rsp.pem"
mock_start "$T/rsp.pem" -pkistatus 2 -failure 9 -statusstring $'not today\x1b[2J'
try enrol key=p256 "${secret[@]}"
refused "a rejection" 'does not issue a certificate: PKIStatus: rejection; PKIFailureInfo: badPOP'
expect_err 'not today\x1b[2J' "what it says is escaped"
expect_err 'error denied final' "it is for a person to change something"
mock_start "$T/rsp.pem" -send_error
try enrol key=p256 "${secret[@]}"
refused "an error message" 'does not issue a certificate'
mock_start "$T/rsp.pem" -send_unprot_err -send_error
try enrol key=p256 "${secret[@]}"
refused "an error that nobody protects" 'it says, in an answer that nobody has protected'
expect_err 'error denied again' "it is not believed"
mock_start "$T/rsp.pem" -send_unprotected
try enrol key=p256 "${secret[@]}"
refused "a certificate that nobody protects" 'its answer is not protected, so it is not believed'
mock_start "$T/rsp.pem"
try enrol key=p256 user=r1 secret-file="$T/wrong-secret" subject=/CN=a
refused "another secret" 'protected'
issue rsa2048 "$T/rsp.pem"
mock_start "$T/rsp.pem"
try enrol key=p256 "${secret[@]}"
refused "a certificate of another key" 'public key in new certificate does not match our enrollment key'
openssl req -x509 -new -key "$T/ca/server.key" -subj "/CN=Somebody's CA" -days 3 -out "$T/ca/stranger.pem"
cp "$T/ca/server.key" "$T/ca/stranger.key"
issue p256 "$T/rsp.pem" 0x4711 stranger
mock_start "$T/rsp.pem"
try enrol key=p256 "${secret[@]}" issued-by="$T/ca/root.pem"
refused "a certificate of another CA" 'the certificate that came back is not wanted'
try enrol key=p256 old=p256 subject=/CN=a issued-by="$T/ca/stranger.pem"
refused "an answer that a stranger signed" 'its answer is signed by nobody that a CA of issued-by vouches for'
try enrol key=p256 subject=/CN=a
refused "no secret" 'needs the secret that the CA has given out; write user = REFERENCE and secret-file = FILE into [profile'
try enrol key=ed25519 old=ed25519 "${signed_by[@]}"
refused "kur with Ed25519" 'OpenSSL protects no message of CMP with a key of this type'

# --- as people do it --------------------------------------------------------------------------------------------------

# point_at_mock: the profile names the mock that runs now.
point_at_mock() {
	sed -i "s|^url = .*|url = $url|" "$T/keystay.conf"
	keystay reload >/dev/null
}
sed -i "s|^protocol = cmp|&\nuser = r1\nsecret-file = $T/secret|" "$T/keystay.conf"
issue other "$T/first.pem" 0x100
mock_start "$T/first.pem"
point_at_mock
run keystay enroll other
expect_status 0 "keystay enroll"
keystay cert other -o "$T/other.pem"
expect_equal "$(serial_of "$T/other.pem")" 0x0100 "the certificate is in use"
mock_start "$T/first.pem" -poll_count 2 -check_after 0
point_at_mock
run keystay renew other --force
expect_equal "$(last '(r["purpose"], r["key"], r["text"])')" "('cmp', 'other', 'a poll (pollReq) of CMP')" \
	"keystay renew asks by the old key, and has to come again"
run keystay renew other --force
expect_equal "$(last '(r["purpose"], r["key"], r["text"])')" "('cmp', 'other', 'a confirmation (certConf) of CMP')" \
	"keystay renew went on and has the certificate"
run keystay enroll other --revoke --reason superseded
expect_status 0 "keystay enroll --revoke"
expect_equal "$(last 'r["text"]')" 'a revocation (rr) of CMP, of the certificate with the serial number 0100' "by rr"
sed -i 's/^user = r1$/&\ncmp-p10cr = yes/' "$T/keystay.conf"
issue other "$T/second.pem" 0x200
mock_start "$T/second.pem" -grant_implicitconf
point_at_mock
n=$(signatures_of corp)
run keystay enroll other --force
expect_status 0 "keystay enroll by p10cr"
expect_equal "$(last '(r["purpose"], r["key"])')" "('csr', 'other')" "the PKCS#10 request is what the key signs"
expect_equal "$(signatures_of corp)" $((n + 1)) "and nothing else"
process_stop "$mock_pid"
try enrol key=p256 "${secret[@]}"
expect_fail "no server"
