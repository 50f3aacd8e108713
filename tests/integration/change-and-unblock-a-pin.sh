#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `keystay token pin`: changed, and set anew by the SO PIN. Each PIN is submitted once and counted before; after a wrong
# one that the token remembers only a person's yes lets the next one through, and without a dialog nothing is tried: no
# token is ever locked by us (invariant I6). A kept PIN that is another one now, or may be, is forgotten.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_audit.sh"
. "$RIG_FOLDER/rig_prompt.sh"
SO_PIN=87654321
NEW_PIN=271828
rig_alice_token
server_start_nginx server
export KEYSTAY_SHIM_SCRIPT=$T/shim.script KEYSTAY_SHIM_COUNTS=$T/shim.counts
: >"$KEYSTAY_SHIM_SCRIPT"
: >"$KEYSTAY_SHIM_COUNTS"
prompt_begin
printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" "${PROMPT_LINES[@]}" 'keep-pin = yes' \
	>"$T/keystay.conf"
agent_start

# pin_command WORDS... -- PIN...: `keystay token pin` with these on one descriptor, where no dialog may be shown.
pin_command() {
	local words=()
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	shift
	run env KEYSTAY_PROMPT="${may_prompt-never}" "$KEYSTAY" token pin "${words[@]}" 3< <(printf '%s\n' "$@")
}

last() {
	tail -n 1 "$LOG" | "$PYTHON" -c 'import json, sys; r = json.loads(sys.stdin.read()); print(eval(sys.argv[1]))' "$1"
}

# so_logins: how often the token was given its SO PIN.
so_logins() {
	grep -cx 'C_Login so' "$KEYSTAY_SHIM_COUNTS" || true
}

# --- changed --------------------------------------------------------------------------------------------------------

unlock corp >/dev/null
pin_command change corp --pin-fd 3 --new-pin-fd 3 -- "$PIN" "$NEW_PIN"
expect_status 0 "the PIN is changed"
expect_out 'Token "corp": its PIN is another one now.' "it says so"
expect_equal "$(last '(r["outcome"], r["purpose"], r["token"], r["pin"], r["text"][:10])')" \
	"('done', 'provision', 'corp', True, 'PIN change')" "its record"
grep -rqF -e "$PIN" -e "$NEW_PIN" "$LOG" "$T/agent.log" "$XDG_STATE_HOME/keystay/pins" && fail "a PIN was written down"
expect_equal "$(status_of "tokens['corp']['state']")" locked "what was kept of the old PIN is forgotten"
run unlock corp
expect_fail "the old PIN is wrong"
run keystay unlock --pin-fd 3 corp 3<<<"$NEW_PIN"
expect_fail "after a wrong one the token warns, and a PIN of the command line is not tried"
prompt_answers_once "$NEW_PIN"
run env -u KEYSTAY_PROMPT "$KEYSTAY" unlock --ask corp </dev/null
expect_status 0 "a dialog takes the new one"

# --- a wrong one is counted, and is the last of its kind ------------------------------------------------------------

pin_command change corp --pin-fd 3 --new-pin-fd 3 -- 000000 111111
expect_fail "a wrong PIN changes nothing"
expect_err "PIN" "it says what was wrong"
expect_equal "$(status_of "tokens['corp']['submissions']")" 1 "and is counted"
pin_command change corp --pin-fd 3 --new-pin-fd 3 -- "$NEW_PIN" 111111
expect_fail "the token remembers it: the next one needs a person's yes, and nobody may be asked"
expect_err "after a yes in a dialog of the agent, and none may be shown here; nothing was tried" "it says so"
expect_equal "$(status_of "tokens['corp']['submissions']")" 1 "nothing was tried"
prompt_script ok
may_prompt='' pin_command change corp --pin-fd 3 --new-pin-fd 3 -- "$NEW_PIN" "$PIN"
expect_status 0 "a person's yes, and the right one"
prompt_text | grep -q 'has the PIN of token "corp", to be tried' || fail "the dialog does not say what it is about"
expect_equal "$(status_of "tokens['corp']['submissions']")" 0 "the count is at rest"

# --- the SO PIN -----------------------------------------------------------------------------------------------------

unlock corp >/dev/null
: >"$KEYSTAY_SHIM_COUNTS"
pin_command unblock corp --so-pin-fd 3 --new-pin-fd 3 -- 00000000 "$NEW_PIN"
expect_fail "a wrong SO PIN"
expect_equal "$(so_logins)" 1 "the token was asked once"
expect_equal "$(last '(r["outcome"], r["error"], r["pin"])')" "('failed', 'pin-wrong', True)" "its record"
grep -q '^1 .* corp / SO PIN$' "$XDG_STATE_HOME/keystay/pins" || fail "the SO PIN has no count: $(cat "$XDG_STATE_HOME/keystay/pins")"
expect_equal "$(status_of "tokens['corp']['submissions']")" 0 "the user's PIN has its own"
keystay cert alice -o "$T/alice.pem"
run fetch "$port" "$T/alice.pem"
expect_status 0 "and nobody was kept from signing: the worker is back, and the kept PIN unlocks the token"
agent_stop
agent_start
for _ in 1 2; do
	pin_command unblock corp --so-pin-fd 3 --new-pin-fd 3 -- "$SO_PIN" "$NEW_PIN"
	expect_fail "also after a restart: not without a person's yes"
done
expect_equal "$(so_logins)" 1 "the token was not asked again"
prompt_cancels
may_prompt='' pin_command unblock corp --so-pin-fd 3 --new-pin-fd 3 -- "$SO_PIN" "$NEW_PIN"
expect_fail "a person's no"
expect_equal "$(so_logins)" 1 "nor then"
expect_equal "$(last '(r["outcome"], r["purpose"], r["pin"])')" "('cancelled', 'provision', False)" "its record"
prompt_script ok
may_prompt='' pin_command unblock corp --so-pin-fd 3 --new-pin-fd 3 -- "$SO_PIN" "$NEW_PIN"
expect_status 0 "a person's yes, and the right one"
expect_equal "$(so_logins)" 2 "given once"
pin_command change corp --so --so-pin-fd 3 --new-pin-fd 3 -- "$SO_PIN" 99999999
expect_status 0 "the SO PIN is changed"
pin_command unblock corp --so-pin-fd 3 --new-pin-fd 3 -- 99999999 "$PIN"
expect_status 0 "the new one is the SO PIN now"
unlock corp >/dev/null
pin_command set corp --so-pin-fd 3 --new-pin-fd 3 -- 99999999 "$PIN"
expect_fail "what is set already is not set again"

# --- nobody knows what became of it ---------------------------------------------------------------------------------

# user_logins: how often the token was given the user's PIN.
user_logins() {
	grep -cx 'C_Login' "$KEYSTAY_SHIM_COUNTS" || true
}

echo 'C_InitPIN 1 after-rv 0x30' >"$KEYSTAY_SHIM_SCRIPT"
pin_command unblock corp --so-pin-fd 3 --new-pin-fd 3 -- 99999999 "$NEW_PIN"
expect_fail "a token that sets the PIN, and says that it failed"
: >"$KEYSTAY_SHIM_SCRIPT"
: >"$KEYSTAY_SHIM_COUNTS"
expect_equal "$(status_of "tokens['corp']['state']")" locked "the kept PIN may be an old one, and is forgotten"
KEYSTAY_PROMPT=never run fetch "$port" "$T/alice.pem"
expect_fail "nobody signs before a person has said the PIN"
expect_equal "$(user_logins)" 0 "the old one is not given to the token"
