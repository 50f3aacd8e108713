#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `keystay status --check` for cron and monitoring: 0 while all is well, else 1 and a line for each thing that is wrong;
# `keystay status --metrics` is OpenMetrics text whose counters count.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_expiry.sh
. "$RIG_FOLDER/rig_expiry.sh"
rig_alice_token p256
day=86400
export KEYSTAY_SHIM_SCRIPT=$T/shim.script
: >"$KEYSTAY_SHIM_SCRIPT"
configure() {
	printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" "$@" >"$T/keystay.conf"
}
# check STATUS WHAT [OPTION...]
check() {
	local expected=$1 what=$2
	shift 2
	run keystay status --check "$@"
	expect_status "$expected" "$what"
}
configure
server_start_nginx nginx
run keystay status --check
expect_status 3 "without an agent it is what it always is"
agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"

# --- certificates ---
check 0 "all is well"
expect_out "nothing is wrong: 1 key, 1 module" "and it says so"
check 0 "30 days are not within 14" --within 14d
check 1 "but within 31" --within 31d
expect_out "the certificate of alice (token corp) expires in " "which it says in words"
check 2 "a time that is none" --within soon
run keystay status --within 3d
expect_status 2 "--within alone"
run keystay status --check --json
expect_status 2 "--check with --json"
certificate_aged alice 90 $((84 * day - 3600))
keystay reload >/dev/null
check 1 "less than a third is left"
expect_out "the certificate of alice (token corp) expires in 6 days, on " "which it says in words"
check 0 "a limit of one's own is instead of the third" --within 5d
certificate_aged alice 90 $((90 * day + 60))
keystay reload >/dev/null
check 1 "an expired certificate" --within 1s
expect_out "the certificate of alice (token corp) expired on " "which it says in words"
certificate_aged alice 90 -$day
keystay reload >/dev/null
check 1 "one that does not hold yet"
expect_out "is not valid before " "which it says in words"
certificate_make alice
keystay reload >/dev/null
check 0 "all is well again"

# --- the configuration ---
configure '[agent]' 'unlock-for = nonsense'
run keystay reload
expect_status 1 "a wrong configuration is not taken"
check 1 "a reload that failed"
expect_out "the last reload failed, the old configuration holds: " "which it says in words"
configure
keystay reload >/dev/null
check 0 "a good one makes it good"

# --- metrics ---
# metric NAME{LABELS}: its value.
metric() {
	keystay status --metrics | "$PYTHON" "$RIG_FOLDER/openmetrics_check.py" >"$T/metrics" || fail "$(cat "$T/metrics")"
	awk -v "name=$1" '$1 == name { print $2 }' "$T/metrics"
}
before=$(metric 'keystay_signatures_total{result=signed}')
audited=$(metric 'keystay_audit_records_total{result=written}')
fetch "$port" "$T/alice.pem" >/dev/null
expect_equal "$(metric 'keystay_signatures_total{result=signed}')" $((before + 1)) "a signature is counted"
[ "$(metric 'keystay_audit_records_total{result=written}')" -gt "$audited" ] || fail "the record was not counted"
ok "and its record"
keystay lock >/dev/null
! fetch "$port" "$T/alice.pem" >/dev/null 2>&1 || fail "a locked token signs"
expect_equal "$(metric 'keystay_refusals_total{code=50,error=token-locked}')" 1 "a refusal is counted by its error"
expect_equal "$(metric 'keystay_signatures_total{result=failed}')" 1 "and by its result"
expect_equal "$(metric 'keystay_tokens_present{module=shim}')" 1 "the token is there"
expect_equal "$(metric 'keystay_module_up{module=shim}')" 1 "its module runs"
expect_equal "$(metric 'keystay_worker_restarts_total{module=shim}')" 0 "and was never started again"
left=$(metric 'keystay_certificate_days_left{key=alice,token=corp}')
[[ $left == 29.9* || $left == 30.000 ]] || fail "days left: $left"
ok "the certificate has its days"

# --- a module ---
kill -KILL "$(module_pid shim)"
restarted() {
	[ "$(metric 'keystay_worker_restarts_total{module=shim}')" = 1 ] &&
		[ "$(metric 'keystay_module_up{module=shim}')" = 1 ]
}
wait_until "a worker that was started again" restarted
ok "a restart is counted"
printf '%s\n' 'C_Initialize * crash' >"$T/shim.new"
mv "$T/shim.new" "$KEYSTAY_SHIM_SCRIPT"
kill -KILL "$(module_pid shim)"
stopped() {
	run keystay status --check
	[ "$status" = 1 ] && grep -q '^the module shim does not run: ' "$T/out"
}
wait_until "status --check to say that a module does not run" stopped
ok "a module that does not run is said in words"
expect_equal "$(metric 'keystay_module_up{module=shim}')" 0 "and has its number"
