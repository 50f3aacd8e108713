#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# keystay-agent --system, as a user of its own, for services of other users: each socket has the keys that it names and
# answers whom it names; a key that no socket names is invisible; nobody is asked for a PIN; root gives the orders, and
# signs nothing that it was not let in to.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_root "being somebody else"
for_others
rig_begin
ca_make
token_make corp
for name in alice:01 bob:02 carol:03; do
	key_make corp p256 "${name%:*}" "${name#*:}"
	certificate_make "${name%:*}"
done
server_start_nginx nginx
keeper=4300 web=4242

# What a package makes: a user of its own with folders for sockets and for what it remembers.
mkdir -m 755 "$T/system" "$T/system/run" "$T/web"
mkdir -m 700 "$T/system/state"
chown -R $keeper:$keeper "$T/system" "$T/tokens" "$T/certs"
chmod 755 "$T"
chmod 644 "$SOFTHSM2_CONF"
printf '%s\n' "$PIN" >"$T/system/pin"
chown $keeper "$T/system/pin"
chmod 600 "$T/system/pin"
export RUNTIME_DIRECTORY=$T/system/run STATE_DIRECTORY=$T/system/state
printf '%s\n' 'this is no configuration' >"$XDG_CONFIG_HOME/keystay.conf"

# as UID COMMAND...
as() {
	setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"
}
configure() {
	agent_configure "$@"
	chmod 644 "$T/keystay.conf"
}
# asks UID SOCKET: what keystay list says there.
asks() {
	as "$1" env KEYSTAY_SOCK="$T/system/run/$2/agent.sock" "$KEYSTAY" list
}
names() {
	run asks "$1" "$2"
	grep -oE 'alice|bob|carol' "$T/out" | sort -u | tr '\n' ' '
}
# root_keystay COMMAND...: over the control socket, where an installation has it: /run/keystay is root's word.
# shellcheck disable=SC2016 # it is for that shell
root_keystay() {
	unshare --mount bash -c 'mount -t tmpfs none /run && mkdir /run/keystay && mount --bind "$1" /run/keystay &&
		KEYSTAY_CONTROL_SOCK=/run/keystay/control/control.sock exec "${@:2}"' - "$T/system/run" "$KEYSTAY" "$@"
}
control=$T/system/run/control/control.sock

configure '[socket "web"]' "users = $web" 'keys = alice' '[socket "mail"]' "users = $web" 'keys = bob' \
	'[socket "bare"]' "users = $web"
system_start() {
	KEYSTAY_TEST_WRAP="setpriv --reuid $keeper --regid $keeper --clear-groups" agent_start --system
}
system_start
expect_equal "$(ps -o uid= -p "$agent_pid" | tr -d ' ')" $keeper "the agent is a user of its own"

# --- sockets ---------------------------------------------------------------------------------------------------------

expect_equal "$(find "$T/system/run" -type s -printf '%P\n' | sort | tr '\n' ' ')" \
	"bare/agent.sock control/control.sock mail/agent.sock web/agent.sock " \
	"it listens where its configuration says, and for orders"
expect_equal "$(stat -c %a "$T/system/run/web" "$T/system/run/web/agent.sock" "$T/system/run/control" | tr '\n' ' ')" \
	"755 666 700 " "others reach their sockets, and not the control socket"
expect_equal "$(names $web web)" "alice " "a socket has the keys that it names"
expect_equal "$(names $web mail)" "bob " "and another one others"
expect_equal "$(names $web bare)" "" "a socket that names none has none"
for name in web mail bare; do
	[[ $(names $web $name) != *carol* ]] || fail "carol is visible on $name"
done
ok "a key that no socket names is invisible"

# --- who -------------------------------------------------------------------------------------------------------------

run asks 4243 web
expect_fail "a stranger"
expect_err "does not sign for uid 4243" "a stranger is told"
run asks 0 web
expect_fail "root"
expect_err "does not sign for uid 0 here; become that user, or let root in: users = 0" \
	"root is refused in words where it is not named"
configure '[socket "web"]' "users = $web, root" 'keys = alice'
run root_keystay reload
expect_status 0 "root gives orders"
ok "root gives orders"
expect_equal "$(names 0 web)" "alice " "users = root lets root in"
[ ! -e "$T/system/run/mail/agent.sock" ] || fail "the socket is still there"
ok "a socket that is configured no more is gone"
run as $web env KEYSTAY_CONTROL_SOCK="$control" "$KEYSTAY" status
expect_fail "an order of a user"
run as $keeper env KEYSTAY_CONTROL_SOCK="$control" "$KEYSTAY" status
expect_status 0 "the agent's own user gives orders"
# Anywhere else a listener of another user could be anybody's, and would be given a PIN.
run env KEYSTAY_CONTROL_SOCK="$control" "$KEYSTAY" status
expect_fail "root and a listener of another user outside of /run/keystay"
expect_err "its listener belongs to uid $keeper" \
	"root tells no listener of another user anything outside of /run/keystay"

# --- signing ---------------------------------------------------------------------------------------------------------

as_keeper_cert() {
	root_keystay status >/dev/null && as 0 env KEYSTAY_SOCK="$T/system/run/web/agent.sock" "$KEYSTAY" cert alice
}
as_keeper_cert >"$T/web/alice.pem"
cp "$T/ca/root.pem" "$T/web/root.pem"
chmod 644 "$T"/web/*.pem
mkdir -m 700 "$T/his"
chown $web "$T/his"
web_fetch() {
	as $web env -u KEYSTAY_PROMPT "${RIG_PRELOAD[@]}" DISPLAY=:0 KEYSTAY_SOCK="$T/system/run/web/agent.sock" \
		XDG_RUNTIME_DIR="$T/his" "$KEYSTAY" run -- curl -q --silent --show-error --max-time "$DEADLINE_S" \
		--cacert "$T/web/root.pem" --cert "$T/web/alice.pem" "https://localhost:$port/"
}
run web_fetch
expect_fail "a locked token"
expect_err 'token "corp" is locked' "a locked token is refused at once, although there is a display: nobody is asked"
root_unlock() {
	root_keystay unlock --pin-fd 4 corp 4<<<"$PIN"
}
run root_unlock
expect_status 0 "root unlocks"
run web_fetch
expect_status 0 "the service signs"
expect_out "client=CN=alice" "the service signs with its key"
configure '[socket "web"]' "users = $web" 'keys = alice' '[token "corp"]' "pin-file = $T/system/pin"
agent_stop
system_start
run web_fetch
expect_status 0 "with the PIN in a file nobody has to unlock after a start"
ok "with the PIN in a file nobody has to unlock after a start"
root_keystay lock >/dev/null
run web_fetch
expect_fail "a token that root locked"
ok "a token that root locked stays locked, whatever the file says"
root_unlock >/dev/null
run web_fetch
expect_status 0 "until root unlocks it"
[ -n "$(find "$T/system/state" -type f)" ] || fail "nothing is counted in the state folder"
ok "counts of PINs are kept in the state folder"

agent_stop
expect_equal "$agent_code" 0 "it ends well"
[ -z "$(find "$T/system/run" -type s)" ] || fail "sockets are left"
[ -d "$T/system/run/web" ] || fail "the folder is gone that a container may have been given"
ok "it takes its sockets away and leaves their folders, which containers may have"
