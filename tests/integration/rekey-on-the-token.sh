#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `rekey = yes`: each renewal makes another key on the same token, of the same type, that the same [key] section fits.
# The new one takes the name over, the old one goes on signing until its certificate has expired, and then it is removed
# from the token. Never more keys than that, whatever fails in between.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_enrol.sh
. "$RIG_FOLDER/rig_enrol.sh"
[ -z "$RIG_SANITIZER" ] || skip "a program with a sanitizer takes no clock before it"
cp "$BUILD/tests/fakes/keystay-clock-shift.so" "$T/clock-shift.so"
export KEYSTAY_CLOCK_SHIFT=$T/shift
echo 0 >"$T/shift"
KEYSTAY_TEST_WRAP="env LD_PRELOAD=$T/clock-shift.so" enrol_begin 'rekey = yes'
server_start_nginx server

# keys EXPRESSION: of `keystay list --json`, with keys (by name).
keys() {
	keystay list --json | "$PYTHON" -c '
import json, sys
keys = {key["name"]: key for key in json.load(sys.stdin)}
print(eval(sys.argv[1]))' "$1"
}
run keystay enroll alice
expect_status 0 "a first certificate"
keystay cert alice -o "$T/old.pem"
keystay cert alice -o "$T/fresh.pem" --keep-fresh
old=$(keys 'keys["alice"]["fingerprint"]')

# A CA that fails leaves one new key, however often it is tried.
ca_says fail
for _ in 1 2 3; do
	run keystay renew alice --force
	expect_status 1 "a CA that fails"
done
expect_equal "$(keys 'sorted(keys)')" "['alice', 'alice-2']" "three failures have made one key"
expect_equal "$(keys 'keys["alice"]["fingerprint"]')" "$old" "the old one has its name still"
ca_says

run keystay renew alice --force
expect_status 0 "a renewal with another key"
expect_equal "$(keys 'sorted(keys)')" "['alice', 'alice-2']" "it is the key that was made already"
expect_equal "$(keys 'keys["alice-2"]["fingerprint"]')" "$old" "the old one is alice-2"
expect_equal "$(keys 'keys["alice"]["type"], keys["alice"]["token"], keys["alice"]["label"]')" \
	"('P-256', 'corp', 'alice')" \
	"the new one is of the same type, on the same token, with the same label"
fetch "$port" "$T/old.pem" >"$T/out"
expect_out 'verified=SUCCESS' "who holds the old file goes on signing in with the old key"
fetch "$port" "$T/fresh.pem" >"$T/out"
expect_out 'verified=SUCCESS' "the file that is kept fresh is of the new one"
! cmp -s "$T/old.pem" "$T/fresh.pem" || fail "the file is not fresh"
expect_equal "$(enrolled "keys['alice']['previous_keys'], len(keys)")" "(1, 1)" \
	"one key is looked after, one waits for its end"
run keystay renew alice-2 --force
expect_status 1 "the old key is not renewed"
expect_err 'another key has taken the place of this one: "alice"' "it is said who has taken its place"
run keystay renew
expect_status 0 "a run before that"
expect_equal "$(keys 'len(keys)')" 2 "leaves the old key where it is"

# The old certificate expires: 31 days later, the new one (of 60 days) holds still.
ca_lives 5184000
run keystay renew alice --force
expect_status 0 "one more, for 60 days"
expect_equal "$(keys 'len(keys)')" 3 "two keys wait for their end"
aged $((31 * 86400)) "$ENROLL" renew
expect_status 0 "a run a month later"
expect_equal "$(keys 'sorted(keys)')" "['alice']" "the keys whose certificates have expired are gone from the token"
expect_equal "$(files_of_certs | wc -l)" 1 "and so are their certificates"

# --- a copy on the token ---------------------------------------------------------------------------------------------

# `store = token`: the newest certificate of each key lies beside it, and none that it has replaced.
echo 0 >"$T/shift"
sed -i 's/^rekey = yes$/rekey = no\nstore = token/' "$T/keystay.conf"
keystay reload >/dev/null
for _ in 1 2; do
	run keystay renew alice --force
	expect_status 0 "a renewal with a copy on the token"
done
shown=$(serial_of)
agent_stop
pkcs11-tool --module "$SOFTHSM" --token-label corp --login --pin "$PIN" --list-objects --type cert >"$T/out" 2>&1
expect_equal "$(grep -c '^Certificate Object' "$T/out")" 1 "one certificate is on the token"
grep -qi "serial: *${shown#serial=}" "$T/out" || fail "it is another one than $shown: $(cat "$T/out")"
ok "the one that is in use"

# --- a key that was replaced and has another use -----------------------------------------------------------------------

sed -i 's/^rekey = no$/rekey = yes/; /^store = token$/d' "$T/keystay.conf"
agent_start
unlock corp >/dev/null
# The old key has got another use meanwhile: a certificate that a person asked for by hand, and that holds for longer.
old=$(keys 'keys["alice"]["fingerprint"]')
ca_lives 10368000
run keystay renew alice --force
expect_status 0 "a renewal with another key"
ca_lives 15552000
keystay csr "$old" --subject /O=Example/CN=archive -o "$T/archive.csr"
"$T/ca.sh" <"$T/archive.csr" >"$T/archive.pem"
keystay token import "$old" "$T/archive.pem" >/dev/null
aged $((61 * 86400)) "$ENROLL" renew
expect_status 0 "a run when the certificate that was replaced has expired"
expect_equal "$(keys "'$old' in [key['fingerprint'] for key in keys.values()]")" True "the key with another certificate stays"

# --- a second key that is not waited for any more ---------------------------------------------------------------------

# second_key: fingerprints of the keys that are there and were not before, one a line.
second_key() {
	keys "'\\n'.join(sorted({key['fingerprint'] for key in keys.values()} - set('$before'.split())))"
}

# unfinished: a rekey whose CA is closed has made a second key. Sets before and second.
unfinished() {
	sed -i 's/^rekey = no$/rekey = yes/' "$T/keystay.conf"
	keystay reload >/dev/null
	before=$(keys "' '.join(key['fingerprint'] for key in keys.values())")
	ca_says fail
	run keystay renew "$current" --force
	expect_status 1 "a CA that fails at a rekey"
	ca_says
	second=$(second_key)
	expect_equal "${#second}" 64 "which has made one second key"
}

# abandoned: rekey = no, and the key is renewed as it is.
abandoned() {
	sed -i 's/^rekey = yes$/rekey = no/' "$T/keystay.conf"
	keystay reload >/dev/null
	run keystay renew "$current" --force
	expect_status 0 "a renewal that makes no other key"
}
echo 0 >"$T/shift"
current=$(keys "next(key['fingerprint'] for key in keys.values() if key['fingerprint'] != '$old')")
unfinished
abandoned
expect_equal "$(second_key)" "" "a second key that nobody uses is removed"
# What a run leaves that is killed between making the key and noting which one it is.
unfinished
grep -q '"new-spki"' "$STATE"/enrol/*.json || fail "the state has no second key"
sed -i '/"new-spki"/d' "$STATE"/enrol/*.json
abandoned
expect_equal "$(second_key)" "" "nor does one stay of which only the id was noted"
unfinished
keystay csr "$second" --subject /O=Example/CN=second -o "$T/second.csr"
"$T/ca.sh" <"$T/second.csr" >"$T/second.pem"
keystay token import "$second" "$T/second.pem" >/dev/null
abandoned
expect_err "has got another use and stays on its token: $second" "it is said which key stays"
expect_equal "$(second_key)" "$second" "one that got a certificate by hand stays"
