# SPDX-License-Identifier: Apache-2.0
"""A second implementation of "for which server is this signature?", written from RFC 5246, 5746, 6066, 7627, 8446 and
from what keystay promises, never from lib/tls. Slow, plain, and stricter rather than laxer where the RFCs leave room.

prove(input, transcript, spki, anchors) gives the proven name or raises Unproven with the reason.
"""
import datetime
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from oracle_x509 import Unproven, allows, check_server, is_host_name, need, verify_with

SHA = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
# scheme: (key, curve in TLS 1.3, hash, is PSS, allowed in TLS 1.3)
SCHEMES = {0x0401: ("rsa", None, "256", False, False), 0x0501: ("rsa", None, "384", False, False),
           0x0601: ("rsa", None, "512", False, False), 0x0804: ("rsa", None, "256", True, True),
           0x0805: ("rsa", None, "384", True, True), 0x0806: ("rsa", None, "512", True, True),
           0x0403: ("ec", 256, "256", False, True), 0x0503: ("ec", 384, "384", False, True),
           0x0603: ("ec", 521, "512", False, True), 0x0807: ("ed25519", None, "512", False, True)}
# The first 64 bytes of the input of TLS 1.3, RFC 8446 section 4.4.3
HEAD13 = b"\x20" * 64 + b"TLS 1.3, client CertificateVerify" + b"\x00"
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
SUITES13 = {0x1301: hashlib.sha256, 0x1302: hashlib.sha384, 0x1303: hashlib.sha256, 0x1304: hashlib.sha256,
            0x1305: hashlib.sha256}
EPHEMERAL = {  # suite: exchange
    **dict.fromkeys((0xc02b, 0xc02c, 0xc023, 0xc024, 0xc009, 0xc00a, 0xcca9, 0xc0ac, 0xc0ad, 0xc0ae, 0xc0af, 0xc02f,
                     0xc030, 0xc027, 0xc028, 0xc013, 0xc014, 0xcca8), "ecdhe"),
    **dict.fromkeys((0x009e, 0x009f, 0x0067, 0x006b, 0x0033, 0x0039, 0xccaa), "dhe")}


class Bytes:
    """What is left to be read; too little is Unproven."""

    def __init__(self, data, what):
        self.data, self.at, self.what = data, 0, what

    def take(self, size):
        need(size <= len(self.data) - self.at, f"{self.what} is cut off")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, width):
        return int.from_bytes(self.take(width), "big")

    def vector(self, width):
        return self.take(self.number(width))

    def left(self):
        return len(self.data) - self.at

    def end(self):
        need(self.left() == 0, f"{self.what} goes on")


def items(data, width, what):
    """A list of vectors that fills data."""
    reader, found = Bytes(data, what), []
    while reader.left():
        found.append(reader.vector(width))
    return found


def numbers(data, what):
    need(len(data) % 2 == 0 and data, f"{what} has half a number")
    return [int.from_bytes(data[at:at + 2], "big") for at in range(0, len(data), 2)]


def messages_of(data):
    reader, found = Bytes(data, "the handshake"), []
    while reader.left():
        start = reader.at
        kind = reader.number(1)
        found.append((kind, reader.vector(3), start))
    return found


def extensions_of(data, what):
    reader, found = Bytes(data, what), {}
    while reader.left():
        kind = reader.number(2)
        need(kind not in found, f"{what} has an extension twice")
        found[kind] = reader.vector(2)
    return found


class Hello:
    """A ClientHello or a ServerHello."""

    def __init__(self, body, is_client):
        reader = Bytes(body, "a hello")
        need(reader.number(2) == 0x0303, "not version 0x0303")
        self.random = reader.take(32)
        self.session = reader.vector(1)
        need(len(self.session) <= 32, "a session id that is too long")
        if is_client:
            self.suites = numbers(reader.vector(2), "cipher_suites")
            need(0 in reader.vector(1), "no null compression")
        else:
            self.suites = [reader.number(2)]
            need(reader.number(1) == 0, "compression")
        block = reader.vector(2) if reader.left() else b""
        self.extensions = extensions_of(block, "a hello")
        reader.end()

    def host(self):
        """RFC 6066 section 3: one name of the type host_name, in ASCII, no dot at its end."""
        need(0 in self.extensions, "no SNI")
        outer = Bytes(self.extensions[0], "server_name")
        names = Bytes(outer.vector(2), "server_name")
        outer.end()
        need(names.number(1) == 0, "a name of another type")
        raw = names.vector(2)
        names.end()
        host = raw.decode("ascii", "replace")
        need(is_host_name(host), "no host name")
        return host.lower()


