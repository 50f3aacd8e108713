# SPDX-License-Identifier: Apache-2.0
"""The PIV card application (NIST SP 800-73-4 part 2), as far as PIV middleware uses it for authentication.

 SELECT → GET DATA (certificates, CHUID, CCC, discovery) · VERIFY · CHANGE REFERENCE DATA · RESET RETRY COUNTER
        → GENERAL AUTHENTICATE: 9A, 9D after a PIN; 9C directly after it, each time; 9E without
        → GENERAL AUTHENTICATE with 9B, the card management key, opens PUT DATA

Runs in: the virtual card.
Must never: do more than a real card would. The security status ends with the power, as a real one does.
"""
import os

import piv_keys
import tlv

AID = bytes.fromhex("A000000308000010000100")
APPLICATION = tlv.write("61", tlv.write("4F", AID[5:]) + tlv.write("79", tlv.write("4F", AID[:5])) +
                        tlv.write("50", b"keystay's virtual PIV card"))
DISCOVERY_TAG = "7E"
DISCOVERY = tlv.write(DISCOVERY_TAG, tlv.write("4F", AID) + tlv.write("5F2F", b"\x40\x00"))

INS_VERIFY, INS_CHANGE_REFERENCE_DATA, INS_RESET_RETRY_COUNTER = 0x20, 0x24, 0x2C
INS_GENERAL_AUTHENTICATE, INS_SELECT, INS_GET_DATA, INS_PUT_DATA = 0x87, 0xA4, 0xCB, 0xDB

KEY_PIN, KEY_PUK = 0x80, 0x81
KEY_MANAGEMENT, KEY_SIGNATURE, KEY_CARD_AUTHENTICATION = 0x9B, 0x9C, 0x9E
# Only for PUT DATA in tests; as public as any other line here. Ciphers with a shorter key take its beginning.
MANAGEMENT_KEY = bytes(range(32))

SW_OK = 0x9000
SW_TRIES_LEFT = 0x63C0
SW_SECURITY_STATUS = 0x6982
SW_BLOCKED = 0x6983
SW_NOT_SELECTED = 0x6985
SW_WRONG_DATA = 0x6A80
SW_NOT_FOUND = 0x6A82
SW_WRONG_P1_P2 = 0x6A86
SW_KEY_NOT_FOUND = 0x6A88
SW_INSTRUCTION_UNKNOWN = 0x6D00


