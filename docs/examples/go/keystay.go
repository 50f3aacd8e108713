// SPDX-License-Identifier: Apache-2.0

// Package keystay gives Go's crypto/tls client keys that keystay's agent holds. It was written from docs/protocol.md
// alone and needs the standard library only.
//
//	certificate, err := keystay.Agent{}.Certificate("alice")
//	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
//
// What the agent can check depends on what crypto/tls hands to its signer:
//
//   - Ed25519 keys: the whole to-be-signed input, in every Go version. It goes out as SIGN.
//   - ECDSA and RSA keys where crypto/tls calls crypto.MessageSigner (the interface is of Go 1.25): likewise.
//   - ECDSA and RSA keys in older versions: a digest, of what nobody can see. It goes out as SIGN_DIGEST, which the
//     agent refuses unless the key and the socket both say `allow = tls, digest`.
package keystay

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	version  = 1
	frameMax = 262144
	// A person may have to type a PIN; KS_CLIENT_DEADLINE_MS of docs/protocol.md.
	deadline = 150 * time.Second
	// "as the agent thinks right"
	waitDefault = 0xffffffff

	typeGet, typeSign, typeSignDigest, typeError = 3, 5, 7, 127
)

// Refused is the agent's ERROR: a number of section 7, and a sentence with the next step.
type Refused struct {
	Code uint32
	Text string
}

func (refused *Refused) Error() string { return "keystay: " + refused.Text }

// Agent says where the agent listens. Empty paths: $KEYSTAY_SOCK for both, else the usual sockets of this user.
type Agent struct {
	Path       string // for whole inputs
	DigestPath string // for digests, which need a socket that allows them
}

// Signer is a private key on a token. It is a crypto.Signer and a crypto.MessageSigner.
type Signer struct {
	agent  Agent
	public crypto.PublicKey
	hash   [sha256.Size]byte
}

// Certificate is what tls.Config.Certificates wants: the chain of the key of this name, and its Signer.
func (agent Agent) Certificate(name string) (tls.Certificate, error) {
	reply, err := agent.call(agent.path("agent.sock", agent.Path), typeGet, field([]byte(name)))
	if err != nil {
		return tls.Certificate{}, err
	}
	_ = reply.bytes() // the identity, of which nothing is needed that the certificate does not say
	chain := fields{data: reply.bytes()}
	var certificate tls.Certificate
	for len(chain.data) > 0 && chain.err == nil {
		record := fields{data: chain.bytes()}
		certificate.Certificate = append(certificate.Certificate, record.bytes())
		chain.err = first(chain.err, record.err)
	}
	if err := first(reply.err, chain.err); err != nil {
		return tls.Certificate{}, err
	}
	if len(certificate.Certificate) == 0 {
		return tls.Certificate{}, fmt.Errorf("keystay: the key %q has no certificate", name)
	}
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		return tls.Certificate{}, err
	}
	certificate.Leaf = leaf
	hash := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	certificate.PrivateKey = &Signer{agent: agent, public: leaf.PublicKey, hash: hash}
	return certificate, nil
}

// Public is the key of the certificate.
func (signer *Signer) Public() crypto.PublicKey { return signer.public }

// Sign gets a digest, except for Ed25519, which has none: then it gets the message.
func (signer *Signer) Sign(random io.Reader, digest []byte, options crypto.SignerOpts) ([]byte, error) {
	if options.HashFunc() == 0 {
		return signer.SignMessage(random, digest, options)
	}
	scheme, err := signer.scheme(options)
	if err != nil {
		return nil, err
	}
	request := join(field(signer.hash[:]), number(uint32(scheme)), field(digest), labels())
	return signer.ask(signer.agent.path("module.sock", signer.agent.DigestPath), typeSignDigest, request)
}

// SignMessage gets the whole to-be-signed input, which the agent takes apart before anything is signed.
func (signer *Signer) SignMessage(_ io.Reader, message []byte, options crypto.SignerOpts) ([]byte, error) {
	scheme, err := signer.scheme(options)
	if err != nil {
		return nil, err
	}
	request := join(field(signer.hash[:]), number(uint32(scheme)), field(message), field(nil), labels())
	return signer.ask(signer.agent.path("agent.sock", signer.agent.Path), typeSign, request)
}

func (signer *Signer) ask(path string, request byte, body []byte) ([]byte, error) {
	reply, err := signer.agent.call(path, request, body)
	if err != nil {
		return nil, err
	}
	signature := reply.bytes()
	return signature, reply.err
}

