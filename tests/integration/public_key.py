#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the public half of a key on a token as PEM SubjectPublicKeyInfo.

Why: pkcs11-tool 0.23 exports RSA keys only reliably; of EC and Ed25519 keys it shows the point, from which this makes
the SubjectPublicKeyInfo (RFC 5480, RFC 8410).

usage: public_key.py MODULE TOKEN-LABEL ID      the key of this token
       public_key.py --rsassa-pss FILE          the RSA key of a PEM file, named RSASSA-PSS (RFC 4055 section 1.2)
"""
import base64
import re
import subprocess
import sys
import tempfile

RSA_ENCRYPTION = bytes.fromhex("06092a864886f70d0101010500")
RSASSA_PSS = bytes.fromhex("06092a864886f70d01010a")
EC_PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")
ED25519 = bytes.fromhex("06032b6570")


def der(tag, content):
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def spki(algorithm, key):
    return der(0x30, der(0x30, algorithm) + der(0x03, b"\0" + key))


def pem(content):
    lines = base64.encodebytes(content).decode().replace("\n", "")
    body = "\n".join(lines[at:at + 64] for at in range(0, len(lines), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"


def octets(point):
    """SoftHSM wraps the point of a generated key in an OCTET STRING and leaves that of an imported one bare."""
    for head in (2, 3):
        if point[0] == 0x04 and der(0x04, point[head:]) == point:
            return point[head:]
    return point


def pkcs11_tool(module, token, *arguments):
    command = ["pkcs11-tool", "--module", module, "--token-label", token, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def of_token(module, token, key_id):
    listing = pkcs11_tool(module, token, "--list-objects", "--type", "pubkey").decode()
    ours = next(text for text in listing.split("Public Key Object;") if re.search(rf"ID:\s+{key_id}\n", text))
    found = re.search(r"EC_POINT:\s+([0-9a-f]+)\s+EC_PARAMS:\s+([0-9a-f]+)", ours)
    if found:
        point, parameters = (bytes.fromhex(value) for value in found.groups())
        if "EC_EDWARDS" in ours:
            return spki(ED25519, octets(point))
        return spki(EC_PUBLIC_KEY + parameters, octets(point))
    with tempfile.NamedTemporaryFile() as file:
        pkcs11_tool(module, token, "--read-object", "--type", "pubkey", "--id", key_id, "--output-file", file.name)
        return file.read()


def as_rsassa_pss(path):
    content = base64.b64decode("".join(line for line in open(path) if not line.startswith("-")))
    at = content.index(RSA_ENCRYPTION) + len(RSA_ENCRYPTION)
    bits = content[at:]
    return der(0x30, der(0x30, RSASSA_PSS) + bits)


if __name__ == "__main__":
    if sys.argv[1] == "--rsassa-pss":
        print(pem(as_rsassa_pss(sys.argv[2])), end="")
    else:
        print(pem(of_token(*sys.argv[1:4])), end="")
