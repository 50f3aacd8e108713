#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# For `protocol = exec` of keystay.conf: has cepces-submit of openSUSE's cepces bring the request on standard input to
# Microsoft AD CS (CES/CEP, MS-WSTEP), and prints the certificate. What it is given goes to cepces-submit. The ticket of
# Kerberos is cepces' matter: a keytab, or the cache that KRB5CCNAME names.
#
#	command = /usr/local/lib/keystay/cepces.sh --server=ces.corp.example --keytab=/etc/krb5.keytab
#	environment of its own: command = /usr/bin/env KRB5CCNAME=FILE:/run/user/1000/krb5cc CERTMONGER_CA_PROFILE=User …
#
# A request that a manager has to approve is asked after with the cookie that cepces gave, kept in
# ~/.config/keystay-cepces; keystay comes again by itself (exit code 75).
# Documented only: written from cepces' doc/CERTMONGER.md, seen with no AD CS.

set -eu
umask 077
home=${HOME:?}/.config/keystay-cepces
mkdir -p "$home"
cookie=$home/$(printf '%s' "${KEYSTAY_KEY:?}" | sha256sum | cut -c1-32)
CERTMONGER_CSR=$(cat)
export CERTMONGER_CSR CERTMONGER_OPERATION=SUBMIT
if [ -s "$cookie" ]; then
	CERTMONGER_CA_COOKIE=$(cat "$cookie")
	export CERTMONGER_CA_COOKIE CERTMONGER_OPERATION=POLL
fi
code=0
answer=$(/usr/libexec/certmonger/cepces-submit "$@") || code=$?
case $code in
0)
	rm -f "$cookie"
	printf '%s\n' "$answer"
	;;
1 | 3) # the CA is busy, or not reached: the same again
	exit 75
	;;
5) # seconds to wait, and the cookie
	printf '%s\n' "$answer" | tail -n 1 >"$cookie"
	exit 75
	;;
*)
	rm -f "$cookie"
	printf '%s\n' "$answer" >&2
	exit 1
	;;
esac
