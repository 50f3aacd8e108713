#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: sign-for-browsers.sh firefox|chromium
#
# A browser without a screen signs in through the NSS database and keystay-pkcs11.so: the page shows the name that the
# server saw, over TLS 1.3 and 1.2, with EC and RSA keys. It shows no dialog of its own: the agent asks for the PIN, and
# a "no" is an error page. Where digests are not allowed there is an error page too, and the agent's log says who asked.
# The agent and the token may go and come back while it runs. Firefox also finds tokens that come after its start.

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
	module_key $key digest >>"$T/open-keys"
	module_key $key >>"$T/closed-keys"
done
# keys_configure open|closed: for digests.
keys_configure() {
	mapfile -t lines <"$T/$1-keys"
	agent_configure "${lines[@]}" "${MODULE_ALLOWS[@]}" "${PROMPT_LINES[@]}"
}
prompt_begin
keys_configure open
agent_start
unlock corp >/dev/null
# Each page has a handshake of its own. It names an icon: Chromium would fetch one in the background, with a signature.
# Without a signature Firefox says nothing to a TLS 1.2 server, waits for it to give up, and would try nine times more.
# shellcheck disable=SC2016 # for nginx
page='location = /page { default_type text/html; return 200 "<link rel=icon href=data:,><body><h1>$ssl_client_s_dn</h1>
	protocol=$ssl_protocol verified=$ssl_client_verify"; }'
for version in 1.3 1.2; do
	NGINX_PROTOCOLS=TLSv$version server_start_nginx "nginx-$version" keepalive_timeout '0;' client_header_timeout '2s;' \
		"$page"
	ports+=("$port")
done
if [ "$kind" = firefox ]; then
	folder=$T/profile
	browser_database "$folder"
	printf 'user_pref("%s", %s);\n' security.default_personal_cert '"Select Automatically"' marionette.port 0 \
		network.http.request.max-attempts 1 >"$folder/user.js"
	refused='error Reached error page: about:neterror?e=nssFailure2&*'
else
	folder=$T/chromium
	browser_database "$HOME/.pki/nssdb"
	mkdir -p /etc/chromium/policies/managed # a folder of this mount namespace
	echo '{"AutoSelectCertificateForUrls":["{\"pattern\":\"https://localhost\",\"filter\":{}}"]}' \
		>/etc/chromium/policies/managed/keystay.json
	refused='error net::ERR_SSL_CLIENT_AUTH_SIGNATURE_FAILED'
fi

