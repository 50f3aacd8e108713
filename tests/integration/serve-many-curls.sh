#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 8 curls that start together, 40 in parallel and 1,000 one after the other: none fails, every one is seen by the
# server, and the number of signatures is exactly the number of handshakes.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice p256
server_start_nginx nginx
in_sequence=1000
# A sanitizer makes curl five times as slow; the number shows nothing new then.
[ -z "$RIG_SANITIZER" ] || in_sequence=100

fetches=0
# together N: N curls held back by one lock and let go at once.
together() {
	local n=$1 index pids=() failed=0
	mkfifo "$T/gate"
	exec {gate}<>"$T/gate"
	for ((index = 0; index < n; index++)); do
		(
			exec {mine}<"$T/gate"
			# Read and closed in the moment that the gate's last writer goes.
			exec {gate}>&-
			read -r -u "$mine" || true
			exec env "${RIG_PRELOAD[@]}" curl -q --silent --show-error --max-time 60 \
				--cacert "$T/ca/root.pem" --cert "$T/alice.pem" "https://localhost:$port/" \
				>"$T/page.$index" 2>"$T/error.$index"
		) &
		pids+=($!)
	done
	exec {gate}>&-
	for index in "${!pids[@]}"; do
		wait "${pids[index]}" || {
			failed=$((failed + 1))
			cat "$T/error.$index" >&2
		}
		grep -q 'client=CN=alice,O=Example' "$T/page.$index" || failed=$((failed + 1))
	done
	rm "$T/gate"
	fetches=$((fetches + n))
	expect_equal $failed 0 "$n curls that start at once all get their page"
}

# Once for all instead of `keystay run` each time.
eval "$(keystay env)"
together 8
together 40

failed=0
for ((index = 0; index < in_sequence; index++)); do
	env "${RIG_PRELOAD[@]}" curl -q --silent --show-error --max-time 60 --cacert "$T/ca/root.pem" \
		--cert "$T/alice.pem" "https://localhost:$port/" >"$T/page" 2>"$T/error" || failed=$((failed + 1))
	grep -q 'client=CN=alice,O=Example' "$T/page" || failed=$((failed + 1))
done
fetches=$((fetches + in_sequence))
expect_equal $failed 0 "$in_sequence curls in sequence all get their page"
expect_equal "$(grep -c ' 200 ' "$T/nginx/access.log")" $fetches "the server saw each of them"
expect_equal "$(signatures_of corp)" $fetches "the token made exactly one signature for each"
