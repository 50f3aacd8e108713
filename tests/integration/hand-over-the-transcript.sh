#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# With keystay-tap.so beside keystay.so, the agent gets the TLS 1.3 handshake behind each signature, and its hash is the
# one that is signed: for curl (also with -v), Python and openssl s_client; with SHA-256 and SHA-384, and after a
# HelloRetryRequest. Displaced by a program's own properties, signing goes on without it.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice
server_start_nginx server
process_start_until watcher '^listening' "$PYTHON" "$RIG_FOLDER/sign_watcher.py" "$T/watched.sock" \
	"$XDG_RUNTIME_DIR/$SIGN_SOCKET" || fail "the watcher did not start"

# tap_configure [PROPERTIES]
tap_configure() {
	cat >"$T/openssl.cnf" <<-CONF
		openssl_conf = start
		[start]
		providers = providers
		alg_section = algorithms
		[algorithms]
		default_properties = ${1:-?keystay.tap=yes}
		[providers]
		default = default_provider
		keystay = keystay
		keystay-tap = tap
		[default_provider]
		activate = 1
		[keystay]
		module = $BUILD/lib/ossl-modules/keystay.so
		activate = 1
		[tap]
		module = $BUILD/lib/ossl-modules/keystay-tap.so
		activate = 1
	CONF
}
tapped() {
	env "${RIG_PRELOAD[@]}" KEYSTAY_SOCK="$T/watched.sock" OPENSSL_CONF="$T/openssl.cnf" "$@"
}
# expect_transcript yes|no SENTENCE: of the last SIGN; the watcher writes its line before it hands the frame on.
expect_transcript() {
	expect_equal "$(grep -c . "$T/watcher.log")" "$((seen += 1))" "one signature: $2"
	expect_equal "$(tail -n 1 "$T/watcher.log" | sed 's/.*matches=//')" "$1" "$2"
}
seen=1
page=(curl -q --silent --show-error --max-time "$DEADLINE_S" --cacert "$T/ca/root.pem" --cert "$T/alice.pem")

tap_configure
for cipher in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384; do
	run tapped "${page[@]}" --tlsv1.3 --tls13-ciphers $cipher "https://localhost:$port/"
	expect_out "verified=SUCCESS" "curl with $cipher"
	expect_transcript yes "the transcript of $cipher"
done
run tapped "${page[@]}" -v --tlsv1.3 "https://localhost:$port/"
expect_err "TLS handshake, CERT verify" "curl -v shows its trace"
expect_transcript yes "curl -v"
run tapped "${page[@]}" --tlsv1.3 --curves X448:P-256 "https://localhost:$port/"
expect_out "verified=SUCCESS" "curl after a HelloRetryRequest"
expect_transcript yes "a HelloRetryRequest"
run tapped "${page[@]}" --tls-max 1.2 "https://localhost:$port/"
expect_transcript no "TLS 1.2, whose input is the transcript"
run tapped "$PYTHON" -c 'import ssl, socket, sys
context = ssl.create_default_context(cafile=sys.argv[2])
context.load_cert_chain(sys.argv[3])
with context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))), server_hostname="localhost") as tls:
    tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
    print(tls.recv(65536).decode())' "$port" "$T/ca/root.pem" "$T/alice.pem"
expect_status 0 "Python"
expect_transcript yes "Python"
run tapped timeout "$DEADLINE_S" openssl s_client -connect "localhost:$port" -CAfile "$T/ca/root.pem" -cert "$T/alice.pem" \
	-key "$T/alice.pem" -quiet <<<$'GET / HTTP/1.0\r\n\r'
expect_transcript yes "openssl s_client"

# Another program's properties win; then only the proof is missing.
tap_configure "?provider=default"
run tapped "${page[@]}" --tlsv1.3 "https://localhost:$port/"
expect_out "verified=SUCCESS" "signing goes on when the tap is displaced"
expect_transcript no "a displaced tap"
