#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: sign-for-browsers.sh firefox|chromium
#
# A browser without a screen signs in through the NSS database and keystay-pkcs11.so: the page shows the name that the server
# saw, over TLS 1.3 and 1.2, with EC and RSA keys, and no dialog of the browser's own. Where digests are not allowed
# it shows an error and goes on, and the agent's log says who asked; without the agent and without the token it starts,
# and ends, as ever.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname -- "${BASH_SOURCE[0]}")/rig_module.sh"
. "$(dirname -- "${BASH_SOURCE[0]}")/rig_browser.sh"
kind=$1
program=$kind
[ "$kind" = chromium ] || program=firefox-esr
for command in "$program" modutil certutil unshare ip; do
	command -v "$command" >/dev/null || skip "$command is not installed"
done
browser_alone "$@"
rig_begin
ca_make
token_make corp
mkdir "$T/issued"
id=10
for key in p256 p384 rsa2048; do
	key_make corp $key $key $((id += 1))
	certificate_make $key
	mv "$T/certs/$key.pem" "$T/issued/"
	module_key $key digest >>"$T/keys"
	module_key $key >>"$T/closed-keys"
done
allow_digests() {
	mapfile -t lines <"$T/${1:-}keys"
	agent_configure "${lines[@]}" "${MODULE_ALLOWS[@]}"
}
allow_digests
agent_start
unlock corp >/dev/null
for version in 1.3 1.2; do
	NGINX_PROTOCOLS=TLSv$version server_start_nginx "nginx-$version" 'keepalive_timeout 0; client_header_timeout 2s;'
	ports+=("$port")
done

folder=$T/profile
if [ "$kind" = firefox ]; then
	browser_database "$folder"
	printf '%s\n' 'user_pref("security.default_personal_cert", "Select Automatically");' \
		'user_pref("marionette.port", 0);' 'user_pref("network.http.request.max-attempts", 1);' >"$folder/user.js"
else
	browser_database "$HOME/.pki/nssdb"
	mkdir -p /etc/chromium/policies/managed # a folder of this mount namespace
	echo '{"AutoSelectCertificateForUrls":["{\"pattern\":\"https://localhost\",\"filter\":{}}"]}' \
		>/etc/chromium/policies/managed/keystay.json
fi

signs_in() {
	browser_open "$2"
	[[ $page == "page protocol=$1 verified=SUCCESS client=CN=$3,"* ]] || fail "$3 over $1: $page"
	ok "$3 signs in over $1, and the page shows the name"
}
for key in p256 p384 rsa2048; do
	browser_trust_only $key
	browser_start "$kind" "$folder"
	signs_in TLSv1.3 "${ports[0]}" $key
	signs_in TLSv1.2 "${ports[1]}" $key
	browser_quit "$kind"
done

allow_digests closed-
keystay reload >/dev/null
browser_start "$kind" "$folder"
# Firefox hands over the whole input in TLS 1.3, and a digest in TLS 1.2; Chromium always a digest.
[ "$kind" != firefox ] || signs_in TLSv1.3 "${ports[0]}" rsa2048
browser_open "${ports[1]}"
[[ $page != *verified=SUCCESS* ]] || fail "it signed in: $page"
ok "without the right to sign digests it does not sign in over TLS 1.2: ${page:0:70}"
grep -q "key \"rsa2048\": .* sent only a digest, which keystay cannot check; to allow it: write" "$T/agent.log" ||
	fail "the agent's log does not say why"
ok "the agent's log says who asked, and what to change"
allow_digests
keystay reload >/dev/null
browser_quit "$kind"
browser_start "$kind" "$folder"
signs_in TLSv1.3 "${ports[0]}" rsa2048
browser_quit "$kind"

agent_stop
browser_start "$kind" "$folder"
browser_open "${ports[0]}"
[[ $page != *verified=SUCCESS* ]] || fail "without an agent it signed in: $page"
ok "without an agent it starts, and does not sign in"
browser_quit "$kind"
ok "and ends as it should"
