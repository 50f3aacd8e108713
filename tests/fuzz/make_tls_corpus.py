#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpora of the fuzz targets certificate_verify13, certificate and server_claim, and the files
refused-*.bin of transcript12 and transcript13 (their real-*.bin are record_transcripts.py's, and must be there). The
files are committed; this script is for changing them. Needs openssl.

    make_tls_corpus.py tests/fuzz/corpus
"""
import pathlib
import subprocess
import sys
import tempfile

CONTEXT = b"TLS 1.3, client CertificateVerify"


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, contents in files:
        (folder / name).write_bytes(contents)


# --- TLS 1.3 ---------------------------------------------------------------------------------------------------------

def tls13(spaces=64, context=CONTEXT, separator=b"\0", size=32):
    return b" " * spaces + context + separator + bytes(range(size))


def inputs13():
    good = tls13()
    yield "accepted-sha256", good
    yield "accepted-sha384", tls13(size=48)
    yield "one-byte-less", good[:-1]
    yield "one-byte-more", good + b"\0"
    yield "sha512-length", tls13(size=64)
    yield "first-pad-byte", b"\0" + good[1:]
    yield "last-pad-byte", good[:63] + b"!" + good[64:]
    yield "63-spaces", tls13(spaces=63, size=33)
    yield "65-spaces", tls13(spaces=65, size=31)
    yield "context-of-the-server", tls13(context=CONTEXT.replace(b"client", b"server"))
    yield "context-of-an-exported-authenticator", tls13(context=b"Exported Authenticator")
    yield "context-of-a-delegated-credential", tls13(context=b"TLS, client delegated credentials")
    yield "separator-missing", tls13(separator=b"")
    yield "separator-wrong", tls13(separator=b"\1")
    yield "only-spaces", b" " * 130
    yield "digest-sha256", bytes(range(32))
    yield "digest-info-sha256", bytes.fromhex("3031300d060960864801650304020105000420") + bytes(range(32))
    yield "ssh-login", b"\0\0\0\x20" + bytes(range(32)) + b"\x32\0\0\0\4root\0\0\0\x0essh-connection"
    yield "sshsig", b"SSHSIG\0\0\0\4file\0\0\0\0"
    yield "json-web-token", b"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0"
    yield "cms-signed-attributes", bytes.fromhex("3118301606092a864886f70d010903310906072a864886f70d01")
    yield "certificate-request", bytes.fromhex("300d020100300006") + b"\x03\x2a\x03\x04\xa0\x00\x00"


# --- TLS 1.2 ---------------------------------------------------------------------------------------------------------

def messages_of(transcript):
    found = []
    while transcript:
        size = 4 + int.from_bytes(transcript[1:4], "big")
        found.append(transcript[:size])
        transcript = transcript[size:]
    return found


def refused12(folder):
    real = (folder / "real-gnutls-client-ecdhe-rsa.bin").read_bytes()
    hello, answer, certificate, exchange, request, done, client, key = messages_of(real)
    joined = b"".join
    yield "no-client-hello", joined([answer, certificate, exchange, request, done, client, key])
    yield "no-server-key-exchange", joined([hello, answer, certificate, request, done, client, key])
    yield "no-client-certificate", joined([hello, answer, certificate, exchange, request, done, key])
    yield "client-hello-twice", joined([hello, real])
    yield "request-after-done", joined([hello, answer, certificate, exchange, done, request, client, key])
    yield "certificates-exchanged", joined([hello, answer, client, exchange, request, done, certificate, key])
    yield "goes-on-with-certificate-verify", real + bytes.fromhex("0f00000704030003010203")
    yield "cut-off-in-the-client-certificate", real[:-len(key) - 20]
    yield "hello-request-before", b"\0\0\0\0" + real
    yield "record-header-before", b"\x16\3\3" + len(real).to_bytes(2, "big") + real
    yield "tls-1.1", hello[:4] + b"\3\2" + hello[6:] + real[len(hello):]
    yield "empty-client-certificate", joined([hello, answer, certificate, exchange, request, done,
                                              bytes.fromhex("0b000003000000"), key])


# --- transcripts of TLS 1.3 ------------------------------------------------------------------------------------------

def refused13(folder):
    joined = b"".join
    plain = (folder / "real-openssl-staple.bin").read_bytes()
    hello, answer, encrypted, request, certificate, verify, finished, client = messages_of(plain)
    retried = (folder / "real-openssl-retry.bin").read_bytes()
    first, retry, second, *rest = messages_of(retried)
    later = (folder / "real-openssl-asked-later.bin").read_bytes()
    compressed = b"\x19\0\0\x0c\0\2\0\1\0\0\0\4none"
    message_hash = b"\xfe\0\0\x20" + bytes(range(32))
    yield "no-client-hello", plain[len(hello):]
    yield "no-encrypted-extensions", joined([hello, answer, request, certificate, verify, finished, client])
    yield "no-certificate-verify", joined([hello, answer, encrypted, request, certificate, finished, client])
    yield "no-request", joined([hello, answer, encrypted, certificate, verify, finished, client])
    yield "certificates-exchanged", joined([hello, answer, encrypted, request, client, verify, finished, certificate])
    yield "compressed-server-certificate", joined([hello, answer, encrypted, request, compressed, verify, finished,
                                                   client])
    yield "compressed-client-certificate", plain[:-len(client)] + compressed
    yield "end-of-early-data", plain[:-len(client)] + b"\5\0\0\0" + client
    yield "goes-on-with-the-client-s-verify", plain + verify
    yield "cut-off-in-the-client-certificate", plain[:-20]
    yield "empty-client-certificate", plain[:-len(client)] + bytes.fromhex("0b00000400000000")
    yield "retry-twice", joined([first, retry, second, retry, *rest])
    yield "retry-as-server-hello", joined([first, retry, second, retry, *rest[1:]])
    yield "retry-without-a-hello-before", joined([retry, second, *rest])
    yield "message-hash-of-another-suite", joined([message_hash, retry, second, *rest])
    yield "message-hash-without-retry", message_hash + plain
    yield "later-request-before-finished", joined([*messages_of(later)[:-3], *messages_of(later)[-2:]])
    yield "handshake-after-handshake", plain + plain
    yield "tls-1.2-messages", (folder.parent / "transcript12" / "real-openssl-staple.bin").read_bytes()


# --- handshakes with and without a server to prove -------------------------------------------------------------------

def same_size(transcript, old, new):
    assert transcript.count(old) and len(old) == len(new)
    return transcript.replace(old, new, 1)


def claims(corpus):
    tls12, tls13 = corpus / "transcript12", corpus / "transcript13"
    for name in ("openssl-staple", "gnutls-server-ecdhe-ecdsa", "nss-server-ecdhe-rsa", "gnutls-client-dhe-rsa"):
        yield "tls12-" + name, (tls12 / f"real-{name}.bin").read_bytes()
    for name in ("openssl-staple", "openssl-retry", "openssl-asked-later", "gnutls-client", "gnutls-server-asked-later",
                 "nss-client-sha256-suite", "openssl-ed-server"):
        yield "tls13-" + name, (tls13 / f"real-{name}.bin").read_bytes()
    good12 = (tls12 / "real-openssl-staple.bin").read_bytes()
    good13 = (tls13 / "real-openssl-staple.bin").read_bytes()
    hello, answer = messages_of(good12)[:2]
    yield "tls12-no-session-hash", (tls12 / "real-gnutls-server-no-session-hash.bin").read_bytes()
    yield "tls12-static-rsa", (tls12 / "real-gnutls-server-static-rsa.bin").read_bytes()
    yield "tls12-session-hash-of-the-client-alone", hello + same_size(answer, b"\0\x17\0\0", b"\0\x16\0\0") + \
        good12[len(hello + answer):]
    yield "tls12-downgrade-mark", hello + answer[:30] + b"DOWNGRD\1" + good12[len(hello) + 38:]
    yield "tls13-resumed", (tls13 / "real-openssl-resumed-asked-later.bin").read_bytes()
    for name, text in (("address", b"127.0.0.1"), ("upper-case", b"LOCALHOST"), ("dot-at-the-end", b"localhos.")):
        yield "tls12-name-" + name, same_size(good12, b"localhost", text)
        yield "tls13-name-" + name, same_size(good13, b"localhost", text)
    shared = (tls13 / "real-openssl-p384-server.bin").read_bytes()
    yield "tls13-scheme-not-offered", same_size(shared, b"\5\3", b"\5\4")


# --- certificates ----------------------------------------------------------------------------------------------------

REQUESTS = {
    "client-with-everything": ("P-256", "/DC=example/O=Corp, Inc./CN=alice", [
        "extendedKeyUsage=clientAuth,1.3.6.1.4.1.311.20.2.2",
        "subjectAltName=email:alice@corp.example,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:alice@CORP.EXAMPLE",
        "1.3.6.1.4.1.311.20.2=ASN1:BMPSTRING:User",
        "1.3.6.1.4.1.311.21.7=ASN1:SEQUENCE:template"]),
    "any-usage": ("P-384", "/CN=bob", ["extendedKeyUsage=anyExtendedKeyUsage"]),
    "usages-unreadable": ("P-256", "/CN=carol", ["2.5.29.37=DER:3003020105"]),
    "name-with-control-characters": ("P-256", "/CN=a\x1b[31m\u202eb", []),
    "ed25519": ("ED25519", "/CN=dora", ["basicConstraints=critical,CA:TRUE"]),
}

CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
[template]
id = OID:1.3.6.1.4.1.42
major = INTEGER:100
"""


def certificate(folder, key_type, subject, extensions):
    key, config, out = folder / "key", folder / "config", folder / "out"
    algorithm = ["ED25519"] if key_type == "ED25519" else ["EC", "-pkeyopt", "ec_paramgen_curve:" + key_type]
    subprocess.run(["openssl", "genpkey", "-algorithm", *algorithm, "-out", key], check=True, capture_output=True)
    config.write_text(CONFIG)
    adds = [word for extension in extensions for word in ("-addext", extension)]
    subprocess.run(["openssl", "req", "-x509", "-new", "-key", key, "-utf8", "-config", config, "-days", "36500",
                    "-subj", subject, "-outform", "DER", "-out", out, *adds], check=True, capture_output=True)
    return out.read_bytes()


def pem_of(folder, der):
    source = folder / "der"
    source.write_bytes(der)
    return subprocess.run(["openssl", "x509", "-inform", "DER", "-in", source], check=True,
                          capture_output=True).stdout


def certificates():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        made = {name: certificate(folder, *request) for name, request in REQUESTS.items()}
        yield from ((name + ".der", der) for name, der in made.items())
        first, second = (pem_of(folder, made[name]) for name in ("client-with-everything", "ed25519"))
        other = b"-----BEGIN KEYSTAY KEY-----\nMAMCAQU=\n-----END KEYSTAY KEY-----\n"
        yield "two-and-another-block.pem", b"text before\n" + first + other + second
        yield "cut-off.pem", first[:-60]
        yield "byte-behind.der", made["any-usage"] + b"\0"
        yield "cut-off.der", made["any-usage"][:-10]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_tls_corpus.py tests/fuzz/corpus")
    corpus = pathlib.Path(sys.argv[1])
    write(corpus / "certificate_verify13", ((name + ".bin", text) for name, text in inputs13()))
    write(corpus / "transcript12", (("refused-" + name + ".bin", text) for name, text in
                                    refused12(corpus / "transcript12")))
    write(corpus / "transcript13", (("refused-" + name + ".bin", text) for name, text in
                                    refused13(corpus / "transcript13")))
    write(corpus / "server_claim", ((name + ".bin", text) for name, text in claims(corpus)))
    write(corpus / "certificate", certificates())
