#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Another program that uses the card in a reader, as scdaemon, a browser or a thief would, through PC/SC alone.

usage: other_program.py take READER          the card for itself alone until SIGTERM; prints "taken"
       other_program.py hold READER          a transaction until SIGTERM; prints "held"
       other_program.py reset READER         connects, and resets the card when it lets go of it
       other_program.py apdu READER HEX...   these commands, in one transaction; prints the status word of each

READER: the number of the slot, 0 or 1. Runs in: stories about cards that are shared.
Must never: give the card a PIN that the story did not name.
"""
import ctypes
import signal
import sys

SCOPE_SYSTEM, PROTOCOL_ANY = 2, 3
SHARE_EXCLUSIVE, SHARE_SHARED = 1, 2
LEAVE_CARD, RESET_CARD = 0, 1
ANSWER_BYTES_MAX = 264


class Pci(ctypes.Structure):
    """SCARD_IO_REQUEST of pcsclite.h."""
    _fields_ = [("protocol", ctypes.c_ulong), ("length", ctypes.c_ulong)]


class Card:
    def __init__(self, reader, share):
        self.pcsc = ctypes.CDLL("libpcsclite.so.1")
        context, self.card, self.protocol = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()
        self.call("SCardEstablishContext", ctypes.c_ulong(SCOPE_SYSTEM), None, None, ctypes.byref(context))
        size = ctypes.c_ulong(4096)
        names = ctypes.create_string_buffer(size.value)
        self.call("SCardListReaders", context, None, names, ctypes.byref(size))
        name = [each for each in names.raw[:size.value].split(b"\0") if each][reader]
        self.call("SCardConnect", context, name, ctypes.c_ulong(share), ctypes.c_ulong(PROTOCOL_ANY),
                  ctypes.byref(self.card), ctypes.byref(self.protocol))

    def call(self, function, *arguments):
        code = getattr(self.pcsc, function)(*arguments)
        if code != 0:
            sys.exit(f"{function}: PC/SC error {code & 0xFFFFFFFF:#x}")

    def begin(self):
        self.call("SCardBeginTransaction", self.card)

    def end(self):
        self.call("SCardEndTransaction", self.card, ctypes.c_ulong(LEAVE_CARD))

    def transmit(self, command):
        """The status word of the answer."""
        pci = Pci(self.protocol.value, ctypes.sizeof(Pci))
        answer = ctypes.create_string_buffer(ANSWER_BYTES_MAX)
        size = ctypes.c_ulong(len(answer))
        self.call("SCardTransmit", self.card, ctypes.byref(pci), command, ctypes.c_ulong(len(command)), None, answer,
                  ctypes.byref(size))
        return answer.raw[size.value - 2:size.value].hex()

    def let_go(self, disposition):
        self.call("SCardDisconnect", self.card, ctypes.c_ulong(disposition))


def until_told(word):
    print(word, flush=True)
    signal.sigwait({signal.SIGTERM})


def main(word, reader, *commands):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    card = Card(int(reader), SHARE_EXCLUSIVE if word == "take" else SHARE_SHARED)
    if word == "take":
        until_told("taken")
    elif word == "hold":
        card.begin()
        until_told("held")
        card.end()
    elif word == "apdu":
        card.begin()
        for command in commands:
            print(card.transmit(bytes.fromhex(command)))
        card.end()
    card.let_go(RESET_CARD if word == "reset" else LEAVE_CARD)


if __name__ == "__main__":
    main(*sys.argv[1:])
