#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpora of the fuzz targets settings, inventory and tries. Their files are committed; this script is for changing
them.

    make_agent_corpus.py tests/fuzz/corpus
"""
import os
import struct
import sys


def write(folder, files):
    os.makedirs(folder, exist_ok=True)
    for name, content in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())


# --- configurations: vendor, etc, user, with "%%" between them ------------------------------------------------------

MODULE = '[module "softhsm"]\npath = /usr/lib/softhsm/libsofthsm2.so\n'
KEY = '[key "alice"]\nmatch = pkcs11:token=corp;object=alice\n'


def places(vendor="", etc="", user=""):
    return f"{vendor}\n%%\n{etc}\n%%\n{user}\n"


ENROL = '[profile "corp"]\nprotocol = est\nurl = https://ca.example:8443/x\n'

TOKENS = ('[token "corp"]\npin-file = /etc/corp.pin\n[token "b"]\nmatch = pkcs11:serial=1\npin-credential = b\n'
          '[socket "agent"]\nprompt = no\n')

SETTINGS = {
    "module-by-its-name": '[module "opensc"]\n',
    "every-profile": "".join(f'[module "{name}"]\n' for name in
                             ("opensc", "ykcs11", "softhsm", "tpm2", "opencryptoki", "nss", "p11-kit-client")),
    "profile-none": '[module "opensc"]\nprofile = none\np11-kit = opensc\n',
    "profile-by-file": '[module "m"]\npath = /opt/opensc-pkcs11.so\n',
    "module-with-everything": '[module "tpm2"]\npath = /m.so\ninit-args = a=b\nmax-sessions = 64\nslots = 0, *a b*\n'
                              "environment = A='b c' TSS2_LOG=\ndeadline = 10m\ncard-login = per-signature\n",
    "environment-in-both-quotes": '[module "m"]\npath = /m.so\nenvironment = "A=\\"it\'s\\" B=\'\\"\'"\n',
    "environment-with-an-open-quote": "[module \"m\"]\npath = /m.so\nenvironment = A='b\n",
    "environment-that-loads-code": '[module "m"]\npath = /m.so\nenvironment = LD_PRELOAD=/x\n',
    "environment-named-twice": '[module "m"]\npath = /m.so\nenvironment = A=1 A=2\n',
    "tokens-and-socket": places(etc=TOKENS, user='[token "corp"]\nmatch = pkcs11:token=corp\n'),
    "token-with-two-pins": '[token "t"]\npin-file = /a\npin-credential = b\n',
    "socket-unknown": '[socket "ssh"]\nprompt = no\n',
    "enforce-no-prompt": places(etc="[enforce]\nprompt = no\n", user=TOKENS.replace("= no", "= yes")),
    "dialogs-and-locks": "[agent]\npinentry = /usr/bin/pinentry-tty\nprompt-timeout = 1h\nlock-on = sleep, inactive\n",
    "nothing": "\n",
    "comments-only": "; one\n# two\n\n   # three\n",
    "one-module": MODULE,
    "user-with-everything": places(user=MODULE + '[agent]\nunlock-for = 30m\nkeep-pin = yes\n' + KEY +
                                   "module = softhsm\nspki = 0011223344\nissuer = *O=Corp*\neku = clientAuth\n"
                                   "template = SmartcardLogon\nallow = tls, digest\nconfirm = no\n"),
    "enrolment-with-everything": places(user=ENROL + "tls-ca = /etc/ca.pem\nissued-by = /etc/ca.pem\n"
                                        "subject = /CN=alice\nsan = dns:a.example\nhash = sha384\npss = yes\nuser = alice\nlabel = a.b\n"
                                        "secret-file = /etc/secret\nttl = 24h\ntimeout = 10s\nrekey = yes\n"
                                        "store = token\ndeploy-hook = /bin/hook a b\n" + KEY + "profile = corp\n"),
    "enrolment-by-every-protocol": "".join(f'[profile "{name}"]\nprotocol = {name}\nurl = https://ca.example/\n'
                                           for name in ("est", "scep", "cmp", "vault", "step-ca"))
                                   + '[profile "e"]\nprotocol = exec\ncommand = /bin/true\n',
    "enrolment-without-tls": '[profile "a"]\nprotocol = scep\nurl = http://[::1]:80/\nca-fingerprint = ' + "AB:" * 31
                             + 'CD\n[profile "b"]\nprotocol = est\nurl = http://ca\n',
    "enrolment-with-a-password-in-its-url": '[profile "a"]\nprotocol = est\nurl = https://u:p@ca/\n',
    "enrolment-of-an-unknown-profile": places(user=ENROL + KEY + "profile = crop\n"),
    "enrolment-across-files": places(etc=ENROL, user='[profile "corp"]\nurl = https://other.example\n' + KEY
                                     + "profile = corp\nservers = a.example\n"),
    "every-rule": places(user=KEY + "servers = *.corp.example, a.example\nserver-ca = /etc/ca.pem\n"
                         "server-spki = " + "00112233" * 8 + "\nconfirm = always\nmax-rate = 10/m\n"
                         "hours = Mon-Fri 08:00-18:00, Sat 09:00-12:00\nusers = alice, 1000\ngroups = staff\n"),
    "user-overrides-etc": places(etc="[agent]\nunlock-for = 1h\n" + KEY, user='[agent]\nunlock-for = 2h\n'
                                 '[key "alice"]\nconfirm = always\n'),
    "user-chooses-p11-kit": places(vendor=MODULE, user='[module "softhsm"]\np11-kit = softhsm2\n'),
    "enforce-narrows-everything": places(etc="[enforce]\nunlock-for = 0\nkeep-pin = no\nallow = tls\nconfirm = first-use\n"
                                         "servers = *.corp.example\n",
                                         user="[agent]\nunlock-for = 2d\nkeep-pin = yes\n" + KEY +
                                         "allow = tls, digest\nconfirm = no\n" + '[key "bob"]\neku = 1.2.3\n'
                                         "servers = *, other.example, a.corp.example\n"),
    "enforce-by-vendor-and-etc": places(vendor="[enforce]\nunlock-for = 1h\n", etc="[enforce]\nunlock-for = 2h\n"),
    "enforce-by-a-user": places(user="[enforce]\nunlock-for = 1h\n"),
    "quoted-values": places(user='[module "a \\"b\\" c"]\npath = "/x; y # z"\n[key "k"]\nissuer = "CN=a\\\\,b"\n'),
    "quotes-not-closed": '[module "m"]\npath = "/x\n',
    "pin-in-a-uri": '[key "k"]\nmatch = pkcs11:token=corp?pin-value=1234\n',
    "uri-of-a-slot": '[key "k"]\nmatch = pkcs11:slot-id=1\n',
    "servers-with-digest": KEY + "servers = a.example\nallow = tls, digest\n",
    "both-path-and-p11-kit": '[module "m"]\npath = /m.so\np11-kit = m\n',
    "section-twice": KEY + KEY,
    "key-twice": "[agent]\nkeep-pin = no\nkeep-pin = yes\n",
    "unknown-section": "[agnet]\nx = y\n",
    "unknown-key": "[agent]\nunlock_for = 1h\n",
    "setting-before-a-section": "unlock-for = 1h\n",
    "name-with-slash": '[module "../x"]\npath = /m.so\n',
    "name-of-64-bytes": '[key "' + "n" * 64 + '"]\neku = clientAuth\n',
    "not-utf-8": b"[agent]\nkeep-pin = \xff\xfe\n",
    "nul-byte": b"[agent]\nkeep-pin = y\0es\n",
    "carriage-returns": "[agent]\r\nkeep-pin = yes\r\n",
    "tab-in-a-list": KEY + "users = a,\tb\n",
    "bidirectional-override": '[key "a\u202eb"]\neku = clientAuth\n',
    "many-mistakes": "".join(f"[unknown-{i}]\n" for i in range(100)),
    "many-keys": "".join(f'[key "k{i}"]\nmatch = pkcs11:object=k{i}\nconfirm = always\n' for i in range(50)),
    "long-list-of-users": KEY + "users = " + ", ".join(f"user{i}" for i in range(300)) + "\n",
}


# --- what workers say ------------------------------------------------------------------------------------------------

def string(content):
    content = content.encode() if isinstance(content, str) else content
    return struct.pack(">I", len(content)) + content


def frame(kind, body):
    message = struct.pack(">II", 1, 0) + body  # version, id
    return struct.pack(">IB", 1 + len(message), kind) + message


PIN_NEEDED = 3


def token(number, label="corp", serial="0001", flags=PIN_NEEDED, logged_in=False):
    texts = string(label) + string("ACME") + string("card") + string(serial)
    return frame(65, struct.pack(">I", number) + texts + struct.pack(">IIIB", flags, 4, 8, logged_in)
                 + string(bytes(32)))


def key(token_number, number, spki, label="", key_id=b"", seen=True):
    body = struct.pack(">II", token_number, number) + string(key_id) + string(label) + string(spki)
    return frame(66, body + bytes([seen, False, False]))


def certificate(token_number, der, label="", key_id=b""):
    return frame(67, struct.pack(">I", token_number) + string(key_id) + string(label) + string(der))


def end(everything=True):
    return frame(68, struct.pack(">BI", everything, 0))


def tlv(tag, content):
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*parts):
    return tlv(0x30, b"".join(parts))


P256 = bytes.fromhex("06082a8648ce3d030107")
EC = bytes.fromhex("06072a8648ce3d0201")
# The base point of P-256 (and its negative), Ed25519's and a modulus: public keys of nobody.
G_X = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
G_Y = bytes.fromhex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
MINUS_G_Y = bytes.fromhex("b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a")
EC_1 = sequence(sequence(EC, P256), tlv(3, b"\0\4" + G_X + G_Y))
EC_2 = sequence(sequence(EC, P256), tlv(3, b"\0\4" + G_X + MINUS_G_Y))
OFF_CURVE = sequence(sequence(EC, P256), tlv(3, b"\0\4" + G_X + G_X))
ED25519 = sequence(sequence(bytes.fromhex("06032b6570")), tlv(3, b"\0" + bytes(range(32))))
RSA_NUMBERS = sequence(tlv(2, b"\0" + b"\xc5" * 256), tlv(2, b"\1\0\1"))
RSA = sequence(sequence(bytes.fromhex("06092a864886f70d010101"), b"\5\0"), tlv(3, b"\0" + RSA_NUMBERS))
PSS = sequence(sequence(bytes.fromhex("06092a864886f70d01010a")), tlv(3, b"\0" + RSA_NUMBERS))


def name(common_name):
    return sequence(tlv(0x31, sequence(bytes.fromhex("0603550403"), tlv(0x0c, common_name.encode()))))


def x509(common_name, spki, issuer="ca", years=("20200101000000Z", "20991231235959Z"), ca=False):
    algorithm = sequence(bytes.fromhex("06082a8648ce3d040302"))  # ecdsa-with-SHA256; nobody checks the signature
    constraints = sequence(bytes.fromhex("0603551d13"), tlv(4, sequence(tlv(1, b"\xff") if ca else b"")))
    tbs = sequence(tlv(0xa0, b"\2\1\2"), tlv(2, b"\1"), algorithm, name(issuer),
                   sequence(*(tlv(0x18, year.encode()) for year in years)), name(common_name), spki,
                   tlv(0xa3, sequence(constraints)))
    return sequence(tbs, algorithm, tlv(3, b"\0" + sequence(tlv(2, b"\1"), tlv(2, b"\1"))))


ALICE = x509("alice", EC_1)

INVENTORY = {
    "nothing": b"\0",
    "no-token": end(),
    "token-without-keys": token(1) + end(),
    "one-key": token(1) + key(1, 1, EC_1, "alice", b"\x01") + end(),
    "key-and-certificate": token(1) + key(1, 1, EC_1, "alice", b"\x01") + certificate(1, ALICE, "alice", b"\x01") + end(),
    "certificate-before-login": token(1) + certificate(1, ALICE, "card", b"\x9a") + end(),
    "certificate-after-login": token(1, logged_in=True) + certificate(1, ALICE, "card", b"\x9a") + end(),
    "hidden-key-after-login": token(1, logged_in=True) + key(1, 1, EC_1, "a", seen=False) + end(),
    "ca-certificate-alone": token(1) + certificate(1, x509("ca", EC_1, ca=True)) + end(),
    "every-key-type": token(1) + key(1, 1, EC_1, "ec") + key(1, 2, ED25519, "ed") + key(1, 3, RSA, "rsa") + end(),
    "rsa-key-with-pss-certificate": token(1) + key(1, 1, RSA, "rsa") + certificate(1, x509("a", PSS)) + end(),
    "rsa-key-with-both-certificates": token(1) + key(1, 1, RSA, "rsa") + certificate(1, x509("a", PSS)) +
                                      certificate(1, x509("a", RSA)) + end(),
    "one-key-on-two-tokens": token(1) + key(1, 1, EC_1, "a") + token(2, serial="2") + key(2, 1, EC_1, "b") + end(),
    "equal-labels": token(1) + key(1, 1, EC_1, "tls", b"\1") + key(1, 2, EC_2, "tls", b"\1") + end(),
    "equal-in-every-way-and-long": token(1) + key(1, 1, EC_1, " " * 256, b"\xff" * 256) +
                                   key(1, 2, EC_2, " " * 256, b"\xff" * 256) + end(),
    "label-like-a-name-we-make": token(1) + key(1, 1, EC_1, "x y", b"\1") + key(1, 2, EC_2, "x-y-01", b"\1") + end(),
    "labels-of-piv": token(1) + key(1, 1, EC_1, "PIV AUTH key", b"\1") + key(1, 2, EC_2, "SIGN key", b"\2") +
                     certificate(1, ALICE, "", b"\1") + end(),
    "label-of-another-script": token(1, "Карта") + key(1, 1, EC_1, "ключ\u202e") + certificate(1, x509("Зоя", EC_1)) + end(),
    "expired-and-valid-certificate": token(1) + key(1, 1, EC_1) +
                                     certificate(1, x509("old", EC_1, years=("20000101000000Z", "20010101000000Z"))) +
                                     certificate(1, ALICE) + end(),
    "chain-in-a-circle": token(1) + key(1, 1, EC_1) + certificate(1, x509("a", EC_1, "b")) +
                         certificate(1, x509("b", EC_2, "a", ca=True)) + certificate(1, x509("a", EC_1, "b", ca=True)) + end(),
    "point-off-the-curve": token(1) + key(1, 1, OFF_CURVE, "k") + end(),
    "spki-cut": token(1) + key(1, 1, EC_1[:-1]) + end(),
    "certificate-cut": token(1) + certificate(1, ALICE[:-1]) + end(),
    "report-not-ended": token(1) + key(1, 1, EC_1),
    "two-reports": token(1) + key(1, 1, EC_1) + end() + token(2) + key(2, 1, EC_2) + end(False),
    "token-gone": token(1) + key(1, 1, EC_1) + end() + end(),
    "token-named-twice": token(1) + key(1, 1, EC_1) + token(1) + key(1, 1, EC_2) + end(),
    "key-before-its-token": key(1, 1, EC_1) + end(),
    "two-keys-of-one-number": token(1) + key(1, 1, EC_1) + key(1, 1, EC_2) + end(),
    "sixty-five-tokens": b"".join(token(i) + key(i, 1, EC_1) for i in range(65)) + end(),
    "label-with-a-newline": token(1, "a\nb") + end(),
    "another-message": frame(5, b"") + end(),
}


# --- counts of PINs ------------------------------------------------------------------------------------------------

def line(count, number, label):
    return f"{count} {number:064x} {label}\n"


TRIES = {
    "nothing": "",
    "one-token": line(1, 1, "corp"),
    "count-zero": line(0, 1, "corp"),
    "largest-count": line(99, 1, "corp"),
    "count-of-three-digits": line(100, 1, "corp"),
    "count-with-a-zero-before": line("01", 1, "corp"),
    "count-negative": line(-1, 1, "corp"),
    "several-tokens": line(1, 1, "corp") + line(0, 2, "deploy") + line(2, 3, "token with spaces"),
    "token-twice": line(1, 1, "corp") + line(2, 1, "corp"),
    "label-empty": line(1, 1, ""),
    "label-escaped": line(1, 1, "two\\x0alines"),
    "label-of-another-script": line(1, 1, "Карта"),
    "label-not-utf-8": line(1, 1, "").encode()[:-1] + b"\xff\n",
    "label-with-a-tab": line(1, 1, "a\tb"),
    "label-too-long": line(1, 1, "x" * 129),
    "hash-short": "1 " + "0" * 63 + " corp\n",
    "hash-not-hex": "1 " + "g" * 64 + " corp\n",
    "hash-in-capitals": "1 " + "AB" * 32 + " corp\n",
    "end-missing": line(1, 1, "corp")[:-1],
    "empty-line": line(1, 1, "corp") + "\n",
    "carriage-returns": line(1, 1, "corp\r"),
    "half-written": line(1, 1, "corp") + "1 ab",
    "nul-byte": b"1 \0",
}


def main():
    corpus = sys.argv[1]
    write(os.path.join(corpus, "settings"), SETTINGS)
    write(os.path.join(corpus, "inventory"), INVENTORY)
    write(os.path.join(corpus, "tries"), TRIES)


if __name__ == "__main__":
    main()
