# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # names are for the stories
#
# rig_bound: a key that is for good.corp.example alone, and a server that is good.corp.example and other.corp.example,
# with a good certificate for both. Sourced after lib.sh by the stories that need it.

# bound_begin: the agent, unlocked, with the rule; the server (nginx) on $port; alice's PEM file in $T/alice.pem.
bound_begin() {
	rig_alice_token p256
	printf '%s\n' '[bound]' 'basicConstraints = CA:FALSE' 'keyUsage = critical, digitalSignature' \
		'extendedKeyUsage = serverAuth' 'subjectAltName = DNS:good.corp.example, DNS:other.corp.example' \
		>>"$T/ca/extensions"
	certificate_issue intermediate bound "$T/ca/server.pub" "/O=Example/CN=server" "$T/ca/server-leaf.pem"
	cat "$T/ca/server-leaf.pem" "$T/ca/intermediate.pem" >"$T/ca/server.pem"
	server_start_nginx server
	agent_configure '[key "alice"]' 'match = pkcs11:object=alice' 'servers = good.corp.example' \
		"server-ca = $T/ca/root.pem"
	agent_start
	unlock corp >/dev/null
	keystay cert alice -o "$T/alice.pem"
	n_signatures=0
}

# bound_allowed VERSION SENTENCE: the last run got the page as alice, by one more signature.
bound_allowed() {
	expect_status 0 "$2"
	expect_out "protocol=TLSv$1 verified=SUCCESS client=CN=alice" "$2"
	expect_equal "$(signatures_of corp)" "$((n_signatures += 1))" "one signature was made: $2"
}

# bound_refused SENTENCE: the last run failed, and no signature was made.
bound_refused() {
	expect_fail "$1"
	expect_equal "$(signatures_of corp)" "$n_signatures" "no signature was made: $1"
}
