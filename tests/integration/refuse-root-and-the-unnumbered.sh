#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fault list B, 2 and 3. On a user's sockets root is refused, in words, until a socket names it. A user who has no
# number where the agent lives (the overflow uid of its user namespace) is refused whatever is configured, also by that
# number; one who lives in a user namespace of their own is who they are outside of it.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_root "being somebody else"
for_others
rig_begin
rig_alice_token p256
umask 022
mkdir -m 755 "$T/named"
user=4300 other=4242 overflow=$(cat /proc/sys/kernel/overflowuid)
as() {
	setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"
}
agent_configure '[socket "named"]' "path = $T/named/agent.sock" "users = $other, $overflow"
chown -R $user:$user "$T"
chmod 755 "$T" "$T/run"
named() {
	as "$1" env KEYSTAY_SOCK="$T/named/agent.sock" "$KEYSTAY" list
}

# --- B2: root --------------------------------------------------------------------------------------------------------

KEYSTAY_TEST_WRAP="setpriv --reuid $user --regid $user --clear-groups" agent_start
run keystay list
expect_fail "root and a user's socket"
expect_err "keystay-agent of uid $user does not sign for uid 0 here; become that user, or let root in: users = 0" \
	"B2: root is refused on a user's socket, in words"
run keystay status
expect_fail "root and a user's control socket"
expect_err "belongs to uid $user and not to you" "root sends a user's control socket nothing"
run "$PYTHON" -c 'import sys; sys.path.insert(0, sys.argv[1])
import wire
with wire.Connection(wire.control_path()) as root:
    try:
        root.send(wire.message(wire.STATUS))
    except BrokenPipeError:
        pass
    root.answer()' "$RIG_FOLDER"
expect_err "takes orders of uid $user alone" "and would be told nothing there"
run named 0
expect_fail "root and a socket for others"
run named $other
expect_status 0 "who is named"
sed -i "s/^users = .*/&, root/" "$T/keystay.conf"
as $user "$KEYSTAY" reload >/dev/null
run named 0
expect_status 0 "users = root"
grep -q alice "$T/out" || fail "root does not see alice"
ok "B2: users = root lets root in, on that socket"
run keystay list
expect_fail "and on no other"

# Whoever lives in a user namespace is who they are outside.
if unshare --user true 2>/dev/null; then
	run as $other unshare --user env KEYSTAY_SOCK="$T/named/agent.sock" "$KEYSTAY" list
	expect_status 0 "a user in a namespace without a number there"
	run as 4243 unshare --user --map-root-user env KEYSTAY_SOCK="$T/named/agent.sock" "$KEYSTAY" list
	expect_fail "a stranger who calls himself root"
	expect_err "does not sign for uid 4243" "B3: a user namespace makes nobody somebody else"
else
	skip_part "no user namespaces here"
fi
run named "$overflow"
expect_fail "the overflow uid"
expect_err "who has no user number here" "B3: the overflow uid is refused, although it is named"
agent_stop

# --- B3: an agent in a user namespace --------------------------------------------------------------------------------

if unshare --user --map-root-user true 2>/dev/null; then
	chown -R 0:0 "$T"
	sed -i "s/^users = .*/users = $other, $overflow/" "$T/keystay.conf"
	KEYSTAY_TEST_WRAP="unshare --user --map-root-user" agent_start
	run keystay list
	expect_status 0 "who has a number in the agent's namespace"
	run named $other
	expect_fail "who has none"
	expect_err "who has no user number here" "B3: who has no number in the agent's namespace is refused"
	grep -q 'a user without a number here was refused' "$T/agent.log" || fail "the log does not say it"
	agent_stop
fi
