#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What people read when it does not work. keystay itself and curl: the agent's own sentence with the next step is in
# their error text. Python shows the last entry of OpenSSL's error queue alone, which is libssl's "EVP lib": there the
# agent's log has the sentence, and `keystay status` says what is to be done.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token p256
server_start_nginx nginx

# curl_and_python SITUATION SENTENCE
curl_and_python() {
	run fetch "$port" "$T/alice.pem"
	expect_fail "curl, $1"
	expect_err "$2" "curl, $1: it prints: $2"
	run client "$PYTHON" "$RIG_FOLDER/python_client.py" once "$port" "$T/ca/root.pem" "$T/alice.pem"
	expect_fail "Python, $1"
	logged "$2" "Python, $1"
}

# logged SENTENCE SITUATION: the newest line of the agent's log.
logged() {
	grep -q 'SSLError' "$T/err" || fail "$2: not an error of TLS: $(tail -n 1 "$T/err")"
	tail -n 1 "$T/agent.log" | grep -qF -- "$1" || fail "$2: the agent's log says: $(tail -n 1 "$T/agent.log")"
	ok "$2: it prints: $(tail -n 1 "$T/err"), and the agent's log says: $1"
}

# --- no agent was ever started ---
run keystay status
expect_status 3 "keystay status without an agent"
expect_err "keystay-agent is not running" "keystay says that no agent runs"
expect_err "start it: keystay-agent &" "and how to start one"
run keystay list --json
expect_status 3 "keystay list without an agent"

# Only where this story says so is a dialog allowed.
prompt_begin
export KEYSTAY_PROMPT=never
agent_configure "${PROMPT_LINES[@]}"
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
run client openssl pkey -in keystay:nobody -pubout
expect_fail "openssl with an unknown key"
expect_err nobody "and it is named there"

# --- a wrong PIN costs one try and is not kept ---
run "$KEYSTAY" unlock corp --pin-fd 4 4<<<"271828"
expect_status 1 "a wrong PIN"
expect_err "PIN is wrong" "keystay says that the PIN is wrong"
curl_and_python "token still locked" 'token "corp" is locked; run: keystay unlock corp'
run keystay status
expect_out "corp" "the token is still listed"
expect_out "a wrong PIN was given since the last good one" "and said to have been given a wrong PIN"
run unlock corp
expect_status 1 "even the right PIN is not for a script after that"
expect_err "nothing was tried; run: keystay unlock --ask corp" "keystay says so, and what to do instead"
run "$KEYSTAY" unlock --ask corp
expect_status 1 "keystay unlock --ask where dialogs are forbidden"
expect_err "KEYSTAY_PROMPT=never forbids" "it says what forbids them"
prompt_answers "$PIN"
run env -u KEYSTAY_PROMPT "$KEYSTAY" unlock --ask corp
expect_status 0 "the right PIN in the agent's dialog"
run fetch "$port" "$T/alice.pem"
expect_status 0 "and everything works again"

# --- a rule that this build cannot prove refuses ---
agent_configure "${PROMPT_LINES[@]}" '[key "alice"]' 'match = pkcs11:object=alice' 'servers = *.corp.example'
keystay reload >/dev/null
curl_and_python "rule that nothing can prove yet" 'servers'
agent_configure "${PROMPT_LINES[@]}"
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
expect_err "keystay-agent is not running" "curl without an agent: it says so"
run client "$PYTHON" "$RIG_FOLDER/python_client.py" once "$port" "$T/ca/root.pem" "$T/alice.pem"
expect_fail "Python without an agent"
grep -q SSLError "$T/err" || fail "Python without an agent: $(tail -n 1 "$T/err")"
ok "Python without an agent: it prints: $(tail -n 1 "$T/err")"
run keystay status
expect_err "keystay-agent is not running" "and keystay status says why"
