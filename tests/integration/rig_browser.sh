# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # names are for the stories, T is of lib.sh
#
# rig_browser: browsers without a screen, with keystay-pkcs11.so in their NSS database, in a network that ends at the
# loopback interface: nothing of what a browser sends home of itself leaves. Sourced after lib.sh and rig_module.sh.

# browser_alone SCRIPT [ARGUMENT]: call it first of all, with "$0" "$@". Starts the story again in namespaces of its own;
# without root as the root of a user namespace. /etc/chromium is an empty folder in them.
browser_alone() {
	local as=()
	if [ "${2:-}" = alone ]; then
		ip link set lo up
		[ ! -d /etc/chromium ] || mount -t tmpfs -o mode=755 keystay /etc/chromium
		return 0
	fi
	[ "$(id -u)" -eq 0 ] || as=(--user --map-root-user)
	unshare "${as[@]}" --net --mount true 2>/dev/null || skip "no network namespace of its own can be had"
	exec unshare "${as[@]}" --net --mount -- "$BASH" "$1" alone
}

# browser_database FOLDER: an NSS database without a password that knows our module and trusts our root.
browser_database() {
	mkdir -p "$1"
	certutil -N -d "sql:$1" --empty-password </dev/null >"$T/nss.out" 2>&1 &&
		certutil -A -d "sql:$1" -n root -t CT,, -i "$T/ca/root.pem" </dev/null >>"$T/nss.out" 2>&1 &&
		modutil -force -dbdir "sql:$1" -add keystay -libfile "$MODULE_FILE" </dev/null >>"$T/nss.out" 2>&1 ||
		fail "the NSS database could not be made: $(cat "$T/nss.out")"
}
