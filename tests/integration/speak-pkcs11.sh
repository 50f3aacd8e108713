#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# keystay-pkcs11.so in programs that speak PKCS#11 alone: what pkcs11-tool and p11tool see; curl with libp11's engine on
# TLS 1.3 and 1.2, which hands over digests and needs to be allowed to; gnutls-cli with Ed25519, which does not; the
# token's own module beside ours; an agent that goes away and comes back; keystay-token, which must not load it.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

rig_begin
module=$BUILD/lib/pkcs11/keystay-pkcs11.so
# libp11 0.4.12 gives up on a token that has an Ed25519 key, so that one has a token of its own.
ca_make
token_make corp
key_make corp p256 alice 01
key_make corp rsa2048 rachel 02
token_make other
key_make other ed25519 eve 03
for name in alice rachel eve; do
	certificate_make "$name"
done
server_start_nginx server "ssl_trusted_certificate $T/ca/intermediate.pem;"
agent_configure
agent_start
unlock corp >/dev/null
unlock other >/dev/null
keystay cert alice --no-key -o "$T/alice.chain.pem"
keystay cert rachel --no-key -o "$T/rachel.chain.pem"

tool() {
	env "${RIG_PRELOAD[@]}" timeout "$DEADLINE_S" "$@"
}
# libp11_fetch NAME [curl option...]: key by URI, as people write it.
libp11_fetch() {
	local name=$1
	shift
	tool env PKCS11_MODULE_PATH="$module" curl -q --silent --show-error --cacert "$T/ca/root.pem" --engine pkcs11 \
		--key-type ENG --key "pkcs11:model=keystay;object=$name;type=private" --cert "$T/$name.chain.pem" "$@" \
		"https://localhost:$port/"
}
# gnutls_fetch TOKEN NAME VERSION
gnutls_fetch() {
	tool gnutls-cli --x509cafile "$T/ca/root.pem" --provider "$module" \
		--x509certfile "pkcs11:token=$1;object=$2;type=cert" --x509keyfile "pkcs11:token=$1;object=$2;type=private" \
		--priority "NORMAL:-VERS-ALL:+VERS-TLS$3" --port "$port" localhost <<<$'GET / HTTP/1.0\r\nHost: localhost\r\n\r'
}

# id_of NAME: CKA_ID, which is the SHA-256 of the public key.
id_of() {
	openssl pkey -pubin -in "$T/$1.pub" -outform DER | sha256sum | cut -d ' ' -f 1
}

# What is seen, without a login.
run tool pkcs11-tool --module "$module" --list-slots
expect_status 0 "pkcs11-tool lists the slots"
expect_out "token label        : corp" "the token has its own label"
expect_out "token model        : keystay" "its model is keystay"
run tool pkcs11-tool --module "$module" --token-label corp --list-objects
expect_status 0 "pkcs11-tool lists the objects"
expect_equal "$(grep -c '^Private Key Object' "$T/out")" 2 "two private keys"
expect_equal "$(grep -c '^Public Key Object' "$T/out")" 2 "two public keys"
expect_equal "$(grep -c '^Certificate Object' "$T/out")" 3 "two certificates and, once, that of their issuer"
expect_out "Access:     sensitive, always sensitive, never extractable" "the key cannot leave"
run tool p11tool --provider "$module" --list-all "pkcs11:model=keystay;token=corp"
expect_status 0 "p11tool lists them too"
expect_out "object=alice;type=private" "with an URI for the private key"
expect_out "object=Example%20Issuing%20CA;type=cert" "and one for the issuer"
run tool pkcs11-tool --module "$module" --token-label corp --login --pin 1234 --list-objects --type privkey
expect_status 0 "a program that insists on a login gets its way"

# Whole inputs are looked at, whatever mechanism they come by.
printf 'test text' >"$T/text"
run tool pkcs11-tool --module "$module" --token-label corp --sign --mechanism ECDSA-SHA256 --id "$(id_of alice)" \
	--input-file "$T/text" --output-file "$T/signature"
expect_fail "a text is not signed"
expect_err "CKR_DATA_INVALID" "the program says that it is the text's fault"
run tool env KEYSTAY_DEBUG=1 pkcs11-tool --module "$module" --token-label corp --sign --mechanism SHA256-RSA-PKCS \
	--id "$(id_of rachel)" --input-file "$T/text" --output-file "$T/signature"
expect_err "keystay-pkcs11: key \"rachel\" signs only TLS client authentication" "with KEYSTAY_DEBUG the agent says why"

# Digests: refused, with the way out in the agent's log; GnuTLS loads the key all the same.
run libp11_fetch alice
expect_fail "libp11's engine hands over a digest, which is refused"
expect_err "Key function not permitted" "curl says so"
grep -qF 'key "alice": curl sent only a digest, which keystay cannot check; to allow it: write' "$T/agent.log" ||
	fail "the agent's log does not say what to change"
