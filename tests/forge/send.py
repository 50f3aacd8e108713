#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""send: all cases of forge.py to a running agent, in the words of docs/protocol.md.

    send.py make FOLDER ALICE.pem EXACT.pem    writes FOLDER/cases and FOLDER/root.pem for these two keys
    send.py forged FOLDER                      each must be refused: by the rule when another server is proven, as
                                               unprovable when none is, or as no input of TLS at all; with a sentence
    send.py good FOLDER                        each must be signed, verify, and name its server

The agent is that of $KEYSTAY_SOCK or $XDG_RUNTIME_DIR. With -v each sentence is printed.
"""
import hashlib
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "integration")]

from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

import wire  # noqa: E402
from forge import build, proven, string  # noqa: E402

RULE, RULE_UNPROVABLE, INPUTS = 70, 71, range(80, 100)


def make(folder, certificates):
    world = build(certificates)
    anchors = world.anchors()
    with open(os.path.join(folder, "cases"), "wb") as file:
        for case in world.cases:
            name = proven(world, case.data, case.transcript, case.who, anchors)
            file.write(b"".join(map(string, (case.name.encode(), (case.host or "").encode(), name.encode(),
                                             world.spki(case.who), case.data, case.transcript))))
    with open(os.path.join(folder, "root.pem"), "wb") as file:
        file.write(world.root_pem())


def read(folder):
    """(name, host, proven, spki, input, transcript) of each case."""
    with open(os.path.join(folder, "cases"), "rb") as file:
        fields = []
        while True:
            head = file.read(4)
            if not head:
                return
            fields.append(file.read(struct.unpack(">I", head)[0]))
            if len(fields) == 6:
                yield (*(field.decode() for field in fields[:3]), *fields[3:])
                fields = []


def ask(spki, data, transcript):
    """What the agent answers: Fields, or raises wire.Refused. A dialog would be welcome."""
    with wire.Connection() as connection:
        connection.send(wire.sign_message(hashlib.sha256(spki).digest(), 0x0403, data, transcript,
                                          wait_ms=wire.WAIT_DEFAULT, program=b"forge", display=b":keystay-test"))
        return connection.answer()


def check_refusal(name, host, refused):
    """What is wrong with this refusal, or nothing."""
    wanted = [RULE] if host else [RULE_UNPROVABLE, *INPUTS]
    if refused.code not in wanted:
        return f"{name}: refused with {refused.code} in place of {wanted[0]}: {refused.text}"
    if len(refused.text.split()) < 4 or not refused.text.isprintable():
        return f"{name}: {refused.code} without a sentence: {refused.text!r}"
    return ""


def send_forged(folder):
    n = n_rule = n_unprovable = wrong = 0
    for name, host, other, spki, data, transcript in read(folder):
        if host:
            continue
        n += 1
        try:
            ask(spki, data, transcript)
            problem = f"SIGNED: {name}"
        except wire.Refused as refused:
            n_rule += refused.code == RULE
            n_unprovable += refused.code == RULE_UNPROVABLE
            problem = check_refusal(name, other, refused)
            if "-v" in sys.argv:
                print(f"{name}: {refused.text}")
        if problem:
            wrong += 1
            print(problem)
    print(f"{n} forged cases: {n_rule} refused by the rule, {n_unprovable} as unprovable, "
          f"{n - n_rule - n_unprovable - wrong} as no input of TLS, {wrong} wrong")
    return wrong or not n


def send_good(folder):
    n = wrong = 0
    for name, host, _, spki, data, transcript in read(folder):
        if not host:
            continue
        n += 1
        try:
            reply = ask(spki, data, transcript)
            signature, server, unverified = reply.bytes(), reply.text(), reply.text()
            serialization.load_der_public_key(spki).verify(signature, data, ec.ECDSA(hashes.SHA256()))
            problem = "" if (server, unverified) == (host, "") else f"named {server!r}, {unverified!r}"
        except wire.Refused as refused:
            problem = f"refused with {refused}"
        if problem:
            wrong += 1
            print(f"{name}: {problem}")
    print(f"{n} good cases: {n - wrong} signed, {wrong} wrong")
    return wrong or not n


def main(arguments):
    if len(arguments) >= 4 and arguments[0] == "make":
        make(arguments[1], {"alice": arguments[2], "exact": arguments[3]})
        return 0
    if len(arguments) >= 2 and arguments[0] in ("forged", "good"):
        return {"forged": send_forged, "good": send_good}[arguments[0]](arguments[1])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(int(bool(main(sys.argv[1:]))))
