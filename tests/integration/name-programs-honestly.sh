#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Who asks (fault list B, 4 to 7): decisions rest on socket, user and groups of whoever connected; the name of a
# program is a label. It is of the process that connected or "unknown", never of another that was given its number; a
# connection that was passed on speaks as the one who made it; and LD_PRELOAD shows why a name can be no more than a
# label.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice p256
# Comm is the file's own name, and a copy is a program under another.
mkdir "$T/bin"
cp /bin/sleep "$T/bin/impostor"
cp "$(readlink -f "$PYTHON")" "$T/bin/renamed"
trick() {
	PYTHONPATH=$RIG_FOLDER "$PYTHON" "$RIG_FOLDER/label_tricks.py" "$@"
}
run trick plain
expect_out "key \"alice\": python3 sent only a digest" "a program that asks is named"

# --- B4: passed on, and its maker has ended --------------------------------------------------------------------------

has_pidfd() {
	"$PYTHON" - <<-'END'
		import socket
		a, b = socket.socketpair()
		try:
		    a.getsockopt(socket.SOL_SOCKET, 77, 4)
		except OSError:
		    raise SystemExit(1)
	END
}
run trick passed_on
if has_pidfd; then
	expect_out 'key "alice": unknown sent only a digest' "B4: of a connection whose maker has ended nobody is named"
	run trick reused "$T/bin/impostor"
	if [ "$status" -eq 77 ]; then
		skip_part "B5: a process number cannot be chosen here"
	else
		expect_status 0 "the number of who connected is another's"
		expect_out 'key "alice": unknown sent only a digest' \
			"B5: a program that was given the number of who connected is not named"
	fi
else
	expect_out "sent only a digest" "B4: a connection whose maker has ended is decided by the same rules"
	skip_part "B5: this kernel is older than 6.5"
fi
! grep -q impostor "$T/agent.log" || fail "the impostor is in the log"

# --- B6: another program after connect -------------------------------------------------------------------------------

run trick executed "$T/bin/renamed"
expect_out 'key "alice": renamed sent only a digest' \
	"B6: a process that became another program is named as what it is when it asks"

# --- in the hands of another user ------------------------------------------------------------------------------------

if [ "$(id -u)" -eq 0 ]; then
	chmod 755 "$T" "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR"/keystay "$XDG_RUNTIME_DIR"/keystay/*
	chmod 777 "$XDG_RUNTIME_DIR"/keystay/*/*.sock
	run trick given_to 4242
	expect_out "sent only a digest" "a connection that was given to another user asks as who made it"
	expect_out "does not sign for uid 4242" "which lends that user no connection of its own"
else
	skip_part "being somebody else needs root"
fi

# --- B7: LD_PRELOAD --------------------------------------------------------------------------------------------------

trick write_frame "$T/frame"
# The loader takes a space for the end of a name.
cp "$BUILD/tests/fakes/keystay-preloaded.so" "$T/preloaded.so"
run env "LD_PRELOAD=$T/preloaded.so" KEYSTAY_TEST_FRAME="$T/frame" \
	KEYSTAY_TEST_SOCK="$XDG_RUNTIME_DIR/$SIGN_SOCKET" KEYSTAY_TEST_ANSWER="$T/answer" curl -q --version
expect_status 0 "curl, with somebody else in it"
run trick read_answer "$T/answer"
expect_out 'key "alice": curl sent only a digest' \
	"B7: what is preloaded into curl is called curl: a name is no boundary"
for page in man/keystay.conf.5 SECURITY.md; do
	grep -q LD_PRELOAD "$SOURCE_FOLDER/$page" || fail "$page does not say it"
	ok "$page says so"
done