// scheme is the TLS code point of a hash and padding for this key (section 9).
func (signer *Signer) scheme(options crypto.SignerOpts) (tls.SignatureScheme, error) {
	_, pss := options.(*rsa.PSSOptions)
	hashes := map[crypto.Hash][3]tls.SignatureScheme{
		crypto.SHA256: {tls.ECDSAWithP256AndSHA256, tls.PKCS1WithSHA256, tls.PSSWithSHA256},
		crypto.SHA384: {tls.ECDSAWithP384AndSHA384, tls.PKCS1WithSHA384, tls.PSSWithSHA384},
		crypto.SHA512: {tls.ECDSAWithP521AndSHA512, tls.PKCS1WithSHA512, tls.PSSWithSHA512},
	}
	schemes, known := hashes[options.HashFunc()]
	switch signer.public.(type) {
	case ed25519.PublicKey:
		if options.HashFunc() == 0 {
			return tls.Ed25519, nil
		}
	case *ecdsa.PublicKey:
		if known {
			return schemes[0], nil
		}
	case *rsa.PublicKey:
		if known && pss {
			return schemes[2], nil
		} else if known {
			return schemes[1], nil
		}
	}
	return 0, fmt.Errorf("keystay: TLS has no signature scheme for %T with %v", signer.public, options.HashFunc())
}

// path is the socket of this name, unless the program or the environment says another.
func (Agent) path(name, said string) string {
	if said != "" {
		return said
	}
	if path := os.Getenv("KEYSTAY_SOCK"); path != "" {
		return path
	}
	runtime := os.Getenv("XDG_RUNTIME_DIR")
	if runtime == "" {
		runtime = fmt.Sprintf("/run/user/%d", os.Getuid())
	}
	return filepath.Join(runtime, "keystay", "sign", name)
}

// call sends one request over a fresh connection and returns the fields of its reply.
func (Agent) call(path string, request byte, body []byte) (*fields, error) {
	connection, err := net.Dial("unix", path)
	if err != nil {
		return nil, fmt.Errorf("keystay: keystay-agent is not running: %w", err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(deadline)); err != nil {
		return nil, err
	}
	const id = 1
	frame := field(join([]byte{request}, number(version), number(id), body))
	if _, err := connection.Write(frame); err != nil {
		return nil, err
	}
	var length uint32
	if err := binary.Read(connection, binary.BigEndian, &length); err != nil {
		return nil, fmt.Errorf("keystay: the agent closed the connection: %w", err)
	}
	if length < 9 || length > frameMax {
		return nil, fmt.Errorf("keystay: the agent sent a frame of %d bytes", length)
	}
	reply := make([]byte, length)
	if _, err := io.ReadFull(connection, reply); err != nil {
		return nil, fmt.Errorf("keystay: the agent closed the connection: %w", err)
	}
	return read(reply, request, id)
}

func read(reply []byte, request byte, id uint32) (*fields, error) {
	kind := reply[0]
	got := &fields{data: reply[1:]}
	_, sameID := got.number(), got.number() == id
	switch {
	case kind == typeError:
		refused := &Refused{Code: got.number(), Text: string(got.bytes())}
		return nil, first(got.err, refused)
	case !sameID || kind != replyType(request):
		return nil, fmt.Errorf("keystay: the agent answered message %d with message %d", request, kind)
	}
	return got, got.err
}

// replyType is the type that answers a request: the next number, but SIGN_DIGEST shares the reply of SIGN.
func replyType(request byte) byte {
	if request == typeSignDigest {
		request = typeSign
	}
	return request + 1
}

// labels are wait_ms and where the person is, for dialogs. The agent shows them and believes none of it.
func labels() []byte {
	wait := uint32(waitDefault)
	if os.Getenv("KEYSTAY_PROMPT") == "never" {
		wait = 0
	}
	program := filepath.Base(os.Args[0])
	tty, _ := os.Readlink("/proc/self/fd/0")
	if !bytes.HasPrefix([]byte(tty), []byte("/dev/pts/")) && !bytes.HasPrefix([]byte(tty), []byte("/dev/tty")) {
		tty = ""
	}
	out := number(wait)
	for _, label := range []string{program, tty, os.Getenv("TERM"), os.Getenv("DISPLAY"), os.Getenv("WAYLAND_DISPLAY")} {
		out = append(out, field([]byte(label))...)
	}
	return out
}

// --- bytes (section 3) ---

func number(value uint32) []byte {
	return []byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}
}

func field(data []byte) []byte { return append(number(uint32(len(data))), data...) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// fields reads a body in order. The first fault stays in err, and all after it reads as empty.
type fields struct {
	data []byte
	err  error
}

func (reader *fields) take(size uint32) []byte {
	if reader.err != nil || uint64(size) > uint64(len(reader.data)) {
		reader.err = first(reader.err, errors.New("keystay: the agent's reply is too short"))
		return nil
	}
	taken := reader.data[:size]
	reader.data = reader.data[size:]
	return taken
}

func (reader *fields) number() uint32 {
	taken := reader.take(4)
	if taken == nil {
		return 0
	}
	return binary.BigEndian.Uint32(taken)
}

func (reader *fields) bytes() []byte { return reader.take(reader.number()) }
