#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Another TLS library on the server's side: GnuTLS verifies the client's signature and chain and shows its name.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice p384
server_start_gnutls gnutls
for version in 1.3 1.2; do
	run fetch "$port" "$T/alice.pem" "--tlsv$version" --tls-max "$version"
	expect_status 0 "GnuTLS accepts the handshake of TLS $version"
	expect_out "Subject: CN=alice,O=Example" "GnuTLS sees alice over TLS $version"
	expect_out "TLS$version" "the version was TLS $version"
done
