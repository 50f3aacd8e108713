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

# --- no agent --------------------------------------------------------------------------------------------------------

agent_stop
ends 1 gnutls_cli 'X' "no agent"
ends 5 wget_page 'X' "no agent"
ends 128 git_list 'X' "no agent"
ends 1 sign_by_tool 'X' "no agent"
