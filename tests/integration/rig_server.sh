# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# rig_server: real TLS servers on free loopback ports that require a client certificate. Part of lib.sh.
#
# A port that was free may be taken before the server binds it, so each is tried a few times with another. A server is
# ready when it says so on its output.

# The last server that was started.
port=''

# server_start_nginx [NAME [DIRECTIVE...]]: sets $port and $started. It trusts the root alone; each page says what the
# server saw of the client. Logs: $T/NAME.log, $T/NAME/access.log.
server_start_nginx() {
	local name=${1:-server} attempt
	shift || true
	for attempt in 1 2 3 4 5; do
		port=$(port_free)
		nginx_configure "$name" "$@"
		if process_start_until "$name" 'start worker process [0-9]+' \
			nginx -p "$T/$name/" -c "$T/$name/nginx.conf" -e stderr; then
			return 0
		fi
	done
	fail "nginx did not start in $attempt attempts: $(tail -n 3 "$T/$name.log")"
}

nginx_configure() {
	local name=$1 user=
	shift
	mkdir -p "$T/$name"
	# Started as root, nginx would give its worker to another user, who may not enter $T.
	[ "$(id -u)" -ne 0 ] || user='user root;'
	cat >"$T/$name/nginx.conf" <<-CONF
		daemon off;
		$user
		worker_processes 1;
		pid "$T/$name/nginx.pid";
		error_log stderr notice;
		events { worker_connections 512; }
		http {
			access_log "$T/$name/access.log";
			client_body_temp_path "$T/$name/body";
			proxy_temp_path "$T/$name/proxy";
			fastcgi_temp_path "$T/$name/fastcgi";
			uwsgi_temp_path "$T/$name/uwsgi";
			scgi_temp_path "$T/$name/scgi";
			server {
				listen 127.0.0.1:$port ssl ${NGINX_LISTEN:-} backlog=1024;
				server_name localhost;
				ssl_certificate "$T/ca/server.pem";
				ssl_certificate_key "$T/ca/server.key";
				ssl_protocols ${NGINX_PROTOCOLS:-TLSv1.2 TLSv1.3};
				ssl_verify_client on;
				ssl_verify_depth 4;
				ssl_client_certificate "$T/ca/root.pem";
				ssl_session_cache off;
				ssl_session_tickets off;
				$*
				location / {
					default_type text/plain;
					set \$who "client=\$ssl_client_s_dn issuer=\$ssl_client_i_dn";
					return 200 "protocol=\$ssl_protocol verified=\$ssl_client_verify \$who\n";
				}
			}
		}
	CONF
}

# server_start_openssl [NAME [OPTION...]]: openssl s_server, which shows what it negotiated and the client's
# certificate on its page. Sets $port and $started.
server_start_openssl() {
	local name=${1:-server}
	shift || true
	process_start_until "$name" '^ACCEPT .*:([0-9]+)$' \
		openssl s_server -accept 127.0.0.1:0 -cert "$T/ca/server-leaf.pem" -key "$T/ca/server.key" \
		-cert_chain "$T/ca/intermediate.pem" -CAfile "$T/ca/root.pem" -Verify 4 -verify_return_error -www "$@" ||
		fail "openssl s_server did not start: $(cat "$T/$name.log")"
	port=${BASH_REMATCH[1]}
}

# server_start_gnutls [NAME [OPTION...]]: gnutls-serv. Sets $port and $started.
server_start_gnutls() {
	local name=${1:-server} attempt
	shift || true
	for attempt in 1 2 3 4 5; do
		port=$(port_free)
		if process_start_until "$name" 'listening on IPv4 .*done' \
			stdbuf -oL -eL gnutls-serv --http --port "$port" --x509certfile "$T/ca/server.pem" \
			--x509keyfile "$T/ca/server.key" --x509cafile "$T/ca/root.pem" \
			--require-client-cert --verify-client-cert "$@"; then
			return 0
		fi
	done
	fail "gnutls-serv did not start in $attempt attempts: $(tail -n 3 "$T/$name.log")"
}

# port_wait PORT PID: until something listens there; for programs that say nothing when they are ready.
port_wait() {
	local tries
	for ((tries = 0; tries < DEADLINE_S * 50; tries++)); do
		if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
			return 0
		fi
		kill -0 "$2" 2>/dev/null || fail "a program ended before it listened on its port"
		pause 0.02
	done
	fail "nothing listens on port $1"
}
