#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# With keystay-tap.so beside keystay.so (keystay run --tap) the agent gets the TLS 1.3 handshake behind each signature,
# and its hash is the one that is signed: for curl (also with -v), Python's ssl, urllib and requests, openssl s_client,
# Node; with SHA-256 and SHA-384, after a HelloRetryRequest, with threads. Without it, displaced by a program's own
# properties, or refused, signing goes on.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_tap.sh
. "$RIG_FOLDER/rig_tap.sh"
rig_alice
server_start_nginx server
tap_begin
page=(curl -q --silent --show-error --max-time "$DEADLINE_S" --cacert "$T/ca/root.pem" --cert "$T/alice.pem")

for cipher in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384; do
	run "${tapped[@]}" "${page[@]}" --tlsv1.3 --tls13-ciphers $cipher "https://localhost:$port/"
	expect_out "verified=SUCCESS" "curl with $cipher"
	expect_transcript 1.3 "$cipher"
done
run "${tapped[@]}" "${page[@]}" -v --tlsv1.3 "https://localhost:$port/"
expect_err "TLS handshake, CERT verify" "curl -v shows its trace"
expect_transcript 1.3 "curl -v"
run "${tapped[@]}" "${page[@]}" --tls-max 1.2 "https://localhost:$port/"
expect_transcript 1.2 "curl over TLS 1.2"

cat >"$T/client.py" <<'PY'
import socket, ssl, sys, urllib.request
how, port, ca, pem = sys.argv[1:]
url = f"https://localhost:{port}/"
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(pem)
if how == "requests":
    import requests
    print(requests.get(url, cert=(pem, pem), verify=ca).text)
elif how == "urllib":
    print(urllib.request.urlopen(url, context=context).read().decode())
else:
    with context.wrap_socket(socket.create_connection(("127.0.0.1", int(port))), server_hostname="localhost") as tls:
        tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
        print(tls.recv(65536).decode())
PY
# pages PORT: of one server, by those programs that let themselves be told of it.
pages() {
	local how
	for how in ssl urllib requests; do
		if [ $how = requests ] && ! "$PYTHON" -c 'import requests' 2>/dev/null; then
			skip_part "python's requests is not installed"
			continue
		fi
		run "${tapped[@]}" "$PYTHON" "$T/client.py" $how "$1" "$T/ca/root.pem" "$T/alice.pem"
		expect_status 0 "python's $how gets a page $2"
		expect_transcript 1.3 "python's $how $2"
	done
	run "${tapped[@]}" timeout "$DEADLINE_S" openssl s_client -connect "localhost:$1" -CAfile "$T/ca/root.pem" \
		-cert "$T/alice.pem" -key "$T/alice.pem" -quiet <<<$'GET / HTTP/1.0\r\n\r'
	expect_transcript 1.3 "openssl s_client $2"
	run "${tapped[@]}" "${page[@]}" "https://localhost:$1/"
	expect_status 0 "curl gets a page $2"
	expect_transcript 1.3 "curl $2"
}
pages "$port" "at once"

if command -v node >/dev/null; then
	cat >"$T/client.js" <<-'JS'
		const fs = require("fs"), https = require("https");
		const [port, ca, pem] = process.argv.slice(2).map((word, at) => (at ? fs.readFileSync(word) : word));
		https.get({ host: "localhost", port, ca, cert: pem, key: pem }, (response) => response.pipe(process.stdout));
	JS
	run "${tapped[@]}" node --openssl-shared-config "$T/client.js" "$port" "$T/ca/root.pem" "$T/alice.pem"
	expect_out "verified=SUCCESS" "node gets a page"
	expect_transcript 1.3 "node"
else
	skip_part "node is not installed"
fi

# A server that knows P-384 alone asks for a second ClientHello: the first one is in the transcript as its hash.
nginx=$port
server_start_openssl picky -groups P-384 -tls1_3
pages "$port" "after a HelloRetryRequest"
grep -q 'Shared groups: secp384r1' "$T/out" || fail "there was no HelloRetryRequest: $(cat "$T/out")"
port=$nginx

# Eight threads of one program: no thread hands over another one's handshake. The watcher counts what matches.
run "${tapped[@]}" "$PYTHON" "$RIG_FOLDER/python_client.py" threads-and-forks "$port" "$T/ca/root.pem" "$T/alice.pem"
expect_out "80 handshakes in 8 forked children" "threads and forked children with the tap"
wait_until "the watcher's lines" watcher_said $((seen + 321))
expect_equal "$(grep -c 'matches=yes' <(tail -n "+$((seen + 1))" "$T/watcher.log"))" 321 \
	"each of them has its own transcript"
seen=$((seen + 321))

# Without the tap, with other properties, or where the tap is missing: only the proof is missing.
run "${untapped[@]}" "${page[@]}" --tlsv1.3 "https://localhost:$port/"
expect_out "verified=SUCCESS" "signing goes on without the tap"
expect_transcript none "no tap"
# with_conf FROM TO: the configuration of keystay run --tap, changed in one place.
with_conf() {
	# shellcheck disable=SC2016 # for the inner shell
	"$KEYSTAY" run --tap -- sh -c 'cat "$OPENSSL_CONF"' | sed "s|$1|$2|" >"$T/changed.cnf"
	grep -qF -- "$2" "$T/changed.cnf" || fail "the configuration has no $1"
	run env "${RIG_PRELOAD[@]}" KEYSTAY_SOCK="$T/watched.sock" OPENSSL_CONF="$T/changed.cnf" "${page[@]}" --tlsv1.3 \
		"https://localhost:$port/"
	expect_out "verified=SUCCESS" "signing goes on: $3"
	expect_transcript none "$3"
}
with_conf '?keystay.tap=yes' '?provider=default' "the tap is displaced"
with_conf 'keystay-tap\.so' 'no-such-file.so' "the tap is missing"
