#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A token that another process serves (p11-kit server) signs through p11-kit-client.so: RSA and P-256, in TLS 1.3 and
# 1.2. A wrong PIN is said to be wrong; when the server has gone and come again, one PIN makes all well.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

rig_begin
ca_make
token_make corp
key_make corp p256 alice 01
key_make corp rsa2048 bob 02
certificate_make alice
certificate_make bob
remote_begin corp
server_start_nginx nginx
prompt_begin
export KEYSTAY_PROMPT=never
tokens_configure p11-kit-client "${PROMPT_LINES[@]}"
agent_start

run keystay list
expect_out corp "the token is called as its owner named it"
expect_out alice "and so is the P-256 key"
expect_out bob "and the RSA key"
keystay cert alice -o "$T/alice.pem"
keystay cert bob -o "$T/bob.pem"
run fetch "$port" "$T/alice.pem"
expect_fail "no signature before the PIN"
expect_err 'token "corp" is locked; run: keystay unlock corp' "curl says how to unlock the token"
tokens_try_pin 271828 corp
expect_status 1 "a wrong PIN"
expect_err "the PIN is wrong" "keystay says that the PIN is wrong"

tokens_unlock_by_dialog corp
tokens_fetch_both "$T/alice.pem" alice
tokens_fetch_both "$T/bob.pem" bob

tokens_kill_worker p11-kit-client
run fetch "$port" "$T/alice.pem"
expect_fail "no signature after the worker was killed"
expect_err 'token "corp" is locked; run: keystay unlock corp' "curl says how to unlock the token again"
unlock corp >/dev/null
tokens_fetch_both "$T/alice.pem" alice

remote_stop
run fetch "$port" "$T/alice.pem"
expect_fail "no signature while the server is gone"
# The module says so when it is asked; the agent may have looked a moment before.
grep -qE 'the device reports an error \(CKR_DEVICE_ERROR\)|no token here has this key' "$T/err" ||
	fail "curl does not say that the server is gone: $(cat "$T/err")"
ok "curl says that the server is gone"
remote_start corp
is_noticed() {
	run fetch "$port" "$T/alice.pem"
	grep -qF 'token "corp" is locked; run: keystay unlock corp' "$T/err"
}
wait_until "a new worker for a server that has come again" is_noticed
ok "once the server is there again, curl says how to unlock the token"
unlock corp >/dev/null
tokens_fetch_both "$T/alice.pem" alice
