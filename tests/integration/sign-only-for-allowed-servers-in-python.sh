#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Python's ssl, urllib and requests, over TLS 1.3 and TLS 1.2, with a key that is for good.corp.example alone: they sign
# in there, and not at other.corp.example, whose certificate is just as good. Python shows of OpenSSL's errors the last
# alone; the agent's log has the sentence.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_bound.sh
. "$RIG_FOLDER/rig_bound.sh"
bound_begin

cat >"$T/client.py" <<'PY'
import http.client, socket, ssl, sys, urllib.request
how, host, port, ca, pem, version = sys.argv[1:]
look_up = socket.getaddrinfo  # every name is this machine, as an entry in /etc/hosts would make it
socket.getaddrinfo = lambda _, *more, **named: look_up("127.0.0.1", *more, **named)
if how == "requests":
    import requests
    print(requests.get(f"https://{host}:{port}/", cert=(pem, pem), verify=ca).text)
    sys.exit()
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(pem)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version.replace(".", "_")]
if how == "urllib":
    print(urllib.request.urlopen(f"https://{host}:{port}/", context=context).read().decode())
else:
    connection = http.client.HTTPSConnection(host, int(port), context=context)
    connection.request("GET", "/")
    print(connection.getresponse().read().decode())
PY

# page HOW HOST VERSION
page() {
	run client "$PYTHON" "$T/client.py" "$1" "$2" "$port" "$T/ca/root.pem" "$T/alice.pem" "TLSv$3"
}

for version in 1.3 1.2; do
	for how in ssl urllib requests; do
		# requests has no argument for the version; it takes the newest.
		[ "$how $version" != "requests 1.2" ] || continue
		if [ $how = requests ] && ! "$PYTHON" -c 'import requests' 2>/dev/null; then
			skip_part "python's requests is not installed"
			continue
		fi
		page $how good.corp.example $version
		bound_allowed $version "python's $how signs in at the allowed server over TLS $version"
		page $how other.corp.example $version
		bound_refused "python's $how does not sign in at another server over TLS $version"
		expect_err SSLError "python's $how raises SSLError over TLS $version"
		tail -n 1 "$T/agent.log" | grep -qF other.corp.example || fail "the agent does not name the server in its log"
		ok "python's $how: the agent's log says: $(tail -n 1 "$T/agent.log")"
	done
done
