#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A token that has no RSASSA-PSS, and lists no mechanism by which that could be known beforehand: TLS 1.3 is refused in
# words, and from then on keystay explain says which key cannot and why, and a key that can is chosen. A reload asks anew.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
token_make corp
key_make corp rsa2048 rsa 01
certificate_make rsa
key_make corp p256 zz-ec 02
certificate_make zz-ec
export KEYSTAY_SHIM_SCRIPT=$T/shim.script KEYSTAY_SHIM_COUNTS=$T/shim.counts
: >"$KEYSTAY_SHIM_SCRIPT"
printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" '[key "rsa"]' 'match = pkcs11:object=rsa' \
	'[key "zz-ec"]' 'match = pkcs11:object=zz-ec' >"$T/keystay.conf"
server_start_nginx nginx
agent_start
unlock corp >/dev/null
keystay cert rsa -o "$T/rsa.pem"
explain=(keystay explain --ca "$T/ca/root.pem" "localhost:$port")

run fetch "$port" "$T/rsa.pem" --tlsv1.3
expect_status 0 "the token can do it"
# CKR_MECHANISM_INVALID
shim_script 'C_SignInit * rv 0x70'
run fetch "$port" "$T/rsa.pem" --tlsv1.3
expect_fail "the token cannot do it"
expect_err "mechanism" "and says so"
run "${explain[@]}"
expect_out 'its token cannot make RSA-PSS signatures' "explain knows it from then on"
expect_out 'Best          zz-ec' "another key is the best one"
keystay reload >/dev/null
run "${explain[@]}"
if grep -q 'its token cannot make' "$T/out"; then
	fail "a reload asks anew"
fi
ok "a reload asks anew"
