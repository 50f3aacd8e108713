#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A PIN goes to the token that it was asked for or nowhere (invariant I6): also where tokens have no serial number, and
# another one is in the reader by the time that the person has typed.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token
export KEYSTAY_SHIM_SCRIPT=$T/shim.script KEYSTAY_SHIM_COUNTS=$T/shim.counts
: >"$KEYSTAY_SHIM_COUNTS"
printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" >"$T/keystay.conf"

# reader_has LABEL: what is in it from now on; a token without a serial number.
reader_has() {
	printf '%s\n' 'token-info serial none' "token-info label $1" >"$KEYSTAY_SHIM_SCRIPT.new"
	mv "$KEYSTAY_SHIM_SCRIPT.new" "$KEYSTAY_SHIM_SCRIPT"
}

logins() {
	grep -c '^C_Login\|^C_SetPIN' "$KEYSTAY_SHIM_COUNTS" || true
}

reader_has corp
agent_start
run keystay token list
expect_out 'corp' "a token without a serial number"

# Types a PIN at each question; before the first one another card comes.
cat >"$T/type.py" <<-'TYPE'
	import os, pty, sys

	swap, *command = sys.argv[1:]
	pins = os.environ["PINS"].split()
	pid, terminal = pty.fork()
	if pid == 0:
	    os.execvp(command[0], command)
	said = b""
	try:
	    while data := os.read(terminal, 4096):
	        said += data
	        if said.endswith(b": ") and pins:
	            if swap:
	                os.rename(swap, os.environ["KEYSTAY_SHIM_SCRIPT"])
	            swap = ""
	            os.write(terminal, pins.pop(0).encode() + b"\n")
	except OSError:
	    pass
	print(said.decode())
	sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
TYPE
printf '%s\n' 'token-info serial none' 'token-info label another' >"$T/another"
run env KEYSTAY_PROMPT=never PINS="$PIN 271828 271828" timeout "$DEADLINE_S" "$PYTHON" "$T/type.py" "$T/another" \
	"$KEYSTAY" token pin change corp
expect_fail "another token is in the reader by the time that the PIN is typed"
expect_equal "$(logins)" 0 "it was given no PIN"
