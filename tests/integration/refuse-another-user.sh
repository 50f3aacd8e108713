#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Another uid: the folders of the sockets are closed to it, and even where it can reach a socket (somebody opened the
# folders) the agent closes the connection without an answer, whatever is asked.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_root "being somebody else"
for_others
rig_begin
rig_alice p256
# An ordinary stranger, and nobody, whose number also stands for everyone that has none in a user namespace.
strangers="4242 65534"
# as UID COMMAND...
as() {
	setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"
}

for folder in "$XDG_RUNTIME_DIR/keystay" "$XDG_RUNTIME_DIR/keystay/sign" "$XDG_RUNTIME_DIR/keystay/control"; do
	expect_equal "$(stat -c %a "$folder")" 700 "${folder#"$XDG_RUNTIME_DIR/"} has mode 700"
done

for uid in $strangers; do
	run as "$uid" "$KEYSTAY" status
	expect_fail "uid $uid cannot reach the sockets"
	ok "uid $uid cannot reach the sockets"
done

# Somebody opens everything. The uid decides now.
chmod 755 "$T" "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR/keystay" "$XDG_RUNTIME_DIR"/keystay/*
chmod 777 "$XDG_RUNTIME_DIR"/keystay/*/*.sock
mkdir -m 755 "$T/raw"
cp "$RIG_FOLDER/wire.py" "$T/raw/"
cat >"$T/raw/stranger.py" <<-'CODE'
	import wire
	for path, kind in (wire.sign_path(), wire.LIST), (wire.control_path(), wire.STATUS), (wire.control_path(), wire.LOCK):
	    with wire.Connection(path) as stranger:
	        try:
	            stranger.send(wire.message(kind, 12 * b"\0" if kind == wire.LIST else b"\0\0\0\0"))
	            kind, *_ = stranger.reply()
	            print("answered" if kind != wire.ERROR else "refused")
	        except (EOFError, BrokenPipeError):
	            print("closed")
CODE
chmod 644 "$T"/raw/*
for uid in $strangers; do
	run as "$uid" "$PYTHON" "$T/raw/stranger.py"
	expect_status 0 "the raw client of uid $uid ran"
	! grep -q answered "$T/out" || fail "uid $uid got an answer: $(tr '\n' ' ' <"$T/out")"
	expect_equal "$(grep -c . "$T/out")" 3 "list, status and lock of uid $uid are not answered"
done
expect_equal "$(status_of "tokens['corp']['state']")" unlocked "the token is still unlocked"
run "$PYTHON" -c 'import sys; sys.path.insert(0, sys.argv[1])
import wire; print(len(wire.identities(wire.Connection())[0]))' "$RIG_FOLDER"
expect_out 1 "the owner's raw client gets its answer"