def key_kind(key):
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa", None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ec", key.curve.key_size
    return ("ed25519", None) if isinstance(key, ed25519.Ed25519PublicKey) else ("other", None)


VERIFIED = {}


def check_signature(key, scheme, signature, data, is_tls13):
    need(scheme in SCHEMES, f"the server signed by 0x{scheme:04x}")
    wanted, curve, digest, is_pss, is_allowed = SCHEMES[scheme]
    kind, size = key_kind(key)
    need(wanted == kind and (is_allowed or not is_tls13), "the scheme is not for this key or version")
    need(not is_tls13 or curve is None or curve == size, "the curve is of another scheme")
    raw = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    known = (raw, scheme, signature, data)
    if known not in VERIFIED:
        if len(VERIFIED) > 10000:
            VERIFIED.clear()
        try:
            verify_with(key, signature, data, SHA[digest], is_pss)
            VERIFIED[known] = True
        except InvalidSignature:
            VERIFIED[known] = False
    need(VERIFIED[known], "the server's signature does not hold")


def der_items(data, count):
    """The first items of a DER sequence's body, whole; what they mean is not asked."""
    reader, found = Bytes(data, "the client's certificate"), []
    for _ in range(count):
        start = reader.at
        reader.take(1)
        size = reader.number(1)
        if size & 0x80:
            need(0 < size & 0x7f <= 4, "a length of the client's certificate")
            size = reader.number(size & 0x7f)
        reader.take(size)
        found.append((data[start:reader.at], data[reader.at - size:reader.at]))
    return found


def check_own_certificate(leaf, spki):
    """The key in it; the rest of it is the server's to judge (RFC 5280 section 4.1: seventh item, or sixth in v1)."""
    body = der_items(der_items(leaf, 1)[0][1], 1)[0][1]
    items_of = der_items(body, 6 if body[:1] != b"\xa0" else 7)
    need(items_of[-1][0] == spki, "the client's certificate is of another key")


# --- TLS 1.2 ----------------------------------------------------------------------------------------------------------

def read_staple12(body):
    reader = Bytes(body, "CertificateStatus")
    kind = reader.number(1)
    need(kind == 1, "a status that is no OCSP")
    staple = reader.vector(3)
    reader.end()
    return staple


def read_exchange(body, kind):
    reader = Bytes(body, "ServerKeyExchange")
    if kind == "ecdhe":
        need(reader.number(1) == 3, "a curve without name")
        reader.take(2)
        need(reader.vector(1), "an empty point")
    else:
        for _ in range(3):
            need(reader.vector(2), "an empty number")
    params = body[:reader.at]
    scheme = reader.number(2)
    signature = reader.vector(2)
    reader.end()
    return params, scheme, signature


def read_rest12(request, done, certificate, exchange, kind):
    """What the server's signature does not cover: CertificateRequest to ClientKeyExchange."""
    reader = Bytes(request, "CertificateRequest")
    need(reader.vector(1), "no certificate types")
    numbers(reader.vector(2), "supported_signature_algorithms")
    items(reader.vector(2), 2, "certificate_authorities")
    reader.end()
    need(done == b"", "ServerHelloDone says something")
    reader = Bytes(certificate, "Certificate")
    own = items(reader.vector(3), 3, "Certificate")
    reader.end()
    need(own, "no certificate of the client")
    reader = Bytes(exchange, "ClientKeyExchange")
    need(reader.vector(1 if kind == "ecdhe" else 2), "an empty public value")
    reader.end()
    return own[0]


