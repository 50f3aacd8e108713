#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Socket activation: systemd holds both sockets, the first client starts the agent, which takes them over by their
# names and leaves the files alone when it ends.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
command -v systemd-socket-activate >/dev/null || skip "systemd-socket-activate is not installed"
rig_begin
rig_alice_token p256
agent_configure
server_start_nginx nginx
mkdir -p "$XDG_RUNTIME_DIR"/keystay/{sign,control}
sign=$XDG_RUNTIME_DIR/keystay/sign/agent.sock
control=$XDG_RUNTIME_DIR/keystay/control/control.sock

# It becomes the agent with the first connection, under the same pid.
process_start_until activate 'Listening on .*control.sock' systemd-socket-activate -l "$sign" -l "$control" \
	--fdname=sign:control -E "XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR" -E "SOFTHSM2_CONF=$SOFTHSM2_CONF" \
	-E "HOME=$HOME" ${ASAN_OPTIONS:+-E "ASAN_OPTIONS=$ASAN_OPTIONS"} \
	"$AGENT" --config "$T/keystay.conf" || fail "systemd-socket-activate: $(cat "$T/activate.log")"
agent_pid=$started
[ "$(tr '\0' ' ' <"/proc/$agent_pid/cmdline" | grep -c keystay-agent)" -eq 1 ] || fail "not waiting for the agent"

run keystay status
expect_status 0 "the first command starts the agent"
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl gets its page from an agent that was started on demand"
expect_out "client=CN=alice" "curl gets its page from an agent that was started on demand"
agent_stop
if [ ! -S "$sign" ] || [ ! -S "$control" ]; then
	fail "the agent removed sockets that are systemd's"
fi
ok "the sockets, which are systemd's, are still there"

# Nameless, as our own units hand them over, they are known by their paths.
rm -f "$sign" "$control"
process_start_until unnamed 'Listening on .*control.sock' systemd-socket-activate -l "$sign" -l "$control" \
	-E "XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR" -E "SOFTHSM2_CONF=$SOFTHSM2_CONF" -E "HOME=$HOME" \
	${ASAN_OPTIONS:+-E "ASAN_OPTIONS=$ASAN_OPTIONS"} "$AGENT" --config "$T/keystay.conf"
agent_pid=$started
run keystay list
expect_status 0 "sockets without names are known by their paths"
expect_out alice "sockets without names are known by their paths"
agent_stop

# Handed a socket that is neither it says so instead of guessing.
rm -f "$sign" "$control"
process_start_until nameless 'Listening on ' systemd-socket-activate -l "$T/other.sock" \
	-E "XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR" -E "HOME=$HOME" "$AGENT" --config "$T/keystay.conf"
KEYSTAY_SOCK=$T/other.sock keystay list >/dev/null 2>&1 || true
process_ended() {
	! process_is_ours "$started"
}
wait_until "an agent with a strange socket ends" process_ended
tail -n 2 "$T/nameless.log" | grep -qi 'socket' || fail "it does not say what is wrong"
ok "a socket without a name is refused with a reason"
