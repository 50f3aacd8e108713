#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A module that goes wrong in any of 14 functions in any of 9 ways (or in those that are named as arguments): no wrong
# signature is released, no PIN is given a second time, every client is answered, the other token signs within 1 s all
# the while, and the same token within 2 s after the fault has ended. fault_matrix.py has the rules.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
"$PYTHON" -c 'import cryptography' 2>/dev/null || skip "there is no python3-cryptography"
ca_make
for token in corp other; do
	name=alice
	[ $token = corp ] || name=bob
	token_make $token
	key_make $token p256 $name 01
	certificate_make $name
	mv "$T/tokens" "$T/tokens.$token"
done
printf '%s\n' "$BUILD" >"$T/build"
[ $# -gt 0 ] || set -- crash exit hang garbage wrong DEVICE_ERROR SESSION_HANDLE_INVALID USER_NOT_LOGGED_IN HOST_MEMORY
"$PYTHON" "$RIG_FOLDER/fault_matrix.py" "$T" "$@"
