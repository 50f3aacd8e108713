#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Proxies that load a key as root and sign as somebody else: nginx, whose workers are another user's, with a socket for
# a group; haproxy and stunnel in a chroot as another user, with a socket inside. Without such a socket they answer with
# an error, and they go on by themselves when it comes.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
for_others
rig_begin
need_root "being somebody else"
id www-data >/dev/null 2>&1 || skip "there is no user www-data"
rig_alice
server_start_nginx upstream
upstream=$port
# The proxies may go through, and look at nothing.
chmod 711 "$T"
mkdir -m 755 "$T/web" "$T/jail" "$T/jail/run"
cp "$T/keystay.conf" "$T/plain.conf"

# sockets LINE...: these are there from now on.
sockets() {
	cp "$T/plain.conf" "$T/keystay.conf"
	printf '%s\n' "$@" >>"$T/keystay.conf"
	keystay reload >/dev/null
}

# answer: what the proxy on $port says to a plain curl.
answer() {
	run curl -q --silent --show-error --max-time "$DEADLINE_S" --write-out '\nstatus=%{http_code}\n' \
		"http://127.0.0.1:$port/"
	expect_status 0 "the proxy answers"
}

# passes NAME VERSION
passes() {
	answer
	expect_out "protocol=TLSv$2 verified=SUCCESS client=CN=alice" "the server behind $1 sees alice over TLS $2"
}

# uids_of PID: of it and its children, one a line.
uids_of() {
	ps -o uid= -p "$1" --ppid "$1" | tr -d ' ' | sort -un
}

nginx_start() {
	port=$(port_free)
	mkdir -p "$T/proxy"
	cat >"$T/proxy/nginx.conf" <<-CONF
		daemon off;
		user www-data;
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
					proxy_ssl_session_reuse off;
					proxy_ssl_protocols TLSv$1;
				}
			}
		}
	CONF
	process_start_until "nginx-$1" 'start worker process [0-9]+' \
		env "${RIG_PRELOAD[@]}" KEYSTAY_SOCK="$T/web/sign.sock" \
		"$KEYSTAY" run -- nginx -p "$T/proxy/" -c "$T/proxy/nginx.conf" -e stderr ||
		fail "nginx did not start as a proxy: $(tail -n 3 "$T/nginx-$1.log")"
}

haproxy_start() {
	port=$(port_free)
	cat >"$T/haproxy.cfg" <<-CONF
		global
			chroot $T/jail
			uid $(id -u www-data)
			gid $(id -g www-data)
		defaults
			mode http
			timeout connect ${DEADLINE_S}s
			timeout client ${DEADLINE_S}s
			timeout server ${DEADLINE_S}s
			retries 0
		frontend in
			bind 127.0.0.1:$port
			default_backend out
		backend out
			http-reuse never
			default-server no-ssl-reuse ssl-min-ver TLSv$1 ssl-max-ver TLSv$1 verifyhost localhost sni str(localhost)
			server one 127.0.0.1:$upstream ssl crt "$T/alice.pem" ca-file "$T/ca/root.pem"
	CONF
	env "${RIG_PRELOAD[@]}" KEYSTAY_SOCK=/run/sign.sock "$KEYSTAY" run -- haproxy -db -V -f "$T/haproxy.cfg" \
		>"$T/haproxy.log" 2>&1 &
	process_started $!
	started=$!
	port_wait "$port" "$started"
}

stunnel_start() {
	port=$(port_free)
	cat >"$T/stunnel.conf" <<-CONF
		foreground = yes
		pid =
		chroot = $T/jail
		setuid = www-data
		setgid = www-data
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
		sslVersion = TLSv$1
	CONF
	env "${RIG_PRELOAD[@]}" KEYSTAY_SOCK=/run/sign.sock "$KEYSTAY" run -- stunnel4 "$T/stunnel.conf" \
		>"$T/stunnel.log" 2>&1 &
	process_started $!
	started=$!
	port_wait "$port" "$started"
}

# --- nginx: a socket for a group -------------------------------------------------------------------------------------

nginx_start 1.3
uids_of "$started" | grep -qx "$(id -u www-data)" || fail "nginx's worker is not www-data's"
answer
expect_out status=502 "nginx's worker of www-data has no socket: 502"
sockets '[socket "web"]' "path = $T/web/sign.sock" 'groups = www-data' 'keys = alice'
passes nginx 1.3
process_stop "$started"
nginx_start 1.2
passes nginx 1.2
sockets '[socket "web"]' "path = $T/web/sign.sock" 'groups = www-data' 'keys = web-*'
answer
expect_out status=502 "a socket that does not have alice's key: 502"
wait_until "nginx's log to have the agent's words" grep -q 'no token here has this key' "$T/nginx-1.2.log"
ok "nginx's log has the agent's words"
process_stop "$started"

# --- haproxy: a socket inside the chroot -----------------------------------------------------------------------------

command -v haproxy >/dev/null || skip "haproxy is not installed"
haproxy_start 1.3
expect_equal "$(uids_of "$started")" "$(id -u www-data)" "haproxy is www-data's"
expect_equal "$(readlink "/proc/$started/root")" "$T/jail" "haproxy is in its chroot"
answer
expect_out status=503 "haproxy in a chroot without a socket: 503"
sockets '[socket "haproxy"]' "path = $T/jail/run/sign.sock" 'users = www-data' 'keys = alice'
passes "haproxy in a chroot" 1.3
process_stop "$started"
haproxy_start 1.2
passes "haproxy in a chroot" 1.2
keystay lock >/dev/null
answer
expect_out status=503 "a locked token: 503, and no dialog"
unlock >/dev/null
passes "haproxy in a chroot" 1.2
process_stop "$started"

# --- stunnel, likewise -----------------------------------------------------------------------------------------------

if command -v stunnel4 >/dev/null; then
	for version in 1.3 1.2; do
		stunnel_start $version
		expect_equal "$(uids_of "$started")" "$(id -u www-data)" "stunnel is www-data's"
		expect_equal "$(readlink "/proc/$started/root")" "$T/jail" "stunnel is in its chroot"
		passes "stunnel in a chroot" $version
		process_stop "$started"
	done
else
	skip_part "stunnel is not installed"
fi
