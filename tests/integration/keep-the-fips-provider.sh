#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Where the system's OpenSSL configuration activates the fips provider, `keystay env` and `run` keep the system's own
# providers and never add "default" to them; elsewhere "default" comes first, before keystay.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice p256

# configuration_of: the file that programs get.
configuration_of() {
	# shellcheck disable=SC2016 # for the inner shell
	"$KEYSTAY" run -- sh -c 'cat "$OPENSSL_CONF"'
}
# providers: their names, in the order in which OpenSSL activates them.
providers() {
	client openssl list -providers 2>"$T/err" | sed -n 's/^  \([a-z]*\)$/\1/p' | tr '\n' ' '
}

expect_equal "$(configuration_of | sed -n 's/^\(default\|keystay\) *=.*/\1/p' | tr '\n' ' ')" "default keystay " \
	"on an ordinary system the default provider comes first, then keystay"
providers | grep -q keystay || fail "keystay is not active: $(cat "$T/err")"
ok "openssl has the keystay provider active"

# A system configuration as a FIPS installation has it.
cat >"$T/fips.cnf" <<-'CONF'
	openssl_conf = openssl_init
	[openssl_init]
	providers = provider_sect
	alg_section = algorithm_sect
	[provider_sect]
	fips = fips_sect
	base = base_sect
	[base_sect]
	activate = 1
	[fips_sect]
	activate = 1
	[algorithm_sect]
	default_properties = fips=yes
CONF
export OPENSSL_CONF=$T/fips.cnf
run configuration_of
expect_status 0 "keystay run on a FIPS system"
! grep -Eq '^ *default *=' "$T/out" || fail "the default provider was added on a FIPS system"
ok "on a FIPS system the default provider is not added"
expect_out "keystay" "keystay is added"
grep -q "fips" "$T/out" || fail "the system's fips provider is not kept"
ok "the system's own providers are kept"
