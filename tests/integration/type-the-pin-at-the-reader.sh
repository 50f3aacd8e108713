#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fault D18: a reader with keys of its own (CKF_PROTECTED_AUTHENTICATION_PATH): C_Login gets no PIN and waits until one is
# typed there. A dialog says so and closes when it is done; "cancel" ends the wait, and the token works again.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token
server_start_nginx nginx
prompt_begin
export KEYSTAY_SHIM_COUNTS=$T/counts KEYSTAY_SHIM_SCRIPT=$T/script KEYSTAY_SHIM_READER_PIN=$PIN
mkfifo "$T/reader.1" "$T/reader.2" "$T/reader.3"
# The person at the reader: C_Login waits for the gate, and then is good.
printf '%s\n' 'flags-add PIN_PAD' "C_Login * gate $T/reader" >"$T/script"
printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" "${PROMPT_LINES[@]}" >"$T/keystay.conf"
agent_start
keystay cert alice -o "$T/alice.pem"
prompt_holds_and cancel
fetch "$port" "$T/alice.pem" >"$T/page" 2>&1 &
curl=$!
prompt_wait 1
[[ $(prompt_text) == *'type the PIN of token "corp" at its reader'* ]] || fail "the dialog says: $(prompt_text)"
ok "a dialog says where to type the PIN"
exec 5>"$T/reader.1"
exec 5>&-
wait "$curl" || fail "curl did not sign in: $(cat "$T/page")"
ok "typed there, curl signs in"
wait_until "the dialog to be closed" prompt_is_gone
ok "the dialog closes by itself"

keystay lock >/dev/null
prompt_cancels
run fetch "$port" "$T/alice.pem"
expect_fail "cancelled in the dialog"
expect_err "cancelled" "curl says so"
expect_equal "$(grep -c '^C_Login without-pin' "$T/counts")" "$(grep -c '^C_Login' "$T/counts")" "no PIN ever went through us"
