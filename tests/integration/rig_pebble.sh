# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # names are for the stories
#
# rig_pebble: an ACME CA, Let's Encrypt's pebble, on free loopback ports. Sourced after lib.sh by the stories that need it;
# they call ca_make first, whose server certificate it shows.

# pebble_start: an ACME directory at $pebble_url that takes every name for proven. Sets $started.
pebble_start() {
	local attempt port
	command -v pebble >/dev/null || skip "pebble is not installed"
	for attempt in 1 2 3 4 5; do
		port=$(port_free)
		cat >"$T/pebble.json" <<-JSON
			{ "pebble": { "listenAddress": "127.0.0.1:$port", "managementListenAddress": "",
				"certificate": "$T/ca/server.pem", "privateKey": "$T/ca/server.key",
				"httpPort": 5002, "tlsPort": 5001, "ocspResponderURL": "",
				"externalAccountBindingRequired": false } }
		JSON
		# It says where before it listens there; an address that is taken ends it.
		if process_start_until pebble 'ACME directory available at' env PEBBLE_VA_ALWAYS_VALID=1 PEBBLE_VA_NOSLEEP=1 \
			PEBBLE_WFE_NONCEREJECT=0 pebble -config "$T/pebble.json"; then
			port_wait "$port" "$started"
			pebble_url=https://localhost:$port/dir
			return 0
		fi
	done
	fail "pebble did not start in $attempt attempts: $(tail -n 3 "$T/pebble.log")"
}