def check_hellos12(client, server):
    need(server.suites[0] in client.suites, "a suite that nobody offered")
    need(23 in client.extensions and 23 in server.extensions, "no extended master secret")
    need(client.extensions[23] == b"" == server.extensions[23], "an extended master secret with a body")
    scsv = 0x00ff in client.suites
    need((0xff01 in client.extensions or scsv) and 0xff01 in server.extensions, "no renegotiation_info")
    mine = Bytes(client.extensions.get(0xff01, b"\0"), "renegotiation_info").vector(1)
    theirs = Bytes(server.extensions[0xff01], "renegotiation_info").vector(1)
    need(theirs[:len(mine)] == mine and len(theirs) == 2 * len(mine), "the renegotiation does not fit")
    for kind in server.extensions:
        need(kind in client.extensions or (kind == 0xff01 and scsv), "an extension that nobody asked for")
    need(43 not in server.extensions and 41 not in server.extensions, "extensions of TLS 1.3")
    need(server.random[-8:] != b"DOWNGRD\0", "the server knows better than TLS 1.2")
    if 0x0304 in numbers(client.extensions.get(43, b"\0\0\0")[1:] or b"\0\0", "supported_versions"):
        need(server.random[-8:] != b"DOWNGRD\1", "somebody took TLS 1.3 away")


def prove12(data, spki, anchors, now):
    found = messages_of(data)
    kinds = [kind for kind, _, _ in found]
    need(kinds in ([1, 2, 11, 12, 13, 14, 11, 16], [1, 2, 11, 22, 12, 13, 14, 11, 16]), f"messages {kinds}")
    bodies = [body for _, body, _ in found]
    client, server = Hello(bodies[0], True), Hello(bodies[1], False)
    host = client.host()
    check_hellos12(client, server)
    need(server.suites[0] in EPHEMERAL, "no key exchange that the server signs")
    exchange = EPHEMERAL[server.suites[0]]
    chain = items(Bytes(bodies[2], "Certificate").vector(3), 3, "Certificate")
    need(len(bodies[2]) == 3 + sum(3 + len(one) for one in chain), "Certificate goes on")
    need(20 not in server.extensions, "a server certificate of another type")
    staple = read_staple12(bodies[3]) if kinds[3] == 22 else None
    key = check_server(chain, host, staple, anchors, now)
    params, scheme, signature = read_exchange(bodies[-5], exchange)
    # Which kind of key the suite's name has (RFC 5246 section 7.4.2) is for the client: the server signs no suite.
    check_signature(key, scheme, signature, client.random + server.random + params, False)
    check_own_certificate(read_rest12(*bodies[-4:], exchange), spki)
    return host


# --- TLS 1.3 ----------------------------------------------------------------------------------------------------------

def read_certificates13(body):
    reader = Bytes(body, "Certificate")
    context, entries = reader.vector(1), Bytes(reader.vector(3), "Certificate")
    reader.end()
    chain, extensions = [], []
    while entries.left():
        chain.append(entries.vector(3))
        extensions.append(extensions_of(entries.vector(2), "Certificate"))
    return context, chain, extensions


def read_request13(body):
    reader = Bytes(body, "CertificateRequest")
    context = reader.vector(1)
    extensions = extensions_of(reader.vector(2), "CertificateRequest")
    reader.end()
    need(13 in extensions, "a request without schemes")
    return context


def read_hellos13(queue, hash_size):
    """[message_hash, HelloRetryRequest,] ClientHello, ServerHello"""
    retry = None
    if queue and queue[0][0] == 254:
        need(len(queue.pop(0)[1]) == hash_size, "message_hash of another size")
        retry = Hello(expect(queue, 2), False)
        need(retry.random == RETRY, "message_hash without HelloRetryRequest")
        need(retry.extensions.get(43) == b"\3\4", "a HelloRetryRequest of another version")
    client, server = Hello(expect(queue, 1), True), Hello(expect(queue, 2), False)
    need(server.random != RETRY, "a second HelloRetryRequest, or one without message_hash")
    need(server.session == client.session, "another session id")
    need(retry is None or retry.suites == server.suites, "a suite that changed after HelloRetryRequest")
    need(retry is None or retry.session == client.session, "another session id in HelloRetryRequest")
    return client, server


def hashed(transcript, digest_size):
    """RFC 8446 section 4.4.1: a first ClientHello that a HelloRetryRequest answered is hashed as message_hash."""
    found = messages_of(transcript)
    if [kind for kind, _, _ in found[:3]] != [1, 2, 1] or found[1][1][2:34] != RETRY:
        return transcript
    first, second = Hello(found[0][1], True), Hello(found[2][1], True)
    same = first.random == second.random and first.suites == second.suites and first.session == second.session
    need(same and all(first.extensions.get(kind) == second.extensions.get(kind) for kind in (0, 13, 43)),
         "two hellos of different handshakes")
    end = found[1][2]
    digest = (hashlib.sha384 if digest_size == 48 else hashlib.sha256)(transcript[:end]).digest()
    return b"\xfe\0\0" + bytes([digest_size]) + digest + transcript[end:]


