# SPDX-License-Identifier: Apache-2.0
"""A second client of the protocol, written from docs/protocol.md alone, for stories that need raw frames.

Why: what the agent does with bytes that our own client never sends can only be seen from outside, and a second
implementation shows whether the document is enough.
"""
import os
import socket
import struct

ERROR, LIST, LIST_REPLY, GET, GET_REPLY, SIGN, SIGN_REPLY, SIGN_DIGEST = 127, 1, 2, 3, 4, 5, 6, 7
STATUS, STATUS_REPLY, UNLOCK, UNLOCK_REPLY, LOCK, LOCK_REPLY, RELOAD, RELOAD_REPLY = range(33, 41)
VERSION = 1
WAIT_DEFAULT = 0xffffffff
FRAME_MAX = 262144
DEADLINE_S = 60

# Section 7 of docs/protocol.md, as far as stories name them.
MALFORMED, TOO_LARGE, UNKNOWN_MESSAGE, WRONG_VERSION, WRONG_SOCKET, QUOTA = 20, 21, 22, 23, 24, 25
UNKNOWN_KEY, TOKEN_LOCKED, PIN_WRONG, PIN_FINAL_TRY, NO_PROMPT, NEEDS_DIALOG = 40, 50, 54, 58, 61, 62
CANCELLED, TIMEOUT, CONFIG = 6, 5, 11
INPUT_UNKNOWN, INPUT_DIGEST = 80, 81


class Refused(Exception):
    """An ERROR reply."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


def string(data):
    return struct.pack(">I", len(data)) + data


def frame(kind, body):
    return struct.pack(">IB", len(body) + 1, kind) + body


def message(kind, fields=b"", request_id=1, version=VERSION):
    return frame(kind, struct.pack(">II", version, request_id) + fields)


def labels(wait_ms=0, program=b"", tty=b"", term=b"", display=b"", wayland_display=b""):
    """The end of SIGN and UNLOCK: how long, and where the person is."""
    return struct.pack(">I", wait_ms) + b"".join(map(string, (program, tty, term, display, wayland_display)))


def sign_message(spki_hash, scheme, tbs, transcript=b"", request_id=1, **hints):
    return message(SIGN, string(spki_hash) + struct.pack(">I", scheme) + string(tbs) + string(transcript)
                   + labels(**hints), request_id)


def sign_digest_message(spki_hash, scheme, digest, request_id=1, **hints):
    return message(SIGN_DIGEST, string(spki_hash) + struct.pack(">I", scheme) + string(digest) + labels(**hints),
                   request_id)


def unlock_message(token, pin=b"", ask=False, request_id=1, **hints):
    return message(UNLOCK, string(token) + struct.pack(">B", ask) + string(pin) + labels(**hints), request_id)


def tls13_input(digest=bytes(32)):
    return 64 * b" " + b"TLS 1.3, client CertificateVerify\0" + digest


class Fields:
    """Reads fields in order."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        taken = self.data[self.at:self.at + size]
        if len(taken) != size:
            raise ValueError("the reply ends too early")
        self.at += size
        return taken

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def u64(self):
        return struct.unpack(">Q", self.take(8))[0]

    def bytes(self):
        return self.take(self.u32())

    def text(self):
        return self.bytes().decode()

    def records(self):
        inner = Fields(self.bytes())
        while inner.at < len(inner.data):
            yield Fields(inner.bytes())


def sign_path():
    return os.environ.get("KEYSTAY_SOCK") or os.environ["XDG_RUNTIME_DIR"] + "/keystay/sign/agent.sock"


def control_path():
    return os.environ.get("KEYSTAY_CONTROL_SOCK") or os.environ["XDG_RUNTIME_DIR"] + "/keystay/control/control.sock"


class Connection:
    def __init__(self, path=None):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(path or sign_path())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read(self, size):
        """size bytes, or fewer when the agent closes first."""
        data = b""
        while len(data) < size:
            try:
                more = self.socket.recv(size - len(data))
            except ConnectionResetError:
                break
            if not more:
                break
            data += more
        return data

    def closed(self):
        """True when the agent has closed the connection, and nothing came before that."""
        return self.read(1) == b""

    def reply(self):
        """(type, version, id, fields) of the next frame; raises EOFError when the agent closed."""
        head = self.read(4)
        if len(head) < 4:
            raise EOFError("the agent closed the connection")
        size = struct.unpack(">I", head)[0]
        if not 9 <= size <= FRAME_MAX:
            raise ValueError(f"a reply of {size} bytes")
        body = self.read(size)
        if len(body) < size:
            raise EOFError("the agent closed the connection in the middle of a reply")
        kind, version, request_id = struct.unpack(">BII", body[:9])
        return kind, version, request_id, Fields(body[9:])

    def answer(self):
        """Fields of the next reply; raises Refused for an ERROR."""
        kind, _, _, fields = self.reply()
        if kind == ERROR:
            raise Refused(fields.u32(), fields.text())
        return fields

    def call(self, kind, fields=b""):
        self.send(message(kind, fields))
        return self.answer()

    def refusal(self):
        """Code of the next reply, which must be an ERROR."""
        try:
            self.answer()
        except Refused as refused:
            return refused.code
        raise AssertionError("expected an error, got an answer")


def identities(connection):
    """All identities as dictionaries, page by page, and the sizes of the pages."""
    found, pages, generation, total = [], [], 0, 1
    while len(found) < total:
        fields = connection.call(LIST, struct.pack(">QI", generation, len(found)))
        generation, total = fields.u64(), fields.u32()
        page = [{"name": record.text(), "spki_hash": record.bytes(), "spki": record.bytes(),
                 "key_type": record.text(), "uri": record.text()} for record in fields.records()]
        if not page:
            break
        found += page
        pages.append(len(page))
    return found, pages
