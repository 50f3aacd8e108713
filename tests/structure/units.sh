#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The units as systemd reads them, the user's and the machine's: not one warning. An unknown key is only a warning to
# systemd-analyze, so anything on standard error fails. What the machine's service is left with is bounded by systemd's own
# figure (0 nothing, 10 everything). usage: units.sh FOLDER-WITH-UNITS

set -euo pipefail
command -v systemd-analyze >/dev/null || {
	echo 'SKIP: systemd-analyze is not installed'
	exit 77
}
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
chmod 700 "$folder"
export XDG_RUNTIME_DIR=$folder HOME=$folder

# In tenths. 1.3 as shipped: the network is closed by address and not by namespace, since udev's news come over netlink.
EXPOSURE_MAX=15

# check FOLDER WHOSE
check() {
	local user=()
	[ "$2" = machine ] || user=(--user)
	systemd-analyze verify "${user[@]}" --man=no "$1"/keystay-*.socket "$1"/keystay-*.service "$1"/keystay-*.timer 2>&1
}

# exposure FILE: 0 when it is not above the bound.
exposure() {
	systemd-analyze security --no-pager --offline=yes --threshold=$EXPOSURE_MAX "$1" >"$folder/exposure"
}

mkdir "$folder/user" "$folder/machine"
cp "$1"/keystay-*.* "$folder/user"
cp "$1"/system/keystay-*.* "$folder/machine"
for whose in user machine; do
	warnings=$(check "$folder/$whose" $whose) || {
		printf '%s\n' "$warnings" >&2
		exit 1
	}
	[ -z "$warnings" ] || {
		printf 'systemd warns:\n%s\n' "$warnings" >&2
		exit 1
	}
	echo "ok: systemd reads the units of the $whose without a warning"

	sed -i 's/^SocketMode=/SocketMood=/' "$folder/$whose/keystay-agent.socket"
	[ -n "$(check "$folder/$whose" $whose)" ] || {
		echo 'a planted mistake was not noticed' >&2
		exit 1
	}
	echo 'ok: a planted mistake is noticed'
done

service=$folder/machine/keystay-agent.service
exposure "$service" || {
	cat "$folder/exposure" >&2
	exit 1
}
echo "ok: $(tail -n 1 "$folder/exposure")"
sed -i '/^CapabilityBoundingSet=/d; /^SystemCallFilter=/d' "$service"
if exposure "$service"; then
	echo 'a service with capabilities and all system calls was not noticed' >&2
	exit 1
fi
echo 'ok: a service with capabilities and all system calls is noticed'
