#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What the built programs and plug-ins are made of: the agent neither links PKCS#11 nor can load anything, plug-ins
# export what their host calls and need the C library only, everything is hardened. Each rule is also tried on something
# that breaks it.
#
# usage: binaries.sh BUILD-FOLDER C-COMPILER SANITIZERS

# shellcheck disable=SC2317 # rules are called by their names
set -euo pipefail
build=$1 compiler=$2 sanitizers=${3:-}
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
failed=0

needed() {
	readelf --dynamic --wide "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}
imports() {
	nm --dynamic --undefined-only "$1" | awk '{print $NF}' | sed 's/@.*//'
}
exports() {
	nm --dynamic --defined-only "$1" | awk '$2 != "A" {print $NF}' | sed 's/@.*//' | sort
}

# --- rules: each prints what is wrong, and nothing when all is well ---

links_no_pkcs11() {
	needed "$1" | grep -E 'p11|pkcs11|softhsm|opensc' || true
}
loads_nothing() {
	imports "$1" | grep -E '^(dlopen|dlmopen|__libc_dlopen_mode)$' || true
}
needs_libc_only() {
	needed "$1" | grep -vE '^(libc\.so|ld-linux|lib(a|ub|t)san\.so)' || true
}
stays_in_memory() {
	readelf --dynamic --wide "$1" | grep 'FLAGS_1.*NODELETE' >/dev/null || echo "can go while a thread has its memory"
}
is_hardened() {
	local header dynamic
	header=$(readelf --file-header --program-headers --wide "$1")
	dynamic=$(readelf --dynamic --wide "$1")
	grep -q 'Type: *DYN' <<<"$header" || echo "is not position-independent"
	grep -q 'GNU_RELRO' <<<"$header" || echo "has no RELRO"
	grep -qE 'BIND_NOW|FLAGS.* NOW' <<<"$dynamic" || echo "does not bind at start"
	grep -q 'GNU_STACK.* RW ' <<<"$header" || echo "has no stack that is not executable"
	! grep -qE '\((RPATH|RUNPATH)\)' <<<"$dynamic" || echo "has a run path"
}
is_a_program() {
	readelf --dynamic --wide "$1" | grep 'Flags:.*PIE' >/dev/null || echo "is not a position-independent program"
}
has_stack_protector() {
	imports "$1" | grep '^__stack_chk_fail$' >/dev/null || echo "has no stack protector"
}

# holds RULE FILE SENTENCE; breaks RULE FILE SENTENCE
holds() {
	local wrong
	wrong=$("$1" "$2")
	if [ -n "$wrong" ]; then
		echo "FAILED: $3: ${2##*/}: $wrong"
		failed=1
	else
		echo "ok: $3"
	fi
}
breaks() {
	if [ -z "$("$1" "$2")" ]; then
		echo "FAILED: the rule $1 does not see that ${2##*/} breaks it"
		failed=1
	else
		echo "ok: the rule $1 sees a file that breaks it"
	fi
}
# exports_exactly FILE NAME...
exports_exactly() {
	local file=$1 got
	shift
	got=$(exports "$file" | tr '\n' ' ')
	if [ "$got" != "$(printf '%s\n' "$@" | sort | tr '\n' ' ')" ]; then
		echo "FAILED: ${file##*/} exports: $got"
		failed=1
	else
		echo "ok: ${file##*/} exports $* and nothing else"
	fi
}

agent=$build/bin/keystay-agent
holds links_no_pkcs11 "$agent" "keystay-agent links no PKCS#11 library"
holds loads_nothing "$agent" "keystay-agent imports no dlopen"
breaks links_no_pkcs11 "$build/bin/keystay-token"
holds links_no_pkcs11 "$build/bin/keystay-prompt" "keystay-prompt links no PKCS#11 library"
holds loads_nothing "$build/bin/keystay-prompt" "keystay-prompt imports no dlopen"
holds links_no_pkcs11 "$build/bin/keystay-prove" "keystay-prove links no PKCS#11 library"
holds loads_nothing "$build/bin/keystay-prove" "keystay-prove imports no dlopen"
holds links_no_pkcs11 "$build/bin/keystay-audit" "keystay-audit links no PKCS#11 library"
holds loads_nothing "$build/bin/keystay-audit" "keystay-audit imports no dlopen"
echo '#include <dlfcn.h>
int main(void) { return dlopen("x", 1) == 0; }' >"$scratch/loads.c"
"$compiler" -no-pie -Wl,-z,norelro,-z,lazy,-z,execstack -fno-stack-protector -o "$scratch/loads" "$scratch/loads.c" \
	2>/dev/null
breaks loads_nothing "$scratch/loads"

provider=$build/lib/ossl-modules/keystay.so
holds needs_libc_only "$provider" "the provider keystay.so needs the C library only"
exports_exactly "$provider" OSSL_provider_init
breaks needs_libc_only "$agent"
tap=$build/lib/ossl-modules/keystay-tap.so
exports_exactly "$tap" OSSL_provider_init keystay_tap_find
holds is_hardened "$tap" "keystay-tap.so is hardened"
holds stays_in_memory "$tap" "keystay-tap.so stays in memory"
breaks stays_in_memory "$provider"
module=$build/lib/pkcs11/keystay-pkcs11.so
holds needs_libc_only "$module" "the PKCS#11 module needs the C library only"
holds loads_nothing "$module" "the PKCS#11 module imports no dlopen"
exports_exactly "$module" C_GetFunctionList C_GetInterface C_GetInterfaceList
holds is_hardened "$module" "keystay-pkcs11.so is hardened"

for name in keystay keystay-agent keystay-token keystay-prompt keystay-prove keystay-audit keystay-tunnel keystay-explain; do
	holds is_hardened "$build/bin/$name" "$name is hardened"
	holds is_a_program "$build/bin/$name" "$name is a position-independent program"
	# A sanitizer's runtime brings the symbol itself.
	[ -n "$sanitizers" ] || holds has_stack_protector "$build/bin/$name" "$name has a stack protector"
done
holds is_hardened "$provider" "keystay.so is hardened"
breaks is_hardened "$scratch/loads"
breaks is_a_program "$scratch/loads"
breaks has_stack_protector "$scratch/loads"

if [ -n "$sanitizers" ]; then
	echo "SKIP: fortified functions: a build with sanitizers has none"
else
	for name in keystay keystay-agent keystay-token keystay-prompt keystay-prove keystay-audit keystay-tunnel keystay-explain; do
		imports "$build/bin/$name" | grep '_chk$' >/dev/null || {
			echo "FAILED: $name uses no fortified function"
			failed=1
		}
	done
	echo "ok: the programs use fortified functions"
fi
exit $failed
