#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# For `protocol = exec` of keystay.conf: has certbot bring the request on standard input to an ACME CA, and prints the
# chain. What it is given goes to certbot: the server, the account's address, how names are proven.
#
#	command = /usr/local/lib/keystay/certbot.sh --server https://acme.corp.example/directory --email ops@corp.example
#		--standalone
#
# certbot keeps its account and its logs below ~/.config/keystay-certbot. It says by itself that certificates of --csr
# "will not be renewed automatically": that is keystay's work here.
# Shown by story/enroll-with-certbot of keystay (certbot 2.1.0, pebble 2.4.0).

set -eu
home=${HOME:?}/.config/keystay-certbot
mkdir -p "$home"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
cat >"$folder/request.pem"
certbot certonly --non-interactive --agree-tos --config-dir "$home" --work-dir "$home/work" --logs-dir "$home/logs" \
	--csr "$folder/request.pem" --cert-path "$folder/leaf.pem" --chain-path "$folder/chain.pem" \
	--fullchain-path "$folder/fullchain.pem" "$@" >&2
cat "$folder/fullchain.pem"
