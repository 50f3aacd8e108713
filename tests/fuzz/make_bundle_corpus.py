#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpus of the fuzz target bundle. The files are committed; this script is for changing them.

    make_bundle_corpus.py tests/fuzz/corpus
"""
import base64
import datetime
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


def certificate(name, key, issuer, issuer_key):
    begin = datetime.datetime(2026, 1, 1)
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, n)]) for n in (name, issuer)]
    return (x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(key.public_key())
            .serial_number(len(name)).not_valid_before(begin).not_valid_after(begin + datetime.timedelta(days=9))
            .sign(issuer_key, hashes.SHA256()))


def files():
    ca, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    pair = [certificate("alice", own, "ca", ca), certificate("ca", ca, "ca", ca)]
    der = b"".join(c.public_bytes(DER) for c in pair)
    pem = b"".join(c.public_bytes(PEM) for c in pair)
    bundle = pkcs7.serialize_certificates(pair, DER)
    text = base64.b64encode(bundle)
    yield "accepted-certificate", pair[0].public_bytes(DER)
    yield "accepted-certificates", der
    yield "accepted-certificate-twice", pair[0].public_bytes(DER) * 2
    yield "accepted-pem", pem
    yield "accepted-pem-with-text", b"0 s:CN = alice\r\n" + pem.replace(b"\n", b"\r\n") + b"end"
    yield "accepted-pem-pkcs7", pkcs7.serialize_certificates(pair, PEM)
    yield "accepted-pkcs7", bundle
    yield "accepted-pkcs7-indefinite", b"\x30\x80" + bundle[4:] + b"\0\0"
    yield "accepted-base64-one-line", text
    yield "accepted-base64-lines", base64.encodebytes(bundle)
    yield "accepted-base64-carriage-returns", base64.encodebytes(bundle).replace(b"\n", b"\r\n")
    yield "accepted-base64-of-certificates", base64.b64encode(der)
    yield "refused-empty", b""
    yield "refused-no-certificate", pkcs7.serialize_certificates(pair[:1], DER)[:30]
    yield "refused-base64-padding", text.rstrip(b"=") + b"==="
    yield "refused-base64-character", text[:90] + b"-" + text[90:]
    yield "refused-bytes-behind", bundle + b"\0"
    yield "refused-cut-off", bundle[:-1]
    yield "refused-html", b"<html>401</html>"
    yield "refused-pem-cut-off", pem[:300]
    yield "refused-too-many", b"".join(certificate("x" * n, own, "ca", ca).public_bytes(DER) for n in range(1, 35))


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]) / "bundle"
    folder.mkdir(exist_ok=True)
    for name, contents in files():
        (folder / name).write_bytes(contents)
