#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# nginx, haproxy and stunnel as TLS clients of an upstream that wants a certificate, over TLS 1.3 and TLS 1.2: their key
# is alice's PEM file, and nothing else of theirs is changed. A plain curl goes through each of them.

# With the argument "tapped" keystay-tap.so is loaded as well, and the agent gets the handshake behind each signature.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice
server_start_nginx upstream
upstream=$port
run=(env "${RIG_PRELOAD[@]}" "$KEYSTAY" run --)
if [ "${1:-}" = tapped ]; then
	# shellcheck source=rig_tap.sh
	. "$RIG_FOLDER/rig_tap.sh"
	tap_begin
	run=("${tapped[@]}")
fi

# through NAME VERSION: the page, by the proxy on $port.
through() {
	run curl -q --silent --show-error --max-time "$DEADLINE_S" "http://127.0.0.1:$port/"
	expect_status 0 "curl gets a page through $1"
	expect_out "protocol=TLSv$2 verified=SUCCESS client=CN=alice" "the server behind $1 sees alice over TLS $2"
	[ -z "${tapped:-}" ] || expect_transcripts_of "${1/stunnel/stunnel4}" "$2"
}

for version in 1.3 1.2; do
	# haproxy takes the whole file as it is.
	port=$(port_free)
	cat >"$T/haproxy.cfg" <<-CONF
		defaults
			mode http
			timeout connect ${DEADLINE_S}s
			timeout client ${DEADLINE_S}s
			timeout server ${DEADLINE_S}s
		frontend in
			bind 127.0.0.1:$port
			default_backend out
		backend out
			server one 127.0.0.1:$upstream ssl crt "$T/alice.pem" ca-file "$T/ca/root.pem" verifyhost localhost sni str(localhost) ssl-min-ver TLSv$version ssl-max-ver TLSv$version
	CONF
	"${run[@]}" haproxy -db -V -f "$T/haproxy.cfg" >"$T/haproxy.log" 2>&1 &
	process_started $!
	port_wait "$port" "${rig_pids[-1]}"
	through haproxy "$version"

	port=$(port_free)
	cat >"$T/stunnel.conf" <<-CONF
		foreground = yes
		pid =
		[one]
		client = yes
		accept = 127.0.0.1:$port
		connect = 127.0.0.1:$upstream
		cert = $T/alice.pem
		key = $T/alice.pem
		CAfile = $T/ca/root.pem
		verifyChain = yes
		checkHost = localhost
		sni = localhost
		sslVersion = TLSv$version
	CONF
	"${run[@]}" stunnel4 "$T/stunnel.conf" >"$T/stunnel.log" 2>&1 &
	process_started $!
	port_wait "$port" "${rig_pids[-1]}"
	through stunnel "$version"

	port=$(port_free)
	mkdir -p "$T/proxy"
	cat >"$T/proxy/nginx.conf" <<-CONF
		daemon off;
		$([ "$(id -u)" -ne 0 ] || echo 'user root;')
		env XDG_RUNTIME_DIR;
		env KEYSTAY_SOCK;
		worker_processes 1;
		pid "$T/proxy/nginx.pid";
		error_log stderr notice;
		events { worker_connections 64; }
		http {
			access_log off;
			client_body_temp_path "$T/proxy/body";
			proxy_temp_path "$T/proxy/proxy";
			fastcgi_temp_path "$T/proxy/fastcgi";
			uwsgi_temp_path "$T/proxy/uwsgi";
			scgi_temp_path "$T/proxy/scgi";
			server {
				listen 127.0.0.1:$port;
				location / {
					proxy_pass https://127.0.0.1:$upstream;
					proxy_ssl_certificate "$T/alice.pem";
					proxy_ssl_certificate_key "$T/alice.pem";
					proxy_ssl_trusted_certificate "$T/ca/root.pem";
					proxy_ssl_verify on;
					proxy_ssl_verify_depth 4;
					proxy_ssl_name localhost;
					proxy_ssl_server_name on;
					proxy_ssl_protocols TLSv$version;
				}
			}
		}
	CONF
	process_start_until "proxy-$version" 'start worker process [0-9]+' \
		"${run[@]}" nginx -p "$T/proxy/" -c "$T/proxy/nginx.conf" -e stderr ||
		fail "nginx did not start as a proxy: $(tail -n 3 "$T/proxy-$version.log")"
	through nginx "$version"
done

# What each says when the token is locked, and that it goes on by itself when it is not any more.
keystay lock >/dev/null
run curl -q --silent --max-time "$DEADLINE_S" --write-out '%{http_code}' --output /dev/null "http://127.0.0.1:$port/"
expect_out 502 "nginx answers 502 while the token is locked"
wait_until "nginx's log to have the agent's words" \
	grep -q 'token "corp" is locked; run: keystay unlock corp' "$T/proxy-1.2.log"
unlock corp >/dev/null
through nginx 1.2

# No agent at all: the same workers go on when it is back.
agent_stop
run curl -q --silent --max-time "$DEADLINE_S" --write-out '%{http_code}' --output /dev/null "http://127.0.0.1:$port/"
expect_out 502 "nginx answers 502 without an agent"
# The watcher of "tapped" is there all the same, and just closes the connection.
words='keystay-agent is not running'
[ -z "${tapped:-}" ] || words=keystay-agent
wait_until "nginx's log to say that there is no agent" grep -q "$words" "$T/proxy-1.2.log"
agent_start
unlock corp >/dev/null
through nginx 1.2
