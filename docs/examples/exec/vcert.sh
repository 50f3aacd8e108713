#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# For `protocol = exec` of keystay.conf: has vcert bring the request on standard input to Venafi Trust Protection Platform
# (CyberArk, Palo Alto) and prints the chain. What it is given goes to vcert: where, and into which folder.
#
#	command = /usr/local/lib/keystay/vcert.sh -u https://tpp.corp.example -z DevOps\Users
#
# The token (scope certificate:manage) stands in ~/.config/keystay-vcert/token, which only its owner may read; vcert gets it
# in its environment. A certificate that takes longer than vcert waits is picked up the next time (exit code 75).
# Documented only: written from vcert's README-CLI-PLATFORM.md, seen with no Venafi server.

set -eu
umask 077
home=${HOME:?}/.config/keystay-vcert
mkdir -p "$home"
VCERT_TOKEN=$(cat "$home/token")
export VCERT_TOKEN
id=$home/$(printf '%s' "${KEYSTAY_KEY:?}" | sha256sum | cut -c1-32)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
cat >"$folder/request.pem"
set -- --no-prompt --timeout 60 --cert-file "$folder/leaf.pem" --chain-file "$folder/chain.pem" --pickup-id-file "$id" "$@"
if [ -s "$id" ]; then
	vcert pickup "$@" >&2 || exit 75
else
	vcert enroll --csr "file:$folder/request.pem" "$@" >&2 || {
		[ ! -s "$id" ] || exit 75
		exit 1
	}
fi
rm -f "$id"
cat "$folder/leaf.pem" "$folder/chain.pem"
