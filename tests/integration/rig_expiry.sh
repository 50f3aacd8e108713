# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # T, BUILD are of lib.sh
#
# rig_expiry: certificates that have begun at a second of the story's choice. Sourced after lib.sh, used after ca_make.

# certificate_aged NAME DAYS SECONDS: a certificate of DAYS days that began SECONDS ago (negative: begins then) for the key
# in $T/NAME.pub, into certs/. `openssl x509` of Debian 12 takes no dates, but it looks at the clock.
certificate_aged() {
	# The loader takes a space for the end of a name.
	cp "$BUILD/tests/fakes/keystay-clock-shift.so" "$T/clock-shift.so"
	printf '%s' "$((-$3))" >"$T/aged"
	LD_PRELOAD=$T/clock-shift.so KEYSTAY_CLOCK_SHIFT=$T/aged \
		openssl x509 -new -force_pubkey "$T/$1.pub" -subj "/O=Example/CN=$1" -days "$2" -CA "$T/ca/intermediate.pem" \
		-CAkey "$T/ca/intermediate.key" -extfile "$T/ca/extensions" -extensions client -out "$T/certs/$1.pem" \
		2>"$T/ca/out" || fail "openssl could not issue a certificate: $(cat "$T/ca/out")"
}
