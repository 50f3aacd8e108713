# SPDX-License-Identifier: Apache-2.0
"""A card that lies in a folder: what a chip remembers without power.

    card.json        PIN, PUK, their counters, and how often a PIN was submitted
    9a.key 9c.key …  private keys (PEM)
    objects/5FC105 … data objects (the content of their tag 53), named by tag: certificates, CHUID, CCC

Runs in: the virtual card (all of it) and make_card.py (writes a new one).
Must never: compare a PIN before the try it costs is on disk, as a chip does: power that is cut gives no try back.
"""
import json
import os
import pathlib

import tlv

# Key reference, the object of its certificate (SP 800-73-4 part 1, tables 3 and 4b).
CERTIFICATES = {"9a": "5FC105", "9c": "5FC10A", "9d": "5FC10B", "9e": "5FC101"}
PIN_BYTES = 8


def certificate_object(pem):
    """SP 800-73-4 part 1, appendix A: certificate, CertInfo (not compressed), error detection code."""
    import base64
    body = pem.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END CERTIFICATE-----")[0]
    if not body:
        raise ValueError("no certificate in PEM form")
    return tlv.write("70", base64.b64decode(body)) + tlv.write("71", b"\0") + tlv.write("FE", b"")


def padded(pin):
    return pin.encode().ljust(PIN_BYTES, b"\xff")


class Counter:
    """A secret and its tries: "pin" or "puk"."""

    def __init__(self, card, name):
        self.card, self.name = card, name

    @property
    def left(self):
        return self.card.state[self.name]["left"]

    def check(self, given):
        """Costs one try, given back when it is right."""
        state = self.card.state[self.name]
        state["left"] -= 1
        self.card.save()
        good = given == padded(state["value"])
        if good:
            self.refill()
        return good

    def refill(self):
        state = self.card.state[self.name]
        state["left"] = state["max"]
        self.card.save()

    def set(self, given):
        self.card.state[self.name]["value"] = given.rstrip(b"\xff").decode("ascii", "replace")
        self.refill()


class CardFolder:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.state = json.loads((self.path / "card.json").read_text())
        self.pin, self.puk = Counter(self, "pin"), Counter(self, "puk")
        self.signatures = self.authenticates = 0

    @property
    def name(self):
        return self.path.name

    def save(self):
        new = self.path / "card.json.new"
        new.write_text(json.dumps(self.state, indent=1))
        os.replace(new, self.path / "card.json")

    def count_verify(self, outcome):
        """outcome: good, bad (cost a try), refused (malformed or blocked: cost none) or asked (for the tries left)."""
        self.state["verifies"][outcome] += 1
        self.save()

    def object_path(self, tag):
        return self.path / "objects" / tag

    def read_object(self, tag):
        """None when there is no such object."""
        try:
            return self.object_path(tag).read_bytes()
        except FileNotFoundError:
            return None

    def write_object(self, tag, value):
        new = self.path / "objects.new"
        new.write_bytes(value)
        os.replace(new, self.object_path(tag))

    def write_certificate(self, slot, pem):
        self.write_object(CERTIFICATES[slot], certificate_object(pem))

    def key_pem(self, slot):
        """None when the slot is empty."""
        try:
            return (self.path / f"{slot}.key").read_bytes()
        except FileNotFoundError:
            return None
