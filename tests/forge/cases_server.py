# SPDX-License-Identifier: Apache-2.0
"""Forged cases: what the server signed, by what, and what it is said to have revoked."""
import os
import zlib

from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

from handshake import CERTIFICATE, CLIENT_CONTEXT, CV, SKE, extension, u16, vector, wire
from pki import ECDSA_SHA1, ECDSA_SHA256, OCSP, SERVER, Authority, edit, new_key, sign, spki
from world import GOOD

STATES = ocsp.OCSPCertStatus


def flip(kind, place):
    """A change of messages: one bit of the first message of this kind."""
    def change(messages):
        for message in messages:
            if message[0] == kind:
                body = bytearray(message[1])
                body[place] ^= 1
                message[1] = bytes(body)
                return
    return change


def signatures(world):
    both, add12, add13 = world.both, world.add12, world.add13
    for kind, key in world.keys.items():
        suite = 0xc02f if kind.startswith("rsa") else 0xc02b
        chain = world.chain_of(world.issuing.issue(key, GOOD, [GOOD]))
        add12("good-key-" + kind, good=GOOD, key=key, chain=chain, suite=suite)
        add13("good-key-" + kind, good=GOOD, key=key, chain=chain)
        add12("key-%s-signature-flipped" % kind, flip(SKE, -1), key=key, chain=chain, suite=suite)
        add13("key-%s-signature-flipped" % kind, flip(CV, -1), key=key, chain=chain)
        add13("key-%s-signature-of-the-client's-context" % kind, key=key, chain=chain,
              server_verify_context=CLIENT_CONTEXT)
    for place in (2, 10, 40):
        add12("params-flipped-at-%d" % place, flip(SKE, place))
        add13("signature-flipped-at-%d" % (place + 4), flip(CV, place + 4))
    other = new_key()
    both("signed-by-another-key", key=other)
    both("signed-by-the-issuer", key=world.issuing.key)
    both("signature-empty", signature=b"")
    both("signature-of-zeros", signature=b"\0" * 70)
    both("signature-of-r-and-s-zero", signature=b"\x30\6\2\1\0\2\1\0")
    both("signature-of-nothing", signed=b"")
    good = world.plan13()
    messages = good.messages()
    add13("signature-with-bytes-after", change_verify(lambda signature: signature + b"\0"))
    add12("signature-with-bytes-after", change_exchange(lambda signature: signature + b"\0"))
    add13("signature-cut", change_verify(lambda signature: signature[:-1]))
    add13("signature-of-another-connection", change_verify(lambda _: messages[5][1][4:]))
    add13("verify-of-another-connection", replace(CV, messages[5]))
    other12 = world.plan12().messages()
    add12("exchange-of-another-connection", replace(SKE, other12[3]))
    random = os.urandom(32)
    replay = world.plan12(client_random=random).messages()
    add12("exchange-replayed-to-the-same-client-random", replace(SKE, replay[3]), client_random=random)


def change_verify(edit):
    def change(messages):
        for message in messages:
            if message[0] == CV:
                message[1] = message[1][:2] + vector(2, edit(message[1][4:]))
    return change


def change_exchange(edit):
    """For ECDHE on P-256: the params have 69 bytes."""
    def change(messages):
        for message in messages:
            if message[0] == SKE:
                message[1] = message[1][:71] + vector(2, edit(message[1][73:]))
    return change


def replace(kind, other):
    def change(messages):
        for place, message in enumerate(messages):
            if message[0] == kind:
                messages[place] = list(other)
                return
    return change


