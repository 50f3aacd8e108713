#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_imports.sh NM PROTOCOL BASE: lib/protocol lives inside other people's programs. What its objects ask for is
# either theirs, lib/base's, or one of these few of libc. No file, no socket, no environment, no locale, no clock.
set -eu
nm=$1 protocol=$2 base=$3
allowed='memchr|memcmp|memcpy|memset|memmove|bcmp|strlen|malloc|calloc|free'
# What compilers, hardening and sanitizers add.
added='__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__mem(cpy|set|move)_chk|__asan_.*|__ubsan_.*|__tsan_.*|__sanitizer_.*|__gcov_.*|__llvm_.*|__sancov_.*'

own=$("$nm" --defined-only --extern-only "$protocol" "$base" | awk 'NF == 3 { print $3 }')
[ -n "$own" ] || { echo "no symbols found in $protocol and $base" >&2; exit 1; }
strange=$("$nm" --undefined-only "$protocol" | awk '$1 == "U" { print $2 }' | sort -u |
	grep -vxF -e "$own" | grep -vxE -e "$allowed|$added" || true)
if [ -n "$strange" ]; then
	printf '%s asks for more than libc memory functions:\n%s\n' "$protocol" "$strange" >&2
	exit 1
fi
