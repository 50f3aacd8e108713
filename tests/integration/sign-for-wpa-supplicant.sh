#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# wpa_supplicant signs in by EAP-TLS (802.1X on a wire) with alice's PEM file, TLS 1.2 and TLS 1.3: hostapd, at the
# other end of a veth in a network namespace of the story's own, sees who she is. Then by the engine and her key's name.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
need_root "a network namespace"
for program in wpa_supplicant hostapd ip; do
	command -v $program >/dev/null || skip "$program is not installed"
done
unshare -n true 2>/dev/null || skip "no network namespace can be made here"
rig_alice

# --- a wire in a namespace of its own --------------------------------------------------------------------------------

mkfifo "$T/wire"
: >"$T/namespace.log"
# shellcheck disable=SC2016 # $1 is the inner shell's
unshare -n sh -c '
	ip link add here type veth peer name there && ip link set here up && ip link set there up && echo up
	read -r _ <"$1"' sh "$T/wire" >"$T/namespace.log" 2>&1 &
namespace=$!
process_started "$namespace"
wait_until "the wire" grep -qE 'up|rror' "$T/namespace.log"
[ "$(cat "$T/namespace.log")" = up ] || skip "no veth can be made here: $(cat "$T/namespace.log")"
inside() {
	nsenter --net="/proc/$namespace/ns/net" "$@"
}

cat >"$T/eap_user" <<-'CONF'
	* TLS
CONF

# hostapd_start VERSION: in $T/hostapd.log what it saw.
hostapd_start() {
	cat >"$T/hostapd.conf" <<-CONF
		interface=there
		driver=wired
		use_pae_group_addr=1
		ieee8021x=1
		eap_server=1
		eap_user_file=$T/eap_user
		ca_cert=$T/ca/root.pem
		server_cert=$T/ca/server.pem
		private_key=$T/ca/server.key
		tls_flags=$([ "$1" = 1.3 ] && echo '[ENABLE-TLSv1.3][DISABLE-TLSv1.2]' || echo '[DISABLE-TLSv1.3]')
		logger_stdout=-1
		logger_stdout_level=0
	CONF
	rm -f "$T/hostapd.log"
	process_start_until hostapd 'AP-ENABLED' nsenter --net="/proc/$namespace/ns/net" hostapd -dd "$T/hostapd.conf" ||
		fail "hostapd did not start: $(tail -n 3 "$T/hostapd.log")"
	hostapd=$started
}

# supplicant_start VERSION LINE...: true when EAP went well. Log in $T/supplicant.log.
supplicant_start() {
	local version=$1
	shift
	{
		printf '%s\n' 'ap_scan=0' "openssl_ciphers=DEFAULT" 'network={' 'key_mgmt=IEEE8021X' 'eapol_flags=0' 'eap=TLS' \
			'identity="alice"' "ca_cert=\"$T/ca/root.pem\"" 'domain_match="localhost"'
		[ "$version" = 1.3 ] && echo 'phase1="tls_disable_tlsv1_3=0"' ||
			echo 'phase1="tls_disable_tlsv1_3=1"'
		printf '%s\n' "$@" '}'
	} >"$T/supplicant.conf"
	rm -f "$T/supplicant.log"
	process_start_until supplicant 'CTRL-EVENT-EAP-(SUCCESS|FAILURE)' nsenter --net="/proc/$namespace/ns/net" \
		env "${RIG_PRELOAD[@]}" "$KEYSTAY" run -- wpa_supplicant -d -D wired -i here -c "$T/supplicant.conf" || true
	[ "${BASH_REMATCH[1]:-}" = SUCCESS ]
}

# sees_alice VERSION HOW: and nobody else.
sees_alice() {
	wait_until "hostapd's verdict" grep -q 'CTRL-EVENT-EAP-SUCCESS' "$T/hostapd.log"
	grep -q "Using TLS version TLSv$1" "$T/hostapd.log" || fail "it was not TLS $1"
	grep -q 'peer certificate: depth=0 .*subject=/O=Example/CN=alice$' "$T/hostapd.log" ||
		fail "hostapd does not see alice: $(grep -a 'peer certificate' "$T/hostapd.log")"
	ok "hostapd sees alice over TLS $1, $2"
	process_stop "$started"
	process_stop "$hostapd"
}

why() {
	grep -aiE 'openssl|tls|keystay|engine' "$T/supplicant.log" | tail -n 12
}

for version in 1.2 1.3; do
	hostapd_start "$version"
	supplicant_start "$version" "client_cert=\"$T/alice.pem\"" "private_key=\"$T/alice.pem\"" ||
		fail "EAP-TLS over TLS $version: $(why)"
	sees_alice "$version" "key and certificate from the PEM file"
	[ -e "$BUILD/lib/engines-3/keystay.so" ] || continue
	hostapd_start "$version"
	export OPENSSL_ENGINES=$BUILD/lib/engines-3
	supplicant_start "$version" 'engine=1' 'engine_id="keystay"' 'key_id="alice"' "client_cert=\"$T/alice.pem\"" ||
		fail "EAP-TLS with the engine over TLS $version: $(why)"
	unset OPENSSL_ENGINES
	sees_alice "$version" "the key by name through the engine"
done

keystay lock >/dev/null
hostapd_start 1.2
! supplicant_start 1.2 "client_cert=\"$T/alice.pem\"" "private_key=\"$T/alice.pem\"" ||
	fail "it came in with a locked token"
grep -q 'token "corp" is locked; run: keystay unlock corp' "$T/supplicant.log" ||
	fail "wpa_supplicant does not say the agent's next step: $(why)"
ok "wpa_supplicant -d prints the agent's next step"
