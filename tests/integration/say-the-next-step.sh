#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What people read when it does not work. keystay itself, curl and Python: the agent's own sentence with the next step
# is in their error text; where a program cuts it, the agent's log has it.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token p256
server_start_nginx nginx

# curl_and_python SITUATION SENTENCE
curl_and_python() {
	run fetch "$port" "$T/alice.pem"
	expect_fail "curl, $1"
	said_or_logged "$2" "curl, $1"
	run client "$PYTHON" "$RIG_FOLDER/python_client.py" once "$port" "$T/ca/root.pem" "$T/alice.pem"
	expect_fail "Python, $1"
	said_or_logged "$2" "Python, $1"
}

# said_or_logged SENTENCE SITUATION
said_or_logged() {
	if grep -qF -- "$1" "$T/err"; then
		ok "$2: it prints: $1"
	elif grep -qF -- "$1" "$T/agent.log" && grep -qi 'keystay' "$T/err"; then
		ok "$2: it names keystay, and the agent's log says: $1"
	else
		show_run >&2
		fail "$2: expected \"$1\""
	fi
}

# --- no agent was ever started ---
run keystay status
expect_status 3 "keystay status without an agent"
expect_err "keystay-agent is not running" "keystay says that no agent runs"
expect_err "start it: keystay-agent &" "and how to start one"
run keystay list --json
expect_status 3 "keystay list without an agent"

agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"
run fetch "$port" "$T/alice.pem"
expect_status 0 "everything works before anything is wrong"

# --- locked ---
keystay lock >/dev/null
curl_and_python "token locked" 'token "corp" is locked; run: keystay unlock corp'
run keystay show alice
expect_status 0 "keystay show of a locked key"
expect_out "locked" "keystay show says that its token is locked"

# --- the name is wrong ---
run keystay show nobody
expect_status 1 "keystay show of an unknown key"
expect_err "nobody" "the unknown name is repeated"
expect_err "keystay list" "and where the names are"
run client openssl storeutl -noout -certs keystay:nobody
expect_fail "openssl with an unknown key"
said_or_logged "nobody" "openssl storeutl, unknown key"

# --- a wrong PIN costs one try and is not kept ---
run "$KEYSTAY" unlock corp --pin-fd 4 4<<<"271828"
expect_status 1 "a wrong PIN"
expect_err "PIN is wrong" "keystay says that the PIN is wrong"
curl_and_python "token still locked" 'token "corp" is locked; run: keystay unlock corp'
run keystay status
expect_out "corp" "the token is still listed"
unlock corp >/dev/null
run fetch "$port" "$T/alice.pem"
expect_status 0 "the right PIN afterwards"

# --- a rule that this build cannot prove refuses ---
agent_configure '[key "alice"]' 'match = pkcs11:object=alice' 'servers = *.corp.example'
keystay reload >/dev/null
curl_and_python "rule that nothing can prove yet" 'servers'
agent_configure
keystay reload >/dev/null

# --- the key is gone from the token: another agent, another token, the old PEM file ---
agent_stop
mv "$T/tokens" "$T/tokens.corp"
token_make other
agent_start
curl_and_python "key is on no token" 'keystay list'
agent_stop

# --- and the agent is gone ---
run fetch "$port" "$T/alice.pem"
expect_fail "curl without an agent"
said_or_logged "keystay-agent is not running" "curl without an agent"
run client "$PYTHON" "$RIG_FOLDER/python_client.py" once "$port" "$T/ca/root.pem" "$T/alice.pem"
expect_fail "Python without an agent"
said_or_logged "keystay-agent is not running" "Python without an agent"
