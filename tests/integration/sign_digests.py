# SPDX-License-Identifier: Apache-2.0
"""Asks for signatures over bare digests: sign_digests.py SOCKET SPKI-FILE SCHEME HASH [SIZE].

Prints "signed" when openssl accepts the signature, else the refusal. SIZE cuts or lengthens the digest."""
import hashlib
import os
import subprocess
import sys
import tempfile

import wire

PSS = {0x0804, 0x0805, 0x0806}


def verify(spki, scheme, name, digest, signature):
    with tempfile.TemporaryDirectory() as folder:
        files = {"key.der": spki, "digest": digest, "signature": signature}
        for file, content in files.items():
            with open(os.path.join(folder, file), "wb") as out:
                out.write(content)
        options = ["-pkeyopt", f"digest:{name}"]
        if scheme in PSS:
            options += ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der",
                        "-in", "digest", "-sigfile", "signature", *options],
                       cwd=folder, check=True, stdout=subprocess.DEVNULL)


def main(path, spki_file, scheme, name, size=None):
    with open(spki_file, "rb") as file:
        spki = file.read()
    digest = hashlib.new(name, b"whatever it may be").digest()
    if size is not None:
        digest = (digest + bytes(64))[:int(size)]
    scheme = int(scheme, 16)
    with wire.Connection(path) as client:
        client.send(wire.sign_digest_message(hashlib.sha256(spki).digest(), scheme, digest))
        kind, *_, fields = client.reply()
    if kind == wire.ERROR:
        print(f"{fields.u32()} {fields.text()}")
        return
    signature = fields.bytes()
    server, unverified = fields.text(), fields.text()
    verify(spki, scheme, name, digest, signature)
    print(f"signed [{server}] {unverified}")


main(*sys.argv[1:])