class PivApplet:
    def __init__(self, card):
        self.card = card
        self.keys = {}
        self.handlers = {
            INS_SELECT: self.select,
            INS_GET_DATA: self.get_data,
            INS_PUT_DATA: self.put_data,
            INS_VERIFY: self.verify,
            INS_CHANGE_REFERENCE_DATA: self.change_reference_data,
            INS_RESET_RETRY_COUNTER: self.reset_retry_counter,
            INS_GENERAL_AUTHENTICATE: self.general_authenticate,
        }
        self.reset()

    def reset(self):
        """Power is off, on again, or the reader reset the card."""
        self.selected = self.pin_verified = self.manager_verified = False
        self.pin_just_verified = self.pin_was_just_verified = False
        self.witness = None

    def handle(self, command):
        """(data, status word) of one whole command."""
        self.pin_was_just_verified, self.pin_just_verified = self.pin_just_verified, False
        handler = self.handlers.get(command.ins)
        if handler is None:
            return b"", SW_INSTRUCTION_UNKNOWN
        if not self.selected and command.ins != INS_SELECT:
            return b"", SW_NOT_SELECTED
        try:
            return handler(command)
        except ValueError:
            return b"", SW_WRONG_DATA

    def select(self, command):
        """By a right-truncated identifier too; one of another application leaves this one selected."""
        if command.p1 != 0x04 or len(command.data) < 5 or not AID.startswith(command.data):
            return b"", SW_NOT_FOUND
        self.selected = True
        return APPLICATION, SW_OK

    # --- data objects ----------------------------------------------------------------------------------------------

    def get_data(self, command):
        if (command.p1, command.p2) != (0x3F, 0xFF):
            return b"", SW_WRONG_P1_P2
        tag = (tlv.find(command.data, "5C") or b"").hex().upper()
        if tag == DISCOVERY_TAG:
            return DISCOVERY, SW_OK
        value = self.card.read_object(tag) if tag else None
        if value is None:
            return b"", SW_NOT_FOUND
        return tlv.write("53", value), SW_OK

    def put_data(self, command):
        if (command.p1, command.p2) != (0x3F, 0xFF):
            return b"", SW_WRONG_P1_P2
        if not self.manager_verified:
            return b"", SW_SECURITY_STATUS
        tag, value = tlv.find(command.data, "5C"), tlv.find(command.data, "53")
        if tag is None or value is None or len(tag) != 3:
            return b"", SW_WRONG_DATA
        self.card.write_object(tag.hex().upper(), value)
        return b"", SW_OK

    # --- PIN and PUK -----------------------------------------------------------------------------------------------

    def verify(self, command):
        if command.p2 != KEY_PIN:
            return b"", SW_KEY_NOT_FOUND
        pin = self.card.pin
        if command.p1 == 0xFF and not command.data:
            self.pin_verified = False
            return b"", SW_OK
        if command.p1 != 0:
            return b"", SW_WRONG_P1_P2
        if not command.data:
            self.card.count_verify("asked")
            return b"", SW_OK if self.pin_verified else self.refusal(pin)
        if len(command.data) != 8 or not pin.left:
            self.card.count_verify("refused")
            self.pin_verified = self.pin_verified and pin.left > 0
            return b"", SW_WRONG_DATA if pin.left else SW_BLOCKED
        good = pin.check(command.data)
        self.card.count_verify("good" if good else "bad")
        self.pin_verified = self.pin_just_verified = good
        return b"", SW_OK if good else self.refusal(pin)

    def change_reference_data(self, command):
        counters = {KEY_PIN: self.card.pin, KEY_PUK: self.card.puk}
        if command.p2 not in counters:
            return b"", SW_KEY_NOT_FOUND
        return self.replace(counters[command.p2], counters[command.p2], command.data)

    def reset_retry_counter(self, command):
        if command.p2 != KEY_PIN:
            return b"", SW_KEY_NOT_FOUND
        return self.replace(self.card.puk, self.card.pin, command.data)

    def replace(self, old, new, data):
        """The old secret, or the PUK, and then the new one: eight bytes each."""
        if not old.left:
            return b"", SW_BLOCKED
        if len(data) != 16:
            return b"", SW_WRONG_DATA
        if not old.check(data[:8]):
            self.pin_verified = False
            return b"", self.refusal(old)
        new.set(data[8:])
        return b"", SW_OK

    def refusal(self, counter):
        return SW_TRIES_LEFT | counter.left if counter.left else SW_BLOCKED

    # --- keys --------------------------------------------------------------------------------------------------------

    def general_authenticate(self, command):
        self.card.authenticates += 1
        content = tlv.find(command.data, "7C")
        if content is None:
            return b"", SW_WRONG_DATA
        if command.p2 == KEY_MANAGEMENT:
            return self.authenticate_manager(command.p1, content)
        key = self.key(command.p2)
        if key is None:
            return b"", SW_KEY_NOT_FOUND
        if command.p1 != piv_keys.algorithm(key):
            return b"", SW_WRONG_P1_P2
        if not self.may_use(command.p2):
            return b"", SW_SECURITY_STATUS
        signature = piv_keys.sign(key, tlv.find(content, "81") or b"")
        self.card.signatures += 1
        return tlv.write("7C", tlv.write("82", signature)), SW_OK

    def may_use(self, reference):
        if reference == KEY_CARD_AUTHENTICATION:
            return True
        return self.pin_verified and (reference != KEY_SIGNATURE or self.pin_was_just_verified)

    def key(self, reference):
        slot = f"{reference:02x}"
        if slot not in self.keys:
            pem = self.card.key_pem(slot)
            self.keys[slot] = piv_keys.load(pem) if pem else None
        return self.keys[slot]

    def authenticate_manager(self, algorithm, content):
        """Mutual authentication: the other side decrypts our witness, then we encrypt its challenge. (External
        authentication, which is simpler, does not work in OpenSC 0.23: its answer has a wrong length.)"""
        given, challenge = tlv.find(content, "80"), tlv.find(content, "81")
        if given == b"":
            self.witness = os.urandom(piv_keys.challenge_bytes(algorithm))
            return self.mutual_answer("80", algorithm, self.witness), SW_OK
        witness, self.witness = self.witness, None
        self.manager_verified = witness is not None and given == witness
        if not self.manager_verified:
            return b"", SW_SECURITY_STATUS
        return self.mutual_answer("82", algorithm, challenge or b""), SW_OK

    def mutual_answer(self, tag, algorithm, block):
        return tlv.write("7C", tlv.write(tag, piv_keys.encrypt_challenge(algorithm, MANAGEMENT_KEY, block)))
