#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Invariant I4: a worker that says it made a key, stored a certificate or removed either is believed only when its
# inventory shows it; one that lies about its slots, or ends, costs its own request. "evil" is lying_worker.py; "good" is
# real and signs throughout.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_audit.sh"
rig_alice_token
server_start_openssl
mkdir -p "$T/bin" "$T/worker"
cp "$AGENT" "$T/bin/keystay-agent"
cp "$RIG_FOLDER/lying_worker.py" "$T/bin/keystay-token"
chmod 755 "$T/bin/keystay-token"
for program in keystay-audit keystay-prompt keystay-prove; do
	ln -s "$BUILD/bin/$program" "$T/bin/$program"
done
printf '%s\n' "$BUILD/bin/keystay-token" >"$T/worker/real"
: >"$T/worker/mode"
cp "$SOFTHSM" "$T/module.so"
key_make_file p256 "$T/evil.key"
openssl pkey -in "$T/evil.key" -pubout -outform DER -out "$T/worker/evil.spki"
openssl req -x509 -new -key "$T/evil.key" -subj /CN=evil -out "$T/evil.pem"
printf '%s\n' '[module "good"]' "path = $SOFTHSM" '[module "evil"]' "path = $T/module.so" >"$T/keystay.conf"
export KEYSTAY_TEST_WORKER=$T/worker KEYSTAY_TEST_RIG=$RIG_FOLDER
AGENT=$T/bin/keystay-agent
agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"

mode() {
	printf '%s\n' "$1" >"$T/worker/mode"
}

still_good() {
	[[ $(fetch "$port" "$T/alice.pem") == *alice* ]] || fail "$1: the good token does not sign any more"
}

for lie in unseen other-kind nonsense silent-inventory; do
	mode $lie
	run keystay token keygen fresh --token evil --type p256
	expect_fail "a key that is made $lie"
	expect_err 'token "evil": its module "evil" says that it made a key' "it is not believed: $lie"
	keystay list | grep -q fresh && fail "$lie: the key is listed"
	still_good "$lie"
done
expect_equal "$(tail -n 2 "$LOG" | head -n 1 | "$PYTHON" -c \
	'import json, sys; r = json.loads(sys.stdin.read()); print(r["purpose"], r["outcome"], r["error"])')" \
	"keygen failed token-failed" "its record"
mode unseen
run keystay token import evil "$T/evil.pem"
expect_fail "a certificate that is stored and not shown"
expect_err "says that it stored the certificate, but does not show it" "it is not believed"
mode stays
run keystay token remove evil --yes
expect_fail "a key that is removed and still shown"
expect_err "says that it removed this, but still shows it" "it is not believed"

for lie in nonsense dies unasked; do
	mode $lie
	run keystay token list
	expect_status 0 "a list while a module lies: $lie"
	expect_out corp "the other's slots are there: $lie"
	expect_err 'module "evil" could not be asked' "and it is said who told none: $lie"
	still_good "$lie"
done
mode many-slots
expect_equal "$(keystay token list --module evil --json | "$PYTHON" -c \
	'import json, sys; s = json.load(sys.stdin); print(len(s), {t["module"] for t in s})')" "256 {'evil'}" \
	"there is an end to slots, and none is another module's"
mode half-a-slot
expect_equal "$(keystay token list --module evil --json)" "[]" "what is no slot is none"
mode dies
run keystay token init --label x --module evil --slot 1 --so-pin-fd 3 3<<<12345678
expect_fail "a token of a module that ends"
still_good dies
expect_equal "$(status_of "modules['good']['restarts']")" 0 "the good one was never touched"
agent_stop
expect_equal "$agent_code" 0 "the agent lives"
