#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The units as systemd reads them: not one warning. An unknown key is only a warning to systemd-analyze, so anything
# on standard error fails. usage: units.sh FOLDER-WITH-UNITS

set -euo pipefail
command -v systemd-analyze >/dev/null || {
	echo 'SKIP: systemd-analyze is not installed'
	exit 77
}
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
chmod 700 "$folder"
export XDG_RUNTIME_DIR=$folder HOME=$folder

check() {
	systemd-analyze verify --user --man=no "$1/keystay-agent.socket" "$1/keystay-agent.service" 2>&1
}

cp "$1"/keystay-agent.* "$folder"
warnings=$(check "$folder") || {
	printf '%s\n' "$warnings" >&2
	exit 1
}
[ -z "$warnings" ] || {
	printf 'systemd warns:\n%s\n' "$warnings" >&2
	exit 1
}
echo 'ok: systemd reads both units without a warning'

sed -i 's/^SocketMode=/SocketMood=/' "$folder/keystay-agent.socket"
[ -n "$(check "$folder")" ] || {
	echo 'a planted mistake was not noticed' >&2
	exit 1
}
echo 'ok: a planted mistake is noticed'
