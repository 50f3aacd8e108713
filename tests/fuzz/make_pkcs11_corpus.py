#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpus of the fuzz target module: what a PKCS#11 module answers, call by call. Its files are committed;
this script is for changing them.

    make_pkcs11_corpus.py tests/fuzz/corpus

The order of calls is that of pkcs11/report.c, user.c, sign.c, keygen.c, store.c and remove.c. Where it changes, old
files stay good input, but mean something else; make them anew.
"""
import hashlib
import os
import struct
import sys

OK, MISSING, LOST, NO_OBJECT, NO_MECHANISM, FAILED, UNKNOWN = 0, 2, 3, 4, 5, 6, 7
LARGE = 0x80
NONE = None

P256 = bytes.fromhex("06082a8648ce3d030107")
ED25519 = bytes.fromhex("06032b6570")
RSA, EC, EDWARDS = 0, 3, 0x40
ECDSA, EDDSA, RSA_PKCS, RSA_PSS, RSA_RAW = 0x1041, 0x1057, 0x1, 0xd, 0x3


def number(value):
    return struct.pack("<Q", value)


def some_bytes(seed, size):
    out = b""
    while len(out) < size:
        out += hashlib.sha256(f"{seed} {len(out)}".encode()).digest()
    return out[:size]


def rv(value=OK):
    return bytes([value])


def der(tag, content):
    size = len(content)
    head = bytes([size]) if size < 128 else bytes([0x81, size]) if size < 256 else b"\x82" + struct.pack(">H", size)
    return bytes([tag]) + head + content


# --- one call each ---------------------------------------------------------------------------------------------------

def slots(n=1):
    return rv() + bytes([n]) + rv() + bytes([n]) + bytes(range(1, n + 1))


def token_info(label=b"corp", flags=0x404, serial=b"0815", model=b"rig"):
    return (rv() + label.ljust(32) + b"maker".ljust(32) + model.ljust(16) + serial.ljust(16) +
            struct.pack(">I", flags) + bytes([4, 12, 0]))


def mechanisms(*types):
    return rv() + bytes([len(types)]) + rv() + bytes([len(types)]) + b"".join(struct.pack(">H", t) for t in types)


def session_info(state):
    return rv() + bytes([state])


def found(*handles):
    if not handles:
        return rv() + rv() + b"\0" + rv()
    return rv() + rv() + bytes([len(handles)]) + bytes(handles) + rv() + b"\0" + rv()


def attributes(*values):
    """Sizes, then values; None: the object does not have it."""
    sizes = b"".join(struct.pack(">H", 0xffff if value is NONE else len(value)) for value in values)
    return rv(MISSING if NONE in values else OK) + sizes + rv() + b"".join(value or b"" for value in values)


def key(key_type, identity, label, modulus=NONE, exponent=NONE, parameters=NONE, point=NONE, info=NONE, private=False,
        always=False):
    values = [number(key_type), identity, label, modulus, exponent, parameters, point, info]
    return attributes(*values, *([bytes([always]), b"\1", b"\0", b"\0"] if private else []))


class Certificates:
    """(id, label, value) of each; as an inventory reads them, and as a login does that compares contents."""

    def __init__(self, *all_of_them):
        self.all_of_them = all_of_them
        self.found = found(*range(7, 7 + len(all_of_them)))

    def told(self):
        return self.found + b"".join(attributes(number(0), *one) for one in self.all_of_them)

    def compared(self):
        return self.found + b"".join(attributes(number(0), value) for _, _, value in self.all_of_them)


# --- what a token is made of -----------------------------------------------------------------------------------------

MODULUS = b"\xc1" + some_bytes("modulus", 254) + b"\x01"
POINT = b"\x04" + some_bytes("point", 64)
RSA_KEY = dict(modulus=MODULUS, exponent=b"\1\0\1")
EC_KEY = dict(parameters=P256, point=der(0x04, POINT))
ED_KEY = dict(parameters=ED25519, point=der(0x04, some_bytes("ed", 32)))


def x509(spki):
    algorithm = der(0x30, bytes.fromhex("06082a8648ce3d040302"))
    tbs = der(0x30, der(0xa0, b"\2\1\2") + b"\2\1\1" + algorithm + der(0x30, b"") + der(0x30, b"") + der(0x30, b"") + spki)
    return der(0x30, tbs + algorithm + der(0x03, b"\0" + some_bytes("signature", 70)))


EC_SPKI = der(0x30, der(0x30, bytes.fromhex("06072a8648ce3d0201") + P256) + der(0x03, b"\0" + POINT))

ALL = (ECDSA, EDDSA, RSA_PKCS, RSA_PSS, RSA_RAW)


def opened():
    return rv() + rv()  # C_GetTokenInfo, C_OpenSession


def login(public, certificates, answer=OK):
    """Token, token again, session, contents, C_Login, token once more."""
    return rv() * 2 + session_info(0) + public + certificates.compared() + rv(answer) + rv()


def objects(public, private, certificates, state):
    return session_info(state) + public + private + certificates.told()


NO_CHANGE, NEW_KEY, NEW_KEY_WITHOUT_ID, CERTIFICATE, REMOVAL = (bytes([n]) for n in range(5))


def whole(types, public, private, certificates, signatures, change=NO_CHANGE):
    """Told before the login and after it, then signed with, then changed."""
    before = objects(public, found(), certificates, 0)
    after = objects(public, private, certificates, 1)
    return (slots() + token_info() + mechanisms(*types) + opened() + before + login(public, certificates) +
            mechanisms(*types) + after + signatures + change + rv() * 4)


def writing():
    """A session of its own: token, session, what it says of itself."""
    return rv() + rv() + session_info(3)


def new_key(identity, protection=b"\1\1\0\1\0"):
    """Nothing has its label or id; then the pair, read back."""
    public = key(EC, identity, b"new", parameters=P256, point=der(0x04, b"\x04" + some_bytes("new", 64)))
    private = key(EC, identity, b"new", parameters=P256, private=True)
    return (writing() + found() * 5 + rv() + b"\x15\x16" + public * 2 + private +
            attributes(*(bytes([b]) for b in protection)) + rv())


def signature(size):
    return rv() + rv() + struct.pack(">H", size) + some_bytes("sig", size)


def refused():
    """C_SignInit, and another session in place of the one where it failed."""
    return rv(NO_MECHANISM) + rv() * 2


def corpus():
    public = found(1, 2, 3) + key(RSA, b"\1", b"rsa", **RSA_KEY) + key(EC, b"\2", b"ec", **EC_KEY) + \
        key(EDWARDS, b"\3", b"ed", **ED_KEY)
    private = found(4, 5, 6) + key(RSA, b"\1", b"rsa", **RSA_KEY, private=True) + \
        key(EC, b"\2", b"ec", parameters=P256, private=True) + key(EDWARDS, b"\3", b"ed", parameters=ED25519, private=True)
    one, none = Certificates((b"\2", b"certificate", x509(EC_SPKI))), Certificates()
    ec = found(2) + key(EC, b"\2", b"ec", **EC_KEY)
    ec_private = found(5) + key(EC, b"\2", b"ec", parameters=P256, private=True)
    good = whole(ALL, public, private, one, signature(256) * 9 + signature(64) * 4)
    odd = found(2) + key(EC, b"\2", b"\xc3\x28" * 40, **EC_KEY)
    lone = whole((ECDSA,), ec, ec_private, none, signature(64) * 3)
    files = {
        "a-token-with-rsa-ec-and-ed25519": good,
        "an-ec-key-alone": lone,
        "a-bare-point": whole((ECDSA,), found(2) + key(EC, b"\2", b"ec", parameters=P256, point=POINT), ec_private,
                              none, signature(64) * 3),
        "a-public-half-from-the-certificate": whole((ECDSA,), found(), ec_private, one, signature(64) * 3),
        "a-certificate-with-padding": whole((ECDSA,), ec, ec_private, Certificates(
            (b"\2", b"padded", x509(EC_SPKI) + bytes(300))), signature(64) * 3),
        "a-certificate-that-is-none": whole((ECDSA,), ec, ec_private, Certificates((b"\2", b"", b"\x04\x03abc")),
                                            signature(64) * 3),
        "one-key-shown-twice": whole((ECDSA,), found(1, 2) + 2 * key(EC, b"\2", b"ec", **EC_KEY), ec_private, none,
                                     signature(64) * 3),
        "two-private-halves-with-one-id": whole((ECDSA,), ec, found(5, 6) + 2 * key(
            EC, b"\2", b"ec", parameters=P256, private=True), one, signature(64) * 6),
        "keys-without-an-id": whole((ECDSA,), found(2) + key(EC, NONE, b"ec", **EC_KEY), found(5) + key(
            EC, NONE, b"ec", parameters=P256, private=True), none, signature(64) * 3),
        "labels-that-are-no-text": slots() + token_info(label=b"\xff\0\x1b[2Jcorp") + mechanisms(ECDSA) + opened() + objects(
            odd, found(), none, 0) + login(odd, none) + mechanisms(ECDSA),
        "no-mechanism-but-raw-rsa": whole((RSA_RAW,), found(1) + key(RSA, b"\1", b"rsa", **RSA_KEY), found(4) + key(
            RSA, b"\1", b"rsa", **RSA_KEY, private=True), none,
            refused() * 6 + (refused() * 2 + signature(256)) * 6),
        "a-key-that-asks-for-its-pin-each-time": whole((ECDSA,), ec, found(5) + key(
            EC, b"\2", b"ec", parameters=P256, private=True, always=True), none, b""),
        "a-login-without-effect": slots() + token_info() + mechanisms(ECDSA) + opened() + objects(ec, found(), none, 0) +
            login(ec, none) + mechanisms(ECDSA) + objects(ec, found(), none, 0),
        "a-signature-that-is-too-long": lone[:-5 - 3 * 68] + rv() + rv(LARGE) + struct.pack(">H", 64) + bytes(64),
        "a-signature-without-bytes": lone[:-5 - 3 * 68] + rv() + rv() + b"\0\0",
        "a-key-that-is-found-again": lone[:-5 - 3 * 68] + rv(NO_OBJECT) + ec_private + signature(64),
        "sessions-that-are-lost": lone[:-5 - 3 * 68] + rv(LOST) + rv() * 3 + signature(64) + rv(LOST) * 40,
        "slots-without-number": rv(LARGE),
        "two-tokens": slots(2) + token_info() + rv() + mechanisms(ECDSA) + opened() + objects(ec, found(), none, 0),
        "another-token-before-the-login": lone[:lone.index(b"corp") + 200],
        "a-login-that-fails": slots() + token_info() + mechanisms(ECDSA) + opened() + objects(
            ec, found(), none, 0) + login(ec, none, FAILED) + rv() * 3 + mechanisms(ECDSA) + objects(
            ec, found(), none, 0),
        "more-handles-than-there-was-room-for": slots() + token_info() + mechanisms(ECDSA) + opened() + session_info(0) +
            rv() + rv(LARGE) + b"\1\1",
        "a-search-in-circles": slots() + token_info() + mechanisms(ECDSA) + opened() + session_info(0) + rv() +
            (rv() + b"\1\1") * 3 + rv() + key(EC, b"\2", b"ec", **EC_KEY) + found() + found(),
        "sizes-that-are-too-large": slots() + token_info() + mechanisms(ECDSA) + opened() + session_info(0) + found(1) +
            rv(LARGE) + bytes(16) + found() + found(),
        "values-longer-than-their-sizes": slots() + token_info() + mechanisms(ECDSA) + opened() + session_info(0) +
            found(1) + rv() + struct.pack(">8H", 8, 1, 2, 0, 0, 10, 67, 0xffff) + rv(LARGE) + bytes(88) + found() + found(),
        "a-new-key": whole((ECDSA,), ec, ec_private, none, signature(64) * 3, NEW_KEY + new_key(b"\x09")),
        "a-new-key-that-can-be-extracted": whole(
            (ECDSA,), ec, ec_private, none, signature(64) * 3,
            NEW_KEY + new_key(b"\x09", b"\1\1\1\0\0")[:-1] + writing() +
            (found(0x16) + rv()) + (found(0x15) + rv()) + rv() * 2),
        "a-new-key-that-is-an-old-one": whole(
            (ECDSA,), ec, ec_private, none, signature(64) * 3, NEW_KEY + writing() + found() * 5 + rv() + b"\2\5" +
            2 * key(EC, b"\2", b"ec", **EC_KEY) + key(EC, b"\2", b"ec", parameters=P256, private=True) + writing() +
            (found() + key(EC, b"\2", b"ec", parameters=P256, private=True)) +
            (found() + key(EC, b"\2", b"ec", **EC_KEY)) + rv() * 2),
        "a-label-that-is-taken": whole((ECDSA,), ec, ec_private, none, signature(64) * 3,
                                       NEW_KEY_WITHOUT_ID + writing() + found(9) + found() * 4 + rv()),
        "a-certificate-to-be-stored": whole(
            (ECDSA,), ec, ec_private, none, signature(64) * 3,
            CERTIFICATE + struct.pack(">H", len(x509(EC_SPKI))) + x509(EC_SPKI) + writing() + found() + rv() + b"\x17" +
            attributes(x509(EC_SPKI)) + rv()),
        "a-key-to-be-removed": whole(
            (ECDSA,), ec, ec_private, one, signature(64) * 3,
            REMOVAL + writing() + ec_private + ec + found(7) + attributes(x509(EC_SPKI)) + rv() * 4),
        "nothing-at-all": b"",
    }
    return files


def main(folder):
    folder = os.path.join(folder, "module")
    os.makedirs(folder, exist_ok=True)
    for name, content in corpus().items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)


if __name__ == "__main__":
    main(sys.argv[1])
