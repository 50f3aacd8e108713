#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpora of the fuzz targets der and ini. Their files are committed; this script is for changing them.

    make_base_corpus.py tests/fuzz/corpus
"""
import os
import sys


def write(folder, files):
    os.makedirs(folder, exist_ok=True)
    for name, content in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())


def element(tag, contents=b""):
    size = len(contents)
    if size < 128:
        return bytes([tag, size]) + contents
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + contents


def der():
    oid = element(0x06, bytes.fromhex("2a8648ce3d0201"))
    curve = element(0x06, bytes.fromhex("2a8648ce3d030107"))
    point = b"\0\4" + bytes(range(1, 65))
    deep = b""
    for _ in range(12):
        deep = element(0x30, deep)
    return {
        "bit-string": element(0x03, b"\0\xff"),
        "context-tag": element(0xA0, element(0x02, b"\2")),
        "ecdsa-raw-of-64-bytes": bytes(range(1, 65)),
        "ecdsa-raw-of-odd-size": bytes(range(1, 64)),
        "ecdsa-raw-with-leading-zeros": bytes(3) + bytes(range(1, 30)) + b"\0\x80" + bytes(range(1, 31)),
        "ecdsa-raw-with-zero-for-s": bytes(range(1, 33)) + bytes(32),
        "ecdsa-signature": element(0x30, element(0x02, b"\0" + b"\xaa" * 32) + element(0x02, b"\x55" * 32)),
        "end-of-contents": b"\0\0",
        "integer-empty": element(0x02),
        "integer-negative": element(0x02, b"\x80"),
        "integer-padded": element(0x02, b"\0\x7f"),
        "integer-with-sign-byte": element(0x02, b"\0\x80"),
        "integer-zero": element(0x02, b"\0"),
        "length-cut": b"\x04\x82\x01",
        "length-indefinite": b"\x30\x80\x05\0\0\0",
        "length-long-but-short": b"\x04\x81\x01a",
        "length-of-four-bytes": b"\x04\x84\0\0\0\1a",
        "length-past-the-end": b"\x04\x05abc",
        "length-reserved": b"\x04\xff",
        "length-with-leading-zero": b"\x04\x82\0\x80" + bytes(128),
        "long-form-of-one-byte": element(0x04, bytes(200)),
        "long-form-of-two-bytes": element(0x04, bytes(300)),
        "nested-deeply": deep,
        "null": element(0x05),
        "public-key": element(0x30, element(0x30, oid + curve) + element(0x03, point)),
        "several-in-a-row": element(0x05) + element(0x02, b"\1") + element(0x0C, "é".encode()),
        "tag-of-two-bytes": b"\x1f\x81\x01\0",
    }


def ini():
    full = """; a whole configuration
[agent]
unlock-for = 8h           ; how long
keep-pin = no

[module "softhsm"]
path = /usr/lib/softhsm/libsofthsm2.so
[key "alice"]
match = pkcs11:token=corp;object=alice
servers = *.corp.example
[enforce]
"""
    return {
        "whole-configuration": full,
        "empty-values": "[s]\na =\nb = ; nothing\nc = \"\"\n",
        "comments-everywhere": "# one\n;two\n  # three\n[s] ; four\nk = v # five\n",
        "comment-sign-inside-value": "[s]\nk=pkcs11:token=a;object=b#c\n",
        "no-newline-at-the-end": "[s]\nk = v",
        "quoted-with-escapes": '[s]\nk = "a \\"b\\" \\\\ c ; d # e"\n',
        "quoted-name-with-bracket": '[key "a ] b"]\n',
        "quoted-then-comment": '[s]\nk = "v" ; c\n',
        "quote-never-closed": '[s]\nk = "v\n',
        "quote-in-the-middle": '[s]\nk = a "b"\n',
        "quote-with-unknown-escape": '[s]\nk = "a\\n"\n',
        "quote-then-more": '[s]\nk = "a"b\n',
        "backslash-without-quotes": "[s]\nk = C:\\dir\\\n",
        "setting-before-section": "k = v\n",
        "line-without-equals-sign": "[s]\nunlock-for 8h\n",
        "key-with-a-space": "[s]\nunlock for = 8h\n",
        "section-never-closed": "[agent\n",
        "section-without-a-name": "[]\n",
        "section-with-an-empty-name": '[key ""]\n',
        "section-name-without-quotes": "[key alice]\n",
        "section-then-more": "[s] k = v\n",
        "tabs-for-white-space": "\t[s]\t\n\tk\t=\ta\tb\t;\tc\n",
        "utf8-value": "[s]\nk = déjà vu €\n",
        "utf8-broken": b"[s]\nk = \xc3\n",
        "utf8-direction-override": "x\u202ey\n",
        "byte-order-mark": b"\xef\xbb\xbf[s]\n",
        "carriage-returns": "[s]\r\nk = v\r\n",
        "control-character": b"[s]\nk = \x1b[2J\n",
        "nul-byte": b"[s]\nk = a\0b\n",
        "same-key-twice": "[s]\nk = 1\nk = 2\n",
        "line-of-largest-length": "[s]\nk=" + "v" * 4094 + "\n",
        "line-too-long": "[s]\nk=" + "v" * 4095 + "\n",
        "nothing-but-newlines": "\n\n\n\n",
    }


def main(corpus):
    write(os.path.join(corpus, "der"), der())
    write(os.path.join(corpus, "ini"), ini())


if __name__ == "__main__":
    main(*sys.argv[1:])
