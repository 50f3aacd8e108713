#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Node and Python's ssl, urllib and requests, TLS 1.3 and TLS 1.2: each loads alice's PEM file as certificate and key, and
# is otherwise as everybody writes it. Node reads the configuration of `keystay run` with and without
# --openssl-shared-config; one that is written by hand, with openssl_conf alone, it reads with that option only.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice
server_start_nginx server

cat >"$T/client.js" <<'JS'
const fs = require("fs"), https = require("https");
const [port, ca, pem, version] = process.argv.slice(2);
https.get({ host: "localhost", port, ca: fs.readFileSync(ca), cert: fs.readFileSync(pem), key: fs.readFileSync(pem),
	minVersion: version, maxVersion: version }, (response) => response.pipe(process.stdout))
	.on("error", (error) => { console.error(error.message); process.exit(1); });
JS
cat >"$T/client.py" <<'PY'
import http.client, ssl, sys, urllib.request
how, port, ca, pem, version = sys.argv[1:]
url = f"https://localhost:{port}/"
if how == "requests":
    import requests
    print(requests.get(url, cert=(pem, pem), verify=ca).text)
    sys.exit()
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(pem)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version.replace(".", "_")]
if how == "urllib":
    print(urllib.request.urlopen(url, context=context).read().decode())
else:
    connection = http.client.HTTPSConnection("localhost", int(port), context=context)
    connection.request("GET", "/")
    print(connection.getresponse().read().decode())
PY

for version in 1.3 1.2; do
	if command -v node >/dev/null; then
		for option in --openssl-shared-config ''; do
			run client node ${option:+"$option"} "$T/client.js" "$port" "$T/ca/root.pem" "$T/alice.pem" "TLSv$version"
			expect_status 0 "node${option:+ $option} signs in"
			expect_out "protocol=TLSv$version verified=SUCCESS client=CN=alice" \
				"the server sees alice with node${option:+ $option} over TLS $version"
		done
	else
		skip_part "node is not installed"
	fi
	for how in ssl urllib; do
		run client "$PYTHON" "$T/client.py" $how "$port" "$T/ca/root.pem" "$T/alice.pem" "TLSv$version"
		expect_status 0 "python's $how signs in"
		expect_out "protocol=TLSv$version verified=SUCCESS client=CN=alice" \
			"the server sees alice with python's $how over TLS $version"
	done
done

# requests has no argument for the version, so the server says it.
if "$PYTHON" -c 'import requests' 2>/dev/null; then
	nginx=$port
	for version in 1.3 1.2; do
		server_start_openssl "server-$version" "-tls${version/./_}"
		run client "$PYTHON" "$T/client.py" requests "$port" "$T/ca/root.pem" "$T/alice.pem" ""
		expect_status 0 "requests signs in"
		expect_out "New, TLSv$version," "it was TLS $version"
		expect_out "Subject: O=Example, CN=alice" "the server sees alice with python's requests over TLS $version"
	done
	port=$nginx
else
	skip_part "python's requests is not installed"
fi

# What people write by hand after OpenSSL's documentation.
if command -v node >/dev/null; then
	printf '%s\n' 'openssl_conf = init' '[init]' 'providers = list' '[list]' 'default = on' 'keystay = keystay' '[on]' \
		'activate = 1' '[keystay]' "module = $BUILD/lib/ossl-modules/keystay.so" 'activate = 1' >"$T/by-hand.cnf"
	by_hand() {
		env "${RIG_PRELOAD[@]}" OPENSSL_CONF="$T/by-hand.cnf" node "$@" "$T/client.js" "$port" "$T/ca/root.pem" "$T/alice.pem" \
			TLSv1.3
	}
	run by_hand --openssl-shared-config
	expect_status 0 "node with a configuration by hand"
	expect_out "verified=SUCCESS client=CN=alice" "--openssl-shared-config makes node read openssl_conf"
	run by_hand
	expect_fail "node with a configuration by hand and without the option"
	expect_err "DECODER routines::unsupported" "without that option node does not know the key, in these words"
	sed -i 's/^openssl_conf = init/&\nnodejs_conf = init/' "$T/by-hand.cnf"
	run by_hand
	expect_status 0 "nodejs_conf instead of the option"
	expect_out "verified=SUCCESS client=CN=alice" "nodejs_conf does without the option"
fi

keystay lock >/dev/null
if command -v node >/dev/null; then
	run client node --openssl-shared-config "$T/client.js" "$port" "$T/ca/root.pem" "$T/alice.pem" TLSv1.3
	expect_fail "node with a locked token"
	expect_err 'token "corp" is locked; run: keystay unlock corp' "node prints the agent's next step"
fi
