# SPDX-License-Identifier: Apache-2.0
"""ISO 7816-4 commands and answers: short and extended lengths, command chaining, GET RESPONSE.

Runs in: the virtual card. An applet sees whole commands and gives whole answers; this file cuts them as the two sides
need it.
Must never: hand a command to the applet whose last part has not come.
"""
import dataclasses

CLA_CHAINING = 0x10
INS_GET_RESPONSE = 0xC0

SW_OK = 0x9000
SW_MORE = 0x6100
SW_WRONG_LENGTH = 0x6700
SW_CHAIN_BROKEN = 0x6883
SW_CONDITIONS = 0x6985
SW_CLASS_UNKNOWN = 0x6E00

CHAIN_BYTES_MAX = 16384


@dataclasses.dataclass
class Command:
    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int  # 0: none was asked for

    @property
    def is_last_part(self):
        return not self.cla & CLA_CHAINING


def parse(raw):
    """ISO 7816-4 section 5.1: the seven cases of a command; ValueError for none of them."""
    if len(raw) < 4:
        raise ValueError("shorter than a header")
    body = raw[4:]
    if not body:
        data, le = b"", 0
    elif len(body) == 1:
        data, le = b"", body[0] or 256
    elif body[0]:
        data, le = parse_body(body, 1, 256)
    elif len(body) == 3:
        data, le = b"", int.from_bytes(body[1:], "big") or 65536
    else:
        data, le = parse_body(body[1:], 2, 65536)
    return Command(*raw[:4], data, le)


def parse_body(body, width, le_max):
    size = int.from_bytes(body[:width], "big")
    data, rest = body[width:width + size], body[width + size:]
    if len(data) != size or len(rest) not in (0, width):
        raise ValueError("lengths that do not agree")
    return data, (int.from_bytes(rest, "big") or le_max) if rest else 0


def status(sw):
    return sw.to_bytes(2, "big")


class Chaining:
    """Between the reader and an applet; applet(Command) gives (data, status word)."""

    def __init__(self, applet):
        self.applet = applet
        self.reset()

    def reset(self):
        self.chain_head, self.chain, self.answer = None, b"", b""

    def exchange(self, command):
        if command.ins == INS_GET_RESPONSE:
            if not self.answer:
                return status(SW_CONDITIONS)
            return self.next_part(command.le)
        self.answer = b""
        if command.cla & ~CLA_CHAINING:
            self.reset()
            return status(SW_CLASS_UNKNOWN)
        head = (command.ins, command.p1, command.p2)
        if self.chain_head not in (None, head) or len(self.chain) + len(command.data) > CHAIN_BYTES_MAX:
            self.reset()
            return status(SW_CHAIN_BROKEN)
        self.chain += command.data
        if not command.is_last_part:
            self.chain_head = head
            return status(SW_OK)
        data, self.chain_head, self.chain = self.chain, None, b""
        self.answer, sw = self.applet(dataclasses.replace(command, data=data))
        if not self.answer:
            return status(sw)
        return self.next_part(command.le)

    def next_part(self, le):
        part, self.answer = self.answer[:le or 256], self.answer[le or 256:]
        left = len(self.answer)
        return part + status(SW_MORE | (left if left < 256 else 0) if left else SW_OK)
