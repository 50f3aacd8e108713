#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks a running agent to sign what looks like a certificate request and is none, or is one of another key.

    sign_requests.py CONTROL-SOCKET SIGN-SOCKET REQUEST.pem OTHER-REQUEST.pem CERTIFICATE.pem

REQUEST is of a P-256 key that the agent has, OTHER-REQUEST of another key. Each hostile input must be refused with
input-request over the control socket (wrong schemes with their own codes), and no request signed over the sign socket.
Writes and takes apart DER by itself.
"""
import base64
import hashlib
import pathlib
import re
import sys

import wire

SIGN_REQUEST = 43
INPUT_SCHEME, INPUT_KEY_TYPE, INPUT_REQUEST = 92, 93, 95
P256 = 0x0403


def from_pem(path):
    text = pathlib.Path(path).read_text(encoding="ascii")
    return base64.b64decode(re.search(r"-----BEGIN [A-Z ]+-----(.*?)-----END", text, re.S).group(1))


def elements(der):
    """The elements of a run of DER, each whole."""
    found = []
    while der:
        size, head = der[1], 2
        if size & 0x80:
            n = size & 0x7f
            size, head = int.from_bytes(der[2:2 + n], "big"), 2 + n
        found.append(der[:head + size])
        der = der[head + size:]
    return found


def contents(element):
    head = 2 + (element[1] & 0x7f if element[1] & 0x80 else 0)
    return element[head:]


def der(tag, *parts):
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def sequence(*parts):
    return der(0x30, *parts)


def oid(text):
    first, second, *rest = map(int, text.split("."))
    out = []
    for number in [first * 40 + second, *rest]:
        run = [number & 0x7f]
        while number := number >> 7:
            run.append(0x80 | number & 0x7f)
        out += reversed(run)
    return der(6, bytes(out))


def attribute(kind, *values):
    return sequence(oid(kind), der(0x31, *values))


EXTENSION_REQUEST, CHALLENGE = "1.2.840.113549.1.9.14", "1.2.840.113549.1.9.7"


def names(critical=b""):
    return sequence(oid("2.5.29.17"), critical, der(4, sequence(der(0x82, b"www.corp.example"))))


def hostile(info, other, certificate):
    version, name, key, attributes = elements(contents(info))
    other_key = elements(contents(other))[2]
    extensions = attribute(EXTENSION_REQUEST, sequence(names()))
    challenge = attribute(CHALLENGE, der(0x0c, b"secret"))

    def request(version=version, name=name, key=key, attributes=attributes, more=b""):
        return sequence(version, name, key, attributes, more)

    def with_attributes(*found):
        return request(attributes=der(0xa0, *found))

    def with_name(*relative):
        return request(name=sequence(*relative))

    part = sequence(oid("2.5.4.3"), der(0x0c, b"alice"))
    yield "nothing at all", b""
    yield "a request of another key", other
    yield "this request with another key", request(key=other_key)
    yield "this key with a request of its own around it", sequence(info)
    yield "a byte behind it", info + b"\0"
    yield "another request behind it", info + other
    yield "a byte less", info[:-1]
    yield "version 1", request(version=der(2, b"\1"))
    yield "version 0 in two bytes", request(version=der(2, b"\0\0"))
    yield "no version", sequence(name, key, attributes)
    yield "no attributes", sequence(version, name, key)
    yield "something behind the attributes", request(more=der(5))
    yield "two keys", sequence(version, name, key, other_key, attributes)
    yield "BER: a length in the long form", b"\x30\x84" + len(contents(info)).to_bytes(4, "big") + contents(info)
    yield "BER: an indefinite length", b"\x30\x80" + contents(info) + b"\0\0"
    yield "a name that is a SET", request(name=der(0x31, contents(name)))
    yield "a name with an empty part", with_name(der(0x31))
    yield "a name with a number", with_name(der(0x31, sequence(oid("2.5.4.3"), der(2, b"\1"))))
    yield "a name with a type alone", with_name(der(0x31, sequence(oid("2.5.4.3"))))
    yield "a name with two values", with_name(der(0x31, sequence(oid("2.5.4.3"), der(0x0c, b"a"), der(0x0c, b"b"))))
    yield "a name out of order", with_name(der(0x31, part, sequence(oid("2.5.4.3"), der(0x0c, b"a"))))
    yield "a name of broken UTF-8", with_name(der(0x31, sequence(oid("2.5.4.3"), der(0x0c, b"\xc3("))))
    yield "a name of 1000 parts", with_name(*[der(0x31, part)] * 1000)
    yield "an attribute without values", with_attributes(attribute(CHALLENGE))
    yield "an attribute twice", with_attributes(challenge, challenge)
    yield "attributes out of order", with_attributes(*sorted([extensions, challenge], reverse=True))
    yield "an attribute that is no SEQUENCE", with_attributes(der(4, b"x"))
    yield "extensions twice", with_attributes(attribute(EXTENSION_REQUEST, sequence(names(), names())))
    yield "no extensions", with_attributes(attribute(EXTENSION_REQUEST, sequence()))
    yield "FALSE written out", with_attributes(attribute(EXTENSION_REQUEST, sequence(names(der(1, b"\0")))))
    yield "TRUE that is 1", with_attributes(attribute(EXTENSION_REQUEST, sequence(names(der(1, b"\1")))))
    yield "elements without end", with_attributes(attribute(CHALLENGE, nested(100)))
    yield "a request of more than 16 KiB", with_attributes(attribute(CHALLENGE, der(4, bytes(16384))))
    yield "a TBSCertificate", elements(contents(certificate))[0]
    yield "a TBSCertificate that looks like one", sequence(der(2, b"\0"), sequence(oid("1.2.840.10045.4.3.2")), name,
                                                           validity(), name, key, attributes)
    yield "a TBSCertificate of version 1 with this key", sequence(der(2, b"\0"), name, key, attributes, validity())
    yield "a whole certificate", certificate
    yield "a revocation list", sequence(der(2, b"\1"), sequence(oid("1.2.840.10045.4.3.2")), name, der(0x17, b"2601010Z"))
    yield "signed attributes (CMS)", der(0x31, attribute("1.2.840.113549.1.9.3", oid("1.2.840.113549.1.7.1")),
                                         attribute("1.2.840.113549.1.9.4", der(4, bytes(32))))
    yield "a CMS SignedData", sequence(oid("1.2.840.113549.1.7.2"), der(0xa0, sequence(der(2, b"\1"))))
    yield "a CMP message", sequence(der(2, b"\2"), der(0xa4, name), der(0xa4, name))
    yield "a CertRequest of CRMF", sequence(der(2, b"\0"), sequence(der(0xa5, name), der(0xa6, key)))
    yield "a Kerberos AuthPack", sequence(der(0xa0, sequence(der(0xa0, der(2, b"\0")))))
    yield "a SPKAC", sequence(key, der(0x16, b"challenge"))
    yield "a public key", key
    yield "a TLS 1.3 input", wire.tls13_input()
    yield "a digest", hashlib.sha256(info).digest()
    yield "a JSON web token", b"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0"


def nested(depth):
    element = der(5)
    for _ in range(depth):
        element = sequence(element)
    return element


def validity():
    return sequence(der(0x17, b"260101000000Z"), der(0x17, b"270101000000Z"))


def request_message(spki_hash, scheme, info):
    return wire.message(SIGN_REQUEST, wire.string(spki_hash) + scheme.to_bytes(4, "big") + wire.string(info)
                        + wire.labels())


def ask(path, frame):
    """0 for a signature, else the number of the error, with its sentence."""
    with wire.Connection(path) as client:
        client.send(frame)
        kind, *_, fields = client.reply()
        return (fields.u32(), fields.text()) if kind == wire.ERROR else (0, "")


def main(control, sign, request, other, certificate):
    info, other = (elements(contents(from_pem(path)))[0] for path in (request, other))
    spki_hash = hashlib.sha256(elements(contents(info))[2]).digest()
    counts = {"refused": 0, "signed": 0, "surprises": 0}

    def expect(name, codes, answer):
        code, text = answer
        counts["refused" if code in codes else "surprises" if code else "signed"] += 1
        if code not in codes:
            print(f"{name}: {code} {text}")

    answer = ask(control, request_message(spki_hash, P256, info))
    print("good: signed" if answer[0] == 0 else f"good: {answer}")
    expect("SIGN_REQUEST over the sign socket", {wire.WRONG_SOCKET}, ask(sign, request_message(spki_hash, P256, info)))
    expect("SIGN of a request", {wire.INPUT_UNKNOWN}, ask(sign, wire.sign_message(spki_hash, P256, info)))
    expect("SIGN over the control socket", {wire.WRONG_SOCKET},
           ask(control, wire.sign_message(spki_hash, P256, wire.tls13_input())))
    for scheme in (0x0503, 0x0603, 0x0401, 0x0804, 0x0807):
        expect(f"scheme {scheme:#x}", {INPUT_KEY_TYPE}, ask(control, request_message(spki_hash, scheme, info)))
    for scheme in (0, 0x0203, 0xffffffff):
        expect(f"scheme {scheme:#x}", {INPUT_SCHEME}, ask(control, request_message(spki_hash, scheme, info)))
    expect("an unknown key", {wire.UNKNOWN_KEY}, ask(control, request_message(bytes(32), P256, info)))
    for name, content in hostile(info, other, from_pem(certificate)):
        codes = {wire.MALFORMED, wire.TOO_LARGE, INPUT_REQUEST} if len(content) > 16384 else {INPUT_REQUEST}
        expect(name, codes, ask(control, request_message(spki_hash, P256, content)))
    expect("the last one", {INPUT_REQUEST}, ask(control, request_message(spki_hash, P256, info + b"\0")))
    print("; " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    return 1 if counts["signed"] + counts["surprises"] or answer[0] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
