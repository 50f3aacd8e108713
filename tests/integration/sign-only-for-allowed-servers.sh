#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# An unmodified curl, over TLS 1.3 and TLS 1.2, with a key that is for good.corp.example alone: it signs in there, and
# not at other.corp.example, whose certificate is just as good; curl prints why.
# keystay run loads the tap by itself; over TLS 1.3 a curl without it is told what is missing.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_bound.sh
. "$RIG_FOLDER/rig_bound.sh"
bound_begin

# page HOST CURL-OPTION...: as that host.
page() {
	local host=$1
	shift
	run client curl -q --silent --show-error --max-time "$DEADLINE_S" --cacert "$T/ca/root.pem" --cert "$T/alice.pem" \
		--resolve "$host:$port:127.0.0.1" "$@" "https://$host:$port/"
}

for version in 1.3 1.2; do
	page good.corp.example "--tlsv$version" --tls-max $version
	bound_allowed $version "curl signs in at the allowed server over TLS $version"
	page GOOD.corp.example "--tlsv$version" --tls-max $version
	bound_allowed $version "curl signs in at the allowed server in capitals over TLS $version"
	page other.corp.example "--tlsv$version" --tls-max $version
	bound_refused "curl does not sign in at another server over TLS $version"
	expect_err 'other.corp.example' "curl says which server it was over TLS $version"
	expect_err 'alice' "and which key"
done

# A ClientHello without SNI names nobody.
run client curl -q --silent --insecure --max-time "$DEADLINE_S" --cert "$T/alice.pem" "https://127.0.0.1:$port/"
bound_refused "curl does not sign in at an address"

# Without the tap: TLS 1.2 is as before, TLS 1.3 cannot be proven.
page_without_tap() {
	run env "${RIG_PRELOAD[@]}" "$KEYSTAY" run --no-tap -- curl -q --silent --show-error --max-time "$DEADLINE_S" \
		--cacert "$T/ca/root.pem" --cert "$T/alice.pem" --resolve "good.corp.example:$port:127.0.0.1" "$@" \
		"https://good.corp.example:$port/"
}
page_without_tap --tlsv1.3
bound_refused "a curl without the tap does not sign in over TLS 1.3"
expect_err 'handed over no TLS 1.3 handshake' "curl says that the handshake is missing"
page_without_tap --tls-max 1.2
bound_allowed 1.2 "a curl without the tap signs in over TLS 1.2"
