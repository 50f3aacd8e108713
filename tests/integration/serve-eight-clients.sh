#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Eight clients that sign without a pause, P-256 and RSA, while the token is locked and unlocked in between: no
# signature is lost, and the worker's threads do not step on each other (this story also runs with ThreadSanitizer).

RIG_NEEDS_NO_PLUGIN=yes
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
token_make corp
key_make corp p256 p256 01
key_make corp rsa2048 rsa2048 02
certificate_make p256
certificate_make rsa2048
agent_start
unlock corp >/dev/null
bench=$BUILD/tests/bench/keystay-bench

"$bench" agent rsa2048 8 25 >"$T/rsa.out" 2>&1 &
rsa=$!
run "$bench" agent p256 8 200
expect_status 0 "8 clients of the P-256 key"
wait $rsa || fail "8 clients of the RSA key: $(cat "$T/rsa.out")"
# Each client also makes three signatures that are not measured.
expect_equal "$(signatures_of corp)" $((8 * (200 + 3) + 8 * (25 + 3))) "16 clients at once lost no signature"

# Locked and unlocked again while eight clients go on: each request is answered, with a signature or with the reason.
"$bench" agent p256 8 500 >"$T/p256.out" 2>&1 &
p256=$!
for _ in 1 2 3 4 5; do
	keystay lock >/dev/null
	unlock corp >/dev/null
done
wait $p256 || grep -q 'token "corp" is locked; run: keystay unlock corp' "$T/p256.out" ||
	fail "a lock in between: $(cat "$T/p256.out")"
run "$bench" agent p256 8 20
expect_status 0 "after locks in between eight clients sign again"
ok "after locks in between eight clients sign again"
! grep -q 'Sanitizer' "$T/agent.log" || fail "a sanitizer has something to say"
expect_equal "$(status_of "modules['softhsm']['restarts']")" 0 "all in one worker process"
