#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# nginx as a TLS client of two upstreams, over TLS 1.3 and TLS 1.2, with a key that is for good.corp.example alone: it
# signs in there, and answers 502 for other.corp.example, whose certificate is just as good; its log says why.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_bound.sh
. "$RIG_FOLDER/rig_bound.sh"
bound_begin
upstream=$port

# upstream_location NAME HOST
upstream_location() {
	cat <<-CONF
		location /$1 {
			proxy_pass https://127.0.0.1:$upstream/;
			proxy_ssl_name $2;
		}
	CONF
}

# proxy_start VERSION: sets $port.
proxy_start() {
	port=$(port_free)
	mkdir -p "$T/proxy"
	cat >"$T/proxy/nginx.conf" <<-CONF
		daemon off;
		$([ "$(id -u)" -ne 0 ] || echo 'user root;')
		env XDG_RUNTIME_DIR;
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
			proxy_ssl_certificate "$T/alice.pem";
			proxy_ssl_certificate_key "$T/alice.pem";
			proxy_ssl_trusted_certificate "$T/ca/root.pem";
			proxy_ssl_verify on;
			proxy_ssl_verify_depth 4;
			proxy_ssl_server_name on;
			proxy_ssl_session_reuse off;
			proxy_ssl_protocols TLSv$1;
			server {
				listen 127.0.0.1:$port;
				$(upstream_location good good.corp.example)
				$(upstream_location other other.corp.example)
			}
		}
	CONF
	process_start_until "proxy-$1" 'start worker process [0-9]+' \
		env "${RIG_PRELOAD[@]}" "$KEYSTAY" run -- nginx -p "$T/proxy/" -c "$T/proxy/nginx.conf" -e stderr ||
		fail "nginx did not start as a proxy: $(tail -n 3 "$T/proxy-$1.log")"
}

for version in 1.3 1.2; do
	proxy_start $version
	run curl -q --silent --fail --show-error --max-time "$DEADLINE_S" "http://127.0.0.1:$port/good"
	bound_allowed $version "nginx signs in at the allowed server over TLS $version"
	run curl -q --silent --fail --show-error --max-time "$DEADLINE_S" "http://127.0.0.1:$port/other"
	bound_refused "nginx does not sign in at another server over TLS $version"
	expect_err 502 "nginx answers 502 over TLS $version"
	wait_until "nginx's log to have the agent's words" grep -q 'keystay.*other\.corp\.example' "$T/proxy-$version.log"
	ok "nginx's log says: $(grep -o 'keystay.*other[^()]*' "$T/proxy-$version.log" | head -n 1)"
	run curl -q --silent --fail --show-error --max-time "$DEADLINE_S" "http://127.0.0.1:$port/good"
	bound_allowed $version "and goes on with the allowed one over TLS $version"
done
