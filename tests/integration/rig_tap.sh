# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # names are for the stories
#
# rig_tap: programs with keystay-tap.so beside keystay.so, and a watcher before the agent that sees whether the
# handshake comes along. Sourced after lib.sh by the stories that need it.

# tap_begin: the watcher; "${tapped[@]}" COMMAND... runs a program with the tap.
tap_begin() {
	process_start_until watcher '^listening' "$PYTHON" "$RIG_FOLDER/sign_watcher.py" "$T/watched.sock" \
		"$XDG_RUNTIME_DIR/$SIGN_SOCKET" || fail "the watcher did not start"
	tapped=(env "${RIG_PRELOAD[@]}" KEYSTAY_SOCK="$T/watched.sock" "$KEYSTAY" run --tap --)
	untapped=(env "${RIG_PRELOAD[@]}" KEYSTAY_SOCK="$T/watched.sock" "$KEYSTAY" run --)
	seen=1 # the line "listening"
}

# watcher_said N: so many lines. It writes one before it hands the frame on; who copies them to the log may be later.
watcher_said() {
	[ "$(grep -c . "$T/watcher.log")" -ge "$1" ]
}

# expect_transcript 1.3|1.2|none SENTENCE: there was one more SIGN; in TLS 1.3 with a handshake whose hash is the one
# in its input. In TLS 1.2 the input is the handshake.
expect_transcript() {
	local wanted=no
	[ "$1" != 1.3 ] || wanted=yes
	wait_until "the watcher's line" watcher_said $((seen + 1))
	expect_equal "$(grep -c . "$T/watcher.log")" "$((seen += 1))" "one signature: $2"
	expect_equal "$(tail -n 1 "$T/watcher.log" | sed 's/.*matches=//')" "$wanted" "the transcript: $2"
}

# expect_transcripts_of PROGRAM VERSION: it (nginx is "nginx: worker process") has signed in this version, and each
# time as above. For programs that make connections of their own.
expect_transcripts_of() {
	local wanted=no good bad
	[ "$2" != 1.3 ] || wanted=yes
	read -r good bad < <(awk -v program="program=$1" -v wanted="matches=$wanted" -v version="$2" '
		index($0, "SIGN " program) == 1 {
			split($(NF - 2), input, "=")
			if ((version == "1.3") == (input[2] <= 146))
				count[$NF == wanted]++
		}
		END { print count[1] + 0, count[0] + 0 }' "$T/watcher.log")
	[ "$good" -gt 0 ] || fail "$1 handed over no transcript in TLS $2"
	expect_equal "$bad" 0 "every transcript of $1 over TLS $2"
}
