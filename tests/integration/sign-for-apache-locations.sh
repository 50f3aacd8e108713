#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# apache wants a certificate for one folder alone: in TLS 1.2 by a second handshake (renegotiation), in TLS 1.3 by
# post-handshake authentication. curl, Python and openssl s_client answer late, in a connection that has begun without
# a certificate. With the argument "tapped" keystay-tap.so is loaded as well, and the agent gets the handshake behind
# each.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
apache=$(command -v apache2 httpd | head -n 1 || true)
[ -n "$apache" ] || skip "apache is not installed"
modules=''
for folder in /usr/lib*/httpd/modules /usr/lib/apache2/modules; do
	[ ! -d "$folder" ] || modules=$folder
done
rig_alice
mkdir -p "$T/www/private"
echo public >"$T/www/index.html"
port=$(port_free)
cat >"$T/apache.conf" <<-CONF
	ServerRoot "$T"
	ServerName localhost
	PidFile "$T/apache.pid"
	Listen 127.0.0.1:$port
	$([ "$(id -u)" -ne 0 ] || printf 'User nobody\n\tGroup nogroup')
	LoadModule mpm_event_module $modules/mod_mpm_event.so
	LoadModule authz_core_module $modules/mod_authz_core.so
	LoadModule ssl_module $modules/mod_ssl.so
	LoadModule rewrite_module $modules/mod_rewrite.so
	LoadModule headers_module $modules/mod_headers.so
	ErrorLog /dev/stderr
	LogLevel notice
	Mutex file:$T default
	SSLSessionCache none
	DocumentRoot "$T/www"
	SSLEngine on
	SSLProtocol -all +TLSv1.2 +TLSv1.3
	SSLCertificateFile "$T/ca/server.pem"
	SSLCertificateKeyFile "$T/ca/server.key"
	SSLCACertificateFile "$T/ca/root.pem"
	SSLVerifyDepth 4
	<Directory "$T/www">
		Require all granted
	</Directory>
	<Location /private>
		SSLVerifyClient require
		SSLOptions +StdEnvVars
		Header always set X-Client "%{SSL_CLIENT_S_DN}s"
	</Location>
CONF
echo secret >"$T/www/private/index.html"
chmod -R go+rX "$T/www"
chmod 711 "$T"
process_start_until apache 'resuming normal operations' "$apache" -f "$T/apache.conf" -D FOREGROUND ||
	fail "apache did not start: $(tail -n 3 "$T/apache.log")"

if [ "${1:-}" = tapped ]; then
	# shellcheck source=rig_tap.sh
	. "$RIG_FOLDER/rig_tap.sh"
	tap_begin
	client() {
		"${tapped[@]}" "$@"
	}
fi
# sees_alice PROGRAM VERSION: the last run showed both pages.
sees_alice() {
	expect_status 0 "both pages come to $1 over TLS $2"
	expect_out public "the public page needs no certificate"
	expect_out secret "the private page came"
	expect_out "CN=alice" "apache sees alice with $1 over TLS $2"
	[ -z "${tapped:-}" ] || expect_transcript "$2" "a late certificate of $1 over TLS $2"
}

for version in 1.2 1.3; do
	run client curl -q --silent --show-error --include --max-time "$DEADLINE_S" --cacert "$T/ca/root.pem" \
		--cert "$T/alice.pem" "--tlsv$version" --tls-max "$version" \
		"https://localhost:$port/index.html" "https://localhost:$port/private/index.html"
	sees_alice curl $version
done

run client "$PYTHON" -c 'import http.client, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
context.load_cert_chain(sys.argv[3])
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.post_handshake_auth = True
connection = http.client.HTTPSConnection("localhost", int(sys.argv[1]), context=context)
for path in "/index.html", "/private/index.html":
    connection.request("GET", path)
    reply = connection.getresponse()
    print(reply.status, reply.getheader("X-Client"), reply.read().decode())' "$port" "$T/ca/root.pem" "$T/alice.pem"
sees_alice python 1.3
if "$PYTHON" -c 'import requests' 2>/dev/null; then
	run client "$PYTHON" -c 'import requests, sys
with requests.Session() as session:
    session.cert, session.verify = (sys.argv[3], sys.argv[3]), sys.argv[2]
    for path in "/index.html", "/private/index.html":
        reply = session.get(f"https://localhost:{sys.argv[1]}{path}")
        print(reply.status_code, reply.headers.get("X-Client"), reply.text)' "$port" "$T/ca/root.pem" "$T/alice.pem"
	sees_alice "python's requests" 1.3
	late=5
else
	skip_part "python's requests is not installed"
	late=4
fi

# One connection for both; s_client ends when apache closes it after the second page.
run client timeout "$DEADLINE_S" openssl s_client -connect "localhost:$port" -servername localhost -tls1_3 -enable_pha \
	-CAfile "$T/ca/root.pem" -cert "$T/alice.pem" -cert_chain "$T/alice.pem" -key "$T/alice.pem" -quiet < <(
	printf 'GET /%s HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\n\r\n' index.html keep-alive private/index.html close
)
sees_alice "openssl s_client" 1.3
grep -c 'signed for' "$T/agent.log" >"$T/count"
expect_equal "$(cat "$T/count")" $late "one signature for each"

# keystay explain sees that only by asking for the page.
for version in 1.2 1.3; do
	run keystay explain --ca "$T/ca/root.pem" --tls $version --try "https://localhost:$port/index.html"
	expect_out "and for none after it, for this path" "explain: no certificate for the public page over TLS $version"
	run keystay explain --ca "$T/ca/root.pem" --tls $version --try "https://localhost:$port/private/index.html"
	expect_status 0 "explain: the private page over TLS $version"
	expect_out "for a client certificate, after the handshake, for this path" "it asks late over TLS $version"
	expect_out "Tried         with alice" "and takes alice"
done
