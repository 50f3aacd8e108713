# SPDX-License-Identifier: Apache-2.0
"""Makes whole TLS handshakes out of nothing, up to the client's CertificateVerify, as RFC 5246 and RFC 8446 write them.

A handshake is a list of messages, [type, body]; a forger changes any of them before or after the server has signed.
The secret of no handshake is known to anybody: Finished messages are random bytes, since the agent cannot check them.
"""
import hashlib
import os

from pki import der, scheme_of, sign

CH, SH, TICKET, END_OF_EARLY_DATA, EE, CERTIFICATE, SKE, CR, DONE, CV, CKE, FINISHED, STATUS, KEY_UPDATE, COMPRESSED = (
    1, 2, 4, 5, 8, 11, 12, 13, 14, 15, 16, 20, 22, 24, 25)
MESSAGE_HASH = 254
RETRY_RANDOM = hashlib.sha256(b"HelloRetryRequest").digest()
SERVER_CONTEXT = b" " * 64 + b"TLS 1.3, server CertificateVerify\0"
CLIENT_CONTEXT = b" " * 64 + b"TLS 1.3, client CertificateVerify\0"
ALL_SCHEMES = (0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601)
ECDHE_ECDSA, ECDHE_RSA, DHE_RSA, RSA, DH_RSA, ECDH_ECDSA = 0xc02b, 0xc02f, 0x009e, 0x009c, 0x00a0, 0xc02d


def vector(width, body):
    return len(body).to_bytes(width, "big") + body


def u16(number):
    return number.to_bytes(2, "big")


def extension(kind, body=b""):
    return u16(kind) + vector(2, body)


def server_name(host, kind=0):
    """An extension; host as text or raw bytes."""
    raw = host if isinstance(host, bytes) else host.encode()
    return extension(0, vector(2, bytes([kind]) + vector(2, raw)))


def schemes(codes):
    return vector(2, b"".join(map(u16, codes)))


def wire(messages):
    return b"".join(bytes([kind]) + vector(3, body) for kind, body in messages)


def client_hello(random, suites, extensions, version=0x0303, session=b"", compressions=b"\0"):
    block = vector(2, b"".join(extensions)) if extensions is not None else b""
    return [CH, u16(version) + random + vector(1, session) + vector(2, b"".join(map(u16, suites)))
            + vector(1, compressions) + block]


def server_hello(random, suite, extensions, version=0x0303, session=b"", compression=0):
    block = vector(2, b"".join(extensions)) if extensions is not None else b""
    return [SH, u16(version) + random + vector(1, session) + u16(suite) + bytes([compression]) + block]


def raw(certificate):
    return certificate if isinstance(certificate, bytes) else der(certificate)


def certificates12(chain):
    return [CERTIFICATE, vector(3, b"".join(vector(3, raw(one)) for one in chain))]


def certificates13(chain, context=b"", staple=None, leaf_extensions=b""):
    entries = b""
    for place, one in enumerate(chain):
        more = leaf_extensions if place == 0 else b""
        if staple is not None and place == 0:
            more += extension(5, b"\1" + vector(3, staple))
        entries += vector(3, raw(one)) + vector(2, more)
    return [CERTIFICATE, vector(1, context) + vector(3, entries)]


class Plan:
    """What both versions have: who the server is and what it shows. Every part can be given another value."""

    def __init__(self, **parts):
        self.host = "good.corp.example"     # text or bytes; None: no SNI; or names: ready extensions in its place
        self.names = None
        self.chain = ()                     # DER, leaf first
        self.key = None                     # that the server signs with
        self.client_chain = ()              # DER
        self.staple = None
        self.asks_for_staple = True
        self.scheme = None
        self.suite = None
        self.offered = None
        self.client_random, self.server_random = os.urandom(32), os.urandom(32)
        self.more_client = []               # extensions
        self.more_server = []
        self.request_schemes = ALL_SCHEMES
        self.signed = None                  # bytes that the server signs in place of what it should
        self.signature = None               # a ready signature
        self.defaults()
        unknown = set(parts) - set(vars(self))
        assert not unknown, unknown
        vars(self).update(parts)
        self.chain = [raw(one) for one in self.chain]
        self.client_chain = [raw(one) for one in self.client_chain]
        if self.scheme is None and self.key is not None:
            self.scheme = scheme_of(self.key)

    def defaults(self):
        pass

    def name_extensions(self):
        if self.names is not None:
            return self.names
        return [] if self.host is None else [server_name(self.host)]

    def sign(self, data):
        if self.signature is not None:
            return self.signature
        return sign(self.key, self.scheme, data if self.signed is None else self.signed)


