#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fault E12 on SoftHSM: a key with CKA_ALWAYS_AUTHENTICATE. One answer unlocks the token and makes the first signature;
# then each signature asks, or takes the kept PIN. A wrong one costs one submission, and nothing repeats it.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
token_make corp
pkcs11-tool --module "$SOFTHSM" --token-label corp --login --pin "$PIN" --keypairgen --key-type EC:prime256v1 --id 01 \
	--label alice --always-auth >"$T/key.log" 2>&1 || fail "no key: $(cat "$T/key.log")"
pkcs11-tool --module "$SOFTHSM" --token-label corp --read-object --type pubkey --id 01 2>/dev/null |
	openssl pkey -pubin -inform DER -out "$T/alice.pub"
certificate_make alice
server_start_nginx nginx
prompt_begin
export KEYSTAY_SHIM_COUNTS=$T/counts
printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" "${PROMPT_LINES[@]}" >"$T/keystay.conf"
agent_start
keystay cert alice -o "$T/alice.pem"
expect_logins() {
	expect_equal "$(grep -c '^C_Login' "$T/counts" || true)" "$1" "$2"
}

prompt_answers "$PIN"
run fetch "$port" "$T/alice.pem" --tlsv1.3
expect_status 0 "the first signature, TLS 1.3"
expect_equal "$(prompt_count)" 1 "one dialog unlocks and signs"
expect_logins 2 "by a login and a context login"
run fetch "$port" "$T/alice.pem" --tls-max 1.2
expect_status 0 "the second one, TLS 1.2"
expect_equal "$(prompt_count)" 2 "with a dialog of its own"
[[ $(prompt_text) == *"asks for the PIN at each signature"* ]] || fail "the dialog does not say why: $(prompt_text)"
expect_logins 3 "and a context login"

prompt_answers 271828
run fetch "$port" "$T/alice.pem"
expect_fail "a wrong PIN"
expect_err "the PIN is wrong" "is said"
expect_logins 4 "it was submitted once, and nothing repeated it"
prompt_cancels
run fetch "$port" "$T/alice.pem"
expect_fail "no PIN"
expect_logins 4 "nothing was submitted"
prompt_answers "$PIN"
run keystay unlock --ask corp </dev/null

# With a kept PIN nobody is asked again.
agent_stop
printf '%s\n' 'keep-pin = yes' >>"$T/keystay.conf"
agent_start
shown=$(prompt_count)
for ((i = 0; i < 3; i++)); do
	run fetch "$port" "$T/alice.pem"
	expect_status 0 "signature $i with a kept PIN"
done
expect_equal "$(prompt_count)" $((shown + 1)) "one dialog for three signatures"

# Where nobody can be asked and nothing is kept, it is said.
agent_stop
sed -i '/^keep-pin/d' "$T/keystay.conf"
agent_start
unlock corp >/dev/null
KEYSTAY_PROMPT=never run fetch "$port" "$T/alice.pem"
expect_fail "no dialog, no kept PIN"
expect_err "wants its PIN at each signature" "it says what to change"
