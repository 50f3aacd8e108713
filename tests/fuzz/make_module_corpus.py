#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpus of the fuzz target x509. Its files are committed; this script is for changing them. Needs
python3-cryptography. Keys are made anew each time; nothing depends on which.

    make_module_corpus.py tests/fuzz/corpus
"""
import datetime
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


def certificate(names, serial=300, not_after=datetime.datetime(2040, 12, 31)):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(*pair) for pair in names])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(serial).not_valid_before(datetime.datetime(1999, 12, 31)).not_valid_after(not_after)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def files():
    good = certificate([(NameOID.ORGANIZATION_NAME, "Example"), (NameOID.COMMON_NAME, "Alice")])
    yield "good.der", good
    yield "no-name.der", certificate([])
    yield "serial-of-20-bytes.der", certificate([(NameOID.COMMON_NAME, "a")], serial=2**158 + 1)
    yield "generalized-time.der", certificate([(NameOID.COMMON_NAME, "a")], not_after=datetime.datetime(2060, 1, 1))
    yield "byte-behind.der", good + b"\0"
    yield "cut-off.der", good[:-1]
    yield "date-with-a-letter.der", good.replace(b"401231", b"4012a1")
    yield "date-without-zone.der", good.replace(b"401231000000Z", b"4012310000000")
    yield "name-with-a-control-character.der", good.replace(b"Alice", b"Al\x07ce")
    yield "digest-info-sha256.bin", bytes.fromhex("3031300d060960864801650304020105000420") + bytes(32)
    yield "digest-info-without-parameters.bin", bytes.fromhex("302f300b0609608648016503040201" "0420") + bytes(32)
    yield "ecdsa.bin", bytes.fromhex("30080202008002020081")
    yield "ecdsa-padded.bin", bytes.fromhex("300702020001020102")
    yield "ecdsa-negative.bin", bytes.fromhex("3006020181020102")


def main():
    folder = pathlib.Path(sys.argv[1]) / "x509"
    folder.mkdir(parents=True, exist_ok=True)
    for name, contents in files():
        (folder / name).write_bytes(contents)


if __name__ == "__main__":
    main()
