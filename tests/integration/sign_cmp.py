#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks a running agent to sign what looks like a message of CMP and is none that a client's key signs.

    sign_cmp.py [--hostile] CONTROL-SOCKET SIGN-SOCKET KEY.pub OTHER-KEY.pub LONELY-KEY.pub CERTIFICATE.pem

KEY is a P-256 key of the agent whose section names a profile, OTHER-KEY another key of the agent, LONELY-KEY one without
a profile; all as PEM. The good messages must be signed over the control socket, each hostile one refused with input-cmp,
and none signed over the sign socket. With --hostile the good ones are left out. Writes DER by itself.
"""
import hashlib
import pathlib
import sys

import sign_requests as r
import wire
from sign_requests import der, elements, contents, oid, sequence

SIGN_CMP = 51
RULE, INPUT_SCHEME, INPUT_KEY_TYPE, INPUT_REQUEST, INPUT_CMP = 70, 92, 93, 95, 96
P256 = 0x0403

NULL, ZERO = der(5), der(2, b"\0")
ECDSA_SHA256, ECDSA_SHA384 = sequence(oid("1.2.840.10045.4.3.2")), sequence(oid("1.2.840.10045.4.3.3"))
RSA_SHA256 = sequence(oid("1.2.840.113549.1.1.11"), NULL)
PBM = sequence(oid("1.2.840.113533.7.66.13"), sequence(der(4, bytes(16)), sequence(oid("2.16.840.1.101.3.4.2.1")),
                                                         der(2, b"\1\xf4"), sequence(oid("1.2.840.113549.2.9"))))
DH_MAC = sequence(oid("1.2.840.113533.7.66.30"), sequence(sequence(oid("1.3.14.3.2.26")), sequence(oid("1.2.3"))))
TIME = der(0x18, b"20260101000000Z")
OLD_CERT_ID, REG_TOKEN, ARCHIVE = "1.3.6.1.5.5.7.5.1.5", "1.3.6.1.5.5.7.5.1.1", "1.3.6.1.5.5.7.5.1.4"
NOT_HERE = "a key update for a key that nobody here has"
IMPLICIT_CONFIRM = sequence(oid("1.3.6.1.5.5.7.4.13"), NULL)


def name(text=b"alice"):
    return sequence(der(0x31, sequence(oid("2.5.4.3"), der(0x0c, text))))


def octets(tag, size=16, byte=b"n"):
    return der(tag, der(4, byte * size))


def header(version=der(2, b"\2"), sender=None, recipient=None, time=der(0xa0, TIME), algorithm=der(0xa1, ECDSA_SHA256),
           kid=b"", transaction=None, nonce=None, more=b""):
    sender = der(0xa4, name()) if sender is None else sender
    recipient = der(0xa4, name(b"CA")) if recipient is None else recipient
    transaction = octets(0xa4) if transaction is None else transaction
    nonce = octets(0xa5) if nonce is None else nonce
    return sequence(version, sender, recipient, time, algorithm, kid, transaction, nonce, more)


def in_crmf(key):
    """SubjectPublicKeyInfo with the tag that CRMF gives it."""
    return der(0xa6, contents(key))


def template(key, before=b"", subject=None, after=b""):
    return sequence(before, der(0xa5, name()) if subject is None else subject, in_crmf(key) if key else b"", after)


def extensions(*found):
    return der(0xa9, *found)


ALTERNATIVE_NAME = sequence(oid("2.5.29.17"), der(4, sequence(der(0x82, b"www.corp.example"))))


def control(kind, value):
    return sequence(sequence(oid(kind), value))


def old_cert_id(issuer=None, serial=der(2, b"\x47\x11")):
    return control(OLD_CERT_ID, sequence(der(0xa4, name(b"CA")) if issuer is None else issuer, serial))


def request(made, number=ZERO, controls=b""):
    return sequence(number, made, controls)


PROOF = der(0xa1, ECDSA_SHA256, der(3, b"\0\x30\x06\x02\x01\x01\x02\x01\x01"))


def message(asked, proof=PROOF, more=b""):
    return sequence(asked, proof, more)


def body(number, *found):
    return der(0xa0 + number, sequence(*found))


def part(made, head=None):
    return sequence(header() if head is None else head, made)


def kur(key, controls=b"", proof=PROOF, more=b"", **how):
    return body(7, message(request(template(key, **how), controls=controls), proof, more))


def details(before=der(0x81, b"\x47\x11") + der(0xa3, name(b"CA")), more=b""):
    return sequence(sequence(before), more)


def status(hash_size=32, number=ZERO, more=b""):
    return sequence(der(4, b"h" * hash_size), number, more)


ACCEPTED = sequence(ZERO)
REASON = sequence(sequence(oid("2.5.29.21"), der(4, der(0x0a, b"\4"))))


def good(key, other):
    yield "a key update", part(kur(key))
    yield "a key update for another key of the agent", part(kur(other))
    yield "a key update that says which certificate it renews", part(kur(key, controls=old_cert_id()))
    yield "a key update with extensions", part(kur(key, after=extensions(ALTERNATIVE_NAME)))
    yield "a key update with issuer and validity", part(body(7, message(request(sequence(
        der(0x80, b"\2"), der(0xa3, name(b"CA")), der(0xa4, der(0xa0, TIME), der(0xa1, TIME)), der(0xa5, name()),
        in_crmf(key))))))
    yield "a key update of an empty subject", part(kur(key, subject=der(0xa5, sequence())))
    yield "a revocation", part(body(11, details()))
    yield "a revocation with a reason", part(body(11, details(more=REASON)))
    yield "a confirmation", part(body(24, status(more=ACCEPTED)))
    yield "a confirmation that says no", part(body(24, status(more=sequence(
        der(2, b"\2"), sequence(der(0x0c, b"not mine")), der(3, b"\0\1")))))
    yield "a confirmation with its hash", part(body(24, status(more=ACCEPTED + der(0xa0, sequence(oid("1.2.3"))))))
    yield "a poll", part(body(25, sequence(ZERO)))
    yield "a poll of version 3", part(body(25, sequence(ZERO)), header(version=der(2, b"\3")))
    yield "a poll with all of a header", part(body(25, sequence(ZERO)), header(
        kid=octets(0xa2, 20), more=octets(0xa6) + der(0xa8, sequence(IMPLICIT_CONFIRM))))
    yield "a poll without a time", part(body(25, sequence(ZERO)), header(time=b""))
    yield "a request of CRMF", request(template(key))
    yield "a request of CRMF with a control", request(template(key), controls=old_cert_id())


def hostile_headers():
    poll = body(25, sequence(ZERO))
    yield "no header", sequence(poll)
    yield "a header in a SET", sequence(der(0x31, contents(header())), poll)
    for text, version in (("1", b"\1"), ("4", b"\4"), ("2 in two bytes", b"\0\2"), ("258", b"\1\2"), ("-2", b"\xfe")):
        yield f"version {text}", part(poll, header(version=der(2, version)))
    yield "no version", part(poll, header(version=b""))
    yield "a sender that is a DNS name", part(poll, header(sender=der(0x82, b"www")))
    yield "a sender of two names", part(poll, header(sender=der(0xa4, name(), name())))
    yield "a sender that is a SET", part(poll, header(sender=der(0xa4, der(0x31, contents(name())))))
    yield "no recipient", part(poll, header(recipient=b""))
    yield "a sender with a number in it", part(poll, header(sender=der(0xa4, sequence(der(0x31, sequence(
        oid("2.5.4.3"), der(2, b"\1")))))))
    yield "a time that is a UTCTime", part(poll, header(time=der(0xa0, der(0x17, b"260101000000Z"))))
    yield "a time with fractions", part(poll, header(time=der(0xa0, der(0x18, b"20260101000000.5Z"))))
    yield "no algorithm", part(poll, header(algorithm=b""))
    algorithms = (
        ("a MAC of a password", PBM), ("a MAC of Diffie-Hellman", DH_MAC), ("RSA", RSA_SHA256),
        ("another hash", ECDSA_SHA384), ("an algorithm with NULL", sequence(oid("1.2.840.10045.4.3.2"), NULL)),
        ("two algorithms", ECDSA_SHA256 * 2), ("a bare OID", oid("1.2.840.10045.4.3.2")),
        ("an empty algorithm", sequence()))
    for text, algorithm in algorithms:
        yield f"protected by {text}", part(poll, header(algorithm=der(0xa1, algorithm)))
    yield "no transaction", part(poll, header(transaction=b""))
    yield "a transaction of 15 bytes", part(poll, header(transaction=octets(0xa4, 15)))
    yield "no nonce", part(poll, header(nonce=b""))
    yield "a nonce of 8 bytes", part(poll, header(nonce=octets(0xa5, 8)))
    yield "a nonce of 65 bytes", part(poll, header(nonce=octets(0xa5, 65)))
    yield "nonce before transaction", part(poll, header(transaction=octets(0xa5), nonce=octets(0xa4)))
    yield "a text for persons", part(poll, header(more=der(0xa7, sequence(der(0x0c, b"pay me")))))
    yield "general information of nothing", part(poll, header(more=der(0xa8, sequence())))
    yield "general information twice", part(poll, header(more=der(0xa8, sequence(IMPLICIT_CONFIRM, IMPLICIT_CONFIRM))))
    yield "general information of another kind", part(poll, header(more=der(0xa8, sequence(
        sequence(oid("1.3.6.1.5.5.7.4.14"), NULL)))))
    yield "general information with a value", part(poll, header(more=der(0xa8, sequence(
        sequence(oid("1.3.6.1.5.5.7.4.13"), ZERO)))))
    yield "a time of letters", part(poll, header(time=der(0xa0, der(0x18, b"2026010100000xZ"))))
    yield "something behind the header's parts", part(poll, header(more=NULL))
    yield "an unknown part of the header", part(poll, header(more=der(0xa9, NULL)))


def hostile_bodies(key, unknown):
    head = header()
    yield "no body", sequence(head)
    yield "two bodies", sequence(head, body(25, sequence(ZERO)), body(25, sequence(ZERO)))
    yield "a body and its protection", sequence(head, body(25, sequence(ZERO)), der(0xa0, der(3, b"\0x")))
    yield "a body in a SET", sequence(head, der(0xb9, der(0x31, sequence(ZERO))))
    first = message(request(template(key)))
    for number, text in enumerate(("ir", "ip", "cr", "cp")):
        yield f"a body {number}, {text}", part(body(number, first))
    for number, text in ((8, "kup"), (9, "krr"), (13, "ccr"), (14, "ccp")):
        yield f"a body {number}, {text}", part(body(number, first))
    yield "a p10cr", part(der(0xa4, sequence(sequence(ZERO, name(), key, der(0xa0)), ECDSA_SHA256, der(3, b"\0x"))))
    yield "a pkiconf", part(der(0xb3, NULL))
    yield "a nested message", part(body(20, sequence(head, body(25, sequence(ZERO)))))
    yield "a genm", part(body(21, IMPLICIT_CONFIRM))
    yield "an error", part(body(23, sequence(der(2, b"\2"))))
    yield "a body that nobody knows", part(body(27, sequence(ZERO)))
    yield NOT_HERE, part(kur(unknown))
    yield "a key update of nothing", part(body(7))
    yield "two key updates", part(body(7, first, first))
    yield "a key update without proof", part(kur(key, proof=b""))
    yield "a key update that an RA vouches for", part(kur(key, proof=der(0x80)))
    yield "a key update with a key for encryption", part(kur(key, proof=der(0xa2, der(0x81, b"\1"))))
    yield "a key update whose proof is of something else", part(kur(key, proof=der(
        0xa1, der(0xa0, der(0xa0, der(0xa4, name())), key), ECDSA_SHA256, der(3, b"\0x"))))
    yield "a key update with an empty proof", part(kur(key, proof=der(0xa1, ECDSA_SHA256, der(3, b"\0"))))
    yield "a key update with more for the CA", part(kur(key, more=control(REG_TOKEN, der(0x0c, b"x"))))
    yield "a revocation of nothing", part(body(11))
    yield "two revocations", part(body(11, details(), details()))
    yield "a revocation without a number", part(body(11, details(der(0xa3, name(b"CA")))))
    yield "a revocation without issuer", part(body(11, details(der(0x81, b"\x47\x11"))))
    yield "a revocation of a padded number", part(body(11, details(der(0x81, b"\0\x11") + der(0xa3, name(b"CA")))))
    yield "a revocation of a long number", part(body(11, details(der(0x81, b"\1" * 22) + der(0xa3, name(b"CA")))))
    yield "a revocation with a validity", part(body(11, details(
        der(0x81, b"\x47\x11") + der(0xa3, name(b"CA")) + der(0xa4, der(0xa0, TIME)))))
    yield "a revocation with no reason in its extensions", part(body(11, details(more=sequence())))
    yield "a confirmation of nothing", part(body(24))
    yield "two confirmations", part(body(24, status(), status()))
    yield "a confirmation of a short hash", part(body(24, status(hash_size=16)))
    yield "a confirmation of request 1", part(body(24, status(number=der(2, b"\1"))))
    yield "a confirmation that waits", part(body(24, status(more=sequence(der(2, b"\3")))))
    yield "a confirmation that goes on", part(body(24, status(more=ACCEPTED + NULL)))
    yield "a poll of nothing", part(body(25))
    yield "two polls", part(body(25, sequence(ZERO), sequence(ZERO)))
    yield "a poll of request 1", part(body(25, sequence(der(2, b"\1"))))
    yield "a poll that goes on", part(body(25, sequence(ZERO, ZERO)))


def hostile_requests(key, unknown):
    yield "CRMF for another key", request(template(unknown))
    yield "CRMF without a key", request(template(b""))
    yield "CRMF of number 1", request(template(key), number=der(2, b"\1"))
    yield "CRMF with an empty template", request(sequence())
    yield "CRMF with a serial number", request(template(key, before=der(0x81, b"\1")))
    yield "CRMF of version 1", request(template(key, before=der(0x80, b"\0")))
    yield "CRMF with an algorithm of the CA's", request(template(key, before=der(0xa2, oid("1.2.840.10045.4.3.2"))))
    yield "CRMF with a unique identifier", request(template(key, after=der(0x87, b"\0x")))
    yield "CRMF with an empty validity", request(template(key, before=der(0xa4)))
    yield "CRMF with an extension twice", request(template(key, after=extensions(ALTERNATIVE_NAME, ALTERNATIVE_NAME)))
    yield "CRMF with no extensions", request(template(key, after=extensions()))
    yield "CRMF with the key's own tag", request(sequence(der(0xa5, name()), der(0xa6, key)))
    yield "CRMF with two keys", request(sequence(der(0xa5, name()), in_crmf(key), in_crmf(unknown)))
    yield "CRMF with a token", request(template(key), controls=control(REG_TOKEN, der(0x0c, b"x")))
    yield "CRMF that archives the private key", request(template(key), controls=control(ARCHIVE, der(0xa2, b"\1")))
    yield "CRMF with two controls", request(template(key), controls=sequence(*[contents(old_cert_id())] * 2))
    yield "CRMF with no controls", request(template(key), controls=sequence())
    yield "CRMF that goes on", sequence(ZERO, template(key), old_cert_id(), NULL)
    yield "a whole CertReqMsg", message(request(template(key)))
    yield "CertReqMessages", sequence(message(request(template(key))))
    yield "a POPOSigningKeyInput", sequence(der(0xa0, der(0xa4, name())), key)


def hostile_others(key, certificate):
    whole = part(kur(key))
    yield "nothing at all", b""
    yield "a byte behind it", whole + b"\0"
    yield "another one behind it", whole + whole
    yield "a byte less", whole[:-1]
    yield "one around it", sequence(whole)
    yield "a whole PKIMessage", sequence(*elements(contents(whole)), der(0xa0, der(3, b"\0x")))
    yield "BER: a length in the long form", b"\x30\x84" + len(contents(whole)).to_bytes(4, "big") + contents(whole)
    yield "BER: an indefinite length", b"\x30\x80" + contents(whole) + b"\0\0"
    yield "elements without end", part(body(25, r.nested(100)))
    yield "a certificate request", sequence(ZERO, name(), key, der(0xa0))
    yield "a TBSCertificate", elements(contents(certificate))[0]
    yield "a TBSCertificate of version 1", sequence(ZERO, ECDSA_SHA256, name(), r.validity(), name(), key)
    yield "a whole certificate", certificate
    yield "a revocation list of version 1", sequence(ECDSA_SHA256, name(b"CA"), der(0x17, b"260101000000Z"))
    yield "a revocation list", sequence(der(2, b"\1"), ECDSA_SHA256, name(b"CA"), der(0x17, b"260101000000Z"))
    yield "an attribute certificate", sequence(der(2, b"\1"), sequence(der(0xa1, der(0xa4, name()))), der(
        0xa0, sequence(der(0xa4, name(b"CA")))), ECDSA_SHA256, ZERO, sequence(TIME, TIME), sequence())
    yield "an OCSP request", sequence(sequence(sequence(sequence(ECDSA_SHA256, der(4, bytes(20)), der(4, bytes(20)), ZERO))))
    yield "OCSP ResponseData", sequence(der(0xa1, name()), TIME, sequence())
    yield "a time stamp", sequence(der(2, b"\1"), oid("1.2.3"), sequence(ECDSA_SHA256, der(4, bytes(32))), ZERO, TIME)
    yield "signed attributes of CMS", der(0x31, r.attribute("1.2.840.113549.1.9.4", der(4, bytes(32))))
    yield "a SPKAC", sequence(key, der(0x16, b"challenge"))
    yield "a Kerberos AuthPack", sequence(der(0xa0, sequence(der(0xa0, ZERO))))
    yield "a public key", key
    yield "a TLS 1.3 input", wire.tls13_input()
    yield "a digest", hashlib.sha256(whole).digest()
    yield "a JSON web token", b"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0"


def hostile(key, unknown, certificate):
    yield from hostile_headers()
    yield from hostile_bodies(key, unknown)
    yield from hostile_requests(key, unknown)
    yield from hostile_others(key, certificate)


def cmp_message(key, scheme, content):
    return wire.message(SIGN_CMP, wire.string(hashlib.sha256(key).digest()) + scheme.to_bytes(4, "big")
                        + wire.string(content) + wire.labels())


def main(*arguments):
    only_hostile = arguments[0] == "--hostile"
    control_socket, sign_socket, *paths = arguments[only_hostile:]
    key, other, lonely, certificate = (r.from_pem(pathlib.Path(path)) for path in paths)
    unknown = key[:-1] + bytes([key[-1] ^ 1])
    counts = {"good": 0, "refused": 0, "signed": 0, "surprises": 0}

    def expect(text, codes, answer, word="refused"):
        code, sentence = answer
        counts[word if code in codes else "surprises" if code else "signed"] += 1
        if code not in codes:
            print(f"{text}: {code} {sentence}")

    def ask_cmp(signer, scheme, content):
        return r.ask(control_socket, cmp_message(signer, scheme, content))

    found = list(good(key, other))
    for text, content in found[:0 if only_hostile else None]:
        expect(text, {0}, ask_cmp(key, P256, content), "good")
        expect(text + ", by SIGN_CMP over the sign socket", {wire.WRONG_SOCKET},
               r.ask(sign_socket, cmp_message(key, P256, content)))
        expect(text + ", by SIGN", {wire.INPUT_UNKNOWN}, r.ask(sign_socket, wire.sign_message(
            hashlib.sha256(key).digest(), P256, content)))
        expect(text + ", by SIGN_REQUEST", {INPUT_REQUEST}, r.ask(control_socket, r.request_message(
            hashlib.sha256(key).digest(), P256, content)))
    for scheme in (0x0401, 0x0804, 0x0807, 0x0503):
        expect(f"scheme {scheme:#x}", {INPUT_KEY_TYPE, INPUT_CMP}, ask_cmp(key, scheme, found[0][1]))
    for scheme in (0, 0x0203, 0xffffffff):
        expect(f"scheme {scheme:#x}", {INPUT_SCHEME}, ask_cmp(key, scheme, found[0][1]))
    if not only_hostile:  # tokens are looked through for it
        expect("an unknown key", {wire.UNKNOWN_KEY}, ask_cmp(unknown, P256, found[0][1]))
    answer = ask_cmp(lonely, P256, found[0][1])
    expect("a key without a profile", {RULE}, answer)
    print("lonely:", answer[1])
    for text, content in hostile(key, unknown, certificate):
        expect(text, {INPUT_CMP}, ask_cmp(key, P256, content))
    expect("more than 16 KiB", {wire.MALFORMED, wire.TOO_LARGE}, ask_cmp(key, P256, sequence(der(4, bytes(17000)))))
    print(", ".join(f"{n} {what}" for what, n in counts.items()))
    return 1 if counts["signed"] + counts["surprises"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
