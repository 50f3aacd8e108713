# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # names are for the stories
#
# rig_enrol: keys that are enrolled, by a CA that is a shell script (protocol = exec). Sourced after lib.sh by the
# stories about what is the same for all protocols; those of one protocol have its servers.

ENROLL=$BUILD/bin/keystay-enroll
STATE=$XDG_STATE_HOME/keystay

# enrol_begin [LINE...]: a CA, a token "corp" with the key "alice", a profile "corp" with these lines, an agent that is
# unlocked. Each certificate is a line of $T/issued. What the CA does wrong stands in $T/ca.mood (ca_says).
enrol_begin() {
	ca_make
	token_make corp
	key_make corp "${ENROL_TYPE:-p256}" alice 01
	ca_script
	: >"$T/issued"
	agent_configure '[profile "corp"]' 'protocol = exec' "command = $T/ca.sh" "issued-by = $T/ca/root.pem" \
		'subject = /O=Example/CN=alice' "$@" \
		'[key "alice"]' 'match = pkcs11:token=corp;object=alice' 'profile = corp'
	agent_start
	unlock corp >/dev/null
}

# ca_says [MOOD]: what the CA does from now on: nothing (it issues), pending, fail, or a certificate that is
# "other-key", "other-ca", "server", "expired", "early", "now" (not dated back), "late" (holds for 25 days) or "same" as
# the last one.
ca_says() {
	printf '%s' "${1:-}" >"$T/ca.mood"
}

# ca_lives SECONDS: how long certificates hold from now on; 30 days at the beginning.
ca_lives() {
	printf '%s' "$1" >"$T/ca.life"
}

# The script. openssl x509 knows days alone, so the dates are of Python's clock, and openssl ca writes them. Each
# certificate begins a second after the one before it (and ten minutes ago): of two in one second nobody could say which
# is newer.
ca_script() {
	ca_says
	ca_lives 2592000
	mkdir -p "$T/ca/db"
	: >"$T/ca/db/index"
	printf '%s\n' '[ca]' 'default_ca = here' '[here]' "database = $T/ca/db/index" "new_certs_dir = $T/ca/db" \
		"rand_serial = yes" 'default_md = sha256' 'policy = any' 'unique_subject = no' 'copy_extensions = copy' \
		'[any]' 'organizationName = optional' 'commonName = optional' \
		'[client]' 'basicConstraints = CA:FALSE' 'keyUsage = critical, digitalSignature' 'extendedKeyUsage = clientAuth' \
		'[server]' 'basicConstraints = CA:FALSE' 'keyUsage = critical, digitalSignature' 'extendedKeyUsage = serverAuth' \
		>"$T/ca/openssl.cnf"
	key_make_file p256 "$T/ca/foreign.key"
	openssl x509 -new -key "$T/ca/foreign.key" -subj "/O=Foreign/CN=Foreign CA" -days 60 -extfile "$T/ca/extensions" \
		-extensions ca -out "$T/ca/foreign.pem" 2>/dev/null
	openssl req -new -key "$T/ca/foreign.key" -subj /CN=mallory -out "$T/ca/foreign.csr" 2>/dev/null
	cat >"$T/ca.sh" <<-SCRIPT
		#!/bin/bash
		cd '$T' || exit 1
		read -r -d '' mood <ca.mood
		read -r -d '' life <ca.life
		request=\$(mktemp ca/db/request-XXXXXX)
		cat >"\$request"
		ca=intermediate section=client begin=\$((-600 + \$(wc -l <issued)))
		case \$mood in
		pending) exit 75 ;;
		fail) echo 'the CA is closed today' >&2; exit 1 ;;
		other-key) cat ca/foreign.csr >"\$request" ;;
		other-ca) ca=foreign ;;
		server) section=server ;;
		expired) begin=-7200 life=-60 ;;
		early) begin=\${EARLY:-5} ;;
		now) begin=0 ;;
		late) life=2160000 ;;
		same) cat ca/db/last.pem; exit ;;
		esac
		read -r from to < <(/usr/bin/python3 -c '
		import sys, time
		now = time.time()
		for seconds in sys.argv[1:]:
		    print(time.strftime("%Y%m%d%H%M%SZ", time.gmtime(now + int(seconds))), end=" ")
		print()' "\$begin" "\$life")
		openssl ca -batch -config ca/openssl.cnf -extensions "\$section" -startdate "\$from" -enddate "\$to" -notext \
			-cert "ca/\$ca.pem" -keyfile "ca/\$ca.key" -in "\$request" -out "\$request.pem" 2>ca/db/log || exit 1
		cp "\$request.pem" ca/db/last.pem
		openssl x509 -in "\$request.pem" -noout -serial >>issued
		cat "\$request.pem" "ca/\$ca.pem"
	SCRIPT
	chmod 700 "$T/ca.sh"
}

# aged SECONDS COMMAND...: run, by a clock that is so much ahead. The agent's and the CA's are not.
aged() {
	printf '%s' "$1" >"$T/shift"
	shift
	[ -e "$T/clock-shift.so" ] || cp "$BUILD/tests/fakes/keystay-clock-shift.so" "$T/clock-shift.so"
	LD_PRELOAD=$T/clock-shift.so KEYSTAY_CLOCK_SHIFT=$T/shift run "$@"
}

# issued: how many certificates the CA has given.
issued() {
	grep -c . "$T/issued" || true
}

# serial_of [NAME]: of the certificate that the agent shows.
serial_of() {
	keystay cert "${1:-alice}" --no-key | openssl x509 -noout -serial
}

# last_issued: the serial number of the newest.
last_issued() {
	tail -n 1 "$T/issued"
}

# files_of_certs: names below certs/ of the state, sorted.
files_of_certs() {
	ls -A "$STATE/certs"
}

# enrolled EXPRESSION: of `keystay renew --list --json`, with keys (by name) as variable.
enrolled() {
	keystay renew --list --json | "$PYTHON" -c '
import json, sys
keys = {key["key"]: key for key in json.load(sys.stdin)}
print(eval(sys.argv[1]))' "$1"
}
