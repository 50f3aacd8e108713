# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # names are for the stories, T is of lib.sh
#
# rig_browser: browsers without a screen, with keystay-pkcs11.so in their NSS database, in a network that ends at the
# loopback interface: nothing of what a browser sends home of itself leaves. Sourced after lib.sh and rig_module.sh.

# browser_alone ARGUMENT...: call it first of all, with "$@". Starts the story again in a network and a mount namespace
# of its own; /etc/chromium is an empty folder there. Not in a user namespace: / belongs to nobody in one, and the
# agent takes no configuration below such a folder.
browser_alone() {
	if [ "${BROWSER_ALONE:-}" = yes ]; then
		ip link set lo up
		[ ! -d /etc/chromium ] || mount -t tmpfs -o mode=755 keystay /etc/chromium
		return 0
	fi
	need_root "a network of its own"
	unshare --net --mount true 2>/dev/null || skip "no network namespace of its own can be had"
	BROWSER_ALONE=yes exec unshare --net --mount -- "$BASH" "$0" "$@"
}

# browser_database FOLDER: an NSS database without a password that knows our module and trusts our root.
browser_database() {
	mkdir -p "$1"
	{
		certutil -N -d "sql:$1" --empty-password &&
			certutil -A -d "sql:$1" -n root -t CT,, -i "$T/ca/root.pem" &&
			modutil -force -dbdir "sql:$1" -add keystay -libfile "$MODULE_FILE"
	} </dev/null >"$T/nss.out" 2>&1 || fail "the NSS database could not be made: $(cat "$T/nss.out")"
}

# browser_start KIND FOLDER [NAME=VALUE...]: firefox with that profile, or chromium; with these in its environment.
browser_start() {
	local answer
	rm -f "$T/browser.in" "$T/browser.out"
	mkfifo "$T/browser.in" "$T/browser.out"
	mkdir -p "$T/tmp"
	env TMPDIR="$T/tmp" MOZ_CRASHREPORTER_DISABLE=1 "${@:3}" "$PYTHON" "$RIG_FOLDER/browser_drive.py" "$1" "$2" \
		<"$T/browser.in" >"$T/browser.out" 2>>"$T/$1.log" &
	browser_pid=$!
	process_started "$browser_pid"
	exec {browser_in}>"$T/browser.in" {browser_out}<"$T/browser.out"
	browser_answer answer
	[ "$answer" = ready ] || fail "$1 does not start: $answer"
}

# browser_answer NAME: its next line. No browser here can show a dialog of its own to anybody: one that does is mute.
browser_answer() {
	IFS= read -r -t $((DEADLINE_S * 2)) -u "$browser_out" "$1" || fail "the browser does not answer"
}

# browser_open PORT: $page is what it shows of /page then: "page TEXT" or "error TEXT".
browser_open() {
	echo "open https://localhost:$1/page" >&"$browser_in"
	browser_answer page
}

# browser_quit KIND: and it ends as it should.
browser_quit() {
	local answer
	echo quit >&"$browser_in"
	browser_answer answer
	exec {browser_in}>&- {browser_out}<&-
	wait "$browser_pid" || fail "$1 does not end as it should: $answer"
	[ "$answer" = "ended 0" ] || fail "$1 does not end as it should: $answer"
}

# browser_trust_only NAME: the one certificate that a browser can find; the agent knows of it.
browser_trust_only() {
	rm -f "$T"/certs/client-*.pem
	cp "$T/issued/$1.pem" "$T/certs/client-$1.pem"
	keystay reload >/dev/null
}
