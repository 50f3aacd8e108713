#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A dialog is shown to a person who can want it, and to nobody else: never for KEYSTAY_PROMPT=never, a wait of 0,
# `prompt = no`, a look at keys, or a signature that would be refused all the same (docs/protocol.md section 10).

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token p256
server_start_nginx nginx
prompt_begin
prompt_answers "$PIN"

LOCKED='token "corp" is locked; run: keystay unlock corp'

# raw MESSAGE-EXPRESSION [SOCKET]: one request over the raw protocol, in Python with everything of wire.py; prints
# "answered" or the error's code and text. alice: the hash of her key.
raw() {
	PYTHONPATH=$RIG_FOLDER "$PYTHON" - "$1" "${2:-sign}" <<-'END'
		import struct
		import sys
		from wire import *
		with Connection() as connection:
		    alice = identities(connection)[0][0]["spki_hash"]
		with Connection(sign_path() if sys.argv[2] == "sign" else control_path()) as connection:
		    connection.send(eval(sys.argv[1]))
		    try:
		        connection.answer()
		        print("answered")
		    except Refused as refused:
		        print(refused)
	END
}

# no_dialog SITUATION: none was shown so far.
no_dialog() {
	expect_equal "$(prompt_count)" 0 "$1: no dialog"
}

# refused_raw CODE SITUATION MESSAGE-EXPRESSION [SOCKET]
refused_raw() {
	local answer
	answer=$(raw "$3" "${4:-sign}")
	[[ $answer == "$1: "* ]] || fail "$2: the agent answers: $answer"
	no_dialog "$2 ($answer)"
}

# locked_curl SITUATION: curl is refused with the next step.
locked_curl() {
	run fetch "$port" "$T/alice.pem"
	expect_fail "curl, $1"
	expect_err "$LOCKED" "curl, $1: it prints: $LOCKED"
	no_dialog "curl, $1"
}

agent_configure "${PROMPT_LINES[@]}"
agent_start
keystay cert alice -o "$T/alice.pem"
keystay list >/dev/null
keystay show alice >/dev/null
keystay status >/dev/null
no_dialog "list, show, cert and status of a locked token"

# --- who does not want one ---
export KEYSTAY_PROMPT=never
locked_curl "KEYSTAY_PROMPT=never"
run "$KEYSTAY" unlock --ask corp
expect_status 1 "keystay unlock --ask with KEYSTAY_PROMPT=never"
no_dialog "keystay unlock --ask with KEYSTAY_PROMPT=never"
unset KEYSTAY_PROMPT
refused_raw 50 "SIGN with a wait of 0" 'sign_message(alice, 0x0403, tls13_input(), wait_ms=0)'
refused_raw 50 "UNLOCK that asks, with a wait of 0" 'unlock_message(b"corp", ask=True, wait_ms=0)' control
run "$KEYSTAY" unlock --no-prompt corp
expect_status 1 "keystay unlock --no-prompt without a terminal"
no_dialog "keystay unlock --no-prompt"

# --- what would be refused all the same ---
refused_raw 81 "a bare digest" 'sign_message(alice, 0x0403, bytes(32), wait_ms=WAIT_DEFAULT)'
refused_raw 80 "what is not TLS" 'sign_message(alice, 0x0403, b"PROXY" * 40, wait_ms=WAIT_DEFAULT)'
refused_raw 93 "a scheme of another key type" 'sign_message(alice, 0x0804, tls13_input(), wait_ms=WAIT_DEFAULT)'
refused_raw 40 "an unknown key" 'sign_message(bytes(32), 0x0403, tls13_input(), wait_ms=WAIT_DEFAULT)'
agent_configure "${PROMPT_LINES[@]}" '[key "alice"]' 'match = pkcs11:object=alice' 'servers = *.corp.example'
keystay reload >/dev/null
run fetch "$port" "$T/alice.pem"
expect_fail "curl with a key of which a rule says no"
expect_err "servers" "the rule is named"
no_dialog "a rule that refuses"

# --- where the configuration forbids it ---
agent_configure "${PROMPT_LINES[@]}" '[socket "agent"]' 'prompt = no'
keystay reload >/dev/null
locked_curl "prompt = no"
refused_raw 50 "SIGN with the longest wait where prompt = no" \
	'sign_message(alice, 0x0403, tls13_input(), wait_ms=WAIT_DEFAULT)'

# --- and where it is allowed: the same requests get one ---
run "$KEYSTAY" unlock --ask corp
expect_status 0 "keystay unlock --ask where programs get none"
expect_equal "$(prompt_count)" 1 "keystay unlock --ask where programs get none: a dialog"
keystay lock >/dev/null
agent_configure "${PROMPT_LINES[@]}"
keystay reload >/dev/null
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl with a locked token, as people run it"
expect_equal "$(prompt_count)" 2 "curl with a locked token, as people run it: a dialog, and a page"
