#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The built program from outside: exit codes, `run` and `env` with real shells and the real openssl. No agent runs.
#
# usage: test_program.sh KEYSTAY SANITIZERS     with sanitizers, other programs cannot load our provider

set -euo pipefail
keystay=$1
sanitizers=${2-}
T=$(mktemp -d)
trap 'rm -rf -- "$T"' EXIT
mkdir -m 0700 "$T/run"
export XDG_RUNTIME_DIR=$T/run
unset OPENSSL_CONF OPENSSL_MODULES OPENSSL_CONF_INCLUDE KEYSTAY_SOCK KEYSTAY_CONTROL_SOCK
n=0

ok() {
	n=$((n + 1))
	echo "ok $n - $1"
}

fail() {
	echo "FAILED: $1"
	cat -- "$T/out" "$T/err"
	exit 1
}

# expect STATUS WHAT COMMAND...
expect() {
	local wanted=$1 what=$2 status=0
	shift 2
	"$@" >"$T/out" 2>"$T/err" || status=$?
	[ "$status" -eq "$wanted" ] || fail "$what: exit code $status, not $wanted"
	ok "$what"
}

# --- exit codes ---
expect 0 "--version is good" "$keystay" --version
expect 2 "no command is a usage error" "$keystay"
expect 2 "an unknown command is a usage error" "$keystay" lits
grep -q 'did you mean: keystay list?' "$T/err" || fail "no suggestion"
for command in status list show cert unlock lock reload; do
	expect 3 "keystay $command without an agent exits with 3" "$keystay" "$command"
	[ ! -s "$T/out" ] || fail "$command writes to standard output"
	[ "$(wc -l <"$T/err")" -eq 1 ] || fail "$command says more than a sentence"
	grep -q '^keystay: .*keystay-agent' "$T/err" || fail "$command does not say how to start an agent"
done

# --- run ---
expect 42 "run exits as its command" "$keystay" run -- sh -c 'exit 42'
expect 127 "run of what is not there" "$keystay" run nosuchcommand
expect 126 "run of what cannot be run" "$keystay" run "$T"
expect 0 "run leaves options and words alone" "$keystay" run printf '<%s>' --json '' 'a b' --
[ "$(cat "$T/out")" = '<--json><><a b><-->' ] || fail "words were changed"
expect 0 "run hands on standard input" "$keystay" run -- cat <<<"hello"
[ "$(cat "$T/out")" = hello ] || fail "standard input is lost"
expect 0 "run changes no signal" "$keystay" run -- grep -E '^Sig(Ign|Blk)' /proc/self/status
[ "$(cat "$T/out")" = "$(grep -E '^Sig(Ign|Blk)' /proc/self/status)" ] || fail "signals were changed"
expect 0 "run leaves no descriptor open" "$keystay" run -- sh -c 'ls /proc/self/fd | wc -l'
with=$(cat "$T/out")
[ "$with" = "$(sh -c 'ls /proc/self/fd | wc -l' 2>"$T/err")" ] || fail "$with descriptors"

# --- env ---
expect 0 "env is for a shell to evaluate" "$keystay" env
# shellcheck disable=SC2016 # for the inner shell
evaluate='eval "$("$1" env)"; printf "%s %s" "$OPENSSL_CONF" "$KEYSTAY_SOCK"'
expect 0 "sh evaluates it" sh -c "$evaluate" sh "$keystay"
read -r conf sock <"$T/out" || true
[ "$sock" = "$T/run/keystay/sign/agent.sock" ] || fail "socket: $sock"
[ -f "$conf" ] || fail "no file: $conf"
# shellcheck disable=SC2016
inner='echo "$OPENSSL_CONF $KEYSTAY_SOCK"'
expect 0 "run has the same environment" "$keystay" run -- sh -c "$inner"
[ "$(cat "$T/out")" = "$conf $sock" ] || fail "another environment"
expect 0 "inside run it is not nested" "$keystay" run -- "$keystay" run -- sh -c "$inner"
[ "$(cat "$T/out")" = "$conf $sock" ] || fail "another environment"
[ "$(find "$T/run/keystay/openssl" -type f | wc -l)" -eq 1 ] || fail "more than one file"
expect 0 "run loads the tap when told" "$keystay" run --tap -- sh -c 'cat "$OPENSSL_CONF"'
grep -qF '"?keystay.tap=yes"' "$T/out" || fail "the tap is not asked for"
expect 0 "env has it too" "$keystay" env --tap
! grep -qF "$conf" "$T/out" || fail "it is the configuration without the tap"
expect 2 "an unknown shell is a usage error" "$keystay" env --shell powershell
export XDG_RUNTIME_DIR="$T/it's a \$HOME"
mkdir -m 0700 "$XDG_RUNTIME_DIR"
expect 0 "odd paths survive the shell" sh -c "$evaluate" sh "$keystay"
grep -qF "$XDG_RUNTIME_DIR/keystay/openssl/" "$T/out" || fail "the path did not survive"
[ -f "$(sed 's/\.cnf .*/.cnf/' "$T/out")" ] || fail "no such file"
export XDG_RUNTIME_DIR=$T/run

# --- what programs get ---
if [ -n "$sanitizers" ]; then
	echo "# with sanitizers: other programs cannot load the provider, the rest is left out"
elif command -v openssl >/dev/null; then
	expect 0 "openssl runs" "$keystay" run -- openssl list -providers
	tr -d ' ' <"$T/out" | grep -qx default || fail "default is not active"
	tr -d ' ' <"$T/out" | grep -qx keystay || fail "keystay is not active"
	! grep -qi tap "$T/out" || fail "the tap is there unasked"
	expect 0 "openssl runs with the tap" "$keystay" run --tap -- openssl list -providers
	grep -q keystay-tap "$T/out" || fail "the tap is not active"
	for type in RSA EC ED25519; do
		option=()
		[ "$type" != EC ] || option=(-pkeyopt group:P-256)
		expect 0 "and makes $type keys as before" "$keystay" run -- openssl genpkey -algorithm "$type" "${option[@]}"
	done
fi
if [ -z "$sanitizers" ] && command -v node >/dev/null; then
	expect 0 "node makes keys as before" "$keystay" run -- node -e \
		'require("crypto").generateKeyPairSync("ec", { namedCurve: "P-256" })'
fi

# --- without what stands beside it ---
mkdir "$T/alone"
cp -- "$keystay" "$T/alone/keystay"
expect 1 "config without keystay-agent fails" "$T/alone/keystay" config
grep -qF "$T/alone/keystay-agent" "$T/err" || fail "it does not say what is missing"
if ! "$T/alone/keystay" env >"$T/out" 2>"$T/err"; then
	grep -q "provider is neither at " "$T/err" || fail "it does not say what is missing"
	ok "env without the provider says where it was looked for"
fi
echo "1..$n"
