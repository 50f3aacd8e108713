#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A Go program with docs/examples/go, which was written from docs/protocol.md alone, on TLS 1.3 and TLS 1.2. An Ed25519
# key works as it is, since crypto/tls gives its signer the whole input. For ECDSA and RSA keys it gives a digest: that
# is refused, with words that say why, until key and socket both say `allow = tls, digest`. A crypto/tls that calls
# crypto.MessageSigner needs none of that; the message goes through here with a call of its own.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck disable=SC2034 # read by rig_sanitizer: no plug-in is loaded here
RIG_NEEDS_NO_PLUGIN=yes
rig_begin
command -v go >/dev/null || skip "Go is not installed"
types=(ed25519 p256 p384 rsa2048)
ca_make
token_make corp
id=10
for type in "${types[@]}"; do
	key_make corp "$type" "$type" $((id += 1))
	certificate_make "$type"
done

# The example in a folder of its own, and nothing from the network.
export GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local GOCACHE=$T/go-cache GOPATH=$T/go-path
cp -R "$SOURCE_FOLDER/docs/examples/go" "$T/go"
mkdir "$T/go/message"
cat >"$T/go/message/main.go" <<'GO'
// SPDX-License-Identifier: Apache-2.0

// message signs as a crypto/tls does that calls crypto.MessageSigner, and verifies.
package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"os"

	"example.org/keystay"
)

type messageSigner interface { // crypto.MessageSigner of Go 1.25
	crypto.Signer
	SignMessage(rand io.Reader, message []byte, options crypto.SignerOpts) ([]byte, error)
}

func main() {
	certificate, err := keystay.Agent{}.Certificate(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	signer := certificate.PrivateKey.(messageSigner)
	message := append(bytes.Repeat([]byte(" "), 64), "TLS 1.3, client CertificateVerify\x00"...)
	message = append(message, make([]byte, 32)...)
	signature, err := signer.SignMessage(nil, message, crypto.SHA256)
	if err != nil {
		log.Fatal(err)
	}
	digest := sha256.Sum256(message)
	fmt.Println("verified:", ecdsa.VerifyASN1(signer.Public().(*ecdsa.PublicKey), digest[:], signature))
}
GO
(cd "$T/go" && go vet ./... && go build -o "$T" ./fetch ./message) >"$T/go.log" 2>&1 ||
	fail "the example does not build: $(cat "$T/go.log")"
ok "the example builds with $(go version | cut -d' ' -f3), without a module from elsewhere"

run "$T/fetch" alice https://localhost/
expect_fail "without an agent"
expect_err "keystay: keystay-agent is not running" "without an agent it says so"

server_start_nginx server
agent_start
unlock corp >/dev/null

# go_fetch NAME VERSION
go_fetch() {
	run "$T/fetch" -ca "$T/ca/root.pem" -tls "$2" "$1" "https://localhost:$port/"
}

# signs NAME...: over both versions, and the server knows who it is.
signs() {
	local name version
	for name in "$@"; do
		for version in 1.3 1.2; do
			go_fetch "$name" "$version"
			expect_status 0 "$name signs in over TLS $version"
			expect_out "protocol=TLSv$version verified=SUCCESS client=CN=$name," "the server sees $name over TLS $version"
		done
	done
}

signs ed25519
run "$T/message" p256
expect_out "verified: true" "a whole message is signed for crypto.MessageSigner, with no digest allowed"
grep -q 'signed for message .* with "p256": TLS 1.3 client authentication' "$T/agent.log" ||
	fail "the agent did not see what the message was"
ok "the agent saw what the message was"
made=$(signatures_of corp)
for type in p256 rsa2048; do
	go_fetch $type 1.3
	expect_fail "a digest by $type"
	expect_err "digest" "a digest by $type is refused, and Go prints why"
done
expect_equal "$(signatures_of corp)" "$made" "the token was not asked"

# Both must say it: the key alone is not enough, nor is the socket.
digest_allowed() {
	local name
	agent_configure "$@"
	for name in p256 p384 rsa2048; do
		printf '%s\n' "[key \"$name\"]" "match = pkcs11:object=$name" "allow = ${KEY_ALLOW:-tls, digest}" >>"$T/keystay.conf"
	done
	keystay reload >/dev/null
}
digest_allowed
go_fetch p256 1.3
expect_fail "allowed by the key alone"
expect_err "digest" "the key alone cannot allow it"
KEY_ALLOW=tls digest_allowed '[socket "module"]' 'allow = tls, digest'
go_fetch p256 1.3
expect_fail "allowed by the socket alone"
expect_err "digest" "the socket alone cannot allow it"
digest_allowed '[socket "module"]' 'allow = tls, digest'
signs p256 p384 rsa2048 ed25519

keystay lock >/dev/null
go_fetch ed25519 1.3
expect_fail "a locked token"
expect_err 'keystay: token "corp" is locked; run: keystay unlock corp' "Go prints the agent's next step"
