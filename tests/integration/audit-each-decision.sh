#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Invariant I9: each decision has its record, and it is in the file before the answer is with the client: who asked, by which
# socket, for what, what became of it. A person reads it with `keystay log`, a program as JSON.
# With the argument "signing": the same of signatures.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_audit.sh"

# last EXPRESSION: of the last record, as the Python variable r.
last() {
	tail -n 1 "$LOG" | "$PYTHON" -c 'import json, sys; r = json.loads(sys.stdin.read()); print(eval(sys.argv[1]))' "$1"
}

if [ "${1:-}" = signing ]; then
	rig_alice
	server_start_nginx nginx
	fetch "$port" "$T/alice.pem" >/dev/null
	expect_equal "$(last '(r["outcome"], r["key"], r["token"], r["socket"])')" \
		"('signed', 'alice', 'corp', 'agent')" "a signature has its record"
	expect_equal "$(last '(r["program"], len(r["input_sha256"]), len(r["fingerprint"]), r["error"])')" \
		"('curl', 64, 64, '')" "with the program, the input's hash and the key's"
	keystay lock >/dev/null
	run fetch "$port" "$T/alice.pem"
	expect_fail "a locked token does not sign"
	expect_equal "$(last '(r["outcome"], r["key"], r["error"])')" "('failed', 'alice', 'token-locked')" \
		"a refusal has its record"
	whole "the log is whole"
	exit 0
fi

rig_alice_token
agent_start
unlock corp >/dev/null
expect_equal "$(last '(r["n"], r["schema"], r["event"], r["prev"])')" "(1, 1, 'decision', '$(printf '0%.0s' {1..64})')" \
	"the first line begins the chain"
expect_equal "$(last '(r["outcome"], r["purpose"], r["socket"], r["token"], r["pin"], r["error"])')" \
	"('done', 'unlock', 'control', 'corp', True, '')" "an unlock has its record"
expect_equal "$(last '(r["uid"], r["gid"], r["program"])')" "($(id -u), $(id -g), 'keystay')" "with who asked"
expect_equal "$(last 'r["boot_id"]')" "$(cat /proc/sys/kernel/random/boot_id)" "and the boot that boot_ms counts from"
keystay lock corp >/dev/null
expect_equal "$(last '(r["n"], r["outcome"], r["purpose"], r["token"])')" "(2, 'done', 'lock', 'corp')" "so has a lock"
PIN=1
run unlock corp
expect_fail "a PIN of one digit is refused"
expect_equal "$(last '(r["n"], r["outcome"], r["error"], r["text"] != "")')" "(3, 'failed', 'pin-length', True)" \
	"what failed has a record with its error"

run keystay log
expect_out 'done       token corp  unlock  by keystay' "keystay log tells of it"
expect_equal "$(grep -c . "$T/out")" 3 "a line each"
expect_equal "$(keystay log --json | cmp - "$LOG" && echo same)" same "--json gives the lines as they are"
expect_equal "$(keystay log --outcome failed | grep -c .)" 1 "--outcome chooses"
expect_equal "$(keystay log -n 2 --json | head -n 1 | cmp - <(sed -n 2p "$LOG") && echo same)" same "-n takes the last"
expect_equal "$(keystay log --since 1h --until 1h | grep -c . || true)" 0 "--since and --until choose"
expect_equal "$(keystay log --since 1h --socket control --uid "$(id -u)" | grep -c .)" 3 "and so do the others"
expect_equal "$(keystay log --key 'no-*' | grep -c . || true)" 0 "a pattern that fits no key"
run keystay log --outcome maybe
expect_status 2 "a word that is none is a mistake of use"
expect_equal "$(stat -c '%a %a' "$LOG" "$LOG_FOLDER" | tr '\n' ' ')" "600 600 700 700 " "nobody else reads it"
whole "the log is whole"
expect_equal "$(status_of 'status["audit"]')" \
	"{'mode': 'best-effort', 'written': 3, 'waiting': 0, 'lost': 0, 'problem': ''}" "keystay status counts"

agent_stop
printf '%s\n' '[agent]' 'audit = off' >>"$T/keystay.conf"
agent_start
keystay lock >/dev/null
expect_equal "$(log_lines)" 3 "audit = off records nothing"
! audit_process || fail "and needs no process"
