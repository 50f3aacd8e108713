#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Everything that prints records takes --json: it parses, it has what the words say, and names of any kind survive.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
token_make 'ko"r\p é'
key_make 'ko"r\p é' p256 alice 01
certificate_issue intermediate client "$T/alice.pub" '/O=Ex"am\\ple, Inc./CN=alïce' "$T/certs/alice.pem"
agent_start
unlock >/dev/null

# json FILTER: prints what the Python expression makes of the last output.
json() {
	"$PYTHON" -c 'import json, sys
value = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$T/out" "$1" || fail "not JSON: $(cat "$T/out")"
}

for command in status list "show alice" config lock env; do
	# shellcheck disable=SC2086 # words
	run keystay $command --json
	expect_status 0 "keystay $command --json"
	json "'parsed'" >/dev/null
	ok "keystay $command --json is JSON"
done
run "$KEYSTAY" unlock --json --pin-fd 4 4<<<"$PIN"
expect_status 0 "keystay unlock --json"
json "'parsed'" >/dev/null
ok "keystay unlock --json is JSON"

run keystay list --json
expect_equal "$(json "value[0]['token']")" 'ko"r\p é' \
	"a token with quotes, a backslash and an accent"
run keystay status --json
expect_equal "$(json "value['modules'][0]['name']")" softhsm "status names the module"
expect_equal "$(json "value['agent']['pid']")" "$agent_pid" "status names the agent's pid"

for command in "show nobody" "lock nobody"; do
	# shellcheck disable=SC2086
	run keystay $command --json
	expect_status 1 "keystay $command --json"
	expect_err nobody "errors are a sentence on standard error also with --json: $command"
done
