#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# OpenSC's own cache of PINs is off in keystay-token, whatever the user's or the distribution's opensc.conf says, and
# nothing else of it is changed: after a login and a signature the PIN is nowhere in the worker's memory, and a card that
# was reset by another program is not given it again. The same OpenSC in another program, with the configuration as it
# was, does keep the PIN: so the scan would find it.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_root "reading the memory of an undumpable process"
[ ! -e "$BUILD/CMakeCache.txt" ] || grep -q '^KEYSTAY_SANITIZE:STRING=$' "$BUILD/CMakeCache.txt" ||
	skip "a sanitizer's own memory, terabytes of it, cannot be searched"
rig_begin
# Eight digits, as many as PIV allows, that nothing else in memory has.
PIN=$(printf '%08d' $((SRANDOM % 100000000)))
ca_make
card_begin
card_make alice 9a=p256
card_insert alice
server_start_nginx nginx
# The sandbox of known modules would not let OpenSC write its log where the user's file below says.
card_configure "sandbox = calls"

scan() {
	"$PYTHON" "$RIG_FOLDER/find_in_memory.py" "$1" <<<"$PIN"
}

# The user's own file: a cache that is on, and something else that can be seen to be obeyed.
cat >"$T/mine.conf" <<-CONF
	app default {
		debug = 3;
		debug_file = "$T/opensc-debug.txt";
		framework pkcs15 {
			use_pin_caching = true;
		}
	}
CONF

# elsewhere: another program with OpenSC logs in and waits; what of the PIN is in its memory, and what the distribution
# or the user has said about the cache. $1: OPENSC_CONF, or nothing.
elsewhere() {
	local found conf=${1:-}
	process_start_until elsewhere '^logged in$' env ${conf:+"OPENSC_CONF=$conf"} "$PYTHON" -I "$RIG_FOLDER/opensc_login.py" \
		"$OPENSC" "$T/pin" || fail "another program could not log in: $(cat "$T/elsewhere.log")"
	found=$(scan "$started")
	process_stop "$started"
	[ "${found##* }" -gt 0 ] || fail "another program does not keep the PIN either, so that proves nothing"
	ok "another program with the same OpenSC keeps the PIN in its memory, OPENSC_CONF=${conf##*/}"
}

printf '%s' "$PIN" >"$T/pin"
elsewhere
elsewhere "$T/mine.conf"
rm -f "$T/opensc-debug.txt"

for conf in "" "$T/mine.conf" "$T/nowhere.conf"; do
	whose="${conf:+with OPENSC_CONF=${conf##*/}}"
	whose=${whose:-without a file of the user}
	unset OPENSC_CONF
	[ -z "$conf" ] || export OPENSC_CONF=$conf
	agent_start
	before=$(card_verifies)
	unlock alice >/dev/null
	keystay cert alice-9a -o "$T/alice.pem"
	run fetch "$port" "$T/alice.pem"
	expect_status 0 "a signature $whose"
	expect_equal "$(scan "$(module_pid opensc)")" "arena 0 outside 0" "$whose: the PIN is nowhere in the worker's memory"
	card_ctl reset
	run fetch "$port" "$T/alice.pem"
	expect_equal "$(card_verifies)" $((before + 1)) "$whose: a card that was reset is not given the PIN again"
	agent_stop
done

grep -q 'use_pin_cache=0' "$T/opensc-debug.txt" || fail "OpenSC does not say that its cache is off"
ok "OpenSC itself says, in the file that the user wanted its log in, that its cache is off"
