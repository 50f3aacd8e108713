#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Invariant I4: a worker that sends noise, lies, floods or dies harms nobody but its own token. Two modules: the real
# "good" one, and "evil", whose process is tests/integration/hostile_worker.py in each of its moods.

# shellcheck source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin

rig_alice_token
server_start_openssl
mkdir -p "$T/bin" "$T/worker"
cp "$AGENT" "$T/bin/keystay-agent"
cp "$RIG_FOLDER/hostile_worker.py" "$T/bin/keystay-token"
chmod 755 "$T/bin/keystay-token"
printf '%s\n' "$BUILD/bin/keystay-token" >"$T/worker/real"
cp "$SOFTHSM" "$T/module.so"
openssl ecparam -genkey -name prime256v1 -out "$T/evil.key" 2>/dev/null
openssl pkey -in "$T/evil.key" -pubout -outform DER -out "$T/worker/evil.spki"
evil_hash=$(openssl dgst -sha256 -r "$T/worker/evil.spki" | cut -d' ' -f1)
printf '%s\n' '[module "good"]' "path = $SOFTHSM" '[module "evil"]' "path = $T/module.so" >"$T/keystay.conf"
export KEYSTAY_TEST_WORKER=$T/worker
AGENT=$T/bin/keystay-agent

# ask_evil: one signature with the evil key over the raw protocol; prints what came of it.
ask_evil() {
	PYTHONPATH=$RIG_FOLDER PYTHONDONTWRITEBYTECODE=1 "$PYTHON" - "$evil_hash" <<-'END'
		import sys
		import wire
		with wire.Connection() as connection:
		    connection.send(wire.sign_message(bytes.fromhex(sys.argv[1]), 0x0403, wire.tls13_input()))
		    try:
		        connection.answer()
		        print("signed")
		    except wire.Refused as refused:
		        print("refused", refused)
	END
}

for mode in $("$PYTHON" "$RIG_FOLDER/hostile_worker.py" --list); do
	printf '%s\n' "$mode" >"$T/worker/mode"
	agent_start
	unlock corp >/dev/null
	keystay cert alice -o "$T/alice.pem"
	answer=$(ask_evil)
	case $answer in
	"refused "*) ;;
	*) fail "$mode: a signature of the evil worker was answered with: $answer" ;;
	esac
	page=$(fetch "$port" "$T/alice.pem") || fail "$mode: the good token does not sign any more"
	[[ $page == *alice* ]] || fail "$mode: the server did not see alice"
	keystay status >"$T/out" || fail "$mode: the agent does not answer"
	agent_stop
	expect_equal "$agent_code" 0 "$mode: the other token signs, the agent lives ($answer)"
done
