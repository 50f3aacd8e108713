#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# keystay-pkcs11.so in programs that have bad times: no agent, a locked token, a token that is taken out, a key that is
# refused. gnutls-cli, wget, git, p11tool and pkcs11-tool end with errors of their own, without a crash and without
# waiting; one process that has the module loaded (a script that knows PKCS#11 alone) goes on when it is over.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname -- "${BASH_SOURCE[0]}")/rig_module.sh"
for program in gnutls-cli wget git p11-kit p11tool pkcs11-tool; do
	command -v $program >/dev/null || skip "$program is not installed"
done
rig_begin
p11_kit_begin
rig_two_modules "$(module_key alice digest)" "$(module_key bob digest)" "${MODULE_ALLOWS[@]}"
keystay cert alice --no-key >"$T/alice.crt"
key='pkcs11:model=keystay;token=corp;object=alice;type=private'

# Each program, once.
gnutls_cli() {
	printf 'GET / HTTP/1.0\r\n\r\n' | timeout "$DEADLINE_S" "${with_p11_kit[@]}" gnutls-cli --port "$port" \
		--x509cafile "$T/ca/root.pem" --x509certfile "$T/alice.crt" --x509keyfile "$key" localhost
}
wget_page() {
	timeout "$DEADLINE_S" "${with_p11_kit[@]}" wget --no-hsts --tries=1 --output-document=- \
		--ca-certificate="$T/ca/root.pem" --certificate="$T/alice.crt" --private-key="$key" "https://localhost:$port/"
}
git_list() {
	timeout "$DEADLINE_S" "${with_p11_kit[@]}" env GIT_TERMINAL_PROMPT=0 GIT_CONFIG_NOSYSTEM=1 git \
		-c "http.sslCAInfo=$T/ca/root.pem" -c "http.sslCert=$T/alice.crt" -c "http.sslKey=$key" \
		ls-remote "https://localhost:$port/none.git"
}
sign_by_tool() {
	head -c 32 /dev/zero >"$T/digest"
	timeout "$DEADLINE_S" env "${RIG_PRELOAD[@]}" pkcs11-tool --module "$MODULE_FILE" --token-label corp --sign \
		--label alice --mechanism ECDSA --input-file "$T/digest" --output-file "$T/signature"
}

# module_client.py in the background, which signs a digest of zeros with alice when it is told to.
coproc running {
	exec env "${RIG_PRELOAD[@]}" "$PYTHON" "$RIG_FOLDER/module_client.py" "$MODULE_FILE" corp alice 2>"$T/running.log"
}
# shellcheck disable=SC2154 # set by coproc
running_pid=$running_PID
process_started "$running_pid"
# expect_running ANSWER SENTENCE
expect_running() {
	local line
	echo >&"${running[1]}"
	IFS= read -r -t "$DEADLINE_S" -u "${running[0]}" line || fail "$2: the running program ended or hangs"
	expect_equal "$line" "$1" "a running program: $2"
}

# ends CODE PROGRAM TEXT SENTENCE: the program ends by itself, with this exit code and in these words.
ends() {
	run "$2"
	expect_status "$1" "$2: $4"
	grep -qF -- "$3" "$T/out" "$T/err" || {
		show_run >&2
		fail "$2: $4 (expected: $3)"
	}
	ok "$2: $4: $(grep -hF -m 1 -- "$3" "$T/out" "$T/err")"
}
works() {
	run gnutls_cli
	expect_out 'client=CN=alice' "gnutls-cli: $1"
	expect_running signed "$1"
}
works "at first"

# all_end GNUTLS WGET GIT TOOL RUNNING SENTENCE
all_end() {
	ends 1 gnutls_cli "$1" "$6"
	ends "${2%%:*}" wget_page "${2#*:}" "$6"
	ends 128 git_list "$3" "$6"
	ends 1 sign_by_tool "$4" "$6"
	expect_running "$5" "$6"
}
# A key that cannot be found: wget says nothing of it and goes on without.
nothing=('The requested PKCS #11 object is not available' '8:ERROR 400: Bad Request'
	'error reading X.509 key or certificate file')

agent_stop
all_end "${nothing[@]}" 'No slots.' 'no token' "no agent"
agent_start
user_error='PKCS #11 user error'
all_end "$user_error" "4:$user_error" "$user_error" CKR_USER_NOT_LOGGED_IN USER_NOT_LOGGED_IN "locked, and no dialog"
grep -q 'for gnutls-cli .*token "corp" is locked; run: keystay unlock corp' "$T/agent.log" ||
	fail "the agent's log does not say what to do about a locked token"
ok "the agent's log says what to do about a locked token"
unlock corp >/dev/null
works "the agent is back, and the token unlocked"
agent_stop KILL
all_end "${nothing[@]}" 'No slots.' 'no token' "a killed agent"
agent_start
unlock corp >/dev/null
works "the agent is back again"

cp "$T/keystay.conf" "$T/keystay.conf.good"
sed -i '/^match = .*alice/{n;s/.*/allow = tls/}' "$T/keystay.conf"
keystay reload >/dev/null
key_error='PKCS #11 error in key'
all_end "$key_error" "4:$key_error" "$key_error" CKR_KEY_FUNCTION_NOT_PERMITTED KEY_FUNCTION_NOT_PERMITTED "no digests"
mv "$T/keystay.conf.good" "$T/keystay.conf"
keystay reload >/dev/null
works "digests are allowed again"

shim_script token-absent
token_is() {
	[ "$(keystay list | grep -c alice)" = "$1" ]
}
wait_until "the agent sees that the token was taken out" token_is 0
all_end "${nothing[@]}" 'No slot with token named "corp" found' 'no token' "the token was taken out"
shim_script ''
# The module tells of no token that comes back: unlock looks for it.
find_token() {
	unlock corp >/dev/null 2>&1
}
wait_until "unlock finds the token" find_token
works "the token is back"

# Its end, in the middle of a signature that never comes.
has_asked() {
	[[ $(ls -l "/proc/$running_pid/fd") == *socket:* ]]
}
kill -STOP "$agent_pid"
echo pending >&"${running[1]}"
wait_until "a signature is wanted" has_asked
began=$SECONDS
echo >&"${running[1]}"
wait "$running_pid" || fail "the running program did not end well: $(cat "$T/running.log")"
[ $((SECONDS - began)) -lt 10 ] || fail "its end took $((SECONDS - began)) s"
ok "a running program may end while a signature is pending"
kill -CONT "$agent_pid"

# --- what valgrind finds ---------------------------------------------------------------------------------------------

[ -z "$RIG_SANITIZER" ] || exit 0
if ! command -v valgrind >/dev/null; then
	skip_part "valgrind is not installed"
	exit 0
fi
# Python, without its own allocator, as a program that loads the module, signs and ends.
valgrind_run() {
	echo | PYTHONMALLOC=malloc timeout 120 valgrind --quiet --leak-check=full --show-leak-kinds=definite --num-callers=40 \
		--log-file="$T/valgrind.out" "$PYTHON" "$RIG_FOLDER/module_client.py" "$MODULE_FILE" corp alice
}
for state in signed USER_NOT_LOGGED_IN; do
	run valgrind_run
	expect_out $state "under valgrind: $state"
	if grep -qE 'keystay-pkcs11|[: ]ks_' "$T/valgrind.out"; then
		cat "$T/valgrind.out" >&2
		fail "valgrind found something in keystay-pkcs11.so"
	fi
	ok "no leak and no wrong access by valgrind's count: $state"
	keystay lock >/dev/null
done
