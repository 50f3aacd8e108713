#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# apache wants a certificate for one folder alone: in TLS 1.2 by a second handshake (renegotiation), in TLS 1.3 by
# post-handshake authentication. curl answers both, late, in a connection that has begun without a certificate.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
apache=$(command -v apache2 httpd | head -n 1 || true)
[ -n "$apache" ] || skip "apache is not installed"
modules=$(ls -d /usr/lib/apache2/modules /usr/lib*/httpd/modules 2>/dev/null | head -n 1 || true)
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

for version in 1.2 1.3; do
	run client curl -q --silent --show-error --include --max-time "$DEADLINE_S" --cacert "$T/ca/root.pem" \
		--cert "$T/alice.pem" "--tlsv$version" --tls-max "$version" \
		"https://localhost:$port/index.html" "https://localhost:$port/private/index.html"
	expect_status 0 "both pages come over TLS $version"
	expect_out public "the public page needs no certificate"
	expect_out secret "the private page came"
	expect_out "CN=alice" "apache sees alice over TLS $version"
done
grep -c 'signed for curl' "$T/agent.log" >"$T/count"
expect_equal "$(cat "$T/count")" 2 "one signature for each"
