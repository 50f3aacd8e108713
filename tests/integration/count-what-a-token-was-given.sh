#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Invariant I6 to the letter: what counts is that the token was given a PIN, no more and no less. A fault before C_Login costs
# nothing and does not end unattended use; a client that leaves costs nothing when the PIN was right; a process that is
# replaced while a PIN is with it costs one. What another program has cost meanwhile is told before the next PIN, and
# the last try is given only after a dialog that said so, also at a reader with keys of its own.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
token_make corp
pkcs11-tool --module "$SOFTHSM" --token-label corp --login --pin "$PIN" --keypairgen --key-type EC:prime256v1 --id 01 \
	--label alice --always-auth >"$T/key.log" 2>&1 || fail "no key: $(cat "$T/key.log")"
pkcs11-tool --module "$SOFTHSM" --token-label corp --read-object --type pubkey --id 01 >"$T/alice.der" 2>/dev/null
openssl pkey -pubin -inform DER -in "$T/alice.der" -out "$T/alice.pub"
hash=$(openssl dgst -sha256 -r "$T/alice.der" | cut -d' ' -f1)
certificate_make alice
server_start_nginx nginx
prompt_begin
export KEYSTAY_SHIM_SCRIPT=$T/shim.script KEYSTAY_SHIM_COUNTS=$T/shim.counts
printf '%s\n' "$PIN" >"$T/pin"
chmod 600 "$T/pin"
# restart_with SCRIPT-LINE CONFIGURATION-LINE...: with nothing counted.
restart_with() {
	[ -z "$agent_pid" ] || agent_stop
	agent_pid=
	rm -rf "$XDG_STATE_HOME/keystay"
	pkcs11-tool --module "$SOFTHSM" --token-label corp --login --pin "$PIN" -O >"$T/tool.out" 2>&1 || fail "no login"
	shim_script "$1"
	: >"$KEYSTAY_SHIM_COUNTS"
	printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" "${@:2}" >"$T/keystay.conf"
	agent_start
	keystay cert alice -o "$T/alice.pem"
}
submissions() {
	status_of "tokens['corp']['submissions']"
}
signs() {
	run fetch "$port" "$T/alice.pem"
	expect_status 0 "$1"
}

unattended=('[agent]' 'keep-pin = yes' '[token "corp"]' "pin-file = $T/pin")
restart_with '' "${unattended[@]}"
shim_script 'C_GetTokenInfo 1+ rv 0x30'
run fetch "$port" "$T/alice.pem"
expect_fail "a fault before C_Login"
expect_equal "$(shim_calls C_Login)" 0 "the token was given no PIN"
shim_script ''
again() {
	fetch "$port" "$T/alice.pem" >/dev/null 2>&1
}
wait_until "a signature after the fault, without a person" again
expect_equal "$(submissions)" 0 "nothing was counted"

shim_script 'C_Sign 1 delay 700'
PYTHONPATH=$RIG_FOLDER "$PYTHON" - "$hash" "$KEYSTAY_SHIM_COUNTS" <<-'END'
	import sys, time, wire
	def signing():
	    with open(sys.argv[2]) as counts:
	        return sum(line.startswith("C_Sign ") for line in counts)
	before = signing()
	with wire.Connection() as client:
	    client.send(wire.sign_message(bytes.fromhex(sys.argv[1]), 0x0403, wire.tls13_input()))
	    while signing() == before:
	        time.sleep(0.005)
END
nothing_counted() {
	[ "$(submissions)" = 0 ]
}
wait_until "the PIN of a client that has left to be known as good" nothing_counted
signs "the next client, without a person"

restart_with 'flags-remove COUNT_LOW' "${PROMPT_LINES[@]}"
prompt_answers "$PIN"
signs "by a dialog"
: >"$KEYSTAY_SHIM_COUNTS"
shim_script 'flags-remove COUNT_LOW' 'C_Login 1+ after-rv 0x30'
prompt_answers 271828
for _ in 1 2 3 4; do
	run fetch "$port" "$T/alice.pem"
	expect_fail "a wrong PIN that ends in a fault"
	expect_equal "$(submissions)" "$(shim_calls C_Login)" "each PIN that the token was given is counted"
done

restart_with '' "${PROMPT_LINES[@]}"
prompt_script "hold pin $PIN" "pin $PIN"
dialogs=$(prompt_count)
fetch "$port" "$T/alice.pem" >"$T/job.out" 2>"$T/job.err" &
job=$!
prompt_wait $((dialogs + 1))
shim_script 'flags-add COUNT_LOW'
prompt_release
code=0
wait $job || code=$?
expect_equal $code 0 "another program gave a wrong PIN while the dialog was open: the next dialog says so, and it signs"
expect_equal $(($(prompt_count) - dialogs)) 2 "after one more dialog"

restart_with 'flags-add COUNT_LOW' "${PROMPT_LINES[@]}"
dialogs=$(prompt_count)
shim_script 'flags-add FINAL_TRY'
prompt_answers_once 271828
run fetch "$port" "$T/alice.pem"
expect_fail "the person gives up when it is the last try"
expect_equal "$(shim_calls C_Login)" 0 "the last try is not used by a dialog that did not know of it"
prompt_text | grep -q 'last try' || fail "the dialog said: $(prompt_text)"
ok "the next one says that it is the last try"

export KEYSTAY_SHIM_READER_PIN=271828
restart_with $'flags-add PIN_PAD\nflags-add FINAL_TRY' '[agent]' 'pinentry = /bin/false'
for _ in 1 2; do
	run fetch "$port" "$T/alice.pem"
	expect_fail "the last try at a reader, and no dialog can be shown"
done
expect_equal "$(shim_calls C_Login)" 0 "the reader is not asked for a PIN that nobody was told of"
