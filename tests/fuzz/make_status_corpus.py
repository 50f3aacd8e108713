#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpus of the fuzz target own_status: a certificate, its issuer, and what its CA may say of it. The files are
committed; this script is for changing them. Needs python3-cryptography.

    make_status_corpus.py tests/fuzz/corpus/own_status
"""
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from make_proof_corpus import DAY, NOW, Certificate, authority, staple, string

POINT = [x509.UniformResourceIdentifier("http://crl.example/1.crl")]


def list_of(issuer, serials, *extensions, until=NOW + DAY):
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.name).last_update(NOW - DAY).next_update(until)
    for serial in serials:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY).build())
    for extension in extensions:
        builder = builder.add_extension(extension, True)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def point(full_name=None, only_user=False):
    return x509.IssuingDistributionPoint(full_name, None, only_user, False, None, False, False)


def files():
    root = authority("Corp Root")
    issuer = authority("Corp Issuing CA", root)
    leaf = Certificate("alice", ec.generate_private_key(ec.SECP256R1()), issuer, [
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.AuthorityInformationAccess([x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.example/"))]), False),
        (x509.CRLDistributionPoints([x509.DistributionPoint(POINT, None, None, None)]), False)])
    responder = Certificate("OCSP", ec.generate_private_key(ec.SECP256R1()), issuer, [
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)])
    serial = leaf.x509.serial_number
    for name, said in [
            ("good", staple(leaf, issuer)),
            ("good-delegated", staple(leaf, issuer, signer=responder)),
            ("revoked", staple(leaf, issuer, ocsp.OCSPCertStatus.REVOKED)),
            ("unknown", staple(leaf, issuer, ocsp.OCSPCertStatus.UNKNOWN)),
            ("of-another-issuer", staple(leaf, root)),
            ("try-later", b"\x30\x03\x0a\x01\x03"),
            ("nothing", b""),
            ("list-without-it", list_of(issuer, [99])),
            ("list-with-it", list_of(issuer, [99, serial])),
            ("list-of-its-point", list_of(issuer, [], point(POINT))),
            ("list-of-users", list_of(issuer, [], point(only_user=True))),
            ("list-of-another-issuer", list_of(root, [serial])),
            ("list-outdated", list_of(issuer, [], until=NOW - DAY / 2))]:
        yield name, string(leaf.der) + string(issuer.der) + string(said)
    yield "no-certificate", string(b"\x30\x00") + string(b"") + string(b"")


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main(sys.argv[1])
