#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One process that has a PKCS#11 module loaded, as a browser has: it knows the standard and nothing of keystay.

Signs a digest of zeros (CKM_ECDSA) for each line of its input and prints "signed" or the name of what went wrong. It
looks for the token each time, and keeps session and key for as long as they work. After a line "pending" it signs in
another thread, with what it has, and ends at the next line whatever that thread is at.

usage: module_client.py MODULE TOKEN KEY
"""
import ctypes
import sys
import threading

ULONG = ctypes.c_ulong
# Places in CK_FUNCTION_LIST, after its version.
INITIALIZE, FINALIZE, GET_SLOT_LIST, GET_TOKEN_INFO = 1, 2, 5, 7
OPEN_SESSION, CLOSE_ALL_SESSIONS = 13, 15
FIND_OBJECTS_INIT, FIND_OBJECTS, FIND_OBJECTS_FINAL, SIGN_INIT, SIGN = 27, 28, 29, 43, 44
CKF_SERIAL_SESSION, CKM_ECDSA, CKO_PRIVATE_KEY, CKA_CLASS, CKA_LABEL = 4, 0x1041, 3, 0, 3
NAMES = {
    0x03: "SLOT_ID_INVALID", 0x30: "DEVICE_ERROR", 0x32: "DEVICE_REMOVED", 0x50: "FUNCTION_CANCELED",
    0x60: "KEY_HANDLE_INVALID", 0x68: "KEY_FUNCTION_NOT_PERMITTED", 0xB3: "SESSION_HANDLE_INVALID",
    0xE0: "TOKEN_NOT_PRESENT", 0x101: "USER_NOT_LOGGED_IN",
}


class Attribute(ctypes.Structure):
    _fields_ = [("type", ULONG), ("value", ctypes.c_char_p), ("size", ULONG)]


class Mechanism(ctypes.Structure):
    _fields_ = [("type", ULONG), ("parameter", ctypes.c_void_p), ("size", ULONG)]


class Refused(Exception):
    pass


class Client:
    def __init__(self, path, token, key):
        self.token, self.key = token.encode(), key.encode()
        self.session = self.handle = None
        self.table = ctypes.POINTER(ctypes.c_void_p)()
        library = ctypes.CDLL(path)
        self.check(library.C_GetFunctionList(ctypes.byref(self.table)))
        self.call(INITIALIZE, ctypes.c_void_p(None))

    @staticmethod
    def check(rv):
        if rv:
            raise Refused(NAMES.get(rv, hex(rv)))

    def call(self, place, *arguments):
        function = ctypes.CFUNCTYPE(ULONG, *[type(argument) for argument in arguments])(self.table[place])
        self.check(function(*arguments))

    def find_slot(self):
        count = ULONG(0)
        self.call(GET_SLOT_LIST, ctypes.c_ubyte(1), ctypes.c_void_p(None), ctypes.pointer(count))
        slots = (ULONG * max(count.value, 1))()
        self.call(GET_SLOT_LIST, ctypes.c_ubyte(1), ctypes.pointer(slots), ctypes.pointer(count))
        for slot in slots[:count.value]:
            info = ctypes.create_string_buffer(512)
            self.call(GET_TOKEN_INFO, ULONG(slot), info)
            if info.raw[:32].rstrip(b" ") == self.token:
                return slot
        raise Refused("no token")

    def find_key(self, slot):
        session, key, count = ULONG(), ULONG(), ULONG()
        nothing = ctypes.c_void_p(None)
        self.call(OPEN_SESSION, ULONG(slot), ULONG(CKF_SERIAL_SESSION), nothing, nothing, ctypes.pointer(session))
        private = ctypes.string_at(ctypes.byref(ULONG(CKO_PRIVATE_KEY)), ctypes.sizeof(ULONG))
        template = (Attribute * 2)(Attribute(CKA_CLASS, private, len(private)),
                                   Attribute(CKA_LABEL, self.key, len(self.key)))
        self.call(FIND_OBJECTS_INIT, session, ctypes.pointer(template), ULONG(2))
        self.call(FIND_OBJECTS, session, ctypes.pointer(key), ULONG(1), ctypes.pointer(count))
        self.call(FIND_OBJECTS_FINAL, session)
        if not count.value:
            raise Refused("no key")
        self.session, self.handle = session, key

    def sign(self):
        slot = self.find_slot()
        if self.session is None:
            self.find_key(slot)
        self.sign_now()

    def sign_now(self):
        mechanism = Mechanism(CKM_ECDSA, None, 0)
        self.call(SIGN_INIT, self.session, ctypes.pointer(mechanism), self.handle)
        signature, size = ctypes.create_string_buffer(64), ULONG(64)
        self.call(SIGN, self.session, ctypes.create_string_buffer(32), ULONG(32), signature, ctypes.pointer(size))


def main():
    client = Client(*sys.argv[1:4])
    for line in sys.stdin:
        if line == "pending\n":
            threading.Thread(target=client.sign_now, daemon=True).start()
            sys.stdin.readline()
            return
        try:
            client.sign()
            print("signed", flush=True)
        except Refused as error:
            print(error, flush=True)
    client.call(FINALIZE, ctypes.c_void_p(None))


main()
