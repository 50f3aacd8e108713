#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpora of the fuzz targets request10, cmp_part, cmp_answer and csr; they are committed, this changes them.

    make_request_corpus.py tests/fuzz/corpus

The requests of request10 and the messages of cmp_part are for the key of tests/fuzz/tls_key.h; the hostile ones are
those of the stories make-a-certificate-request and enroll-by-cmp.
"""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import sign_cmp  # noqa: E402
import sign_requests as r  # noqa: E402

TEXTS = {
    "openssl-form": "/C=DE/O=Example/CN=alice",
    "openssl-form-escaped": "/O=A\\/B/CN=a\\+b+UID=c",
    "rfc-4514": "CN=alice,O=Example,C=DE",
    "rfc-4514-escaped": "CN=Alice\\, the \\C3\\A4 first+UID=a1, OU=\\ x ,O=Example",
    "dotted-oid": "1.2.840.113549.1.9.1=a@example.org,2.999.4294967295=x",
    "every-kind-of-name": "/CN=a\ndns:*.a.example,email:a@b.example,uri:spiffe://c/d,e,ip:192.0.2.1,ip:2001:db8::1,"
                          "upn:f@G.EXAMPLE",
    "no-subject": "\ndns:a.example",
    "slash": "/",
    "refused-no-value": "/CN=",
    "refused-unknown-type": "/XYZ=a",
    "refused-hex-value": "CN=#0c0161",
    "refused-oid": "1.2.03=a",
    "refused-dns": "/CN=a\ndns:a..b",
    "refused-no-kind": "/CN=a\nwww.example.org",
    "refused-backslash-at-the-end": "CN=a\\",
}


def tls_key():
    text = (HERE / "tls_key.h").read_text(encoding="utf-8")
    return bytes(int(digits, 16) for digits in re.findall(r"0x([0-9a-f]{2})", text))


def good(key):
    version, name = r.der(2, b"\0"), r.sequence(r.der(0x31, r.sequence(r.oid("2.5.4.3"), r.der(0x0c, b"alice"))))
    extensions = r.attribute(r.EXTENSION_REQUEST, r.sequence(r.names()))
    challenge = r.attribute(r.CHALLENGE, r.der(0x0c, b"secret"))
    yield "accepted-plain", r.sequence(version, name, key, r.der(0xa0))
    yield "accepted-no-subject", r.sequence(version, r.sequence(), key, r.der(0xa0, extensions))
    yield "accepted-name-and-challenge", r.sequence(version, name, key, r.der(0xa0, *sorted([extensions, challenge])))


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, contents in files:
        (folder / name).write_bytes(contents)


def file_name(word, name):
    return word + "-" + re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-") + ".bin"


def parts():
    key = tls_key()
    other = key[:-1] + bytes([key[-1] ^ 1])
    for name, text in sign_cmp.good(key, other):
        yield file_name("accepted", name), text
    certificate = r.sequence(r.sequence(r.der(2, b"\1")), r.sequence(), r.der(3, b"\0"))
    for name, text in sign_cmp.hostile(key, other, certificate):
        # Which keys there are, the agent knows and the reader does not.
        yield file_name("accepted" if name == sign_cmp.NOT_HERE else "refused", name), text


def answers():
    header, protection = sign_cmp.header(more=sign_cmp.octets(0xa6)), r.der(0xa0, r.der(3, b"\0x"))
    texts = r.sequence(r.der(0x0c, b"not today"), r.der(0x0c, b"\x1b[2J"))

    def error(*content, more=b""):
        return r.sequence(header, r.der(0xb7, r.sequence(*content)), more)

    refused = r.sequence(r.der(2, b"\2"), texts)
    yield "error", error(refused)
    yield "error-with-code-and-details", error(refused, r.der(2, b"\1"), texts)
    yield "error-protected", error(refused, more=protection)
    yield "error-without-words", error(r.sequence(r.der(2, b"\2")))
    yield "error-of-text-alone", error(r.der(0x0c, b"no"))
    yield "error-of-long-words", error(r.sequence(r.der(2, b"\2"), r.sequence(r.der(0x0c, b"long " * 200))))
    yield "error-of-broken-words", error(r.sequence(r.der(2, b"\2"), r.sequence(r.der(0x0c, b"\xff\0\xc3"))))
    poll = r.sequence(header, r.der(0xba, r.sequence(r.sequence(sign_cmp.ZERO, r.der(2, b"\7")))))
    yield "poll-answer", poll

    def string(text):
        return len(text).to_bytes(4, "big") + text

    kur = bytes([0, 0, 0, 7]) + bytes(32)
    yield "pending", string(b"keystay cmp 1") + kur + string(poll) + string(poll)
    yield "pending-without-poll", string(b"keystay cmp 1") + kur + string(poll) + string(b"")
    yield "pending-of-another-version", string(b"keystay cmp 2") + kur + string(poll) + string(poll)


def requests():
    key = tls_key()
    found = dict(good(key))
    yield from ((name + ".bin", text) for name, text in found.items())
    other = r.sequence(r.der(2, b"\0"), r.sequence(), key[:-1] + bytes([key[-1] ^ 1]), r.der(0xa0))
    certificate = r.sequence(r.sequence(r.der(2, b"\1")), r.sequence(), r.der(3, b"\0"))
    for name, text in r.hostile(found["accepted-plain"], other, certificate):
        if len(text) <= 16384:
            yield file_name("refused", name), text


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_request_corpus.py tests/fuzz/corpus")
    corpus = pathlib.Path(sys.argv[1])
    write(corpus / "request10", requests())
    write(corpus / "cmp_part", parts())
    write(corpus / "cmp_answer", ((name + ".bin", text) for name, text in answers()))
    write(corpus / "csr", ((name + ".txt", text.encode()) for name, text in TEXTS.items()))
