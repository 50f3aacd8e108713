#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Certificates that live for seconds, from step-ca, renewed five times by `keystay renew --watch` while nobody looks and
# curl signs in at nginx without a pause: no request fails. The PEM file that curl reads is kept fresh.
#
# usage: renew-unattended.sh [SECONDS [RENEWALS]]   lives of 12 seconds, five times; 300 5 is the same for a long coffee

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_enrol.sh
. "$RIG_FOLDER/rig_enrol.sh"
# shellcheck source=rig_stepca.sh
. "$RIG_FOLDER/rig_stepca.sh"
life=${1:-12}
renewals=${2:-5}
stepca_start -lifetime "${life}s" -backdate 0s
ca_make
cat "$stepca_root" >>"$T/ca/root.pem"
token_make corp
key_make corp p256 alice 01
agent_configure '[profile "step"]' 'protocol = step-ca' "url = $stepca_url" "tls-ca = $stepca_root" \
	'[key "alice"]' 'match = pkcs11:token=corp;object=alice' 'profile = step'
server_start_nginx server
agent_start
unlock corp >/dev/null

# step-ca gives the first one for a one-time token.
keystay csr alice --subject /CN=alice -o "$T/alice.csr"
stepca_sign "$T/alice.csr" "${life}s" >"$T/certs/alice.pem"
keystay reload >/dev/null
keystay cert alice -o "$T/alice.pem" --keep-fresh
# signs_in: until $T/enough is there, one request after the other; what fails is kept.
signs_in() {
	while [ ! -e "$T/enough" ]; do
		if fetch "$port" "$T/alice.pem" >"$T/page" 2>"$T/page.err" && grep -q 'verified=SUCCESS' "$T/page"; then
			echo good >>"$T/requests"
		else
			{ date; cat "$T/page" "$T/page.err"; } >>"$T/refused"
		fi
	done
}
signs_in &
client=$!
process_started $client
: >"$T/watch.log"
"$KEYSTAY" renew --watch >>"$T/watch.log" 2>&1 &
watch=$!
process_started $watch

renewed() {
	[ "$(grep -c '^alice: new certificate' "$T/watch.log")" -ge "$renewals" ]
}
DEADLINE_S=$((life * renewals + 30)) wait_until "the renewal number $renewals" renewed
touch "$T/enough"
wait $client || true
[ ! -e "$T/refused" ] || fail "a request failed: $(cat "$T/refused")"
[ "$(grep -c good "$T/requests")" -ge 20 ] || fail "only $(grep -c good "$T/requests" || true) requests were made"
ok "renewed $renewals times, $(grep -c good "$T/requests") requests, and none failed"
[ "$(stepca_requests POST /renew)" -ge "$renewals" ] || fail "step-ca was asked $(stepca_requests POST /renew) times"
expect_equal "$(files_of_certs | wc -l)" 1 "the old ones are gone"
process_stop "$watch"
