#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpus of the fuzz target server_proof: bodies of PROVE (docs/protocol.md) with a server that is all right
and with servers that are not. The files are committed; this script is for changing them. Needs python3-cryptography.

    make_proof_corpus.py tests/fuzz/corpus/server_proof
"""
import datetime
import pathlib
import struct
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.fromtimestamp(1800000000, datetime.timezone.utc).replace(tzinfo=None)
DAY = datetime.timedelta(days=1)
NAME = "www.corp.example"
INPUT = b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + bytes(32)


def string(data):
    return struct.pack(">I", len(data)) + data


def body(chain, signature, scheme, name=NAME, staple=b"", is_tls13=True):
    certificates = b"".join(string(string(der)) for der in chain)
    return (struct.pack(">II", 1, 7) + string(string(struct.pack(">I", 1))) + string(name.encode())
            + struct.pack(">I", scheme) + string(INPUT) + string(signature) + string(certificates) + string(staple)
            + bytes([is_tls13, 0]))


def subject(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


class Certificate:
    def __init__(self, common_name, key, issuer=None, extensions=(), until=NOW + DAY):
        self.key, self.name = key, subject(common_name)
        signer = issuer or self
        builder = (x509.CertificateBuilder().subject_name(self.name).issuer_name(signer.name)
                   .public_key(key.public_key()).serial_number(4711 + len(common_name))
                   .not_valid_before(NOW - 30 * DAY).not_valid_after(until))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        plain = isinstance(signer.key, ed25519.Ed25519PrivateKey)
        self.x509 = builder.sign(signer.key, None if plain else hashes.SHA256())
        self.der = self.x509.public_bytes(serialization.Encoding.DER)


def authority(common_name, issuer=None, *more):
    return Certificate(common_name, ec.generate_private_key(ec.SECP256R1()), issuer,
                       [(x509.BasicConstraints(True, None), True), *more])


def leaf(issuer, key=None, names=(NAME,), purpose=ExtendedKeyUsageOID.SERVER_AUTH, until=NOW + DAY):
    return Certificate("a server", key or ec.generate_private_key(ec.SECP256R1()), issuer, [
        (x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False),
        (x509.ExtendedKeyUsage([purpose]), False)], until)


def ecdsa(certificate):
    return certificate.key.sign(INPUT, ec.ECDSA(hashes.SHA256()))


def staple(of, issuer, status=ocsp.OCSPCertStatus.GOOD, signer=None):
    revoked = NOW - DAY if status == ocsp.OCSPCertStatus.REVOKED else None
    builder = ocsp.OCSPResponseBuilder().add_response(
        of.x509, issuer.x509, hashes.SHA1(), status, NOW - DAY, NOW + DAY, revoked, None)
    responder = signer or issuer
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, responder.x509)
    if signer:
        builder = builder.certificates([signer.x509])
    return builder.sign(responder.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def files():
    root = authority("Corp Root")
    middle = authority("Corp Issuing CA", root)
    good = leaf(middle)
    chain = [good.der, middle.der, root.der]
    yield "proven", body(chain, ecdsa(good), 0x0403)
    yield "proven-with-a-staple", body(chain, ecdsa(good), 0x0403, staple=staple(good, middle))
    responder = Certificate("OCSP", ec.generate_private_key(ec.SECP256R1()), middle, [
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)])
    yield "proven-with-a-delegated-staple", body(chain, ecdsa(good), 0x0403,
                                                 staple=staple(good, middle, signer=responder))
    yield "revoked", body(chain, ecdsa(good), 0x0403, staple=staple(good, middle, ocsp.OCSPCertStatus.REVOKED))
    yield "staple-of-another-issuer", body(chain, ecdsa(good), 0x0403, staple=staple(good, root))
    yield "staple-try-later", body(chain, ecdsa(good), 0x0403, staple=b"\x30\x03\x0a\x01\x03")
    yield "wrong-name", body(chain, ecdsa(good), 0x0403, name="db.corp.example")
    yield "wrong-signature", body(chain, ecdsa(middle), 0x0403)
    yield "wrong-scheme", body(chain, ecdsa(good), 0x0201)
    yield "no-certificate", body([], b"", 0x0403)
    yield "certificate-of-nothing", body([b"", b"\x30\x00"], b"", 0x0403)
    many = leaf(middle, names=["*.corp.example"] + [f"host{i}.corp.example" for i in range(50)])
    yield "wildcard-and-many-names", body([many.der, middle.der, root.der], ecdsa(many), 0x0403)
    old = leaf(middle, until=NOW - DAY)
    yield "expired", body([old.der, middle.der, root.der], ecdsa(old), 0x0403)
    client = leaf(middle, purpose=ExtendedKeyUsageOID.CLIENT_AUTH)
    yield "for-clients", body([client.der, middle.der, root.der], ecdsa(client), 0x0403)
    narrow = authority("Narrow CA", root, (x509.NameConstraints([x509.DNSName("other.example")], None), True))
    outside = leaf(narrow)
    yield "outside-of-name-constraints", body([outside.der, narrow.der, root.der], ecdsa(outside), 0x0403)
    plain = leaf(root, key=ed25519.Ed25519PrivateKey.generate())
    yield "proven-ed25519", body([plain.der, root.der], plain.key.sign(INPUT), 0x0807)
    heavy = leaf(root, key=rsa.generate_private_key(65537, 2048))
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    yield "proven-rsa-pss", body([heavy.der, root.der], heavy.key.sign(INPUT, pss, hashes.SHA256()), 0x0804)
    yield "proven-rsa-pkcs1-tls12", body([heavy.der, root.der],
                                         heavy.key.sign(INPUT, padding.PKCS1v15(), hashes.SHA256()), 0x0401,
                                         is_tls13=False)


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    for name, contents in files():
        (folder / name).write_bytes(contents)


if __name__ == "__main__":
    main(sys.argv[1])
