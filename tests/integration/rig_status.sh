# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # names are for the stories; T, BUILD, started are of lib.sh
#
# rig_status: a CA that says which certificates it has revoked: `openssl ocsp` and lists over HTTP, behind a server
# that does what a story wants (status_front.py). Sourced after lib.sh.
#
# `openssl ocsp` listens on all interfaces, so a story is in a network of its own, where its ports are its own as well.

status_port=2560 # of openssl ocsp

# status_alone ARGUMENT...: call it first of all, with "$@": starts the story again in a network namespace of its own.
status_alone() {
	if [ "${STATUS_ALONE:-}" = yes ]; then
		ip link set lo up
		return 0
	fi
	need_root "a network of its own"
	unshare --net true 2>/dev/null || skip "no network namespace of its own can be had"
	STATUS_ALONE=yes exec unshare --net -- "$BASH" "$0" "$@"
}

# status_begin: the front, on $front_port, once; call ca_make first. $said is its folder.
status_begin() {
	said=$T/said
	mkdir -p "$said/served"
	: >"$said/index"
	printf '%s\n' '[ca]' 'default_ca = issuing' '[issuing]' "database = $said/index" 'default_md = sha256' \
		'default_crl_days = 7' 'unique_subject = no' >"$said/conf"
	front_port=0
	front_start
	printf '%s\n' '[asked]' 'basicConstraints = CA:FALSE' 'keyUsage = critical, digitalSignature' \
		'extendedKeyUsage = clientAuth' "authorityInfoAccess = OCSP;URI:http://127.0.0.1:$front_port/ocsp" \
		'[listed]' 'basicConstraints = CA:FALSE' 'keyUsage = critical, digitalSignature' \
		'extendedKeyUsage = clientAuth' "crlDistributionPoints = URI:http://127.0.0.1:$front_port/issuing.crl" \
		'[responder]' 'basicConstraints = CA:FALSE' 'keyUsage = critical, digitalSignature' \
		'extendedKeyUsage = OCSPSigning' >>"$T/ca/extensions"
	key_make_file p256 "$said/responder.key"
	openssl pkey -in "$said/responder.key" -pubout -out "$said/responder.pub"
	certificate_issue intermediate responder "$said/responder.pub" /CN=responder "$said/responder.pem"
}

front_start() {
	process_start_until front '^ready ([0-9]+)$' "$PYTHON" "$RIG_FOLDER/status_front.py" "$said" "$status_port" \
		"$front_port" || fail "the front did not start: $(cat "$T/front.log")"
	front=$started
	front_port=${BASH_REMATCH[1]}
}

# front_manner [WORD...]: what it does from now on, and forgets what it was asked.
front_manner() {
	printf '%s\n' "$*" >"$said/manner"
	: >"$T/front.log"
}

# front_was_asked EXPECTED SENTENCE: since the last front_manner; lines with a comma between them.
front_was_asked() {
	expect_equal "$(grep -vE '^ready' "$T/front.log" | paste -sd,)" "$1" "$2"
}

# status_issue SECTION NAME: a certificate for $T/NAME.pub that names the front, into certs/, known to the responder.
status_issue() {
	certificate_issue intermediate "$1" "$T/$2.pub" "/O=Example/CN=$2" "$T/certs/$2.pem"
	ca_says -valid "$T/certs/$2.pem"
}

# ca_says OPTION...: of `openssl ca`: -valid FILE, -revoke FILE -crl_reason REASON, -gencrl …
ca_says() {
	openssl ca -config "$said/conf" -cert "$T/ca/intermediate.pem" -keyfile "$T/ca/intermediate.key" "$@" \
		2>"$said/out" || fail "$(cat "$said/out")"
}

# responder_start SHIFT OPTION...: openssl ocsp, whose clock is SHIFT seconds away; -nmin MINUTES is how long it
# answers for. Signs as the responder, unless RESPONDER names another PEM file and its key.
responder_start() {
	local shift=$1
	shift
	cp "$BUILD/tests/fakes/keystay-clock-shift.so" "$T/clock-shift.so"
	printf '%s' "$shift" >"$said/shift"
	process_start_until responder 'waiting for OCSP|ACCEPT' env LD_PRELOAD="$T/clock-shift.so" \
		KEYSTAY_CLOCK_SHIFT="$said/shift" openssl ocsp -index "$said/index" -port "$status_port" \
		-CA "$T/ca/intermediate.pem" -rsigner "${RESPONDER:-$said/responder}.pem" \
		-rkey "${RESPONDER:-$said/responder}.key" "$@" ||
		fail "openssl ocsp did not start: $(cat "$T/responder.log")"
	responder=$started
}

# ask [NAME]: run keystay renew --status-only.
ask() {
	run keystay renew --status-only "$@"
}

# revocation_of NAME: the word of `keystay list --json`.
revocation_of() {
	keystay list --json | "$PYTHON" -c '
import json, sys
print([key["revocation"] for key in json.load(sys.stdin) if key["name"] == sys.argv[1]][0])' "$1"
}
