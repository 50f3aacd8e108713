#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# confirm = always: each signature has a dialog of its own, which says who asks, with which key, and that the server is
# only claimed. Yes signs once; no is heard by the program, and its next try is not asked about at once. A PIN is asked
# for after the yes, never before. Who gives up takes the dialog away.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token p256
server_start_nginx nginx
prompt_begin
agent_configure "${PROMPT_LINES[@]}" '[key "alice"]' 'match = pkcs11:object=alice' 'confirm = always'
agent_start
keystay cert alice -o "$T/alice.pem"
# record: outcome, PIN and yes of the last one.
record() {
	"$PYTHON" -c 'import json, sys; r = json.loads(sys.stdin.readlines()[-1]); print(r["outcome"], r["pin"], r["confirmed"])' \
		<"$XDG_STATE_HOME/keystay/audit/audit.jsonl"
}

# --- the PIN comes after the yes ---
prompt_cancels
run fetch "$port" "$T/alice.pem"
expect_fail "curl, when the person refuses"
expect_err 'key "alice": signing for curl (pid' "curl hears of it"
expect_err 'was refused in the dialog' "curl hears who refused"
expect_equal "$(prompt_count)" 1 "no PIN is asked for what was refused"
expect_equal "$(prompt_said SETOK)" "Sign once" "the button that says yes"
expect_equal "$(prompt_said SETCANCEL)" "Refuse" "the button that says no"
run fetch "$port" "$T/alice.pem"
expect_fail "curl, again at once"
expect_err 'key "alice" was refused to curl a moment ago; wait 10 seconds, then try again' "it hears why"
expect_equal "$(prompt_count)" 1 "nobody is asked again at once"
keystay lock >/dev/null # forgets what was said

prompt_script ok "pin $PIN" ok cancel
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl, after a yes and a PIN"
expect_equal "$(record)" "signed True True" "a PIN was given, says the record"
expect_equal "$(prompt_count)" 3 "a question, then the PIN"
expect_equal "$(prompt_said SETPROMPT)" "PIN:" "the PIN was the last"
run fetch "$port" "$T/alice.pem" --tls-max 1.2
expect_status 0 "curl, once more"
expect_equal "$(prompt_count)" 4 "the next signature has a question of its own"

# --- what it says ---
text=$(prompt_text)
[[ $text == 'A program wants to sign in with your key.'* ]] || fail "the dialog says: $text"
[[ $text == *$'\nProgram: calls itself "curl" (pid '* ]] || fail "the dialog does not name the program: $text"
[[ $text == *$'\nServer: claims to be for localhost, NOT PROVEN: '* ]] || fail "the dialog says of the server: $text"
[[ $text == *$'\nKey: "alice" on token "corp"\n'* ]] || fail "the dialog does not name the key: $text"
[[ $text == *$'\nFor: TLS 1.2 client authentication' ]] || fail "the dialog does not say what for: $text"
ok "the dialog says who, where to, with what and what for; the server is claimed"

# --- who gives up ---
# The program itself, which can be killed.
program=(env "${RIG_PRELOAD[@]}" "$KEYSTAY" run -- curl -q --silent --show-error --max-time "$DEADLINE_S"
	--cacert "$T/ca/root.pem" --cert "$T/alice.pem" "https://localhost:$port/")
prompt_holds_and ok
"${program[@]}" >"$T/page" 2>"$T/page.err" &
waiting=$!
process_started "$waiting"
prompt_wait 5
process_stop "$waiting"
wait_until "the dialog to be closed" prompt_is_gone
ok "a client that goes away closes its dialog"

# --- a lock ends it ---
"${program[@]}" >"$T/page" 2>"$T/page.err" &
waiting=$!
process_started "$waiting"
prompt_wait 6
keystay lock >/dev/null
code=0
wait "$waiting" || code=$?
[ $code -ne 0 ] || fail "curl signed in although keystay was locked"
grep -q 'key "alice": keystay was locked while a person was being asked' "$T/page.err" ||
	fail "curl does not hear of the lock: $(cat "$T/page.err")"
wait_until "the dialog to be closed" prompt_is_gone
ok "a lock refuses what waits for a yes"

# --- nobody is there ---
agent_configure "${PROMPT_LINES[@]}" 'prompt-timeout = 1s' '[key "alice"]' 'match = pkcs11:object=alice' \
	'confirm = always'
keystay reload >/dev/null
prompt_script hang
run fetch "$port" "$T/alice.pem"
expect_fail "curl, when nobody answers"
expect_err 'key "alice": nobody answered in time whether it may sign for curl' "it hears so"

# --- the PIN is refused ---
keystay lock >/dev/null
prompt_script ok cancel
run fetch "$port" "$T/alice.pem"
expect_fail "curl, when the PIN dialog is closed"
expect_equal "$(record)" "cancelled False True" "no PIN was given, says the record"
