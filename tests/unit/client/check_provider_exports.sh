#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What keystay.so shows to the programs that load it, and needs from them: one symbol, one library, nothing of OpenSSL.
#
#	check_provider_exports.sh keystay.so
set -eu
export LC_ALL=C
module=$1
failed=0

expect() { # what, expected, found
	if [ "$2" != "$3" ]; then
		printf '%s of %s\n  expected: %s\n  found:    %s\n' "$1" "$module" "$2" "$3" >&2
		failed=1
	fi
}

exported=$(nm -D --defined-only "$module" | awk '{ print $NF }' | sort | tr '\n' ' ')
expect "exported symbols" "OSSL_provider_init " "$exported"

needed=$(readelf -d "$module" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v '^ld-linux' | sort | tr '\n' ' ')
expect "needed libraries" "libc.so.6 " "$needed"

# Whatever is undefined and strong must come from libc: it carries a GLIBC version.
foreign=$(nm -D --undefined-only "$module" | awk '$1 == "U" && $2 !~ /@GLIBC_/ { print $2 }' | sort | tr '\n' ' ')
expect "symbols from elsewhere" "" "$foreign"

text_relocations=$(readelf -d "$module" | grep -c TEXTREL || true)
expect "text relocations" 0 "$text_relocations"
readelf -lW "$module" | grep -q 'GNU_STACK.*RW ' || expect "stack" "not executable" "executable"
exit $failed
