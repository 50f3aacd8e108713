# SPDX-License-Identifier: Apache-2.0
"""Another program that uses OpenSC: logs in to the first token, says "logged in", and waits to be ended.

Its own copies of the PIN are wiped before that, so that a scan of its memory finds OpenSC's alone.

usage: opensc_login.py MODULE FILE-WITH-THE-PIN
"""
import ctypes
import signal
import sys

SERIAL_SESSION, RW_SESSION, USER = 4, 2, 1


def main(path, pin_file):
    module = ctypes.CDLL(path)
    number = ctypes.c_ulong

    def call(name, *arguments):
        rv = getattr(module, name)(*arguments)
        if rv != 0:
            sys.exit(f"{name}: {rv:#x}")

    call("C_Initialize", None)
    count = number(16)
    slots = (number * 16)()
    call("C_GetSlotList", ctypes.c_ubyte(1), slots, ctypes.byref(count))
    session = number()
    call("C_OpenSession", slots[0], number(SERIAL_SESSION | RW_SESSION), None, None, ctypes.byref(session))
    pin = (ctypes.c_char * 8)()
    with open(pin_file, "rb", buffering=0) as file:
        size = file.readinto(pin)
    call("C_Login", session, number(USER), pin, number(size))
    ctypes.memset(pin, 0, 8)
    print("logged in", flush=True)
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:3])