# signs_in VERSION KEY: and the agent saw what it says in its log.
signs_in() {
	local saw='a bare digest, which nobody can check, '
	[ "$kind/$1" != firefox/1.3 ] || saw='TLS 1.3 client authentication, '
	browser_open "$(port_of "$1")"
	[[ $page == "page CN=$2,O=Example protocol=TLSv$1 verified=SUCCESS" ]] || fail "$2 over TLS $1: $page"
	[[ $(grep 'igned for' "$T/agent.log" | tail -n 1) == *": signed for $program"*" with \"$2\": $saw"* ]] ||
		fail "$2 over TLS $1: the agent did not see \"$saw\": $(tail -n 1 "$T/agent.log")"
	ok "$2 signs in over TLS $1; the page shows the name, the agent saw: ${saw%, }"
}
# shows_error VERSION SENTENCE
shows_error() {
	browser_open "$(port_of "$1")"
	# shellcheck disable=SC2053 # a pattern
	[[ $page == $refused ]] || fail "$2: it shows: $page"
	ok "$2"
}
# stays_out [ERROR] SENTENCE: no certificate is sent; or, by a browser that still believes in its key, that ERROR.
stays_out() {
	browser_open "${ports[0]}"
	# shellcheck disable=SC2053 # a pattern
	[[ $page == 'page 400 No required SSL certificate was sent'* || $# = 2 && $page == $1 ]] ||
		fail "${!#}: it shows: $page"
	ok "${!#}"
}
# finds_token: NSS remembers for a second that a token is not there; Firefox asks for new slots when a server wants a
# certificate, but not each time within a few seconds.
# shellcheck disable=SC2317 # called by wait_until
finds_token() {
	browser_open "${ports[0]}"
	[[ $page == 'page CN=p256,O=Example '* ]]
}
port_of() {
	[ "$1" = 1.2 ] && echo "${ports[1]}" || echo "${ports[0]}"
}

for key in p384 rsa2048 p256; do
	browser_trust_only $key
	browser_start "$kind" "$folder"
	signs_in 1.3 $key
	signs_in 1.2 $key
	if [ $key = p256 ]; then
		echo "picture $T/picture.png" >&"$browser_in"
		browser_answer answer
		[ "$(head -c 4 "$T/picture.png" | tail -c 3)" = PNG ] || fail "no picture of the page: $answer"
		break
	fi
	browser_quit "$kind"
done
expect_equal "$(prompt_count)" 0 "nobody was asked for a PIN that the agent has"

# The same browser goes on.
keys_configure closed
keystay reload >/dev/null
if [ "$kind" = firefox ]; then
	signs_in 1.3 p256
else
	shows_error 1.3 "a digest that is not allowed, TLS 1.3: an error page"
	expect_digest_refused p256 "$program" "and the agent's log names both, and says what to change"
fi
shows_error 1.2 "a digest that is not allowed, TLS 1.2: an error page"
expect_digest_refused p256 "$program" "and the agent's log names both, and says what to change"
keys_configure open
keystay reload >/dev/null
signs_in 1.2 p256

keystay lock >/dev/null
prompt_answers_once "$PIN"
signs_in 1.3 p256
expect_equal "$(prompt_count)" 1 "the agent asked for the PIN, once"
keystay lock >/dev/null
shows_error 1.3 "the person said no: an error page"
expect_equal "$(prompt_count)" 2 "the agent asked for that too, once"

agent_stop
stays_out "$refused" "the agent is gone: it does not sign in"
mv "$T/tokens" "$T/tokens.away"
mkdir "$T/tokens"
agent_start
stays_out "$refused" "the agent is back, the token is not: it does not sign in"
agent_stop
rmdir "$T/tokens"
mv "$T/tokens.away" "$T/tokens"
agent_start
unlock corp >/dev/null
wait_until "the token's return" finds_token
signs_in 1.3 p256
browser_quit "$kind"
ok "it ends as it should"

agent_stop
browser_start "$kind" "$folder"
stays_out "without an agent it starts, and sends no certificate"
agent_start
unlock corp >/dev/null
if [ "$kind" = firefox ]; then
	wait_until "the token that came later" finds_token
	ok "a token that came later is found"
fi
browser_quit "$kind"
browser_start "$kind" "$folder"
signs_in 1.3 p256
browser_quit "$kind"

# The command of docs/howto.
if [ "$kind" = chromium ]; then
	run timeout "$DEADLINE_S" env TMPDIR="$T/tmp" chromium --headless --no-sandbox --disable-breakpad --disable-gpu \
		--user-data-dir="$folder" --dump-dom "https://localhost:${ports[0]}/page"
	expect_status 0 "chromium --dump-dom"
	expect_out '<h1>CN=p256,O=Example</h1>' "chromium --dump-dom prints the name"
else
	before=$(signatures_of corp)
	run timeout "$DEADLINE_S" env TMPDIR="$T/tmp" MOZ_CRASHREPORTER_DISABLE=1 firefox-esr --headless --no-remote \
		--profile "$folder" --screenshot "$T/page.png" "https://localhost:${ports[0]}/page"
	expect_status 0 "firefox --screenshot"
	[ -s "$T/page.png" ] || fail "firefox --screenshot made no picture"
	[ "$(signatures_of corp)" -gt "$before" ] || fail "firefox --screenshot did not sign in"
	ok "firefox --screenshot makes a picture of the page"
fi
