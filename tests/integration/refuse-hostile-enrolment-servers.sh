#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Certificate authorities and enrolment servers that do what they must not: each is a clear error, and the certificate
# that was there goes on being used. What is the same for all protocols is tried with a CA that is a script, what a
# server on the way can do with EST.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_enrol.sh
. "$RIG_FOLDER/rig_enrol.sh"
# shellcheck source=rig_est.sh
. "$RIG_FOLDER/rig_est.sh"
enrol_begin
est_start
run keystay enroll alice
expect_status 0 "a first certificate"
first=$(serial_of)

# refuses TEXT SENTENCE: a renewal fails with it, and nothing has changed.
refuses() {
	run keystay renew alice ${force:+--force}
	expect_status 1 "$2"
	expect_err "$1" "$2"
	[ "$(serial_of)" = "$first" ] || fail "$2: the agent shows another certificate"
	[ "$(files_of_certs | wc -l)" -eq 1 ] || fail "$2: $(files_of_certs)"
}

# --- what a CA can answer --------------------------------------------------------------------------------------------

force=yes
ca_says other-key
refuses 'the CA answered with a certificate of another key (CN=mallory); nothing was installed' \
	"a certificate of another key"
ca_says other-ca
refuses 'was issued by "CN=Foreign CA,O=Foreign", which does not lead to a CA of issued-by' \
	"a certificate of another CA"
ca_says server
refuses 'its extended key usage lacks clientAuth' "a certificate for servers"
ca_says expired
refuses 'the new certificate has expired already' "one that has expired"
ca_says same
cp "$STATE/certs/$(files_of_certs)" "$T/ca/db/last.pem"
refuses 'the CA answered with the certificate that is there already' "the old one once more"
ca_says fail
refuses 'the CA is closed today' "a CA that fails says why"

# Unattended, a certificate that ends before the old one is no renewal.
force=
ca_says late
if [ -z "$RIG_SANITIZER" ]; then
	aged $((21 * 86400)) "$ENROLL" renew alice
	expect_status 1 "one that ends before the old one"
	expect_err 'before the one that is there; nothing was installed' "one that ends before the old one"
	expect_equal "$(serial_of)" "$first" "the old one goes on"
	expect_equal "$(enrolled "keys['alice']['state']")" failed "the failure is listed"
	n=$(enrolled "keys['alice']['failures']")
	aged $((21 * 86400)) "$ENROLL" renew
	expect_status 0 "a run right after it"
	expect_equal "$(enrolled "keys['alice']['failures']")" "$n" "does not ask again before it is time"
else
	skip_part "a program with a sanitizer takes no clock before it"
fi

# A CA that never decides is asked as often as the limits say, however often somebody runs the timer.
ca_says pending
run keystay renew alice --force
expect_status 4 "a CA that has not decided"
expect_err 'the CA has not decided yet; keystay renew asks again' "it is said"
expect_equal "$(enrolled "keys['alice']['state']")" pending "and listed"
for _ in 1 2 3 4 5; do
	run keystay renew
	expect_status 4 "a run while the CA has not decided"
	expect_err '(not before ' "says when it is asked again"
done
polls=$("$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))["polls"])' "$STATE"/enrol/*.json)
expect_equal "$polls" 1 \
	"five runs of the timer do not ask again before it is time"
ca_says
run keystay renew alice --force
expect_status 0 "beginning anew"
[ "$(serial_of)" != "$first" ] || fail "nothing was renewed"
ok "what was pending is forgotten, and the key has a new certificate"
first=$(serial_of)

# --- what a server can do --------------------------------------------------------------------------------------------

# est_profile LABEL: alice's profile is now this one.
est_profile() {
	printf '%s\n' '[module "softhsm"]' "path = $SOFTHSM" '[profile "est"]' 'protocol = est' \
		"url = $est_url${1:+/.well-known/est/$1/}" "tls-ca = $T/ca/root.pem" \
		'user = device' "secret-file = $T/est.secret" 'subject = /O=Example/CN=alice' \
		'[key "alice"]' 'match = pkcs11:token=corp;object=alice' 'profile = est' >"$T/keystay.conf"
	keystay reload >/dev/null
}
force=yes
est_profile giant
refuses 'more than 256 KiB' "an answer without end"
est_profile giant+late
refuses 'more than 256 KiB' "certificates without end"
est_profile redirect
refuses 'Redirects are not followed' "a redirect to another host"
est_profile other-key
refuses 'a certificate of another key' "by EST: a certificate of another key"
est_profile other-ca
refuses 'does not lead to a CA of the CA certificates that the server gave' "by EST: another CA than the server names"
! grep -q elsewhere "$EST_LOG" || fail "a redirect was followed"
est_profile wait
run keystay renew alice --force
expect_status 4 "by EST: come again in an hour"
"$PYTHON" - "$STATE"/enrol/*.json <<-'CHECK' || fail "Retry-After is not kept"
	import json, sys, time
	state = json.load(open(sys.argv[1]))
	assert 3000 < state["next"] - time.time() <= 3600, state
	assert state["request"] and state["polls"] == 1, state
CHECK
ok "Retry-After is kept, with the very request"
asked=$(wc -l <"$EST_LOG")
run keystay renew
expect_status 4 "before that it waits"
expect_err 'the CA has not decided yet; keystay renew asks again (not before 20' "and says until when"
expect_equal "$(wc -l <"$EST_LOG")" "$asked" "nothing is asked"
expect_equal "$(serial_of)" "$first" "the old certificate goes on"
est_profile ''
run keystay renew alice --force
expect_status 0 "and a server that behaves renews it"
[ "$(serial_of)" != "$first" ] || fail "nothing was renewed"
