#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# gnutls-cli, wget and git over https (libcurl-gnutls), unchanged, through p11-kit and keystay-pkcs11.so: the server sees
# the client's name, TLS 1.3 and 1.2, EC, RSA and Ed25519; SoftHSM's own module, with the same token, is loaded beside
# ours. GnuTLS hands over digests of EC and RSA keys: without `digest` the agent's log says who asked and what to change,
# and the program ends with an error of its own.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname -- "${BASH_SOURCE[0]}")/rig_module.sh"
for program in gnutls-cli wget git p11-kit; do
	command -v $program >/dev/null || skip "$program is not installed"
done
rig_begin
p11_kit_begin "$SOFTHSM"
ca_make
token_make corp
id=10
for key in p256:p256 p384:p384 rsa:rsa2048 ed:ed25519 closed:p256 closed-rsa:rsa2048; do
	key_make corp "${key#*:}" "${key%:*}" $((id += 1))
	certificate_make "${key%:*}"
done
{
	for key in p256 p384 rsa; do
		module_key $key digest
	done
	for key in ed closed closed-rsa; do
		module_key $key
	done
} >"$T/keys"
mapfile -t lines <"$T/keys"
agent_configure "${lines[@]}" "${MODULE_ALLOWS[@]}"
agent_start
unlock corp >/dev/null
for key in p256 p384 rsa ed closed closed-rsa; do
	keystay cert $key --no-key >"$T/$key.crt"
done
git init -q --bare "$T/repository.git"
git -C "$T/repository.git" update-server-info
# git cannot be told to use TLS 1.2 alone: a server for each version.
# shellcheck disable=SC2016 # for nginx
server_start() {
	NGINX_PROTOCOLS=TLSv$1 server_start_nginx "nginx-$1" 'add_header X-Client "$ssl_protocol $ssl_client_s_dn" always;' \
		"location /repository.git/ { alias \"$T/repository.git/\"; }"
}

# key KEY: its URI. SoftHSM's token has the same label, and objects of the same names.
key() {
	printf 'pkcs11:model=keystay;token=corp;object=%s;type=private' "$1"
}
priority() {
	printf 'NORMAL:-VERS-ALL:+VERS-TLS%s' "$1"
}
gnutls_cli() {
	printf 'GET / HTTP/1.0\r\n\r\n' | timeout "$DEADLINE_S" "${with_p11_kit[@]}" gnutls-cli --port "$port" \
		--x509cafile "$T/ca/root.pem" --x509certfile "${3:-$T/$1.crt}" --x509keyfile "$(key "$1")" \
		--priority "$(priority "$2")" localhost
}
wget_page() {
	"${with_p11_kit[@]}" wget --no-hsts --tries=1 --timeout="$DEADLINE_S" --output-document=- \
		--ca-certificate="$T/ca/root.pem" --certificate="$T/$1.crt" --private-key="$(key "$1")" \
		--ciphers="$(priority "$2")" "https://localhost:$port/"
}
git_list() {
	timeout "$DEADLINE_S" "${with_p11_kit[@]}" env GIT_CURL_VERBOSE=1 GIT_TERMINAL_PROMPT=0 GIT_CONFIG_NOSYSTEM=1 git \
		-c "http.sslCAInfo=$T/ca/root.pem" -c "http.sslCert=$T/$1.crt" -c "http.sslKey=$(key "$1")" \
		ls-remote "https://localhost:$port/repository.git"
}

# signs VERSION, refuses VERSION: with each key and program.
signs() {
	local version=$1 key sees
	for key in p256 p384 rsa ed; do
		sees="client=CN=$key,O=Example issuer=CN=Example Issuing CA"
		run gnutls_cli $key "$version"
		expect_status 0 "gnutls-cli with $key"
		expect_out "protocol=TLSv$version verified=SUCCESS $sees" "gnutls-cli: nginx sees $key over TLS $version"
		# With a key in a file, too, GnuTLS 3.7 finds no Ed25519 certificate among the types that a TLS 1.2 server asks for;
		# gnutls-cli sends what it was given.
		[ "$key/$version" != ed/1.2 ] || continue
		run wget_page $key "$version"
		expect_status 0 "wget with $key"
		expect_out "protocol=TLSv$version verified=SUCCESS $sees" "wget: nginx sees $key over TLS $version"
		run git_list $key "$version"
		expect_status 0 "git with $key"
		grep -qi "x-client: TLSv$version CN=$key,O=Example" "$T/err" ||
			fail "git: nginx did not see $key over TLS $version: $(cat "$T/err")"
		ok "git: nginx sees $key over TLS $version"
	done
}
refuses() {
	local version=$1 key
	for key in closed closed-rsa; do
		run gnutls_cli $key "$version"
		expect_status 1 "gnutls-cli with $key"
		expect_err 'PKCS #11 error in key' "gnutls-cli, TLS $version, $key: ends with an error of its own"
		expect_digest_refused $key gnutls-cli "gnutls-cli, TLS $version, $key: no digest is signed, and the log says why"
		run wget_page $key "$version"
		expect_status 4 "wget with $key"
		expect_err 'GnuTLS: PKCS #11 error in key' "wget, TLS $version, $key: ends with an error of its own"
		expect_digest_refused $key wget "wget, TLS $version, $key: no digest is signed"
		run git_list $key "$version"
		expect_status 128 "git with $key"
		expect_err 'gnutls_handshake() failed: PKCS #11 error in key' "git, TLS $version, $key: the same"
		expect_digest_refused $key git-remote-http "git, TLS $version, $key: no digest is signed"
	done
}
for version in 1.3 1.2; do
	server_start $version
	signs $version
	refuses $version
done

# What GnuTLS does when a program loads a key: SHA-256("test text"). p11-kit shows it; the last server speaks TLS 1.2.
# loads KEY: wget; what it wanted signed is in $T/digests, how often it asked the agent in $T/asked.
loads() {
	local before
	before=$(wc -l <"$T/agent.log")
	run wget_page "$1" 1.2
	grep -a 'IN: pData' "$T/err" | uniq >"$T/digests" || true
	tail -n +$((before + 1)) "$T/agent.log" | grep -c "igned for wget" >"$T/asked" || true
}
echo 'log-calls: yes' >>"$XDG_CONFIG_HOME/pkcs11/modules/keystay-pkcs11.module"
loads p256
expect_status 0 "wget with p256"
grep -qF 'pData = (32) "\x0FFs\x8E\xBE\xD3p\xC5\xC5.\xE0\xAD\x96\xDE\xC8\xF4Y\xFB\x90\x1C,' "$T/digests" ||
	fail "GnuTLS does not sign the digest of \"test text\": $(cat "$T/digests")"
expect_equal "$(cat "$T/asked")" 2 "GnuTLS first signs the digest of \"test text\", then that of the handshake"
loads closed
expect_status 4 "wget with closed"
expect_equal "$(cat "$T/asked")" 2 "refused the first, it fails at the second"
