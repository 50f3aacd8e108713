#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# openvpn as a TLS client with alice's PEM file as --cert and --key, TLS 1.3 and TLS 1.2, EC, RSA and Ed25519: the other
# openvpn sees who she is. No tunnel device and no privilege is needed: --dev null. With --user it signs as that user,
# through a socket that admits him.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
command -v openvpn >/dev/null || skip "openvpn is not installed"
types=(p256 rsa2048 ed25519)
ca_make
token_make corp
id=10
for type in "${types[@]}"; do
	key_make corp "$type" "$type" $((id += 1))
	certificate_make "$type"
done
agent_start
unlock corp >/dev/null
for type in "${types[@]}"; do
	keystay cert "$type" -o "$T/$type.pem"
done

common=(--dev null --ifconfig-noexec --route-noexec --verb 3 --ping 1 --ca "$T/ca/root.pem" --data-ciphers AES-256-GCM)

# server_start VERSION: sets $port and $server. Its answer to one client is in $T/server.log.
server_start() {
	local attempt
	for attempt in 1 2 3 4 5; do
		port=$(port_free)
		rm -f "$T/server.log"
		if process_start_until server 'Listening for incoming TCP connection' \
			openvpn "${common[@]}" --proto tcp-server --local 127.0.0.1 --lport "$port" --tls-server --dh none \
			--cert "$T/ca/server.pem" --key "$T/ca/server.key" --remote-cert-tls client \
			--tls-version-min "$1" --tls-version-max "$1"; then
			server=$started
			return 0
		fi
	done
	fail "openvpn did not start as a server in $attempt attempts: $(tail -n 3 "$T/server.log")"
}

# client_start PEM [OPTION...]: to the server on $port; true when the tunnel stands. Log in $T/client.log.
client_start() {
	rm -f "$T/client.log"
	process_start_until client 'Initialization Sequence Completed|Exiting due to fatal error|SIGTERM|SIGUSR1' \
		env "${RIG_PRELOAD[@]}" "$KEYSTAY" run -- openvpn "${common[@]}" --proto tcp-client --remote 127.0.0.1 "$port" \
		--nobind --tls-client --remote-cert-tls server --cert "$1" --key "$1" --connect-retry-max 1 --tls-exit "${@:2}"
	[ "${BASH_REMATCH[0]:-}" = 'Initialization Sequence Completed' ]
}

for version in 1.3 1.2; do
	for type in "${types[@]}"; do
		server_start "$version"
		client_start "$T/$type.pem" || fail "openvpn with $type over TLS $version: $(tail -n 5 "$T/client.log")"
		wait_until "the server's tunnel" grep -q 'Initialization Sequence Completed' "$T/server.log"
		grep -q "VERIFY OK: depth=0, O=Example, CN=$type" "$T/server.log" || fail "the server did not verify $type"
		grep -q "Control Channel: TLSv$version" "$T/server.log" || fail "it was not TLS $version"
		grep -qF "[$type] Peer Connection Initiated" "$T/server.log" || fail "the server does not call its peer $type"
		ok "the other openvpn sees $type over TLS $version"
		process_stop "$started"
		process_stop "$server"
	done
done

keystay lock >/dev/null
server_start 1.3
! client_start "$T/p256.pem" || fail "openvpn came through with a locked token"
grep -q 'token "corp" is locked; run: keystay unlock corp' "$T/client.log" ||
	fail "openvpn does not say the agent's next step: $(tail -n 8 "$T/client.log")"
ok "openvpn prints the agent's next step"
unlock >/dev/null

# --user: the key is loaded as root, the handshake comes later.
if [ "$(id -u)" -eq 0 ] && id www-data >/dev/null 2>&1; then
	chmod 711 "$T"
	mkdir -m 755 "$T/vpn"
	server_start 1.3
	! client_start "$T/p256.pem" --user www-data --group www-data || fail "openvpn --user signed through a private socket"
	agent_configure '[socket "vpn"]' "path = $T/vpn/sign.sock" 'users = www-data'
	keystay reload >/dev/null
	process_stop "$server"
	server_start 1.3
	KEYSTAY_SOCK=$T/vpn/sign.sock client_start "$T/p256.pem" --user www-data --group www-data ||
		fail "openvpn --user: $(tail -n 5 "$T/client.log")"
	wait_until "the server's tunnel" grep -qF '[p256] Peer Connection Initiated' "$T/server.log"
	ok "openvpn --user signs through a socket that admits that user, and through no other"
else
	skip_part "being somebody else needs root and a user www-data"
fi
