#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpora of the fuzz targets judge (what a CA answers), revocation (files of certs/) and enrol_state (state
files). They are committed; this script is for changing them. Needs python3-cryptography.

    make_judge_corpus.py tests/fuzz/corpus
"""
import json
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from make_proof_corpus import DAY, NOW, Certificate, authority, leaf
from make_status_corpus import list_of, point

DIGITS = "0123456789abcdef" * 4
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
NOBODY, VOUCHED, VERIFIED = 0, 1, 2


# --- answers: the flags, then certificates of which the last one has the key ------------------------------------------

def answer(flags, *certificates):
    return bytes([flags]) + b"".join(certificate.der for certificate in certificates)


def usage(*words):
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: name in words for name in names}), True


def answers():
    root = authority("Corp Root")
    middle = authority("Corp Issuing CA", root)
    key = ec.generate_private_key(ec.SECP256R1())
    good = leaf(middle, key, purpose=CLIENT)
    yield "accepted-vouched-for", answer(VOUCHED, root, middle, good)
    yield "accepted-verified-and-vouched-for", answer(VOUCHED | VERIFIED, middle, good)
    yield "accepted-on-trust", answer(VERIFIED, middle, root, good)
    yield "accepted-leaf-alone", answer(VERIFIED, good)
    longer = leaf(middle, key, purpose=CLIENT, until=NOW + 2 * DAY)
    yield "accepted-newest-of-two", answer(VERIFIED, middle, longer, good)
    plain = leaf(root, ed25519.Ed25519PrivateKey.generate(), purpose=CLIENT)
    yield "accepted-ed25519", answer(VOUCHED, root, plain)
    yield "refused-nobody-vouches", answer(NOBODY, middle, good)
    yield "refused-of-another-root", answer(VOUCHED, authority("Other Root"), Certificate("x", key, middle))
    yield "refused-contradicted", answer(VERIFIED, authority("Corp Issuing CA"), good)
    yield "refused-for-servers", answer(VERIFIED, leaf(middle, key))
    yield "refused-expired", answer(VERIFIED, leaf(middle, key, purpose=CLIENT, until=NOW - DAY))
    yield "refused-of-a-ca", answer(VERIFIED, middle)
    yield "refused-cannot-sign", answer(VERIFIED, Certificate("x", key, middle, [usage("key_agreement")]))
    narrow = authority("Narrow CA", root, (x509.NameConstraints([x509.DNSName("other.example")], None), True))
    yield "refused-outside-of-name-constraints", answer(VOUCHED, root, narrow, leaf(narrow, key, purpose=CLIENT))
    link, chain = root, []
    for i in range(12):
        link = authority(f"CA {i}", link)
        chain.append(link)
    yield "accepted-chain-cut", answer(VERIFIED, *chain, leaf(link, key, purpose=CLIENT))
    circle = Certificate("Circle", key, None, [(x509.BasicConstraints(True, None), True)])
    yield "issued-by-itself", answer(VERIFIED, circle, Certificate("Circle", key, circle))


# --- files of certs/ -------------------------------------------------------------------------------------------------

def pem(der, label="X509 CRL"):
    read = x509.load_der_x509_crl if label == "X509 CRL" else x509.load_der_x509_certificate
    return read(der).public_bytes(serialization.Encoding.PEM)


def lists():
    root = authority("Corp Root")
    issuer = authority("Corp Issuing CA", root)
    alice = leaf(issuer, purpose=CLIENT)
    serial = alice.x509.serial_number
    beside = pem(alice.der, "CERTIFICATE") + pem(issuer.der, "CERTIFICATE")
    full = list_of(issuer, [99, serial])
    name = [x509.UniformResourceIdentifier("http://crl.example/1.crl")]

    def scope(**words):
        fields = dict(full_name=None, relative_name=None, only_contains_user_certs=False, only_contains_ca_certs=False,
                      only_some_reasons=None, indirect_crl=False, only_contains_attribute_certs=False)
        return x509.IssuingDistributionPoint(**{**fields, **words})

    yield "list-with-it.pem", beside + pem(full)
    yield "list-of-its-point.pem", beside + pem(list_of(issuer, [serial], point(name)))
    yield "two-lists.pem", beside + pem(list_of(issuer, [])) + pem(list_of(root, [serial]))
    yield "ignored-delta.pem", beside + pem(list_of(issuer, [serial], x509.DeltaCRLIndicator(1)))
    yield "ignored-indirect.pem", beside + pem(list_of(issuer, [serial], scope(indirect_crl=True)))
    yield "ignored-of-cas.pem", beside + pem(list_of(issuer, [serial], scope(only_contains_ca_certs=True)))
    yield "ignored-some-reasons.pem", beside + pem(list_of(issuer, [serial], scope(
        only_some_reasons=frozenset([x509.ReasonFlags.key_compromise]))))
    yield "ignored-unknown-critical.pem", beside + pem(list_of(issuer, [serial], x509.UnrecognizedExtension(
        x509.ObjectIdentifier("1.2.3.4"), b"\5\0")))
    yield "list.der", full
    yield "cut-off.der", full[:-20]
    yield "cut-off.pem", beside + pem(full)[:-40]
    yield "nothing", b""


# --- state files -----------------------------------------------------------------------------------------------------

def state(**fields):
    return json.dumps({"version": 1, "spki": DIGITS, **{name.replace("_", "-"): v for name, v in fields.items()}})


def states():
    previous = [{"spki": DIGITS, "remove-after": 1800000000}]
    yield "new", state()
    yield "everything", state(
        key="alice", profile="corp", subject="/CN=alice", san="dns:a", request="3000", pending="00ff", pending_since=1,
        polls=3, issued="3000", new_id="0a", new_token="pkcs11:token=corp", new_spki=DIGITS, previous=previous,
        hook_due=True, installed="/c/a.pem", installed_at=2, failures=4, next=5, failed_at=6, waits=True, error="é",
        code=50)
    yield "version-2", state(version=2)
    yield "of-another-key", state(spki=DIGITS[::-1])
    yield "hash-short", state(new_spki="ab")
    yield "bytes-odd", state(request="300")
    yield "bytes-empty", state(request="")
    yield "bytes-no-hex", state(pending="xx")
    yield "number-negative", state(next=-1)
    yield "number-giant", state(next=2 ** 63)
    yield "number-with-a-fraction", state(failures=1.5)
    yield "count-giant", state(polls=2 ** 32)
    yield "code-giant", state(code=2 ** 31)
    yield "texts-empty", state(key="", error="")
    yield "previous-too-many", state(previous=previous * 400)
    yield "previous-of-numbers", state(previous=[1])
    yield "truth-is-a-number", state(hook_due=1)
    yield "same-member-twice", state()[:-1] + ', "version": 1}'
    yield "cut-off", state(key="alice")[:-5]
    yield "array", "[]"
    yield "nothing", ""


def main():
    corpus = pathlib.Path(sys.argv[1])
    for name, files in (("judge", answers()), ("revocation", lists()), ("enrol_state", states())):
        (corpus / name).mkdir(parents=True, exist_ok=True)
        for file, content in files:
            (corpus / name / file).write_bytes(content if isinstance(content, bytes) else content.encode())


if __name__ == "__main__":
    main()
