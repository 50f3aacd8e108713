#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# nginx reads its client certificate at start: `keystay cert --keep-fresh` writes the file again at each renewal, with
# its mode and owner, and deploy-hook has nginx read it. A hook that fails is said, and the certificate stays.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_enrol.sh
. "$RIG_FOLDER/rig_enrol.sh"
cat >"$T/reload.sh" <<-HOOK
	#!/bin/bash
	cd '$T' || exit 1
	env >hook.env
	[ ! -e hook-fails ] || { echo 'nginx is not at home' >&2; exit 3; }
	[ ! -e hook-hangs ] || exec sleep 600
	[ ! -s proxy.pid ] || kill -HUP "\$(<proxy.pid)"
HOOK
chmod 700 "$T/reload.sh"
enrol_begin "deploy-hook = $T/reload.sh"
run keystay enroll alice
expect_status 0 "a first certificate"
run keystay cert alice -o "$T/alice.pem" --keep-fresh
expect_status 0 "a file that is kept fresh"
cmp "$T/alice.pem" <(keystay cert alice) || fail "the file is not what keystay cert writes"
chmod 640 "$T/alice.pem"
run keystay cert alice --no-key -o "$T/chain file.pem" --keep-fresh
expect_status 0 "certificates alone, with a space in the name"
keystay cert alice -o "$T/once.pem"
run keystay cert alice --keep-fresh
expect_status 2 "without a file"
expect_err '--keep-fresh is for a file' "it says what is missing"

# A proxy whose nginx reads the certificate at start, in front of a server that wants it.
server_start_nginx server "add_header X-Serial \$ssl_client_serial always;"
behind=$port
port=$(port_free)
mkdir -p "$T/proxy"
cat >"$T/proxy.conf" <<-CONF
	daemon off;
	$([ "$(id -u)" -ne 0 ] || echo 'user root;')
	worker_processes 1;
	pid "$T/proxy.pid";
	error_log stderr notice;
	env XDG_RUNTIME_DIR;
	env OPENSSL_CONF;
	env OPENSSL_MODULES;
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
				proxy_pass https://localhost:$behind;
				proxy_ssl_certificate "$T/alice.pem";
				proxy_ssl_certificate_key "$T/alice.pem";
				proxy_ssl_trusted_certificate "$T/ca/root.pem";
				proxy_ssl_verify on;
				proxy_ssl_session_reuse off;
			}
		}
	}
CONF
# Not by `client`, whose shell would be what ends at the end.
env "${RIG_PRELOAD[@]}" "$KEYSTAY" run -- nginx -p "$T/proxy/" -c "$T/proxy.conf" -e stderr >"$T/proxy.log" 2>&1 &
process_started $!
port_wait "$port" $!

# seen: the serial number of the client certificate that the server behind the proxy sees.
seen() {
	curl -q --silent --max-time "$DEADLINE_S" --output /dev/null --dump-header - "http://127.0.0.1:$port/" |
		tr -d '\r' | sed -n 's/^X-Serial: /serial=/p'
}
expect_equal "$(seen)" "$(serial_of)" "the proxy signs in with the first certificate"
run keystay renew alice --force
expect_status 0 "a renewal"
sees_new() {
	[ "$(seen)" = "$(serial_of)" ]
}
wait_until "that the proxy signs in with the new certificate" sees_new
ok "after the hook the proxy signs in with the new one"
cmp "$T/alice.pem" <(keystay cert alice) || fail "the file is old"
cmp "$T/chain file.pem" <(keystay cert alice --no-key) || fail "the chain is old"
! cmp -s "$T/once.pem" "$T/alice.pem" || fail "a file that was not to be kept fresh was written"
expect_equal "$(stat -c %a "$T/alice.pem")" 640 "it has the mode that somebody gave it"
grep -qxF 'KEYSTAY_KEY=alice' "$T/hook.env" || fail "the hook does not know the key"
grep -qxF "KEYSTAY_CERTIFICATE=$STATE/certs/$(files_of_certs)" "$T/hook.env" || fail "the hook does not know the file"
! grep -q KEYSTAY_PROMPT "$T/hook.env" || fail "the hook has our environment"
ok "the hook knows key and file, and little else"

# --- hooks that go wrong ---------------------------------------------------------------------------------------------

touch "$T/hook-fails"
before=$(serial_of)
run keystay renew alice --force
expect_status 1 "a hook that fails is a failure"
expect_err 'the new certificate is installed, but deploy-hook failed with exit code 3: nginx is not at home' \
	"it says so"
[ "$(serial_of)" != "$before" ] || fail "the certificate did not stay"
cmp "$T/alice.pem" <(keystay cert alice) || fail "the file is old"
ok "and the new certificate stays"
rm "$T/hook-fails"

# --- files that go ---------------------------------------------------------------------------------------------------

rm "$T/chain file.pem"
run keystay renew alice --force
expect_status 0 "a file that was removed is no failure"
expect_err "$T/chain file.pem is not there and is kept fresh no longer; to have it again: keystay cert alice" \
	"it is said"
[ ! -e "$T/chain file.pem" ] || fail "it was written again"
! grep -q 'chain file' "$STATE/enrol/keep-fresh.json" || fail "it is still kept"
ok "a file that somebody removed is kept no longer"
run keystay renew alice --force
expect_status 0 "the next renewal"
! grep -q 'is not there' "$T/err" || fail "it is said twice"
ok "and that is said once"

# --- a card in somebody's pocket -------------------------------------------------------------------------------------

agent_stop
mv "$T/tokens" "$T/pocket"
mkdir "$T/tokens"
agent_start
run keystay renew --all
expect_status 0 "a file whose key is not here is no failure of the timer"
grep -q 'alice.pem' "$STATE/enrol/keep-fresh.json" || fail "it is kept no longer"
ok "and it is kept"
expect_equal "$(enrolled "keys['alice']['state']")" absent "the key is looked after still"
