#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# SIGHUP and `keystay reload`: a good configuration takes effect without a restart and without asking for a PIN again;
# a wrong one is refused with file, line and what was expected, and the old one stays.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice p256
server_start_nginx nginx

# --- which files ---
run keystay config
expect_status 0 "keystay config"
expect_out "$T/keystay.conf:2" "keystay config reads the file that the running agent was started with"
run keystay status --json
expect_out "\"configuration_file\": \"$T/keystay.conf\"" "keystay status --json names it"

# --- wrong: by command ---
cp "$T/keystay.conf" "$T/good.conf"
printf '%s\n' '' '[agent]' 'unlock-for = for ever and a day' >>"$T/keystay.conf"
wrong_line=$(wc -l <"$T/keystay.conf")
run keystay reload
expect_status 1 "a wrong configuration is refused"
expect_err "keystay.conf:$wrong_line" "the error names file and line"
expect_err "unlock-for" "and the key"
run keystay status
expect_status 0 "the agent still answers"
expect_out "keystay.conf:$wrong_line" "status shows what is wrong"
run fetch "$port" "$T/alice.pem"
expect_status 0 "the old configuration still holds, the token is still unlocked"
run "$AGENT" --config "$T/keystay.conf" --check-config
expect_status 1 "--check-config refuses the same file"
grep -qF "keystay.conf:$wrong_line" "$T/out" "$T/err" || fail "--check-config does not name the line"
ok "--check-config names file and line"

# --- wrong: by signal ---
kill -HUP "$agent_pid"
logged() {
	grep -qF "keystay.conf:$wrong_line" "$T/agent.log"
}
wait_until "the refused reload is logged" logged
run fetch "$port" "$T/alice.pem"
expect_status 0 "after SIGHUP with a wrong file everything works as before"

# --- right: by signal: a key gets another name ---
cp "$T/good.conf" "$T/keystay.conf"
printf '%s\n' '[key "work"]' 'match = pkcs11:token=corp;object=alice' >>"$T/keystay.conf"
kill -HUP "$agent_pid"
renamed() {
	keystay show work >"$T/out" 2>&1
}
wait_until "the new name is known" renamed
ok "after SIGHUP with a good file the new name is known"
run fetch "$port" "$T/alice.pem"
expect_status 0 "and the token is still unlocked"

# --- a rule that nothing can prove refuses, it is not ignored ---
printf '%s\n' 'confirm = always' >>"$T/keystay.conf"
keystay reload >/dev/null
run fetch "$port" "$T/alice.pem"
expect_fail "a key with confirm = always signs nothing yet"
ok "a rule that this build cannot keep refuses"

# --- the file is gone ---
mv "$T/keystay.conf" "$T/away.conf"
run keystay reload
expect_status 1 "a missing file is refused"
run keystay status
expect_status 0 "and the agent goes on"

# --- a relative path: the folder of the agent counts, not that of whoever asks ---
agent_stop
mv "$T/away.conf" "$T/keystay.conf"
cd "$T"
agent_start --config keystay.conf
cd /
run keystay config
expect_status 0 "keystay config"
expect_out "$T/keystay.conf:2" "keystay config finds the file of an agent that was started with a relative path"
run keystay reload
expect_status 0 "and so does the agent itself when it reads it again"
