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
LOGIN_REPLY = 72


def string(data):
    return struct.pack(">I", len(data)) + data


def message(kind, fields, request_id=0):
    body = struct.pack(">II", 1, request_id) + fields
    return struct.pack(">IB", len(body) + 1, kind) + body


def token(number=1, label=b"evil"):
    return message(TOKEN, struct.pack(">I", number) + string(label) + 2 * string(b"x") + string(b"0001")
                   + struct.pack(">III", 0, 0, 0) + b"\1" + string(bytes(32)))


def key(number=1, of_token=1, spki=None):
    if spki is None:
        with open(f"{FOLDER}/evil.spki", "rb") as file:
            spki = file.read()
    return message(KEY, struct.pack(">II", of_token, number) + string(b"\1") + string(b"evil") + string(spki)
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


def wait():
    while True:
        read_frame()


def on_sign(answer):
    """A well-behaved inventory, then this answer to each signature."""
    write(token() + key() + inventory())
    while True:
        kind, request_id = read_frame()
        if kind == SIGN:
            write(answer(request_id))


def endless(make):
    number = 1
    while True:
        write(make(number))
        number += 1


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
