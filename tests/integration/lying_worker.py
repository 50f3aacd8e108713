#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for keystay-token and lies about keys that it makes, certificates that it stores, slots that it has, as
$KEYSTAY_TEST_WORKER/mode says at each request; but for the module "good".

Why: the agent believes a worker nothing that its inventory does not show (invariant I4). Used as hostile_worker.py, whose
messages these are.
"""
import os
import struct
import sys

sys.path.insert(0, os.environ["KEYSTAY_TEST_RIG"])
from hostile_worker import (ERROR, FOLDER, INVENTORY, RESCAN, inventory, key, message, nothing_new, read_frame,  # noqa: E402
                            rsa_8192, string, token, write)

KEYGEN, STORE, REMOVE, PROVISION = 80, 82, 84, 86


def mode():
    with open(f"{FOLDER}/mode", encoding="utf-8") as file:
        return file.read().strip()


def p256(byte=7):
    """A public key of nobody, in form."""
    return bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004") + bytes([byte]) * 64


def made(request_id, spki):
    return message(KEYGEN + 1, string(b"\2") + string(spki), request_id)


def news(*more):
    return token() + key() + b"".join(more) + message(INVENTORY, struct.pack(">BI", 0, 0))


ANSWERS = {
    (KEYGEN, "unseen"): lambda i: news() + made(i, p256()),
    (KEYGEN, "other-kind"): lambda i: news(key(2, spki=rsa_8192())) + made(i, rsa_8192()),
    (KEYGEN, "nonsense"): lambda i: news() + made(i, b"\x30\x00"),
    (KEYGEN, "silent-inventory"): lambda i: made(i, p256()),
    (STORE, "unseen"): lambda i: news() + message(STORE + 1, b"", i),
    (REMOVE, "stays"): lambda i: news() + message(REMOVE + 1, struct.pack(">I", 2), i),
    (PROVISION, "nonsense"): lambda i: os.urandom(4096),
    (PROVISION, "dies"): lambda i: os.abort(),
    (PROVISION, "many-slots"): lambda i: message(PROVISION + 1, string(b"") + string(400 * string(
        string(b"other") + struct.pack(">Q", 1) + string(b"slot") + b"\1\1\1" + 4 * string(b"x")
        + struct.pack(">III", 3, 4, 8))), i),
    (PROVISION, "half-a-slot"): lambda i: message(PROVISION + 1, string(b"") + string(string(b"\0\0\0\1")), i),
    (PROVISION, "unasked"): lambda i: token() + inventory(),
}


def serve():
    if "--provision" not in sys.argv:
        write(token() + key() + inventory())
    while True:
        kind, request_id = read_frame()
        if kind == RESCAN:
            write(nothing_new(request_id))
        else:
            write(ANSWERS.get((kind, mode()), lambda i: message(ERROR, struct.pack(">I", 52) + string(b"no"), i))(request_id))


if __name__ == "__main__":
    if "good" in sys.argv:
        with open(f"{FOLDER}/real", encoding="utf-8") as real:
            program = real.read().strip()
        os.execv(program, [program] + sys.argv[1:])
    try:
        serve()
    except BrokenPipeError:
        pass