def expect(queue, kind):
    need(queue and queue[0][0] == kind, f"message {queue[0][0] if queue else 'nothing'} in place of {kind}")
    return queue.pop(0)[1]


def read_post(queue, client, hash_size):
    """After the main handshake: what the client did in it, and the request of now. Returns the request's context."""
    need(49 in client.extensions, "post-handshake authentication that nobody offered")
    if queue[0][0] == 11:
        context, chain, _ = read_certificates13(expect(queue, 11))
        need(context == b"", "a context in the main handshake")
        if chain:
            expect(queue, 15)
    need(len(expect(queue, 20)) == hash_size, "Finished of another size")
    return read_request13(expect(queue, 13))


def read_extensions13(body, client):
    reader = Bytes(body, "EncryptedExtensions")
    found = extensions_of(reader.vector(2), "EncryptedExtensions")
    reader.end()
    for kind in found:
        need(kind in client.extensions, "an extension that nobody asked for")
    need(20 not in found, "a server certificate of another type")


def prove13(data, transcript, spki, anchors, now):
    digest = data[len(HEAD13):]
    need(len(digest) in (32, 48), "no hash")
    need(transcript, "no handshake was handed over")
    transcript = hashed(transcript, len(digest))
    queue = messages_of(transcript)
    client, server = read_hellos13(queue, len(digest))
    suite = server.suites[0]
    need(suite in SUITES13 and suite in client.suites, "no suite of TLS 1.3, or one that nobody offered")
    need(SUITES13[suite](transcript).digest() == digest, "the hash is of another handshake")
    versions = Bytes(client.extensions.get(43, b"\0"), "supported_versions").vector(1)
    need(server.extensions.get(43) == b"\3\4" and b"\3\4" in [versions[at:at + 2] for at in range(0, len(versions), 2)],
         "not TLS 1.3")
    need(41 not in server.extensions, "a session that was resumed")
    host = client.host()
    read_extensions13(expect(queue, 8), client)
    context = read_request13(expect(queue, 13)) if queue and queue[0][0] == 13 else None
    need(not context, "a context in the main handshake")
    server_context, chain, extensions = read_certificates13(expect(queue, 11))
    need(server_context == b"", "a context in the server's Certificate")
    staple = read_staple12(extensions[0][5]) if extensions and 5 in extensions[0] else None
    signed = SUITES13[suite](transcript[:queue[0][2]]).digest() if queue else b""
    reader = Bytes(expect(queue, 15), "CertificateVerify")
    scheme, signature = reader.number(2), reader.vector(2)
    reader.end()
    key = check_server(chain, host, staple, anchors, now)
    check_signature(key, scheme, signature, b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + signed, True)
    need(len(expect(queue, 20)) == len(digest), "Finished of another size")
    need(queue, "no certificate of the client")
    if len(queue) > 1:
        # Whether the main handshake asked for a certificate is for the client's answer in it to follow.
        need((context is not None) == (queue[0][0] == 11), "an answer without a question")
        context = read_post(queue, client, len(digest))
    need(context is not None, "nobody asked for a certificate")
    shown, own, _ = read_certificates13(expect(queue, 11))
    need(shown == context and own, "a certificate for another question, or none")
    need(not queue, "messages after the client's Certificate")
    check_own_certificate(own[0], spki)
    return host


def prove(data, transcript, spki, anchors, now=None):
    """The name of the server, in lower case, for which a signature over data by the key spki (DER) would be."""
    now = now or datetime.datetime.utcnow()
    if data[:64] == HEAD13[:64]:
        need(data.startswith(HEAD13), "not the client's signature")
        return prove13(data, transcript, spki, anchors, now)
    return prove12(data, spki, anchors, now)


def decide(data, transcript, spki, anchors, pattern, now=None):
    """(name, "") when the rule `servers = pattern` holds, else (None, the reason)."""
    try:
        host = prove(data, transcript, spki, anchors, now)
        need(allows(pattern, host), f"proven for {host}, which is not allowed")
    except Unproven as problem:
        return None, str(problem)
    return host, ""
