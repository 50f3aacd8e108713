#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A rule wants a person's yes, and none may be asked: refused at once, with the rule and what to do. Never signed, never
# a dialog: prompt = no, KEYSTAY_PROMPT=never, a wait of 0, and no place to show one.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token p256
server_start_nginx nginx
prompt_begin
prompt_script ok
rule=('[key "alice"]' 'match = pkcs11:object=alice' 'confirm = always')
agent_configure "${PROMPT_LINES[@]}" "${rule[@]}"
agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"

# refused SITUATION TEXT...: curl is, and hears this.
refused() {
	local situation=$1
	shift
	run fetch "$port" "$T/alice.pem"
	expect_fail "$situation: curl is refused"
	for text in "$@"; do
		expect_err "$text" "$situation: it says: $text"
	done
	expect_equal "$(prompt_count)" 0 "$situation: no dialog"
	expect_equal "$(signatures_of corp)" 0 "$situation: no signature"
}

RULE='key "alice" needs a person'"'"'s yes (confirm = always)'
KEYSTAY_PROMPT=never refused "KEYSTAY_PROMPT=never" "$RULE" 'do not set KEYSTAY_PROMPT=never'
answer=$(PYTHONPATH=$RIG_FOLDER "$PYTHON" - <<'PY'
from wire import *
with Connection() as connection:
    alice = identities(connection)[0][0]["spki_hash"]
    connection.send(sign_message(alice, 0x0403, tls13_input(), wait_ms=0))
    print(connection.refusal())
PY
)
expect_equal "$answer" 61 "SIGN with a wait of 0: NO_PROMPT"
expect_equal "$(prompt_count)" 0 "SIGN with a wait of 0: no dialog"

agent_configure "${PROMPT_LINES[@]}" "${rule[@]}" '[socket "agent"]' 'prompt = no'
keystay reload >/dev/null
refused "prompt = no" "$RULE" 'nobody is asked here: set prompt = yes in [socket "agent"]'

agent_configure "${PROMPT_LINES[@]}" '[key "alice"]' 'match = pkcs11:object=alice' 'confirm = no' \
	'[socket "agent"]' 'prompt = no' 'confirm = first-use'
keystay reload >/dev/null
refused "a rule of the socket" 'confirm = first-use'

# --- no place ---
agent_stop
unset DISPLAY
agent_configure "${PROMPT_LINES[@]}" "${rule[@]}"
agent_start
unlock corp >/dev/null
refused "no display and no terminal" "$RULE" \
	'nobody could be asked: no dialog can be shown: there is no display and no terminal'

# --- and where one can be asked ---
export DISPLAY=:keystay-test
run fetch "$port" "$T/alice.pem"
expect_status 0 "where a person can be asked, curl signs in"
expect_equal "$(prompt_count)" 1 "after a dialog"
