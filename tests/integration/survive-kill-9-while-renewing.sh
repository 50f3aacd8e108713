#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# keystay-enroll is killed (kill -9) before each call that changes something or speaks with somebody, and in the midst
# of the CA's answer and of the deploy-hook: no key is lost, no certificate half installed, nothing of the old one gone
# before the new one is in use, and the next run goes on.
#
# usage: survive-kill-9-while-renewing.sh [rekey]   with the same key, or with another key at each renewal

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_enrol.sh"
[ -z "$RIG_SANITIZER" ] || skip "a program with a sanitizer takes no library before it"
cp "$BUILD/tests/fakes/keystay-kill-at.so" "$T/kill-at.so"
cat >"$T/hook.sh" <<HOOK
#!/bin/sh
printf '%s %s\n' "\$KEYSTAY_KEY" "\$KEYSTAY_CERTIFICATE" >>'$T/hooked'
[ ! -e '$T/kill-in-hook' ] || { rm '$T/kill-in-hook'; kill -KILL \$PPID; }
HOOK
chmod 700 "$T/hook.sh"
enrol_begin "deploy-hook = $T/hook.sh"
server_start_nginx server
: >"$T/hooked"

run keystay enroll alice
expect_status 0 "a first certificate"
keystay cert alice -o "$T/alice.pem" --keep-fresh
fetch "$port" "$T/alice.pem" >"$T/out"
expect_out 'verified=SUCCESS' "it signs in with it"

# whole SENTENCE: what must hold whenever nothing runs: the agent shows a certificate that was issued, with one file for
# it in its folder, and a client signs in with it; no half file of any kind lies about.
whole() {
	local shown
	# What lies on the disk counts, not what the agent has read before.
	keystay reload >/dev/null
	shown=$(serial_of alice) || fail "$1: the agent shows no certificate"
	grep -qxF "$shown" "$T/issued" || fail "$1: the agent shows $shown, which the CA did not issue"
	fetch "$port" "$T/alice.pem" >"$T/page" || fail "$1: no client signs in"
	grep -q verified=SUCCESS "$T/page" || fail "$1: the server does not take it"
	"$PYTHON" - "$STATE" "$1" <<-'CHECK' || fail "$1: a file of the state cannot be read"
		import json, pathlib, sys
		for file in pathlib.Path(sys.argv[1], "enrol").glob("*.json"):
		    json.loads(file.read_text())
	CHECK
}

# settled SENTENCE: and what holds after the run that went on: nothing is under way, one file, programs have been told.
settled() {
	local shown
	whole "$1"
	[ "$(enrolled "keys['alice']['state']")" = good ] || fail "$1: $(keystay renew --list)"
	shown=$(keystay cert alice --no-key | sha256sum)
	[ "$(sed '/BEGIN KEYSTAY/,$d' "$T/alice.pem" | sha256sum)" = "$shown" ] || fail "$1: the kept file is another one"
	[ -z "$(find "$STATE" -name '*.pem.*' -o -name '*.json.*')" ] || fail "$1: left: $(find "$STATE" -name '*.*.*')"
	! grep -q '"hook-due"' "$STATE"/enrol/*.json || fail "$1: a hook is due"
}

# kill_at FUNCTION N: one forced renewal that is killed there; its exit code in $status.
kill_at() {
	# The shell's own word about it is no news.
	{ run env "LD_PRELOAD=$T/kill-at.so" "KEYSTAY_KILL_AT=$1:$2" "$ENROLL" renew alice --force; } 2>/dev/null
}

# kill_everywhere WHAT CHECK: before each call, until a run ends by itself.
kill_everywhere() {
	local function n killed=0 before
	for function in flock connect fsync rename unlink; do
		for ((n = 1; ; n++)); do
			before=$(serial_of alice)
			kill_at $function $n
			[ "$status" -eq 137 ] || break
			killed=$((killed + 1))
			whole "$1 killed at $function $n"
			run keystay renew alice
			expect_status 0 "$1: going on after a kill at $function $n"
			settled "$1: after a kill at $function $n"
			"$2" "$1: after a kill at $function $n"
		done
		expect_status 0 "$1: without a kill"
		[ "$(serial_of alice)" != "$before" ] || fail "$1: nothing was renewed"
		settled "$1: without a kill"
	done
	[ $killed -ge "$3" ] || fail "$1: killed at $killed places only"
	ok "$1: killed at $killed places, and nothing was lost"
}

# keys_on_token: how many the agent lists.
keys_on_token() {
	keystay list --json | "$PYTHON" -c 'import json, sys; print(len(json.load(sys.stdin)))'
}

one_key() {
	[ "$(keys_on_token)" = 1 ] || fail "$1: keys"
	[ "$(files_of_certs | wc -l)" -eq 1 ] || fail "$1: $(files_of_certs)"
}

# --- the same key ----------------------------------------------------------------------------------------------------

if [ "${1:-}" != rekey ]; then
	kill_everywhere "the same key" one_key 20
	touch "$T/kill-in-hook"
	: >"$T/hooked"
	{ run "$ENROLL" renew alice --force; } 2>/dev/null
	[ "$status" -eq 137 ] || fail "it was not killed in its hook"
	whole "killed in the hook"
	expect_equal "$(serial_of alice)" "$(last_issued)" "killed in the hook, the new certificate is in use"
	n=$(issued)
	run keystay renew alice
	expect_status 0 "going on after a kill in the hook"
	expect_equal "$(wc -l <"$T/hooked")" 2 "the hook is run again"
	expect_equal "$(tail -n 1 "$T/hooked")" "alice $STATE/certs/$(files_of_certs)" "with the key's name and the file"
	expect_equal "$(issued)" "$n" "and no other certificate was asked for"
	settled "after a kill in the hook"
	exit 0
fi

# --- another key at each renewal -------------------------------------------------------------------------------------

# A key whose certificate holds is kept when another one takes its place; a run that was killed may leave a second key
# that nobody has enrolled yet, which the next renewal uses.
no_lost_key() {
	local now
	now=$(keys_on_token)
	[ "$now" -le $(($(with_certificate) + 1)) ] || fail "$1: $now keys, of which $(with_certificate) have certificates"
}

with_certificate() {
	keystay list --json | "$PYTHON" -c '
import json, sys
print(sum(1 for key in json.load(sys.stdin) if key["not_after"]))'
}

sed 's/^subject = .*/&\nrekey = yes/' "$T/keystay.conf" >"$T/keystay.conf.new"
mv "$T/keystay.conf.new" "$T/keystay.conf"
keystay reload >/dev/null
kill_everywhere "another key" no_lost_key 30
run keystay renew alice --force
expect_status 0 "a last renewal"
settled "a last renewal"
expect_equal "$(keys_on_token)" "$(with_certificate)" "every key on the token has a certificate: none was lost"
