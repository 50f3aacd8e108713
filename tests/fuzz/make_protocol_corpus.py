#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpora of the fuzz targets frame, message, spki, reference and uri. Their files are committed; this
script is for changing them.

    make_protocol_corpus.py docs/protocol-vectors.txt tests/fuzz/corpus
"""
import hashlib
import os
import re
import sys


def write(folder, files):
    os.makedirs(folder, exist_ok=True)
    for name, content in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())


def bytes_of(seed, size):
    out = b""
    while len(out) < size:
        out += hashlib.sha256(f"{seed} {len(out)}".encode()).digest()
    return out[:size]


# --- frames and messages: the test vectors --------------------------------------------------------------------------

def frames_and_messages(path):
    with open(path, encoding="utf-8") as file:
        blocks = file.read().split("\nvector ")[1:]
    frames, messages = {}, {}
    for block in blocks:
        name = block.split("\n", 1)[0]
        frame = bytes.fromhex("".join(re.findall(r"^frame (.*)$", block, re.M)))
        if name.startswith("frame-"):
            frames[name.removeprefix("frame-")] = frame
        else:
            messages[name] = frame[4:]
    whole = [bytes.fromhex("".join(re.findall(r"^frame (.*)$", block, re.M))) for block in blocks]
    frames["empty"] = b"\0"  # an empty file would be skipped by some tools
    frames["type-alone"] = b"\0\0\0\1\x21"
    frames["two-in-a-row"] = whole[0] + whole[1]
    frames["one-and-a-half"] = whole[0] + whole[1][:9]
    frames["good-then-length-0"] = whole[0] + bytes(4)
    return frames, messages


# --- DER ------------------------------------------------------------------------------------------------------------

def tlv(tag, content):
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def unsigned(magnitude):
    return tlv(2, (b"\0" if magnitude[0] & 0x80 else b"") + magnitude)


def spki(algorithm, key, unused=0):
    return tlv(0x30, tlv(0x30, algorithm) + tlv(3, bytes([unused]) + key))


RSA = bytes.fromhex("06092a864886f70d010101") + b"\5\0"
PSS = bytes.fromhex("06092a864886f70d01010a")
EC = bytes.fromhex("06072a8648ce3d0201")
P256 = bytes.fromhex("06082a8648ce3d030107")
P384 = bytes.fromhex("06052b81040022")
P521 = bytes.fromhex("06052b81040023")
ED25519 = bytes.fromhex("06032b6570")
SHA384 = bytes.fromhex("300d06096086480165030402020500")
PSS_SHA384 = tlv(0x30, tlv(0xa0, SHA384) + tlv(0xa1, tlv(0x30, bytes.fromhex("06092a864886f70d010108") + SHA384))
                 + tlv(0xa2, b"\2\1\x30"))


def rsa_key(bits, exponent=b"\1\0\1"):
    modulus = bytearray(bytes_of(f"rsa {bits}", bits // 8))
    modulus[0] |= 0x80
    modulus[-1] |= 1
    return tlv(0x30, unsigned(bytes(modulus)) + unsigned(exponent))


def point(size):
    return b"\4" + bytes_of(f"point {size}", 2 * size)


def certificate(key, version=b"\xa0\3\2\1\2", behind=b""):
    name = tlv(0x30, tlv(0x31, tlv(0x30, bytes.fromhex("0603550403") + tlv(12, b"alice"))))
    validity = tlv(0x30, tlv(0x17, b"260101000000Z") + tlv(0x17, b"270101000000Z"))
    algorithm = tlv(0x30, bytes.fromhex("06082a8648ce3d040302"))
    tbs = tlv(0x30, version + b"\2\1\1" + algorithm + name + validity + name + key + behind)
    return tlv(0x30, tbs + algorithm + tlv(3, b"\0" + tlv(0x30, unsigned(b"\1") + unsigned(b"\2"))))


def spkis():
    p256 = spki(EC + P256, point(32))
    return {
        "rsa-2048": spki(RSA, rsa_key(2048)),
        "rsa-4096": spki(RSA, rsa_key(4096)),
        "rsa-8192": spki(RSA, rsa_key(8192)),
        "rsa-exponent-3": spki(RSA, rsa_key(2048, b"\3")),
        "rsa-exponent-of-64-bits": spki(RSA, rsa_key(2048, b"\xff" * 8)),
        "rsa-exponent-1": spki(RSA, rsa_key(2048, b"\1")),
        "rsa-1024-too-small": spki(RSA, rsa_key(1024)),
        "rsa-16384-too-large": spki(RSA, rsa_key(16384)),
        "rsa-without-null": spki(RSA[:-2], rsa_key(2048)),
        "rsa-negative-modulus": spki(RSA, tlv(0x30, tlv(2, b"\x80" + bytes(255)) + unsigned(b"\3"))),
        "rsassa-pss-without-parameters": spki(PSS, rsa_key(2048)),
        "rsassa-pss-sha384": spki(PSS + PSS_SHA384, rsa_key(2048)),
        "rsassa-pss-parameters-out-of-order": spki(PSS + tlv(0x30, b"\xa3\3\2\1\1\xa2\3\2\1\x20"), rsa_key(2048)),
        "p-256": p256,
        "p-384": spki(EC + P384, point(48)),
        "p-521": spki(EC + P521, point(66)),
        "p-256-compressed": spki(EC + P256, b"\2" + point(32)[1:33]),
        "p-256-hybrid": spki(EC + P256, b"\6" + point(32)[1:]),
        "p-256-infinity": spki(EC + P256, b"\0"),
        "p-256-unused-bits": spki(EC + P256, point(32), unused=3),
        "p-256-point-of-p-384": spki(EC + P256, point(48)),
        "secp256k1": spki(EC + bytes.fromhex("06052b8104000a"), point(32)),
        "ec-implicit-curve": spki(EC + b"\5\0", point(32)),
        "ed25519": spki(ED25519, bytes_of("ed25519", 32)),
        "ed25519-with-null": spki(ED25519 + b"\5\0", bytes_of("ed25519", 32)),
        "ed448": spki(bytes.fromhex("06032b6571"), bytes_of("ed448", 57)),
        "length-not-minimal": b"\x30\x81\x59" + p256[2:],
        "length-indefinite": b"\x30\x80" + p256[2:] + b"\0\0",
        "length-of-4-gib": b"\x30\x84\xff\xff\xff\xff" + p256[2:],
        "bytes-behind": p256 + b"\0",
        "cut-off": p256[:-1],
        "curve-parameters-p-521": P521,
        "certificate-v3": certificate(p256),
        "certificate-v1": certificate(p256, version=b""),
        "certificate-with-extensions": certificate(p256, behind=tlv(0xa3, tlv(0x30, b""))),
        "certificate-of-ed25519": certificate(spki(ED25519, bytes_of("ed25519", 32))),
        "certificate-without-key": certificate(b""),
    }


def reference(magic, name, key, behind=b""):
    return tlv(0x30, tlv(12, magic) + tlv(12, name) + key + behind)


def references():
    p256 = spki(EC + P256, point(32))
    magic = b"keystay key 1"
    return {
        "alice-p-256": reference(magic, b"alice", p256),
        "without-name": reference(magic, b"", p256),
        "name-in-utf-8": reference(magic, "Müller (9a)".encode(), p256),
        "name-of-256-bytes": reference(magic, b"a" * 256, p256),
        "name-of-257-bytes": reference(magic, b"a" * 257, p256),
        "name-with-newline": reference(magic, b"a\nb", p256),
        "name-in-latin-1": reference(magic, b"M\xfcller", p256),
        "rsa-2048": reference(magic, b"alice", spki(RSA, rsa_key(2048))),
        "rsa-8192-long-name": reference(magic, b"a" * 256, spki(RSA, rsa_key(8192))),
        "rsassa-pss": reference(magic, b"alice", spki(PSS + PSS_SHA384, rsa_key(2048))),
        "ed25519": reference(magic, b"alice", spki(ED25519, bytes_of("ed25519", 32))),
        "ed448-unsupported": reference(magic, b"alice", spki(bytes.fromhex("06032b6571"), bytes_of("ed448", 57))),
        "magic-of-a-later-release": reference(b"keystay key 2", b"alice", p256),
        "field-behind": reference(magic, b"alice", p256, b"\5\0"),
        "bytes-behind": reference(magic, b"alice", p256) + b"\0",
        "key-missing": reference(magic, b"alice", b""),
        "key-cut-off": reference(magic, b"alice", p256[:-1]),
        "pkcs11-provider-uri": tlv(0x30, tlv(0x1a, b"PKCS#11 Provider URI v1.0") + tlv(12, b"pkcs11:object=a")),
        "magic-as-printable-string": tlv(0x30, tlv(0x13, magic) + tlv(12, b"alice") + p256),
    }


URIS = {
    "empty-path": "pkcs11:",
    "all-attributes": "pkcs11:token=corp;manufacturer=SoftHSM%20project;model=SoftHSM%20v2;serial=0123456789abcdef;"
                      "object=alice;id=%01%ff;type=private",
    "id-alone": "pkcs11:id=%00%01%02",
    "empty-value": "pkcs11:object=",
    "utf-8-raw": "pkcs11:token=Müller",
    "utf-8-encoded": "pkcs11:token=M%C3%BCller",
    "upper-case-scheme": "PKCS11:token=corp",
    "raw-slash-and-equals": "pkcs11:object=a/b=c&d",
    "slot-id": "pkcs11:slot-id=327;token=corp",
    "library-version": "pkcs11:library-version=2.6",
    "vendor-attribute": "pkcs11:x-vendor=1",
    "module-path-in-query": "pkcs11:token=corp?module-path=/usr/lib/softhsm/libsofthsm2.so&module-name=softhsm",
    "empty-query": "pkcs11:token=corp?",
    "pin-value-in-query": "pkcs11:token=corp?pin-value=1234",
    "pin-value-in-path": "pkcs11:token=corp;pin-value=1234",
    "pin-source": "pkcs11:token=corp?pin-source=file:/etc/pin",
    "attribute-twice": "pkcs11:token=a;token=b",
    "attribute-misspelt": "pkcs11:tokn=corp",
    "semicolon-at-end": "pkcs11:token=corp;",
    "no-equals": "pkcs11:token",
    "no-name": "pkcs11:=corp",
    "percent-at-end": "pkcs11:token=a%",
    "percent-half": "pkcs11:token=a%2",
    "percent-not-hex": "pkcs11:token=a%zz",
    "nul-encoded": "pkcs11:token=a%00b",
    "escape-encoded": "pkcs11:object=%1b[2J",
    "space": "pkcs11:token=my card",
    "newline-at-end": "pkcs11:token=corp\n",
    "fragment": "pkcs11:token=corp#x",
    "other-scheme": "https://example/",
}


def main(vectors, corpus):
    frames, messages = frames_and_messages(vectors)
    for name, files in (("frame", frames), ("message", messages), ("spki", spkis()), ("reference", references()),
                        ("uri", URIS)):
        write(os.path.join(corpus, name), files)


if __name__ == "__main__":
    main(*sys.argv[1:])
