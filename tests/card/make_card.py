#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a card of a folder that has keys and certificates: what an issuer does when he personalises a blank one.

usage: make_card.py FOLDER [--pin PIN] [--tries N] [--puk PUK] [--serial-of FOLDER]

FOLDER holds 9a.key, 9a.pem and so on (9c, 9d, 9e) already. --serial-of gives it the serial number of another card.

Runs in: the rig (tests/integration/rig_card.sh). Standard library alone, since a story makes several.
Must never: make a card that is already one.
"""
import argparse
import json
import os
import pathlib
import sys

import card_folder
import tlv

CHUID, CCC = "5FC102", "5FC107"
# SP 800-73-4 part 1, section 3.1.1: for an agency code of 9999 the GUID identifies the card.
FASC_N_FIELDS = ["start", "9999", "separator", "9999", "separator", "999999", "separator", "0", "separator", "1",
                 "separator", "0000000000", "3", "0000", "1", "end"]
FASC_N_MARKS = {"start": 0b1011, "separator": 0b1101, "end": 0b1111}


def fasc_n():
    """TIG SCEPACS 2.3: 39 characters of four bits, lowest first, with odd parity, and one that checks them all."""
    symbols = []
    for field in FASC_N_FIELDS:
        symbols += [FASC_N_MARKS[field]] if field in FASC_N_MARKS else [int(digit) for digit in field]
    check = 0
    for symbol in symbols:
        check ^= symbol
    bits = ""
    for symbol in [*symbols, check]:
        digits = f"{symbol:04b}"[::-1]
        bits += digits + str(1 - digits.count("1") % 2)
    return int(bits, 2).to_bytes(25, "big")


def chuid(guid):
    return (tlv.write("30", fasc_n()) + tlv.write("34", guid) + tlv.write("35", b"20991231") + tlv.write("3E", b"") +
            tlv.write("FE", b""))


def ccc(guid):
    """Card capability container; all but the identifier is there because it must be."""
    fixed = [("F1", b"\x21"), ("F2", b"\x21"), ("F3", b""), ("F4", b"\0"), ("F5", b"\x10")]
    empty = [(tag, b"") for tag in ("F6", "F7", "FA", "FB", "FC", "FD", "FE")]
    identifier = ("F0", bytes.fromhex("A000000116FF02") + guid[:14])
    return b"".join(tlv.write(*field) for field in [identifier, *fixed, *empty])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--pin", default="123456")
    parser.add_argument("--puk", default="12345678")
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--serial-of", type=pathlib.Path)
    options = parser.parse_args()
    folder = options.folder
    if (folder / "card.json").exists():
        sys.exit(f"{folder} is a card already")
    guid = os.urandom(16).hex()
    if options.serial_of:
        guid = json.loads((options.serial_of / "card.json").read_text())["guid"]
    (folder / "card.json").write_text(json.dumps({
        "guid": guid,
        "pin": {"value": options.pin, "left": options.tries, "max": options.tries},
        "puk": {"value": options.puk, "left": 3, "max": 3},
        "verifies": {"good": 0, "bad": 0, "refused": 0, "asked": 0},
    }))
    (folder / "objects").mkdir()
    card = card_folder.CardFolder(folder)
    card.write_object(CHUID, chuid(bytes.fromhex(guid)))
    card.write_object(CCC, ccc(bytes.fromhex(guid)))
    for slot in card_folder.CERTIFICATES:
        if (folder / f"{slot}.pem").exists():
            card.write_certificate(slot, (folder / f"{slot}.pem").read_text())


if __name__ == "__main__":
    main()
