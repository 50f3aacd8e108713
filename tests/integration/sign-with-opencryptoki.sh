#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# An RSA key of openCryptoki's soft token signs in TLS 1.3 and 1.2 (it cannot make EC keys). Wrong PINs are counted by
# the token's flags; without pkcsslotd the module's start fails, and that is said.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

rig_begin
ca_make
opencryptoki_begin
tokens_init soft 0
tokens_key_make soft rsa2048 alice 01
certificate_make alice
server_start_nginx nginx
prompt_begin
export KEYSTAY_PROMPT=never
tokens_configure opencryptoki "${PROMPT_LINES[@]}"
agent_start

run keystay list
expect_out soft "the token is called as its owner named it"
expect_out alice "and so is the key"
keystay cert alice -o "$T/alice.pem"
run fetch "$port" "$T/alice.pem"
expect_fail "no signature before the PIN"
expect_err 'token "soft" is locked; run: keystay unlock soft' "curl says how to unlock the token"
tokens_try_pin 271828 soft
expect_status 1 "a wrong PIN"
expect_err "the PIN is wrong" "keystay says that the PIN is wrong"
tokens_try_pin 2718281828 soft
expect_status 1 "a PIN that is longer than any of this token"
expect_err "was not tried" "keystay says that it was not tried"

tokens_unlock_by_dialog soft
tokens_fetch_both "$T/alice.pem" alice

tokens_kill_worker opencryptoki
run fetch "$port" "$T/alice.pem"
expect_fail "no signature after the worker was killed"
expect_err 'token "soft" is locked; run: keystay unlock soft' "curl says how to unlock the token again"
unlock soft >/dev/null
tokens_fetch_both "$T/alice.pem" alice

opencryptoki_stop
kill -KILL "$(module_pid opencryptoki)"
wait_until "a word about why there is no token" grep -qF 'C_Initialize failed' "$T/agent.log"
ok "without pkcsslotd the log says that the module's start fails"
opencryptoki_start
keystay reload >/dev/null
wait_until "a module that is ready" tokens_module_is_ready opencryptoki
unlock soft >/dev/null
run fetch "$port" "$T/alice.pem"
expect_status 0 "a signature after all that"
ok "with pkcsslotd again, a reload and one PIN make all well"
