#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for keystay-token and misbehaves as $KEYSTAY_TEST_WORKER/mode says, except for the module "good".

Why: the agent treats a worker as hostile (invariant I4); this is one. Put beside a copy of keystay-agent under the
name keystay-token, with the real one's path in $KEYSTAY_TEST_WORKER/real.
"""
import os
import struct
import sys

FOLDER = os.environ["KEYSTAY_TEST_WORKER"]
CHANNEL = 3
ERROR, TOKEN, KEY, CERTIFICATE, INVENTORY, SIGN, SIGN_REPLY = 127, 65, 66, 67, 68, 75, 76
RESCAN, RESCAN_REPLY, LOGIN_REPLY = 69, 70, 72


def string(data):
    return struct.pack(">I", len(data)) + data


def message(kind, fields, request_id=0):
    body = struct.pack(">II", 1, request_id) + fields
    return struct.pack(">IB", len(body) + 1, kind) + body


def token(number=1, label=b"evil"):
    return message(TOKEN, struct.pack(">I", number) + string(label) + 2 * string(b"x") + string(b"0001")
                   + struct.pack(">III", 0, 0, 0) + b"\1" + string(bytes(32)))


def der(tag, content):
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + struct.pack(">H", size)
    return bytes([tag]) + length + content


def rsa_8192():
    """The largest public key there is here, of nobody."""
    modulus = b"\0\x80" + os.urandom(1022) + b"\1"
    numbers = der(0x30, der(2, modulus) + der(2, b"\1\0\1"))
    return der(0x30, bytes.fromhex("300d06092a864886f70d0101010500") + der(3, b"\0" + numbers))


def key(number=1, of_token=1, spki=None, label=b"evil"):
    if spki is None:
        with open(f"{FOLDER}/evil.spki", "rb") as file:
            spki = file.read()
    return message(KEY, struct.pack(">II", of_token, number) + string(b"\1") + string(label) + string(spki)
                   + b"\1\0\0")


def inventory():
    return message(INVENTORY, struct.pack(">BI", 1, 0))


def write(data):
    while data:
        data = data[os.write(CHANNEL, data):]


def read_frame():
    def take(size):
        data = b""
        while len(data) < size:
            piece = os.read(CHANNEL, size - len(data))
            if not piece:
                os._exit(0)
            data += piece
        return data
    size, kind = struct.unpack(">IB", take(5))
    body = take(size - 1)
    return kind, struct.unpack(">I", body[4:8])[0]


def nothing_new(request_id):
    """The answer to RESCAN of a worker that behaves."""
    return message(INVENTORY, struct.pack(">BI", 0, 0)) + message(RESCAN_REPLY, b"", request_id)


def wait():
    while True:
        kind, request_id = read_frame()
        if kind == RESCAN:
            write(nothing_new(request_id))


def on_sign(answer):
    """A well-behaved inventory, then this answer to each signature."""
    write(token() + key() + inventory())
    while True:
        kind, request_id = read_frame()
        if kind == SIGN:
            write(answer(request_id))
        elif kind == RESCAN:
            write(nothing_new(request_id))


def endless(make):
    number = 1
    while True:
        write(make(number))
        number += 1


def longest_texts():
    """130 keys whose label, URI and public key are as long as they can be; '%' takes three bytes in a URI."""
    write(token())
    for number in range(1, 131):
        write(key(number, spki=rsa_8192(), label=b"%03d" % number + b"%" * 253))
    write(inventory())
    wait()


MODES = {
    "noise": lambda: (write(os.urandom(65536)), wait()),
    "length-zero": lambda: (write(b"\0\0\0\0"), wait()),
    "length-4-gib": lambda: (write(b"\xff\xff\xff\xff\x41"), wait()),
    "unknown-message": lambda: (write(message(200, b"")), wait()),
    "answer-to-nothing": lambda: (write(token() + inventory() + message(SIGN_REPLY, string(b"x"), 99)), wait()),
    "key-before-token": lambda: (write(key()), wait()),
    "two-keys-of-one-number": lambda: (write(token() + key() + key() + inventory()), wait()),
    "field-beyond-its-frame": lambda: (write(message(TOKEN, b"\0\0\0\1\0\0\xff\xff")), wait()),
    "control-characters": lambda: (write(token(label=b"\33[2J\n")), wait()),
    "end-at-once": lambda: os._exit(7),
    "die-by-signal": lambda: os.abort(),
    "print-without-end": lambda: endless(lambda n: os.write(1, b"x" * 4096) and b""),
    "endless-keys": lambda: (write(token()), endless(lambda n: key(n))),
    "endless-tokens": lambda: endless(lambda n: token(n, b"evil%d" % n)),
    "longest-texts": longest_texts,
    "deaf-to-rescans": lambda: (write(token() + key() + inventory()), endless(lambda n: read_frame() and b"")),
    "wrong-signature": lambda: on_sign(lambda i: message(SIGN_REPLY, string(b"\x30\6\2\1\1\2\1\1"), i)),
    "empty-signature": lambda: on_sign(lambda i: message(SIGN_REPLY, string(b""), i)),
    "long-signature": lambda: on_sign(lambda i: message(SIGN_REPLY, string(b"x" * 5000), i)),
    "success-as-error": lambda: on_sign(lambda i: message(ERROR, struct.pack(">I", 0) + string(b""), i)),
    "error-of-no-list": lambda: on_sign(lambda i: message(ERROR, struct.pack(">I", 0xffffffff) + string(b""), i)),
    "busy-for-ever": lambda: on_sign(lambda i: message(ERROR, struct.pack(">I", 8) + string(b"again"), i)),
    "endless-inventories": lambda: endless(lambda n: token() + key() + inventory()),
    "other-kind-of-answer": lambda: on_sign(lambda i: message(LOGIN_REPLY, b"", i)),
    "other-id": lambda: on_sign(lambda i: message(SIGN_REPLY, string(b"x"), i + 1)),
    "two-answers": lambda: on_sign(lambda i: 2 * message(ERROR, struct.pack(">I", 52) + string(b"no"), i)),
    "end-at-signature": lambda: on_sign(lambda i: os._exit(0)),
}

if __name__ == "__main__":
    with open(f"{FOLDER}/real", encoding="utf-8") as real:
        real_program = real.read().strip()
    if "good" in sys.argv:
        os.execv(real_program, [real_program] + sys.argv[1:])
    if "--list" in sys.argv:
        print("\n".join(MODES))
        sys.exit(0)
    with open(f"{FOLDER}/mode", encoding="utf-8") as mode:
        try:
            MODES[mode.read().strip()]()
        except BrokenPipeError:
            pass
