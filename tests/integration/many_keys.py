# SPDX-License-Identifier: Apache-2.0
"""Puts many P-256 keys on a SoftHSM token, "user-0", "user-1" …, each with a certificate of the intermediate CA.

Why: pkcs11-tool three times for each key would take minutes, as it loads the module and logs in each time. This talks
to the module with ctypes and logs in once.

usage: many_keys.py MODULE TOKEN-LABEL PIN N CA-FOLDER
"""
import ctypes
import hashlib
import os
import subprocess
import sys
import tempfile

from public_key import EC_PUBLIC_KEY, der, octets, spki

P256 = bytes.fromhex("06082a8648ce3d030107")
ULONG = ctypes.c_ulong
USER, RW_SERIAL = 1, 6
CLASS, TOKEN, PRIVATE, LABEL, VALUE, CERTIFICATE_TYPE, SUBJECT, ID = 0, 1, 2, 3, 0x11, 0x80, 0x101, 0x102
SENSITIVE, SIGN, VERIFY, EC_PARAMS, EC_POINT = 0x103, 0x108, 0x10A, 0x180, 0x181
CERTIFICATE, EC_KEY_PAIR_GEN = 1, 0x1040


class Attribute(ctypes.Structure):
    _fields_ = [("type", ULONG), ("value", ctypes.c_void_p), ("size", ULONG)]


class Mechanism(ctypes.Structure):
    _fields_ = [("type", ULONG), ("parameter", ctypes.c_void_p), ("size", ULONG)]


def attributes(**values):
    array = (Attribute * len(values))()
    array.keep = []
    for slot, (name, value) in zip(array, values.items()):
        if isinstance(value, bool):
            value = bytes([value])
        elif isinstance(value, int):
            value = value.to_bytes(ctypes.sizeof(ULONG), sys.byteorder)
        memory = ctypes.create_string_buffer(value, len(value))
        array.keep.append(memory)
        slot.type, slot.value, slot.size = globals()[name], ctypes.addressof(memory), len(value)
    return array


class Module:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.call("C_Initialize", None)

    def call(self, name, *arguments):
        result = getattr(self.library, name)(*arguments)
        if result != 0:
            raise OSError(f"{name} returned 0x{result:x}")

    def session(self, label, pin):
        slots, n = (ULONG * 64)(), ULONG(64)
        self.call("C_GetSlotList", b"\1", slots, ctypes.byref(n))
        for slot in slots[:n.value]:
            info = ctypes.create_string_buffer(512)
            self.call("C_GetTokenInfo", ULONG(slot), info)
            if info.raw[:32].decode().rstrip() == label:
                session = ULONG()
                self.call("C_OpenSession", ULONG(slot), ULONG(RW_SERIAL), None, None, ctypes.byref(session))
                self.call("C_Login", session, ULONG(USER), pin.encode(), ULONG(len(pin)))
                return session
        raise OSError(f"no token {label}")

    def key(self, session, name, key_id):
        public, private = ULONG(), ULONG()
        theirs = attributes(TOKEN=True, PRIVATE=False, LABEL=name, ID=key_id, VERIFY=True, EC_PARAMS=P256)
        ours = attributes(TOKEN=True, PRIVATE=True, SENSITIVE=True, LABEL=name, ID=key_id, SIGN=True)
        mechanism = Mechanism(EC_KEY_PAIR_GEN, None, 0)
        self.call("C_GenerateKeyPair", session, ctypes.byref(mechanism), theirs, ULONG(len(theirs)),
                  ours, ULONG(len(ours)), ctypes.byref(public), ctypes.byref(private))
        memory = ctypes.create_string_buffer(256)
        point = (Attribute * 1)(Attribute(EC_POINT, ctypes.addressof(memory), 256))
        self.call("C_GetAttributeValue", session, public, point, ULONG(1))
        return spki(EC_PUBLIC_KEY + P256, octets(memory.raw[:point[0].size]))

    def certificate(self, session, name, key_id, subject, content):
        template = attributes(CLASS=CERTIFICATE, TOKEN=True, PRIVATE=False, CERTIFICATE_TYPE=0, LABEL=name, ID=key_id,
                              SUBJECT=subject, VALUE=content)
        self.call("C_CreateObject", session, template, ULONG(len(template)), ctypes.byref(ULONG()))


class Authority:
    """The intermediate CA; openssl signs what this puts together."""

    def __init__(self, folder):
        self.folder = folder
        text = subprocess.run(["openssl", "x509", "-in", f"{folder}/intermediate.pem", "-outform", "DER"],
                              check=True, stdout=subprocess.PIPE).stdout
        self.name = self.subject_of(text)

    @staticmethod
    def subject_of(certificate):
        """The sixth element of TBSCertificate (RFC 5280 section 4.1)."""
        def inside(data, at):
            size, head = data[at + 1], 2
            if size & 0x80:
                head += size & 0x7f
                size = int.from_bytes(data[at + 2:at + head], "big")
            return at + head, at + head + size
        at, _ = inside(certificate, 0)
        at, _ = inside(certificate, at)
        for _ in range(5):
            _, at = inside(certificate, at)
        return certificate[at:inside(certificate, at)[1]]

    def issue(self, number, common_name, public_key):
        algorithm = der(0x30, bytes.fromhex("06082a8648ce3d040302"))
        subject = der(0x30, der(0x31, der(0x30, bytes.fromhex("0603550403") + der(0x0c, common_name))))
        validity = der(0x30, der(0x17, b"200101000000Z") + der(0x17, b"491231235959Z"))
        serial = der(0x02, b"\1" + number.to_bytes(4, "big"))
        tbs = der(0x30, der(0xa0, der(0x02, b"\2")) + serial + algorithm + self.name + validity + subject + public_key)
        with tempfile.NamedTemporaryFile() as file:
            file.write(tbs)
            file.flush()
            signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", f"{self.folder}/intermediate.key",
                                        file.name], check=True, stdout=subprocess.PIPE).stdout
        return subject, der(0x30, tbs + algorithm + der(0x03, b"\0" + signature))


def main(module, token, pin, count, folder):
    module, authority = Module(module), Authority(folder)
    session = module.session(token, pin)
    for number in range(int(count)):
        name = f"user-{number}".encode()
        key_id = hashlib.sha256(name).digest()[:8]
        public_key = module.key(session, name, key_id)
        subject, certificate = authority.issue(number, name, public_key)
        module.certificate(session, name, key_id, subject, certificate)
    # Without C_Finalize: SoftHSM's own exit handlers need nothing from it.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
