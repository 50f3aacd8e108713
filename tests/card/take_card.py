#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the card in a reader for itself alone, as scdaemon does, until SIGTERM.

usage: take_card.py READER     READER: the number of the slot, 0 or 1

Prints "taken" when it has it. Runs in: stories about other programs that use a card.
"""
import ctypes
import signal
import sys

SCOPE_SYSTEM, SHARE_EXCLUSIVE, PROTOCOL_ANY, LEAVE_CARD = 2, 1, 3, 0


def check(code, what):
    if code != 0:
        sys.exit(f"{what}: PC/SC error {code & 0xFFFFFFFF:#x}")


def main(reader):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    pcsc = ctypes.CDLL("libpcsclite.so.1")
    context, card, protocol = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()
    check(pcsc.SCardEstablishContext(ctypes.c_ulong(SCOPE_SYSTEM), None, None, ctypes.byref(context)),
          "pcscd cannot be reached")
    size = ctypes.c_ulong(4096)
    names = ctypes.create_string_buffer(size.value)
    check(pcsc.SCardListReaders(context, None, names, ctypes.byref(size)), "pcscd has no reader")
    name = [each for each in names.raw[:size.value].split(b"\0") if each][reader]
    check(pcsc.SCardConnect(context, name, ctypes.c_ulong(SHARE_EXCLUSIVE), ctypes.c_ulong(PROTOCOL_ANY),
                            ctypes.byref(card), ctypes.byref(protocol)), "the card cannot be taken")
    print("taken", flush=True)
    signal.sigwait({signal.SIGTERM})
    check(pcsc.SCardDisconnect(card, ctypes.c_ulong(LEAVE_CARD)), "the card cannot be given back")


if __name__ == "__main__":
    main(int(sys.argv[1]))