class Plan12(Plan):
    """TLS 1.2. messages() makes ClientHello to ClientKeyExchange; the input to sign is wire() of them."""

    def defaults(self):
        self.suite, self.kind = ECDHE_ECDSA, "ecdhe"  # kind: ecdhe, dhe, static
        self.client_ems = self.server_ems = self.client_ri = self.server_ri = True
        self.client_version = self.server_version = 0x0303
        self.params = None

    def server_params(self):
        if self.params is not None:
            return self.params
        if self.kind == "ecdhe":
            return b"\3" + u16(0x0017) + vector(1, b"\4" + os.urandom(64))
        return vector(2, b"\xff" * 256) + vector(2, b"\2") + vector(2, os.urandom(256))

    def client_hello(self):
        extensions = self.name_extensions() + [extension(10, vector(2, u16(0x0017))), extension(11, b"\1\0"),
                                               extension(13, schemes(ALL_SCHEMES))]
        extensions += [extension(23)] * bool(self.client_ems) + [extension(0xff01, b"\0")] * bool(self.client_ri)
        extensions += [extension(5, b"\1\0\0\0\0")] * bool(self.asks_for_staple) + self.more_client
        offered = self.offered or [self.suite, 0xc030]
        return client_hello(self.client_random, offered, extensions, self.client_version)

    def server_hello(self):
        extensions = [extension(23)] * bool(self.server_ems) + [extension(0xff01, b"\0")] * bool(self.server_ri)
        extensions += [extension(5)] * (self.staple is not None) + self.more_server
        return server_hello(self.server_random, self.suite, extensions, self.server_version)

    def key_exchange(self):
        params = self.server_params()
        signature = self.sign(self.client_random + self.server_random + params)
        return [SKE, params + u16(self.scheme) + vector(2, signature)]

    def messages(self):
        found = [self.client_hello(), self.server_hello(), certificates12(self.chain)]
        if self.staple is not None:
            found.append([STATUS, b"\1" + vector(3, self.staple)])
        if self.kind != "static":
            found.append(self.key_exchange())
        found += [[CR, vector(1, b"\1\x40") + schemes(self.request_schemes) + vector(2, b"")], [DONE, b""],
                  certificates12(self.client_chain)]
        point = vector(1, b"\4" + os.urandom(64)) if self.kind == "ecdhe" else vector(2, os.urandom(256))
        return found + [[CKE, point]]


class Plan13(Plan):
    """TLS 1.3. messages() makes ClientHello to the client's Certificate; the input is made of their hash."""

    def defaults(self):
        self.suite = 0x1301
        self.retry = False        # a HelloRetryRequest
        self.retry_suite = None
        self.psk = False          # the server resumes
        self.offers_psk = None    # the client would; None: as psk
        self.certified = False    # the server shows a certificate all the same
        self.context = b""        # of the CertificateRequest, and of the client's Certificate
        self.client_context = None
        self.post = False         # post-handshake authentication
        self.main_auth = False    # and the main handshake had the client authenticated as well
        self.offers_post = None   # post_handshake_auth in the ClientHello; None: as post
        self.server_version = 0x0304
        self.server_verify_context = SERVER_CONTEXT
        self.tweak = None         # a function of the messages before the server signs
        self.server_context = b""
        self.leaf_extensions = b""

    def hash(self):
        return hashlib.sha384 if self.suite == 0x1302 else hashlib.sha256

    def digest(self, messages):
        return self.hash()(wire(messages)).digest()

    def client_hello(self, is_second=False):
        offers_post = self.post if self.offers_post is None else self.offers_post
        extensions = self.name_extensions() + [
            extension(43, vector(1, u16(0x0304) + u16(0x0303))), extension(10, vector(2, u16(0x0017))),
            extension(13, schemes(ALL_SCHEMES)),
            extension(51, vector(2, u16(0x0017) + vector(2, b"\4" + os.urandom(64))))]
        extensions += [extension(5, b"\1\0\0\0\0")] * bool(self.asks_for_staple)
        extensions += [extension(49)] * bool(offers_post) + self.more_client
        if is_second:
            extensions.append(extension(44, vector(2, b"cookie")))
        if self.psk if self.offers_psk is None else self.offers_psk:
            extensions.append(extension(45, b"\1\1"))
            extensions.append(extension(41, vector(2, vector(2, b"ticket") + b"\0" * 4)
                                        + vector(2, vector(1, os.urandom(32)))))
        offered = self.offered or [self.suite, 0x1303]
        return client_hello(self.client_random, offered, extensions, session=b"\7" * 32)

    def hello_retry(self):
        first = self.client_hello()
        hash_first = self.hash()(wire([first])).digest()
        retry = server_hello(RETRY_RANDOM, self.retry_suite or self.suite,
                             [extension(43, u16(0x0304)), extension(44, vector(2, b"cookie"))], session=b"\7" * 32)
        return [[MESSAGE_HASH, hash_first], retry, self.client_hello(is_second=True)]

    def hellos(self):
        found = self.hello_retry() if self.retry else [self.client_hello()]
        extensions = [extension(43, u16(self.server_version)),
                      extension(51, u16(0x0017) + vector(2, b"\4" + os.urandom(64)))] + self.more_server
        extensions += [extension(41, u16(0))] * bool(self.psk)
        return found + [server_hello(self.server_random, self.suite, extensions, session=b"\7" * 32)]

    def request(self, context):
        return [CR, vector(1, context) + vector(2, extension(13, schemes(self.request_schemes)))]

    def finished(self):
        return [FINISHED, os.urandom(self.hash()().digest_size)]

    def verify(self, messages):
        """The server's CertificateVerify over messages."""
        signature = self.sign(self.server_verify_context + self.digest(messages))
        return [CV, u16(self.scheme) + vector(2, signature)]

    def client_certificate(self, context=b""):
        return certificates13(self.client_chain, context)

    def messages(self):
        found = self.hellos() + [[EE, vector(2, b"")]]
        asks_at_once = not self.post or self.main_auth
        if asks_at_once:
            found.append(self.request(b"" if self.post else self.context))
        if not self.psk or self.certified:
            found.append(certificates13(self.chain, self.server_context, self.staple, self.leaf_extensions))
            found = self.tweak(found) if self.tweak else found
            found.append(self.verify(found))
        found.append(self.finished())
        if self.post:
            if self.main_auth:
                found += [self.client_certificate(), [CV, u16(0x0403) + vector(2, os.urandom(70))]]
            found += [self.finished(), self.request(self.context)]
        shown = self.context if self.client_context is None else self.client_context
        return found + [self.client_certificate(shown)]

    def input(self, messages):
        return CLIENT_CONTEXT + self.digest(messages)
