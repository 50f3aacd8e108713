#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/demo does what it says, twice at once, and leaves nothing behind: at its end, and when it is interrupted.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
export KEYSTAY_BUILD=$BUILD TMPDIR=$T/tmp
mkdir "$TMPDIR"

"$SOURCE_FOLDER/tools/demo" >"$T/other" 2>&1 &
other=$!
process_started $other
run "$SOURCE_FOLDER/tools/demo"
expect_status 0 "tools/demo"
wait $other || fail "of two demos at once one failed: $(tail -n 5 "$T/other")"
ok "two demos at once both end well"
expect_out "protocol: TLSv1.3" "it fetches over TLS 1.3"
expect_out "protocol: TLSv1.2" "it fetches over TLS 1.2"
expect_out "client: CN=alice,O=Example" "it shows the client name that the server saw"
expect_out "keystay unlock corp" "it shows what to do when the token is locked"
expect_equal "$(ls -A "$TMPDIR")" "" "its folder is gone"

# Ctrl-C while the web server runs and the agent starts: the terminal signals the whole group. (A shell starts what
# runs in the background with SIGINT ignored, and then no trap would hear it.)
env --default-signal=INT setsid "$SOURCE_FOLDER/tools/demo" >"$T/interrupted" 2>&1 &
demo=$!
process_started $demo
agent_is_up() {
	grep -q 'keystay unlock' "$T/interrupted"
}
wait_until "the demo has started its agent" agent_is_up
kill -INT -- "-$demo"
code=0
wait $demo || code=$?
expect_equal $code 130 "Ctrl-C ends it with exit code 130"
expect_equal "$(ls -A "$TMPDIR")" "" "its folder is gone after Ctrl-C"
expect_equal "$(pgrep --session "$demo" | wc -l)" 0 "no process is left after Ctrl-C"
