#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A token with 500 keys and 500 certificates: listed in pages, each once, with unique names and URIs, by our client and
# by one that was written from the document alone; and the 250th signs.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
token_make corp
"$PYTHON" "$RIG_FOLDER/many_keys.py" "$SOFTHSM" corp "$PIN" 500 "$T/ca" 2>"$T/many.log" ||
	fail "$(tail -n 3 "$T/many.log")"
server_start_nginx nginx
agent_start
unlock corp >/dev/null

run keystay list --json
expect_status 0 "keystay list --json"
expect_equal "$("$PYTHON" -c '
import json, sys
keys = json.load(open(sys.argv[1]))
assert all(key["certificates"] >= 1 for key in keys), "a key without certificate"
print(len(keys), len({key["name"] for key in keys}), len({key["uri"] for key in keys}))' "$T/out")" "500 500 500" \
	"keystay lists 500 keys with their certificates, 500 names and 500 URIs"
expect_equal "$("$PYTHON" -c '
import sys; sys.path.insert(0, sys.argv[1])
import wire
found, pages = wire.identities(wire.Connection())
print(len(found), len({one["spki_hash"] for one in found}), len(pages), max(pages))' "$RIG_FOLDER")" "500 500 8 64" \
	"in 8 pages of at most 64"

keystay cert user-250 -o "$T/user.pem"
run fetch "$port" "$T/user.pem"
expect_status 0 "key 250 of 500 signs"
expect_out "client=CN=user-250" "key 250 of 500 signs"
