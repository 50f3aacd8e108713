#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Waits until pcscd itself says that a card is in a reader, or that none is: what every PC/SC program goes by.

usage: pcsc_wait.py present|absent READER     READER: the number of the slot, 0 or 1

Runs in: the rig (tests/integration/rig_card.sh). SCardGetStatusChange(3) blocks until something happens; no polling.
Must never: connect to the card, which would power it and count as use.
"""
import ctypes
import sys

DEADLINE_MS = 20000
SCOPE_SYSTEM = 2
S_SUCCESS = 0
STATE_UNAWARE, STATE_CHANGED, STATE_EMPTY, STATE_PRESENT, STATE_MUTE = 0x0, 0x2, 0x10, 0x20, 0x200
ATR_BYTES_MAX = 33


class ReaderState(ctypes.Structure):
    """SCARD_READERSTATE of pcsclite.h."""
    _fields_ = [("name", ctypes.c_char_p), ("user_data", ctypes.c_void_p), ("current", ctypes.c_ulong),
                ("event", ctypes.c_ulong), ("atr_size", ctypes.c_ulong), ("atr", ctypes.c_ubyte * ATR_BYTES_MAX)]


def check(code, what):
    if code != S_SUCCESS:
        sys.exit(f"{what}: PC/SC error {code & 0xFFFFFFFF:#x}")


def main(wanted, reader):
    pcsc = ctypes.CDLL("libpcsclite.so.1")
    context = ctypes.c_long()
    check(pcsc.SCardEstablishContext(ctypes.c_ulong(SCOPE_SYSTEM), None, None, ctypes.byref(context)),
          "pcscd cannot be reached")
    size = ctypes.c_ulong(4096)
    names = ctypes.create_string_buffer(size.value)
    check(pcsc.SCardListReaders(context, None, names, ctypes.byref(size)), "pcscd has no reader")
    name = [each for each in names.raw[:size.value].split(b"\0") if each][reader]
    state = ReaderState(name=name, current=STATE_UNAWARE)
    flag = STATE_PRESENT if wanted == "present" else STATE_EMPTY
    while True:
        check(pcsc.SCardGetStatusChange(context, ctypes.c_ulong(DEADLINE_MS), ctypes.byref(state), ctypes.c_ulong(1)),
              f"the reader did not say {wanted}")
        # A card that was seen and not powered yet counts as mute.
        if state.event & flag and not state.event & STATE_MUTE:
            return
        state.current = state.event & ~STATE_CHANGED


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
