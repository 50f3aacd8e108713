#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `keystay token remove` takes a key from the token that the person was asked about or from none: also where another
# token with the same key is in the reader by the time that they say yes.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token
export KEYSTAY_SHIM_SCRIPT=$T/shim.script KEYSTAY_SHIM_COUNTS=$T/shim.counts
: >"$KEYSTAY_SHIM_SCRIPT"
: >"$KEYSTAY_SHIM_COUNTS"
printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" >"$T/keystay.conf"
agent_start
unlock corp >/dev/null

# Says yes; before that another card comes, is noticed and unlocked.
cat >"$T/say.py" <<-'SAY'
	import os, pty, subprocess, sys

	swap, *command = sys.argv[1:]
	pid, terminal = pty.fork()
	if pid == 0:
	    os.execvp(command[0], command)
	said = b""
	try:
	    while data := os.read(terminal, 4096):
	        said += data
	        if said.endswith(b"[y/N] "):
	            subprocess.run(["bash", "-c", swap], check=True)
	            os.write(terminal, b"y\n")
	except OSError:
	    pass
	print(said.decode())
	sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
SAY
printf '%s\n' 'token-info serial 4711' 'token-info label spare' >"$T/spare"
export KEYSTAY PIN T
run env KEYSTAY_PROMPT=never timeout "$DEADLINE_S" "$PYTHON" "$T/say.py" \
	"mv '$T/spare' '$KEYSTAY_SHIM_SCRIPT'; ${KEYSTAY@Q} reload && ${KEYSTAY@Q} unlock --pin-fd 3 spare 3<<<'$PIN'" \
	"$KEYSTAY" token remove alice
expect_fail "another token is in the reader by the time that the person says yes"
expect_out 'will be removed from token "corp"' "the question was about the first one"
expect_out 'nothing was removed' "it says that nothing was done"
expect_equal "$(grep -c '^C_DestroyObject' "$KEYSTAY_SHIM_COUNTS" || true)" 0 "nothing was destroyed"
