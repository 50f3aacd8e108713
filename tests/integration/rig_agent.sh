# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # names are for the stories
#
# rig_agent: keystay-agent with a configuration of its own, and clients that use it. Part of lib.sh.

# The last agent that was started, and the exit code of the last one that was stopped.
agent_pid=''
agent_code=''

KEYSTAY=$BUILD/bin/keystay
AGENT=$BUILD/bin/keystay-agent
SIGN_SOCKET=keystay/sign/agent.sock
CONTROL_SOCKET=keystay/control/control.sock

# agent_configure [LINE...]: $T/keystay.conf with the SoftHSM module and these lines.
agent_configure() {
	printf '%s\n' '[module "softhsm"]' "path = $SOFTHSM" "$@" >"$T/keystay.conf"
}

# agent_start [OPTION...]: starts it and returns when its sockets accept. Pid in $agent_pid, log in $T/agent.log.
# KEYSTAY_TEST_WRAP in the environment is a command that it is started by, for a look under valgrind.
agent_start() {
	local line status=0
	[ -e "$T/keystay.conf" ] || agent_configure
	[ -p "$T/ready" ] || mkfifo "$T/ready"
	# shellcheck disable=SC2086 # words
	${KEYSTAY_TEST_WRAP:-} "$AGENT" --config "$T/keystay.conf" --ready-fd 3 "$@" </dev/null >>"$T/agent.log" 2>&1 \
		3>"$T/ready" &
	agent_pid=$!
	process_started "$agent_pid"
	read -r -t "$DEADLINE_S" line <"$T/ready" || status=$?
	[ $status -eq 0 ] || fail "keystay-agent did not say that it is ready"
}

# agent_stop [SIGNAL]: and waits for its end; its exit code in $agent_code.
agent_stop() {
	kill -"${1:-TERM}" "$agent_pid"
	agent_code=0
	wait "$agent_pid" 2>/dev/null || agent_code=$?
}

keystay() {
	"$KEYSTAY" "$@"
}

# unlock [TOKEN]: with $PIN over a descriptor, as a script would.
unlock() {
	"$KEYSTAY" unlock --pin-fd 4 "$@" 4<<<"$PIN"
}

# client COMMAND...: an unmodified program with keystay's OpenSSL configuration, as `keystay run` starts it.
client() {
	env "${RIG_PRELOAD[@]}" "$KEYSTAY" run -- "$@"
}

# fetch PORT CERTIFICATE [CURL-OPTION...]: one page, with --cert alone.
fetch() {
	local port=$1 certificate=$2
	shift 2
	client curl -q --silent --show-error --max-time "$DEADLINE_S" --cacert "$T/ca/root.pem" \
		--cert "$certificate" "$@" "https://localhost:$port/"
}

# rig_alice [TYPE]: what most stories begin with: a CA, a token "corp" with the key "alice" and its certificate, an
# unlocked agent, alice's PEM file in $T/alice.pem.
rig_alice() {
	rig_alice_token "${1:-p256}"
	agent_start
	unlock corp >/dev/null
	keystay cert alice -o "$T/alice.pem"
}

# rig_alice_token [TYPE]: the same without the agent.
rig_alice_token() {
	ca_make
	token_make corp
	key_make corp "${1:-p256}" alice 01
	certificate_make alice
}

# status_of EXPRESSION: what a Python expression makes of `keystay status --json`, with agent, modules and tokens (by
# name and label) as variables.
status_of() {
	keystay status --json | "$PYTHON" -c '
import json, sys
status = json.load(sys.stdin)
agent = status["agent"]
modules = {module["name"]: module for module in status["modules"]}
tokens = {token["label"]: token for token in status["tokens"]}
print(eval(sys.argv[1]))' "$1"
}

# module_pid NAME: of the keystay-token that runs this module, 0 when there is none.
module_pid() {
	status_of "modules['$1']['pid']"
}

# signatures_of TOKEN: how many it has made for this agent.
signatures_of() {
	status_of "tokens['$1']['signatures']"
}

# --- modules that go wrong ---------------------------------------------------------------------------------------------

# rig_two_modules [LINE...]: a token "corp" with "alice" behind the shim (tests/fakes/shim.c), which goes wrong as
# shim_script says, and a token "other" with "bob" of a module of its own, which must never notice. A nginx, an agent
# with these configuration lines, both unlocked, both certificates in $T/NAME.pem.
rig_two_modules() {
	ca_make
	token_make other
	key_make other p256 bob 02
	certificate_make bob
	mv "$T/tokens" "$T/tokens.other"
	sed "s|^directories.tokendir.*|directories.tokendir = $T/tokens.other|" "$SOFTHSM2_CONF" >"$T/other.conf"
	token_make corp
	key_make corp p256 alice 01
	certificate_make alice
	export KEYSTAY_SHIM_SCRIPT=$T/shim.script KEYSTAY_SHIM_COUNTS=$T/shim.counts KEYSTAY_ELSEWHERE_CONF=$T/other.conf
	: >"$KEYSTAY_SHIM_SCRIPT"
	printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" \
		'[module "elsewhere"]' "path = $BUILD/tests/fakes/keystay-elsewhere.so" "$@" >"$T/keystay.conf"
	server_start_nginx nginx
	agent_start
	unlock corp >/dev/null
	unlock other >/dev/null
	keystay cert alice -o "$T/alice.pem"
	keystay cert bob -o "$T/bob.pem"
}

# shim_script LINE...: what the shim does wrong from now on.
shim_script() {
	printf '%s\n' "$@" >"$T/shim.script.new"
	mv "$T/shim.script.new" "$KEYSTAY_SHIM_SCRIPT"
}

# shim_calls FUNCTION: how often the shim was asked for it so far.
shim_calls() {
	grep -c "^$1\b" "$KEYSTAY_SHIM_COUNTS" 2>/dev/null || true
}
