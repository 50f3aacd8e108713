#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A key whose certificate has expired or does not hold yet does not sign, and says since when; but a program that runs keeps
# the certificate with which it began: where the handshake shows which one that is, that one is judged.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_expiry.sh
. "$RIG_FOLDER/rig_expiry.sh"
. "$RIG_FOLDER/rig_audit.sh"
rig_alice_token p256
day=86400
server_start_nginx nginx
certificate_aged alice 90 $((91 * day))
agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/old.pem"
certificate_make alice
keystay reload >/dev/null
keystay cert alice -o "$T/new.pem"

# log_says SENTENCE: the last refusal in the log.
log_says() {
	grep 'not signed' "$T/agent.log" | tail -n 1 | grep -qF -- "$1" || fail "the log says: $(tail -n 3 "$T/agent.log")"
	ok "$2"
}
# fetched FILE VERSION CODE SENTENCE
fetched() {
	run fetch "$port" "$1" "--tlsv$2" --tls-max "$2"
	if [ "$3" = signed ]; then
		expect_status 0 "$4"
	else
		[ "$status" -ne 0 ] || fail "$4: it was signed"
		ok "$4"
	fi
}

fetched "$T/new.pem" 1.3 signed "the new certificate, TLS 1.3"
fetched "$T/new.pem" 1.2 signed "the new certificate, TLS 1.2"
fetched "$T/old.pem" 1.2 refused "a program that uses the expired one, TLS 1.2"
log_says 'the certificate of key "alice" that this program uses expired on ' "and it is told to start again"

# The other way: a program keeps a good one, while all that the agent knows has expired.
certificate_aged alice 90 $((91 * day))
keystay reload >/dev/null
fetched "$T/new.pem" 1.2 signed "a certificate in the handshake that holds"
fetched "$T/new.pem" 1.3 refused "TLS 1.3, where no handshake is handed over"
log_says 'the certificate of key "alice" expired on ' "and it says since when"
log_says '[expired]' "with an error of its own"
run keystay log --json
expect_out '"expired"' "and a record"

certificate_aged alice 90 -$day
keystay reload >/dev/null
fetched "$T/new.pem" 1.3 refused "one that does not hold yet"
log_says 'is not valid before ' "and it says from when on"
# A clock that is a little behind the CA's is nothing.
certificate_aged alice 90 -200
keystay reload >/dev/null
fetched "$T/new.pem" 1.3 signed "one that is a few minutes ahead"