def contexts(world):
    """What a server may sign beside this."""
    for name, context in (
            ("of-nobody", b""), ("of-spaces-alone", b" " * 64), ("of-63-spaces", b" " * 63 + b"TLS 1.3, server "
                                                                  b"CertificateVerify\0"),
            ("without-separator", b" " * 64 + b"TLS 1.3, server CertificateVerify"),
            ("of-an-exported-authenticator", b" " * 64 + b"Exported Authenticator\0"),
            ("in-capitals", b" " * 64 + b"TLS 1.3, SERVER CertificateVerify\0"),
            ("of-dtls", b" " * 64 + b"DTLS 1.3, server CertificateVerify\0"),
            ("of-a-delegated-credential", b" " * 64 + b"TLS, server delegated credentials\0")):
        world.add13("server-context-" + name, server_verify_context=context)
    plan = world.plan13()
    messages = plan.messages()
    data = plan.input(messages)
    world.add("tls13-server-context-in-the-input", data.replace(b"client", b"server"), wire(messages))
    # The client's own signature over the same handshake, shown as the server's, whose certificate has the client's key.
    key = new_key()
    client = world.issuing.issue(key, GOOD, [GOOD])
    world.add13("client's-signature-as-the-server's", chain=[client, world.issuing.certificate], key=key,
                server_verify_context=CLIENT_CONTEXT)
    world.add13("client's-certificate-as-the-server's", chain=[world.clients["alice"]], key=key)
    # A ServerKeyExchange of TLS 1.2 whose random looks like the start of a TLS 1.3 input, and the other way round.
    world.add13("signed-as-tls-1.2", signed=os.urandom(64) + b"\3\0\x17\x41" + os.urandom(65))
    world.add12("signed-as-tls-1.3", signed=b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + os.urandom(32))


def scheme_faults(world):
    add12, add13 = world.add12, world.add13
    key = world.keys["rsa2048"]
    rsa = {"key": key, "chain": world.chain_of(world.issuing.issue(key, GOOD, [GOOD]))}
    for code in (0x0401, 0x0501, 0x0804, 0x0805, 0x0806):
        add12("good-scheme-%04x" % code, good=GOOD, scheme=code, suite=0xc02f, **rsa)
    for code in (0x0401, 0x0501, 0x0601, 0x0201, 0x0101, 0x0809):
        add13("scheme-%04x-of-an-rsa-key" % code, scheme=code, **rsa)
    for code in (0x0201, 0x0101, 0x0301, 0x0809):
        add12("scheme-%04x-of-an-rsa-key" % code, scheme=code, suite=0xc02f, **rsa)
    for code in (0x0203, 0x0303):
        world.both("scheme-%04x-of-an-ec-key" % code, scheme=code)
    add13("curve-and-hash-that-do-not-fit", scheme=0x0503)
    add12("good-curve-with-another-hash", good=GOOD, scheme=0x0503)
    p384 = world.keys["p384"]
    add13("p384-with-sha256", scheme=0x0403, key=p384, chain=world.chain_of(world.issuing.issue(p384, GOOD, [GOOD])))
    for code in (0x0000, 0x0808, 0xffff, 0x0402, 0x0404):
        world.both("scheme-%04x-that-is-none" % code, scheme=code, signature=sign(world.key, 0x0403, b"x"))
    world.both("scheme-of-another-kind-of-key", scheme=0x0804, signature=os.urandom(256))
    weak = new_key("rsa1024")
    chain = world.chain_of(world.issuing.issue(weak, GOOD, [GOOD]))
    add12("rsa-key-of-1024-bits", key=weak, chain=chain, suite=0xc02f)
    add13("rsa-key-of-1024-bits", key=weak, chain=chain)
    ed = world.keys["ed25519"]
    add13("ed25519-context-prefix-missing", key=ed, chain=world.chain_of(world.issuing.issue(ed, GOOD, [GOOD])),
          server_verify_context=b"")
    weak = edit(world.leaf, [(ECDSA_SHA256, ECDSA_SHA1)], world.issuing, ECDSA_SHA1, hashes.SHA1())
    world.both("leaf-signed-with-sha-1", chain=world.chain_of(weak))


