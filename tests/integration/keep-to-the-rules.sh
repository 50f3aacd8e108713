#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Rules of a key and of a socket refuse, with the rule's place, before anybody is asked and any token is touched: users,
# groups, hours, max-rate, confirm where nobody may be asked; and they hold for the engine, the PKCS#11 module and the
# TLS client of tunnel and explain as for the provider. A signature that takes longer than the deadline of its socket is refused.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_two_modules
# rules LINE...: those of the key "alice"; [socket "…"] sections may follow.
rules() {
	printf '%s\n' '[agent]' 'keep-pin = yes' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" \
		'[module "elsewhere"]' "path = $BUILD/tests/fakes/keystay-elsewhere.so" \
		'[key "alice"]' 'match = pkcs11:object=alice' "$@" >"$T/keystay.conf"
	keystay reload >/dev/null
}
# refused WORDS SENTENCE: no page, these words, and the token was not asked.
refused() {
	local calls
	calls=$(shim_calls C_Sign)
	run fetch "$port" "$T/alice.pem"
	expect_fail "$2"
	expect_err "$1" "$2"
	expect_equal "$(shim_calls C_Sign)" "$calls" "the token was not asked: $2"
}
page() {
	run fetch "$port" "$T/alice.pem"
	expect_status 0 "$1"
}

rules 'users = daemon'
refused 'is for the users daemon; this is the user with the number' "another user"
rules 'users = daemon, '"$(id -u)"
page "a user who is named"
rules 'groups = daemon'
refused 'is for the groups daemon' "another group"
rules 'groups = daemon, '"$(id -g)"
page "a group that is named"

# Twelve hours from now, for a minute; and all day but that.
from=$(date -d '+12 hours' +%H:%M)
until=$(date -d '+12 hours +1 minute' +%H:%M)
rules "hours = $from-$until"
refused "is for the hours $from-$until" "another time"
rules "hours = $until-$from"
page "the right time"

rules 'max-rate = 2/h'
page "the first of two in an hour"
page "the second"
refused 'is to be used at most 2/h; that many were made' "the third"
rules 'max-rate = 2/h'
refused 'is to be used at most 2/h' "a reload forgets nothing"
run fetch "$port" "$T/bob.pem"
expect_status 0 "another key has its own"
rules '[socket "agent"]' 'max-rate = 1/h'
page "the first by this socket"
refused 'socket "agent" is to be used at most 1/h' "the second by this socket"

rules 'confirm = always'
KEYSTAY_PROMPT=never refused "needs a person's yes" "a question that may not be asked"
rules '[socket "agent"]' 'confirm = always' 'prompt = no'
refused "needs a person's yes" "a question by a socket that asks nobody"

# Whatever the front: the engine, the PKCS#11 module, the tunnel.
rules 'users = daemon' 'allow = tls, digest' '[socket "module"]' 'allow = tls, digest'
denied() {
	local calls lines
	calls=$(shim_calls C_Sign)
	lines=$(grep -c 'is for the users daemon' "$T/agent.log")
	run "${@:2}"
	expect_fail "$1"
	expect_equal "$(shim_calls C_Sign)" "$calls" "the token was not asked: $1"
	[ "$(grep -c 'is for the users daemon' "$T/agent.log")" -gt "$lines" ] || fail "$1: the rule did not refuse it"
}
if [ -e "$BUILD/lib/engines-3/keystay.so" ]; then
	denied "the engine" env "${RIG_PRELOAD[@]}" OPENSSL_ENGINES="$BUILD/lib/engines-3" curl -q --silent --show-error \
		--cacert "$T/ca/root.pem" --engine keystay --key-type ENG --key alice --cert-type ENG --cert alice \
		"https://localhost:$port/"
fi
head -c 32 /dev/zero >"$T/digest"
tool=(env "${RIG_PRELOAD[@]}" pkcs11-tool --module "$BUILD/lib/pkcs11/keystay-pkcs11.so" --token-label corp)
id=$("${tool[@]}" --list-objects --type privkey 2>/dev/null | sed -n 's/^ *ID: *//p' | head -n 1)
denied "the PKCS#11 module" "${tool[@]}" --id "$id" --sign --mechanism ECDSA --input-file "$T/digest" \
	--output-file "$T/signature"
denied "the TLS client of tunnel and explain" env "${RIG_PRELOAD[@]}" "$KEYSTAY" explain --ca "$T/ca/root.pem" --try --key alice "https://localhost:$port/"

# One configuration error instead of a rule that contradicts another.
printf '%s\n' '[key "alice"]' 'match = pkcs11:object=alice' 'servers = a.example' 'allow = tls, digest' >"$T/bad.conf"
run "$AGENT" --check-config --config "$T/bad.conf"
expect_fail "servers and digests in one section"
expect_err "cannot be proven for a bare digest" "why"

rules '[socket "agent"]' 'deadline = 1s'
shim_script "C_Sign 1 delay 3000"
run fetch "$port" "$T/alice.pem"
expect_fail "a token that is slower than the deadline of the socket"
expect_err "within the deadline of this socket" "why"
page "the next one"
