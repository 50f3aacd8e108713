#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpora of the fuzz targets pem and client_reply. Their files are committed; this script is for changing
them. Needs python3-cryptography. Keys are made anew each time; nothing depends on which.

    make_client_corpus.py tests/fuzz/corpus
"""
import base64
import pathlib
import struct
import sys

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LABEL = "KEYSTAY KEY"


# --- references ------------------------------------------------------------------------------------------------------

def der(tag, contents):
    size = len(contents)
    if size < 128:
        length = bytes([size])
    else:
        digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes([0x80 | len(digits)]) + digits
    return bytes([tag]) + length + contents


def reference(name, spki, magic=b"keystay key 1"):
    return der(0x30, der(0x0c, magic) + der(0x0c, name) + spki)


def pem(contents, label=LABEL, end=None, newline="\n", width=64):
    text = base64.b64encode(contents).decode()
    lines = [text[i:i + width] for i in range(0, len(text), width)]
    return newline.join([f"-----BEGIN {label}-----", *lines, f"-----END {end or label}-----", ""]).encode()


def spki(key):
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def references():
    p256 = reference(b"alice", spki(ec.generate_private_key(ec.SECP256R1())))
    small = base64.b64encode(b"\x30\x00").decode()
    yield "rsa-2048", pem(reference(b"alice", spki(rsa.generate_private_key(65537, 2048))))
    yield "rsa-1024-is-too-small", pem(reference(b"alice", spki(rsa.generate_private_key(65537, 1024))))
    yield "p256", pem(p256)
    yield "p384", pem(reference(b"alice", spki(ec.generate_private_key(ec.SECP384R1()))))
    yield "p521", pem(reference(b"alice", spki(ec.generate_private_key(ec.SECP521R1()))))
    yield "secp256k1-is-unknown", pem(reference(b"alice", spki(ec.generate_private_key(ec.SECP256K1()))))
    yield "ed25519", pem(reference(b"alice", spki(ed25519.Ed25519PrivateKey.generate())))
    yield "name-empty", pem(reference(b"", p256[-91:]))
    yield "name-with-control-character", pem(reference(b"al\x07ice", p256[-91:]))
    yield "other-magic", pem(reference(b"alice", p256[-91:], b"keystay key 2"))
    yield "bytes-behind-the-sequence", pem(p256 + b"\0")
    yield "cut-off-inside", pem(p256[:-10])
    yield "crlf", pem(p256, newline="\r\n")
    yield "one-long-line", pem(p256, width=100000)
    yield "one-character-a-line", pem(p256, width=1)
    yield "text-before", b"subject=CN = alice\n\n" + pem(p256)
    yield "certificate-before", pem(b"0\x03\x02\x01\x01", "CERTIFICATE") + pem(p256)
    yield "end-of-another-label", pem(p256, end="CERTIFICATE")
    yield "no-end", pem(p256).split(b"-----END")[0]
    yield "no-final-newline", pem(p256)[:-1]
    yield "begins-twice", f"-----BEGIN {LABEL}-----\n".encode() + pem(p256)
    yield "body-empty", pem(b"")
    yield "body-too-long", pem(bytes(4096))
    yield "padding-in-the-middle", f"-----BEGIN {LABEL}-----\nMA==MAA=\n-----END {LABEL}-----\n".encode()
    yield "padding-with-stray-bits", f"-----BEGIN {LABEL}-----\nMAB=\n-----END {LABEL}-----\n".encode()
    yield "header-lines", f"-----BEGIN {LABEL}-----\nProc-Type: 4,ENCRYPTED\n\n{small}\n-----END {LABEL}-----\n".encode()
    yield "label-very-long", pem(b"x", "A" * 200) + pem(p256)
    yield "no-pem-at-all", bytes(range(256))
    yield "empty-sequence", pem(b"\x30\x00")


# --- replies ---------------------------------------------------------------------------------------------------------

LIST, GET, STATUS = 0, 1, 2
LIST_REPLY, GET_REPLY, STATUS_REPLY, ERROR = 2, 4, 34, 127


def string(data):
    return struct.pack(">I", len(data)) + data


def frame(kind, fields, version=1, request_id=1):
    body = bytes([kind]) + struct.pack(">II", version, request_id) + fields
    return struct.pack(">I", len(body)) + body


def identity():
    fields = string(b"alice") + string(bytes(32)) + string(b"spki") + string(b"P-256") + string(b"pkcs11:object=alice")
    fields += string(b"alice") + string(b"corp") + string(b"softhsm") + struct.pack(">II", 1, 1)
    fields += string(b"CN=alice") + string(b"CN=ca") + struct.pack(">QQ", 1, 2) + string(b"any server")
    return string(fields)


def error(code, text, **head):
    return frame(ERROR, struct.pack(">I", code) + string(text), **head)


def list_reply(identities, total=1, **head):
    return frame(LIST_REPLY, struct.pack(">QI", 7, total) + string(identities), **head)


def replies():
    def to(which, data):
        return bytes([which]) + data

    status = string(b"0.1") + struct.pack(">IQQII", 42, 1, 1, 1, 1) + 4 * string(b"")
    yield "list-good", to(LIST, list_reply(identity()))
    yield "list-empty", to(LIST, list_reply(b"", 0))
    yield "get-good", to(GET, frame(GET_REPLY, string(identity()) + string(string(string(b"certificate")))))
    yield "status-good", to(STATUS, frame(STATUS_REPLY, status))
    yield "fields-of-a-newer-agent", to(STATUS, frame(STATUS_REPLY, status + b"more"))
    yield "error-locked", to(GET, error(50, b'token "corp" is locked; run: keystay unlock corp'))
    yield "error-without-words", to(GET, error(50, b""))
    yield "error-of-unknown-code", to(GET, error(4711, b"something new"))
    yield "error-code-zero", to(GET, error(0, b"no error"))
    yield "error-code-negative", to(GET, error(0xffffffff, b"minus one"))
    yield "error-id-zero", to(GET, error(21, b"too large", request_id=0))
    yield "error-id-of-another", to(GET, error(21, b"too large", request_id=9))
    yield "error-text-not-utf8", to(GET, error(50, b"\xff\xfe"))
    yield "error-text-with-escape", to(GET, error(50, b"\x1b[31mred"))
    yield "reply-id-of-another", to(LIST, list_reply(identity(), request_id=2))
    yield "reply-of-another-type", to(GET, list_reply(identity()))
    yield "version-two", to(LIST, list_reply(identity(), version=2))
    yield "length-zero", to(LIST, bytes(4))
    yield "length-giant", to(LIST, b"\xff\xff\xff\xff")
    yield "length-one-too-many", to(LIST, struct.pack(">I", 262145))
    yield "body-without-head", to(LIST, b"\0\0\0\3\2\0\0")
    yield "cut-off-in-frame", to(LIST, list_reply(identity())[:-5])
    yield "inner-length-over-the-frame", to(LIST, frame(LIST_REPLY, struct.pack(">QII", 7, 1, 99999)))
    yield "two-replies-at-once", to(LIST, list_reply(identity()) * 2)
    yield "nothing-at-all", to(LIST, b"")


def main():
    folder = pathlib.Path(sys.argv[1])
    for name, files in (("pem", references()), ("client_reply", replies())):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for file, data in files:
            (folder / name / file).write_bytes(data)


if __name__ == "__main__":
    main()