def staples(world):
    leaf_case, issuing = world.leaf_case, world.issuing
    stranger = Authority("Stranger Issuing", world.stranger)
    leaf_case("good-staple", good=GOOD, staple=issuing.status)
    leaf_case("staple-revoked", staple=lambda leaf: issuing.status(leaf, state=STATES.REVOKED))
    leaf_case("staple-unknown", staple=lambda leaf: issuing.status(leaf, state=STATES.UNKNOWN))
    leaf_case("staple-expired", staple=lambda leaf: issuing.status(leaf, start=-9, end=-2))
    leaf_case("staple-of-tomorrow", staple=lambda leaf: issuing.status(leaf, start=1, end=7))
    leaf_case("staple-for-another-certificate", staple=lambda _: issuing.status(
        issuing.issue(world.key, GOOD, [GOOD])))
    leaf_case("staple-of-a-stranger", staple=lambda leaf: issuing.status(
        leaf, responder=(stranger.certificate, stranger.key)))
    leaf_case("staple-of-a-stranger-with-its-certificate", staple=lambda leaf: issuing.status(
        leaf, responder=(stranger.certificate, stranger.key), chain=[stranger.certificate]))
    leaf_case("staple-of-the-server-itself", staple=lambda leaf: issuing.status(
        leaf, responder=(leaf, world.key), chain=[leaf]))
    leaf_case("staple-of-the-root", staple=lambda leaf: issuing.status(
        leaf, responder=(world.root.certificate, world.root.key), chain=[world.root.certificate]))
    leaf_case("staple-of-a-namesake", staple=lambda leaf: Authority("Forge Issuing", world.stranger).status(leaf))
    key = new_key()
    for name, eku, issuer, good in (("good-staple-of-a-responder", [OCSP], issuing, GOOD),
                                    ("staple-of-a-responder-that-is-none", [SERVER], issuing, None),
                                    ("staple-of-a-responder-of-a-stranger", [OCSP], stranger, None)):
        responder = issuer.issue(key, "Responder", [], eku=eku)
        leaf_case(name, good=good, staple=lambda leaf, responder=responder: issuing.status(
            leaf, responder=(responder, key), chain=[responder]))
    late = issuing.issue(key, "Responder", [], eku=[OCSP], start=-9, end=-1)
    leaf_case("staple-of-a-responder-that-expired", staple=lambda leaf: issuing.status(
        leaf, responder=(late, key), chain=[late]))
    namesake = Authority("Forge Issuing", world.stranger).issue(key, "Responder", [], eku=[OCSP])
    leaf_case("staple-of-a-responder-of-a-namesake", staple=lambda leaf: issuing.status(
        leaf, responder=(namesake, key), chain=[namesake]))
    leaf_case("staple-of-nonsense", staple=lambda _: b"\x30\3\2\1\1")
    leaf_case("staple-try-later", staple=lambda _: b"\x30\3\x0a\1\3")
    leaf_case("staple-of-nothing", staple=lambda _: b"")
    leaf_case("staple-cut", staple=lambda leaf: issuing.status(leaf)[:-5])
    leaf_case("staple-with-bytes-after", staple=lambda leaf: issuing.status(leaf) + b"\0")
    flipped = lambda leaf: issuing.status(leaf)[:-1] + bytes([issuing.status(leaf)[-1] ^ 1])  # noqa: E731
    leaf_case("staple-flipped", staple=flipped)
    world.add13("staple-of-another-type", leaf_extensions=extension(5, b"\2" + vector(3, issuing.status(world.leaf))))
    world.add13("staple-twice", leaf_extensions=2 * extension(5, b"\1" + vector(3, issuing.status(world.leaf))))


def certificate_types(world):
    """Certificates that are none: raw keys, OpenPGP, compressed ones, delegated credentials."""
    def compressed(messages):
        place = [message[0] for message in messages].index(CERTIFICATE)
        body = messages[place][1]
        messages[place] = [25, u16(1) + len(body).to_bytes(3, "big") + vector(3, zlib.compress(body))]
        return messages

    def lies(messages):
        messages = compressed(messages)
        messages[-1][1] = u16(1) + (10 ** 6).to_bytes(3, "big") + messages[-1][1][5:]
        return messages

    world.add13("compressed-certificate-whose-size-is-a-lie", tweak=lies,
                more_client=[extension(27, b"\2\0\1")])
    world.add13("compressed-certificate-that-nobody-offered", tweak=compressed)
    world.add13("delegated-credential", key=new_key(), more_client=[extension(34, vector(2, u16(0x0403)))],
                leaf_extensions=extension(34, os.urandom(200)))
    raw_key = spki(world.key)
    world.add13("raw-public-key-as-certificate", chain=[raw_key])
    world.add12("raw-public-key-as-certificate", chain=[raw_key], more_client=[extension(20, b"\1\2")],
                more_server=[extension(20, b"\2")])


def all_of_them(world):
    for make in (signatures, contexts, scheme_faults, staples, certificate_types):
        make(world)
