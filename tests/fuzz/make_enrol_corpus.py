#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpus of the fuzz target enrol_json: answers of Vault and step-ca. Its files are committed; this script is
for changing them. Needs python3-cryptography. Certificates are made anew each time; nothing depends on which.

    make_enrol_corpus.py tests/fuzz/corpus
"""
import base64
import datetime
import json
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

KEY = ed25519.Ed25519PrivateKey.generate()
NAME = x509.Name([])


def certificate(serial):
    builder = x509.CertificateBuilder(NAME, NAME, KEY.public_key(), serial, datetime.datetime(2026, 1, 1),
                                      datetime.datetime(2027, 1, 1))
    return builder.sign(KEY, None).public_bytes(Encoding.DER)


def pem(der, label="CERTIFICATE"):
    return f"-----BEGIN {label}-----\n{base64.b64encode(der).decode()}\n-----END {label}-----\n"


LEAF, CA = pem(certificate(1)), pem(certificate(2))
MANY = "".join(pem(certificate(i)) for i in range(1, 41))


def vault(**data):
    return {"lease_id": "pki/sign/x", "renewable": False, "data": data, "warnings": None, "auth": None}


def answers():
    yield "vault-good", vault(certificate=LEAF, issuing_ca=CA, ca_chain=[CA], serial_number="39:dd")
    yield "vault-leaf-alone", vault(certificate=LEAF)
    yield "vault-bundle", vault(certificate=LEAF + CA)
    yield "vault-too-many", vault(certificate=LEAF, ca_chain=[MANY])
    yield "vault-wrapped", {"data": None, "wrap_info": {"token": "hvs.x", "ttl": 60}}
    yield "vault-certificate-is-a-number", vault(certificate=7)
    yield "vault-chain-is-an-object", vault(certificate=LEAF, ca_chain={"0": CA})
    yield "vault-certificate-is-no-der", vault(certificate=pem(b"\x30\x03\x02\x01"))
    yield "vault-private-key-instead", vault(certificate=pem(b"\x30\x03\x02\x01\x01", "RSA PRIVATE KEY"))
    yield "vault-format-der", vault(certificate=base64.b64encode(certificate(1)).decode())
    yield "vault-errors", {"errors": ["1 error occurred:\n\t* permission denied\n\n", "x\u001b[31m\u202e", 7]}
    yield "vault-errors-long", {"errors": ["é" * 200]}
    yield "stepca-good", {"crt": LEAF, "ca": CA, "certChain": [LEAF, CA], "tlsOptions": {"cipherSuites": []}}
    yield "stepca-leaf-alone", {"crt": LEAF, "ca": "", "certChain": [LEAF]}
    yield "stepca-without-leaf", {"ca": CA}
    yield "stepca-chain-is-nested", {"crt": LEAF, "certChain": [[CA]]}
    yield "stepca-error", {"status": 401, "message": "The request lacked necessary authorization."}
    yield "both-at-once", {"crt": LEAF, "data": {"certificate": LEAF}, "errors": ["a"], "message": "b"}


def texts():
    yield "deep-objects", b'{"a":' * 17 + b"1" + b"}" * 17
    yield "deep-arrays", b'{"data":' + b"[" * 3000
    yield "brackets-in-a-string", b'{"message":"' + b"[{" * 100 + b'"}'
    yield "same-member-twice", json.dumps({"crt": LEAF})[:-1].encode() + b',"crt":"x"}'
    yield "cut-off", json.dumps(vault(certificate=LEAF)).encode()[:60]
    yield "no-utf8", b'{"message":"\xff\xfe"}'
    yield "nul-in-a-string", b'{"message":"a\\u0000b"}'
    yield "lone-surrogate", b'{"message":"\\ud800"}'
    yield "giant-number", b'{"data":1e999999}'
    yield "two-objects", b"{}{}"
    yield "html", b"<html><body>502 Bad Gateway</body></html>"
    yield "html-with-cursor-movements", b"<p>\x1b[2J no\r\n\t<b\x00>\xe2\x80\xae</p" + b" x" * 300
    yield "nothing", b""


def main():
    folder = pathlib.Path(sys.argv[1]) / "enrol_json"
    folder.mkdir(parents=True, exist_ok=True)
    for name, answer in answers():
        (folder / name).write_bytes(json.dumps(answer, ensure_ascii=False).encode())
    for name, text in texts():
        (folder / name).write_bytes(text)


if __name__ == "__main__":
    main()
