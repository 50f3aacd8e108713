#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client of keystay's agent in a hundred lines, written from docs/protocol.md alone. Standard library only.

usage: client.py list                             every key: name, type, subject
       client.py get NAME                         its certificate chain as PEM, leaf first
       client.py sign NAME SCHEME FILE            the signature of FILE's bytes, in hexadecimal digits

As a library: Agent().list(), .get(name), .sign(spki_hash, scheme, input). SCHEME is a number of section 9, such as
0x0403; FILE is what that section calls input: a whole TLS client CertificateVerify input. All else is refused, and
Refused then says why. A certificate goes to ssl.DER_cert_to_PEM_cert; Python's ssl itself takes no signer, so this is
for programs with a TLS stack of their own, and for whoever writes a client in a third language.
"""
import collections
import os
import socket
import ssl
import struct
import sys

ERROR, LIST, GET, SIGN = 127, 1, 3, 5       # section 4; each reply is its request's number + 1
VERSION, REQUEST_ID, FRAME_MAX = 1, 1, 262144
CHANGED = 29                                # section 7
DEADLINE_S = 150                            # KS_CLIENT_DEADLINE_MS: a person may have to type a PIN

Identity = collections.namedtuple("Identity", "name spki_hash spki key_type uri label token module state "
                                  "n_certificates subject issuer not_before not_after rules")


class Refused(Exception):
    """The agent's ERROR: code is a number of section 7, the text a sentence with the next step."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def pack(data):
    """bytes and text: a length, then as many bytes."""
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">I", len(data)) + data


class Fields:
    """Reads the fields of a message or record in order; what is behind the last known one is ignored (section 3)."""

    def __init__(self, data):
        self.data = data

    def take(self, size):
        if len(self.data) < size:
            raise EOFError("the agent's reply is too short")
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def number(self, form=">I"):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def bytes(self):
        return self.take(self.number())

    def records(self):
        inner = Fields(self.bytes())
        while inner.data:
            yield Fields(inner.bytes())

    def identity(self):
        text = lambda: self.bytes().decode()
        return Identity(text(), self.bytes(), self.bytes(), text(), text(), text(), text(), text(), self.number(),
                        self.number(), text(), text(), self.number(">Q"), self.number(">Q"), text())


class Agent:
    def __init__(self, path=None):
        self.path = path or os.environ.get("KEYSTAY_SOCK") or "%s/keystay/sign/agent.sock" % os.environ.get(
            "XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")

    def call(self, request, fields):
        """One request over a fresh connection (section 1); Fields of its reply."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(DEADLINE_S)
            connection.connect(self.path)
            connection.sendall(pack(struct.pack(">BII", request, VERSION, REQUEST_ID) + fields))
            reply = connection.makefile("rb")
            frame = Fields(reply.read(4))
            length = frame.number()
            if not 9 <= length <= FRAME_MAX:
                raise ValueError(f"the agent sent a frame of {length} bytes")
            frame = Fields(reply.read(length))
        kind, _, request_id = frame.number(">B"), frame.number(), frame.number()
        if kind == ERROR:
            raise Refused(frame.number(), frame.bytes().decode())
        if kind != request + 1 or request_id != REQUEST_ID:
            raise ValueError(f"the agent answered {request} with {kind}")
        return frame

    def list(self):
        """Every Identity, page by page; from the start again when the inventory changed meanwhile."""
        found, generation, total = [], 0, 1
        while len(found) < total:
            try:
                reply = self.call(LIST, struct.pack(">QI", generation, len(found)))
            except Refused as refused:
                if refused.code != CHANGED:
                    raise
                found, generation = [], 0
                continue
            generation, total = reply.number(">Q"), reply.number()
            page = [record.identity() for record in reply.records()]
            if not page:
                break
            found += page
        return found

    def get(self, name=""):
        """(Identity, chain as a list of DER certificates). An empty name: the only usable key."""
        reply = self.call(GET, pack(name))
        identity, = [record.identity() for record in reply.records()]
        return identity, [record.bytes() for record in reply.records()]

    def sign(self, spki_hash, scheme, tbs, transcript=b"", wait_ms=0):
        """The signature. With wait_ms above 0 the agent may ask for a PIN, by a dialog where the labels say."""
        tty = os.ttyname(0) if os.isatty(0) else ""
        labels = [os.path.basename(sys.argv[0]), tty, *(os.environ.get(name, "") for name in
                                                       ("TERM", "DISPLAY", "WAYLAND_DISPLAY"))]
        wait_ms = 0 if os.environ.get("KEYSTAY_PROMPT") == "never" else wait_ms
        return self.call(SIGN, pack(spki_hash) + struct.pack(">I", scheme) + pack(tbs) + pack(transcript)
                         + struct.pack(">I", wait_ms) + b"".join(map(pack, labels))).bytes()


def main(arguments):
    agent = Agent()
    if arguments == ["list"]:
        for identity in agent.list():
            print(identity.name, identity.key_type, identity.subject, sep="\t")
    elif arguments[:1] == ["get"] and len(arguments) == 2:
        print("".join(map(ssl.DER_cert_to_PEM_cert, agent.get(arguments[1])[1])), end="")
    elif arguments[:1] == ["sign"] and len(arguments) == 4:
        _, name, scheme, file = arguments
        with open(file, "rb") as tbs:
            print(agent.sign(agent.get(name)[0].spki_hash, int(scheme, 0), tbs.read()).hex())
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (Refused, OSError, EOFError, ValueError) as problem:
        sys.exit(f"client.py: {problem}")
