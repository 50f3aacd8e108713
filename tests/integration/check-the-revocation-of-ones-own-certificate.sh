#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What the CA says of a key's own certificate by OCSP: `keystay renew` asks, verifies and keeps it, the agent acts by
# it. Good; not reachable; an answer that has expired, is older, forged or of no end; responders that take no nonce or
# no GET; revoked.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=rig_status.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rig_status.sh"
status_alone "$@"
rig_begin
# shellcheck source=rig_keys.sh
. "$RIG_FOLDER/rig_keys.sh"
ca_make
status_begin
token_make corp
key_make corp p256 alice 01
key_make corp p256 spare 02
status_issue asked alice
certificate_days intermediate client spare 30
agent_configure '[key "alice"]' 'match = pkcs11:object=alice' '[key "spare"]' 'match = pkcs11:object=spare'
server_start_nginx server
agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"
folder=$XDG_STATE_HOME/keystay/status

signs() {
	run fetch "$port" "$T/alice.pem"
	expect_out "CN=alice" "$1: she signs"
}
answer() {
	sha256sum <"$folder"/*.ocsp
}

# --- nobody was asked, nobody is there -------------------------------------------------------------------------------

signs "before anybody was asked"
expect_equal "$(revocation_of alice)" no-answer "it is known that nothing is known"
expect_equal "$(revocation_of spare)" no-source "and that nobody can be asked of another one"
run keystay show alice
expect_out "not known: no answer of its CA yet" "show says it"
expect_equal "$(grep -c 'whether the certificate of "alice" was revoked is not known' "$T/agent.log")" 1 "the log, once"
process_stop "$front"
ask
expect_status 1 "nobody is there"
expect_err "127.0.0.1" "and it says who"
signs "with a CA that cannot be reached"
run keystay status
expect_out "no answer of its CA yet" "but status says so"
run keystay status --check
expect_status 0 "which is no alarm: a CA that was never reached says nothing"
front_start

# --- good ------------------------------------------------------------------------------------------------------------

responder_start 0 -nmin 60
front_manner keep
ask
expect_status 0 "the CA is asked"
front_was_asked "ocsp POST nonce" "once, with a nonce"
expect_equal "$(revocation_of alice)" good "and says that it is good"
run keystay show alice
expect_out "good by its CA's word until 20" "show says until when"
signs "with a good answer"
keystay status --metrics >"$T/metrics"
grep -qxF 'keystay_certificate_revocation{key="alice",token="corp",state="good"} 1' "$T/metrics" ||
	fail "no metric: $(grep revocation "$T/metrics")"
ok "metrics have it"
expect_equal "$(stat -c %a "$folder")" 700 "the folder is the owner's"
front_manner
run keystay renew
expect_status 0 "a renewal looks as well"
front_was_asked "" "but asks nobody before half of the time is over"
keystay reload >/dev/null
agent_stop
agent_start
unlock corp >/dev/null
expect_equal "$(revocation_of alice)" good "it is known again after a restart"

# --- other responders ------------------------------------------------------------------------------------------------

front_manner no-nonce
ask alice
expect_status 0 "a responder that refuses a nonce"
front_was_asked "ocsp POST nonce,ocsp GET plain" "is asked again without, by GET"
front_manner no-nonce-no-get
ask alice
expect_status 0 "one that has no GET either"
front_was_asked "ocsp POST nonce,ocsp GET plain,ocsp POST plain" "by POST"
before=$(answer)
front_manner replay
ask alice
expect_status 0 "an older answer"
expect_equal "$(answer)" "$before" "replaces no newer one"
front_manner busy
ask alice
expect_status 1 "a responder that is busy"
expect_err "the responder is busy" "is called so"
front_manner pour
ask alice
expect_status 1 "an answer without an end"
expect_err "answered with more than 32 KiB" "is given up"
front_manner
process_stop "$responder"
responder_start -7200 -nmin 60
ask alice
expect_status 1 "an answer that has expired"
expect_err "has expired on 20" "counts for nothing"
process_stop "$responder"
RESPONDER=$T/ca/root responder_start 0 -nmin 60
ask alice
expect_status 1 "one that somebody else has signed"
expect_err "it is not signed by the CA of the certificate" "neither"
expect_equal "$(answer)" "$before" "none of them replaces the good one"
signs "after all that"
process_stop "$responder"

# --- what is outdated ------------------------------------------------------------------------------------------------

# Its time, with what clocks may differ, is over in some seconds: a timer of the agent makes that known.
responder_start -597 -nmin 5
rm "$folder"/*.ocsp
ask alice
expect_status 0 "an answer of the last minute"
expect_equal "$(revocation_of alice)" good "is good"
wait_until "a word of the agent" grep -q "the last answer of its CA is outdated" "$T/agent.log"
expect_equal "$(revocation_of alice)" outdated "until its time is over"
signs "with an outdated answer"
run keystay status --check
expect_status 1 "monitoring is told"
expect_out "the last answer of its CA is outdated" "in words"

# --- revocation = require --------------------------------------------------------------------------------------------

agent_configure '[key "alice"]' 'match = pkcs11:object=alice' 'revocation = require' '[key "spare"]' \
	'match = pkcs11:object=spare'
keystay reload >/dev/null
unlock corp >/dev/null
signed=$(signatures_of corp)
run fetch "$port" "$T/alice.pem"
expect_fail "require: with an outdated answer nothing is signed"
expect_err "revocation = require, and the last answer of its CA is outdated since 20" "and it says why"
expect_err "; run: keystay renew --status-only alice" "and what to do"
expect_equal "$(signatures_of corp)" "$signed" "her token was not asked"
run keystay explain --offline alice localhost
expect_fail "the rules say so as well"
expect_out 'revocation = require' "with the rule"
run keystay show alice
expect_out "never chosen: its CA does not say that its certificate is good" "she is never chosen"
run keystay csr alice --subject /CN=alice -o "$T/alice.csr"
expect_status 0 "a request for another certificate is signed"
rm "$folder"/*.ocsp
keystay reload >/dev/null
run fetch "$port" "$T/alice.pem"
expect_err "its CA was not asked yet" "nor is anything without an answer"
process_stop "$responder"
responder_start 0 -nmin 60
ask
signs "require, with a good answer"

# --- revoked ---------------------------------------------------------------------------------------------------------

process_stop "$responder"
ca_says -revoke "$T/certs/alice.pem" -crl_reason keyCompromise
responder_start 0 -nmin 60
signs "before the CA is asked again"
ask
expect_status 0 "the CA is asked again"
signed=$(signatures_of corp)
run fetch "$port" "$T/alice.pem"
expect_fail "revoked: nothing is signed"
expect_err 'key "alice": its certificate was revoked on 20' "and the program says why"
expect_err "(its key was compromised); get another one" "with the reason"
expect_equal "$(signatures_of corp)" "$signed" "her token was not asked"
expect_equal "$(keystay log --json | tail -n 1 | "$PYTHON" -c '
import json, sys
record = json.load(sys.stdin)
print(record["outcome"], record["key"], record["error"])')" "denied alice revoked" "there is a record of it"
grep -q 'nothing is signed with it any more: key "alice": its certificate was revoked' "$T/agent.log" ||
	fail "no alarm in the log"
ok "the log had the alarm before"
run keystay status --check
expect_status 1 "monitoring is told"
expect_out "revoked on 20" "in words"
expect_equal "$(keystay cert auto --no-key | openssl x509 -noout -subject -nameopt RFC2253)" "subject=CN=spare" \
	"another key is chosen"
run keystay csr alice --subject /CN=alice -o "$T/alice.csr" --force
expect_status 0 "a request for another certificate is signed"
agent_configure '[key "alice"]' 'match = pkcs11:object=alice'
keystay reload >/dev/null
run fetch "$port" "$T/alice.pem"
expect_fail "with the default, warn, as well"
agent_configure '[key "alice"]' 'match = pkcs11:object=alice' 'revocation = off'
keystay reload >/dev/null
unlock corp >/dev/null
expect_equal "$(revocation_of alice)" off "off: it is not looked at"
signs "off"
