#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A token that may want a touch takes longer than a second to sign: a notice on the desktop says which token, for whom,
# with which key, and goes when the signature is there. A quick signature, a token without touch and a machine without
# a desktop have none.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_notices.sh
. "$RIG_FOLDER/rig_notices.sh"
rig_alice_token p256
server_start_nginx nginx
notices_begin
export KEYSTAY_SHIM_SCRIPT=$T/shim.script
: >"$KEYSTAY_SHIM_SCRIPT"

# configure LINE...
configure() {
	printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" "$@" >"$T/keystay.conf"
}
# shim LINE...
shim() {
	printf '%s\n' "$@" >"$T/shim.new"
	mv "$T/shim.new" "$KEYSTAY_SHIM_SCRIPT"
}
configure '[token "corp"]' 'touch = yes'
agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"

run fetch "$port" "$T/alice.pem"
expect_status 0 "curl with a token that signs at once"

# The token waits, as for a touch, until the gate is opened.
mkfifo "$T/gate.1"
shim "C_Sign 1 gate $T/gate"
fetch "$port" "$T/alice.pem" --tls-max 1.2 >"$T/page" 2>"$T/page.err" &
waiting=$!
process_started "$waiting"
notices_wait '^notify 1 '
[[ $(notices_said '^notify 1 ') == "notify 1 keystay|Touch your token|corp: curl (pid "*") wants to sign in to localhost \
(claimed, not proven) with the key alice|urgency 2|transient 1|expires 30000" ]] ||
	fail "the notice says: $(notices_said '^notify 1 ')"
ok "the notice says which token, for whom and with which key"
! grep -q '^close' "$T/notices.log" || fail "the notice was closed before the signature was there"
: >"$T/gate.1"
wait "$waiting" || fail "curl: $(cat "$T/page.err")"
notices_wait '^close 1$'
ok "the notice goes when the signature is there"

# --- who gives up ---
mkfifo "$T/gone.1"
shim "C_Sign 1 gate $T/gone"
env "${RIG_PRELOAD[@]}" "$KEYSTAY" run -- curl -q --silent --max-time "$DEADLINE_S" --cacert "$T/ca/root.pem" \
	--cert "$T/alice.pem" "https://localhost:$port/" >"$T/page" 2>"$T/page.err" &
waiting=$!
process_started "$waiting"
notices_wait '^notify 2 '
process_stop "$waiting"
notices_wait '^close 2$'
ok "the notice goes with the client"
: >"$T/gone.1"

# --- a token without touch ---
configure '[token "corp"]' 'touch = no'
keystay reload >/dev/null
shim 'C_Sign 1 delay 1300'
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl with a slow token without touch"
configure
keystay reload >/dev/null
shim 'C_Sign 1 delay 1300'
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl with a slow token that says of itself that it is SoftHSM"
shim 'token-info manufacturer Yubico (www.yubico.com)' 'C_Sign 1 delay 1300'
keystay reload >/dev/null
agent_stop
agent_start
unlock corp >/dev/null
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl with a slow token that says of itself that it is a YubiKey"
notices_wait '^close 3$'
[[ $(notices_said '^notify 3 ') == "notify 3 keystay|Touch your token if it blinks|corp: curl "* ]] ||
	fail "the notice says: $(notices_said '^notify 3 ')"
expect_equal "$(grep -c '^notify' "$T/notices.log")" 3 "only tokens that may want a touch have a notice"

# --- no desktop ---
notices_end
configure '[token "corp"]' 'touch = yes'
keystay reload >/dev/null
shim 'token-info manufacturer Yubico (www.yubico.com)' 'C_Sign 1 delay 1300'
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl where nobody shows notices"