ok "the agent's log says what to change"
for version in 1.3 1.2; do
	run gnutls_fetch other eve "$version"
	expect_out "protocol=TLSv$version verified=SUCCESS client=CN=eve" "GnuTLS signs with Ed25519 in TLS $version"
done
grep -qE 'signed for gnutls-cli .* with "eve": TLS 1.3 client authentication' "$T/agent.log" ||
	fail "the agent did not get the whole input from GnuTLS"
ok "and the agent had the whole input"
if grep -qF 'with "eve": a bare digest' "$T/agent.log"; then
	fail "GnuTLS got a digest signed"
fi

# Allowed, for key and socket.
printf '%s\n' '[socket "module"]' 'allow = tls, digest' '[key "alice"]' 'match = pkcs11:object=alice' \
	'allow = tls, digest' '[key "rachel"]' 'match = pkcs11:object=rachel' 'allow = tls, digest' >>"$T/keystay.conf"
keystay reload >/dev/null
for name in alice rachel; do
	for version in 1.3 1.2; do
		run libp11_fetch "$name" "--tlsv$version" --tls-max "$version"
		expect_out "protocol=TLSv$version verified=SUCCESS client=CN=$name" "curl with libp11: $name in TLS $version"
		run gnutls_fetch corp "$name" "$version"
		expect_out "protocol=TLSv$version verified=SUCCESS client=CN=$name" "gnutls-cli: $name in TLS $version"
	done
done
grep -qF 'a bare digest, which nobody can check, rsa_pss_rsae_sha256' "$T/agent.log" ||
	fail "the agent's log does not call a digest a digest"
ok "the agent's log calls a digest a digest"

# The token's own module beside ours, both from p11-kit's configuration: model=keystay is ours alone. p11-kit reads no
# configuration of root's own, so the machine's is covered for one program.
# p11_kit COMMAND...: with these two modules.
p11_kit() {
	# shellcheck disable=SC2016 # the inner shell's
	tool unshare --mount sh -c 'mount --bind "$T/modules" "$0" && exec "$@"' \
		"$(pkg-config --variable p11_module_configs p11-kit-1)" "$@"
}
mkdir "$T/modules"
printf '%s\n' "module: $module" 'disable-in: keystay-token' >"$T/modules/keystay.module"
printf '%s\n' "module: $SOFTHSM" >"$T/modules/softhsm.module"
if p11_kit true 2>/dev/null; then
	run p11_kit p11tool --list-token-urls
	expect_equal "$(grep -c 'token=corp' "$T/out")" 2 "the token is there twice"
	run p11_kit p11tool --list-all-privkeys "pkcs11:token=corp;model=keystay;object=alice"
	expect_equal "$(grep -c 'URL:' "$T/out")" 1 "model=keystay is unambiguous"
	expect_out "model=keystay" "and ours"
else
	skip_part "covering p11-kit's modules needs a mount namespace"
fi

# The agent goes and comes back while a program has the module loaded.
cat >"$T/hold.py" <<'PYTHON'
import ctypes, sys

module = ctypes.CDLL(sys.argv[1])
table = ctypes.POINTER(ctypes.c_void_p)()
assert module.C_GetFunctionList(ctypes.byref(table)) == 0
def call(index, *types):
    return ctypes.CFUNCTYPE(ctypes.c_ulong, *types)(table[index])
count = ctypes.c_ulong()
def present():
    assert call(5, ctypes.c_ubyte, ctypes.c_void_p, ctypes.c_void_p)(1, None, ctypes.byref(count)) == 0
    return count.value
assert call(1, ctypes.c_void_p)(None) == 0
while sys.stdin.readline() == "look\n":
    print(present(), flush=True)
assert call(2, ctypes.c_void_p)(None) == 0
PYTHON
mkfifo "$T/ask" "$T/told"
tool "$PYTHON" "$T/hold.py" "$module" <"$T/ask" >"$T/told" 2>"$T/hold.log" &
holder=$!
process_started "$holder"
exec 5>"$T/ask" 6<"$T/told"
# present: how many tokens that program sees now.
present() {
	local n
	echo look >&5
	read -r -t "$DEADLINE_S" n <&6 || fail "the program that holds the module has ended"
	echo "$n"
}
expect_equal "$(present)" 2 "a program sees two tokens"
agent_stop
expect_equal "$(present)" 0 "none without an agent, and no error"
agent_start
expect_equal "$(present)" 2 "two again when it is back"
echo end >&5
wait "$holder" || fail "the program that holds the module failed"
ok "and it ends well"

# A worker that loaded it would ask the agent that asks it.
agent_stop
printf '%s\n' '[module "loop"]' "path = $module" >"$T/keystay.conf"
agent_start
keystay list >/dev/null 2>&1 || true
wait_until "the refusal" grep -qF "is keystay's own module; name the module of the token instead" "$T/agent.log"
ok "keystay-token does not load it, and says what to do"
