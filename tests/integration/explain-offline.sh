#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# keystay explain --offline KEY HOST: what the rules of keystay.conf would say, without a server: yes, no with the rule
# and its line, or "after asking you". keystay show has the rules one a line, and keystay explain with a server knows them.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
token_make corp
for key in "p256 alice 01" "p256 bob 02" "p256 carol 03"; do
	# shellcheck disable=SC2086 # three words
	key_make corp $key
done
for name in alice bob carol; do
	certificate_make $name
done
agent_configure '[key "alice"]' 'match = pkcs11:object=alice' 'servers = *.corp.example' 'max-rate = 10/m' \
	'[key "bob"]' 'match = pkcs11:object=bob' 'confirm = always'
run keystay explain --offline alice www.corp.example
expect_status 3 "without an agent"
agent_start

run keystay explain --offline alice www.corp.example
expect_status 0 "a host that the rules name"
expect_out "Would sign    yes" "is signed for"
run keystay explain --offline alice www.other.example
expect_status 1 "a host that they do not name"
expect_out "Would sign    no" "is not"
expect_out "www.other.example" "the host is named"
expect_out "servers = *.corp.example" "the rule is named"
expect_out "$T/keystay.conf:5" "with its file and line"
for host in https://www.corp.example/a www.corp.example:8443; do
	run keystay explain --offline alice "$host"
	expect_status 0 "a URL is understood: $host"
done
run keystay explain --offline bob www.other.example
expect_status 0 "a key that asks"
expect_out "Would sign    yes, after asking you" "says so"
run keystay explain --offline carol www.other.example
expect_status 0 "a key without rules"
run keystay explain --offline --json alice www.other.example
expect_status 1 "the same for programs"
"$PYTHON" - "$T/out" <<'PY' || fail "the JSON is not as it should be: $(cat "$T/out")"
import json, sys
value = json.load(open(sys.argv[1]))
assert value["key"] == "alice" and value["server"] == "www.other.example" and value["verdict"] == "deny"
assert "www.other.example" in value["text"] and "servers" in value["rule"]
PY
ok "JSON has the same"
run keystay explain --offline nobody www.corp.example
expect_status 1 "an unknown key"
expect_err nobody "is named"
for wrong in "" "alice" "alice a b" "--try alice a"; do
	# shellcheck disable=SC2086 # words
	run keystay explain --offline $wrong
	expect_status 2 "not understood: --offline $wrong"
done

run keystay show alice
expect_out "Rules         only for the servers *.corp.example" "keystay show has the rules in plain words"
expect_out "              at most 10/m" "one a line"
expect_out "Order         1 of 3" "and the order: that of the sections"
run keystay show carol
expect_out "Rules         none" "no rules is said as well"
expect_out "Order         3 of 3" "keys without a section come last"
expect_equal "$(signatures_of corp)" 0 "nothing was signed"

# With a server: a key that fits, and that a rule keeps from it.
server_start_nginx server
run keystay explain --ca "$T/ca/root.pem" "localhost:$port"
expect_status 0 "a server"
grep -qE '^  alice +no   by the rules: .*localhost' "$T/out" || fail "alice is kept from it: $(cat "$T/out")"
ok "a rule that says no is a reason"
expect_out "Best          bob" "and another key the best one"
grep -qE '^  bob +yes  .*by the rules: a person is asked' "$T/out" || fail "bob asks: $(cat "$T/out")"
ok "a rule that asks is said"
