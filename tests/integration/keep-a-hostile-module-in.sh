#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# B12: a module that tries to get out of its process: at the user's secrets, the agent's configuration, the network,
# other programs, the agent itself. In the sandbox of a known module every way is shut and it still signs; without one
# most are open, or their being shut would say nothing.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token p256
server_start_nginx nginx
mkdir "$HOME/.ssh"
echo secret >"$HOME/.ssh/id"
export KEYSTAY_PROBE_SECRET=$HOME/.ssh/id KEYSTAY_PROBE_CONFIG=$T/keystay.conf KEYSTAY_PROBE_PORT=$port
chmod 711 "$BUILD" "$BUILD/tests" "$BUILD/tests/fakes" 2>/dev/null || true

# with LEVEL: what the module says of its ways, in $T/ways.
with() {
	printf '%s\n' '[module "softhsm"]' "path = $BUILD/tests/fakes/keystay-probe.so" "sandbox = $1" >"$T/keystay.conf"
	: >"$T/agent.log"
	agent_start
	unlock corp >/dev/null
	keystay cert alice -o "$T/alice.pem"
	run fetch "$port" "$T/alice.pem"
	expect_status 0 "sandbox = $1: the module signs"
	ok "sandbox = $1: the module signs"
	agent_stop
	grep -oE 'probe [a-z-]+ (open|shut)' "$T/agent.log" | sort -u >"$T/ways"
	say "   $(grep -c open "$T/ways") of $(grep -c . "$T/ways") ways are open"
}
is() {
	grep -qx "probe $2 $1" "$T/ways" || fail "$2 is not $1"
}

with none
core="read-a-secret list-home write-configuration make-a-file connect run-a-program signal-the-agent"
for way in $core; do
	is open "$way"
done
ok "without a sandbox: $core are open"

with calls
for way in trace-the-agent read-the-agent unshare clone io-uring bpf keyrings; do
	is shut "$way"
done
ok "of modules that nobody knows no call is left for other processes, namespaces and the kernel"
is open connect

with net
is open connect
is shut read-a-secret
ok "sandbox = net: a network and no secrets"

# By its name in the configuration it is a known one: what holds by itself.
with files
if grep -q 'has no Landlock' "$T/agent.log"; then
	skip_part "this kernel has no Landlock"
	exit 0
fi
expect_equal "$(grep -c open "$T/ways")" 1 "B12: every way out of a known module's process is shut"
is open signal-itself
sed -i '/^sandbox/d' "$T/keystay.conf"
run "$AGENT" --config "$T/keystay.conf" --print-config
expect_out "sandbox = files" "and that is what known modules get by themselves"
