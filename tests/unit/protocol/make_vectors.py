#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes docs/protocol-vectors.txt from docs/protocol.md and nothing else.

An implementation of the protocol that was made from the document and shares no code with lib/protocol: that both agree
on every vector shows that the document says enough. Its output is committed; a test runs it again and compares.

    make_vectors.py docs/protocol.md > docs/protocol-vectors.txt
    make_vectors.py docs/protocol.md --check docs/protocol-vectors.txt
"""
import hashlib
import re
import struct
import sys

NUMBERS = {"bool": ">B", "uint32": ">I", "uint64": ">Q"}


def read_tables(document):
    """{"sign": (5, [(field, type, limit)])}; records have the type None."""
    specs, current = {}, None
    for line in document.splitlines():
        heading = re.match(r"### (?:record (\w+)|(\w+) = (\d+) \(.*\))$", line)
        row = re.match(r"\| `(\w+)` \| ([^|]+) \| ([^|]*)\|", line)
        if heading:
            record, name, number = heading.groups()
            current = []
            specs[record or name.lower()] = (int(number) if number else None, current)
        elif line.startswith("#"):
            current = None
        elif row and current is not None:
            current.append(tuple(column.strip() for column in row.groups()))
    return specs


class Encoder:
    def __init__(self, document):
        self.specs = read_tables(document)

    def string(self, data):
        return struct.pack(">I", len(data)) + data

    def fields(self, struct_name, values):
        out = b""
        for name, kind, _ in self.specs[struct_name][1]:
            value = values[name]
            if kind in NUMBERS:
                out += struct.pack(NUMBERS[kind], value)
            elif kind.startswith("list of "):
                record = kind.split()[-1]
                out += self.string(b"".join(self.string(self.fields(record, item)) for item in value))
            else:
                out += self.string(value.encode() if isinstance(value, str) else value)
        return out

    def frame(self, struct_name, values, version=1, id=7):
        number = self.specs[struct_name][0]
        return self.string(bytes([number]) + struct.pack(">II", version, id) + self.fields(struct_name, values))

    def lines(self, struct_name, values, prefix=""):
        for name, kind, _ in self.specs[struct_name][1]:
            value = values[name]
            if kind == "bool":
                yield f"field {prefix}{name} {'true' if value else 'false'}"
            elif kind in NUMBERS:
                yield f"field {prefix}{name} {value}"
            elif kind == "text":
                yield f'field {prefix}{name} "{value}"'
            elif kind.startswith("list of "):
                yield f"field {prefix}{name} records {len(value)}"
                for i, item in enumerate(value):
                    yield from self.lines(kind.split()[-1], item, f"{prefix}{name}[{i}].")
            else:
                yield f"field {prefix}{name} hex:{value.hex()}"


class Writer:
    def __init__(self, encoder):
        self.encoder, self.out = encoder, []

    def vector(self, name, about, result, frame, message=None, fields=()):
        self.out += ["", f"vector {name}", f"about {about}", f"result {result}"]
        if message:
            self.out.append(f"message {message}")
        digits = frame.hex()
        self.out += [f"frame {digits[i:i + 96]}" for i in range(0, len(digits), 96)] or ["frame"]
        self.out += fields
        self.out.append("end")

    def good(self, name, about, message, values, id=7, behind=b""):
        fields = [f"field version 1", f"field id {id}", *self.encoder.lines(message, values)]
        frame = self.encoder.frame(message, values, id=id)
        if behind:
            frame = struct.pack(">I", len(frame) - 4 + len(behind)) + frame[4:] + behind
        self.vector(name, about, "ok", frame, message, fields)

    def bad(self, name, about, result, frame, message=None):
        self.vector(name, about, result, frame, message)


# --- values: short, made up, the same in every run -------------------------------------------------------------------

def bytes_of(seed, size):
    out = b""
    while len(out) < size:
        out += hashlib.sha256(f"{seed} {len(out)}".encode()).digest()
    return out[:size]


def p256(seed):
    return bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004") + bytes_of(seed, 64)


def identity(name, **other):
    spki = p256(name)
    values = {
        "name": name, "spki_hash": hashlib.sha256(spki).digest(), "spki": spki, "key_type": "P-256",
        "uri": f"pkcs11:token=corp;object={name}", "label": name, "token": "corp", "module": "softhsm", "state": 1,
        "n_certificates": 2, "subject": f"CN={name},O=Example", "issuer": "CN=Example Issuing CA,O=Example",
        "not_before": 1735689600, "not_after": 1798761599, "rules": "any server", "digest": False,
        "bound": False, "client_auth": True, "rank": 0, "no_pss": False, "revoked": False,
        "revocation": 1, "revocation_said": 1767139200, "revocation_until": 1767744000, "unproven_refused": False,
    }
    values.update(other)
    return values


TLS13 = b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + bytes_of("transcript", 32)


def request_of(spki):
    """CertificationRequestInfo with an empty subject and no attributes."""
    contents = bytes.fromhex("0201003000") + spki + bytes.fromhex("a000")
    return bytes([0x30, len(contents)]) + contents


def cert_request_of(spki):
    """CertRequest of CRMF with a template of the key alone."""
    key = bytes([0xa6]) + spki[1:]
    contents = bytes.fromhex("020100") + bytes([0x30, len(key)]) + key
    return bytes([0x30, len(contents)]) + contents


NO_LABELS = {"program": "", "tty": "", "term": "", "display": "", "wayland_display": ""}
SIGN = {"spki_hash": hashlib.sha256(p256("alice")).digest(), "scheme": 0x0403, "input": TLS13, "transcript": b"",
        "wait_ms": 0xffffffff, **NO_LABELS}
UNLOCK = {"token": "corp", "ask": False, "pin": b"1234", "wait_ms": 0xffffffff, **NO_LABELS}


def sign_socket(w):
    w.good("list-first-page", "the first page of a fresh listing", "list", {"generation": 0, "offset": 0})
    w.good("list-next-page", "64 identities are there, the next ones please", "list",
           {"generation": 0x1122334455667788, "offset": 64})
    w.good("list-reply-empty", "no identity at all", "list_reply", {"generation": 1, "total": 0, "identities": []})
    w.good("list-reply-two", "a key with chain and a locked one without certificate", "list_reply", {
        "generation": 0xffffffffffffffff, "total": 2, "identities": [
            identity("alice"),
            identity("bob", state=0, n_certificates=0, subject="", issuer="", not_before=0, not_after=0, rules="")]})
    w.good("get-by-name", "by short name", "get", {"name": "alice"})
    w.good("get-the-only-one", "the empty name", "get", {"name": ""})
    w.good("get-reply-without-certificate", "an identity and an empty chain", "get_reply",
           {"identity": [identity("bob", n_certificates=0, subject="", issuer="")], "chain": [], "issuer": b""})
    w.good("get-reply-chain-of-two", "leaf and issuer (here: bytes that are no certificates)", "get_reply",
           {"identity": [identity("alice")],
            "chain": [{"der": b"\x30\x03\x02\x01\x01"}, {"der": b"\x30\x03\x02\x01\x02"}], "issuer": b""})
    w.good("sign-tls13", "a TLS 1.3 CertificateVerify with ecdsa_secp256r1_sha256", "sign", SIGN, id=8)
    w.good("sign-with-labels", "all labels, a transcript, and never prompt", "sign",
           {**SIGN, "transcript": b"\x01\x00\x00\x00", "wait_ms": 0, "program": "curl", "tty": "/dev/pts/3",
            "term": "xterm-256color", "display": ":0", "wayland_display": "wayland-0"})
    w.good("sign-digest", "a SHA-256 digest for an ECDSA key", "sign_digest",
           {**{field: SIGN[field] for field in SIGN if field not in ("input", "transcript")},
            "digest": bytes_of("digest", 32)}, id=9)
    w.good("explain", "may curl sign with alice for this server?", "explain",
           {"name": "alice", "server": "www.corp.example", "digest": False})
    w.good("explain-reply", "yes, after a question", "explain_reply",
           {"verdict": 2, "text": "a person is asked first", "rule": "[key \"alice\"] confirm = always (keystay.conf:3)",
            "key": "alice"})
    w.good("sign-reply-unverified", "a signature for a server that was not proven", "sign_reply",
           {"signature": bytes.fromhex("3006020101020102"), "server": "", "unverified": "no transcript was given"},
           id=8)
    w.good("sign-reply-proven", "a signature for a server that was proven", "sign_reply",
           {"signature": bytes.fromhex("3006020101020102"), "server": "www.corp.example", "unverified": ""})
    w.good("error-token-locked", "an error reply with its next step", "error",
           {"code": 50, "text": 'token "corp" is locked; run: keystay unlock corp'}, id=8)
    w.good("error-without-request", "id 0: the request could not be read", "error",
           {"code": 20, "text": "the request is not well-formed"}, id=0)
    w.good("error-unknown-code", "a later release's code reads well and is a refusal", "error",
           {"code": 4000000000, "text": "die Karte ist müde – bitte neu stecken"})


def control_socket(w):
    w.good("status", "no fields", "status", {})
    w.good("status-reply", "one module, one token", "status_reply", {
        "agent_version": "0.1.0", "pid": 4711, "started": 1735689600, "generation": 3, "n_identities": 2,
        "n_connections": 1, "configuration": "/home/alice/.config/keystay/keystay.conf",
        "modules": [{"name": "softhsm", "path": "/usr/lib/softhsm/libsofthsm2.so", "state": 1, "pid": 4712,
                     "restarts": 1, "note": "was killed by signal 9", "events": 2}],
        "tokens": [{"module": "softhsm", "label": "corp", "manufacturer": "SoftHSM project", "model": "SoftHSM v2",
                    "serial": "0123456789abcdef", "uri": "pkcs11:token=corp", "state": 1, "pin_flags": 3, "n_keys": 2,
                    "unlocked_for_s": 28800, "signatures": 12, "submissions": 1}],
        "configuration_file": "", "audit": 1, "audit_written": 9, "audit_waiting": 2, "audit_lost": 1,
        "audit_problem": "/home/alice/.local/state/keystay/audit: No space left on device",
        "reload_failed": True, "n_signed": 12, "n_denied": 3, "n_failed": 2, "n_cancelled": 1,
        "refusals": [{"error": 50, "count": 2}, {"error": 70, "count": 3}],
        "certificates": [{"key": "alice", "token": "corp", "not_before": 1735689600, "not_after": 1743465600,
                          "client_auth": True, "revocation": 4, "revocation_said": 1743379200,
                          "revocation_until": 1743465600, "unproven_refused": True}], "n_certificates_left_out": 1})
    w.good("status-reply-nothing-there", "neither module nor token", "status_reply", {
        "agent_version": "", "pid": 1, "started": 0, "generation": 0, "n_identities": 0, "n_connections": 0,
        "configuration": "", "modules": [], "tokens": [], "configuration_file": "/etc/keystay/build.conf", "audit": 0,
        "audit_written": 0, "audit_waiting": 0, "audit_lost": 0, "audit_problem": "", "reload_failed": False,
        "n_signed": 0, "n_denied": 0, "n_failed": 0, "n_cancelled": 0, "refusals": [], "certificates": [],
        "n_certificates_left_out": 0})
    w.good("unlock", "with a PIN", "unlock", UNLOCK)
    w.good("unlock-any-bytes", "the only locked token, and a PIN of any bytes", "unlock",
           {**UNLOCK, "token": "", "pin": bytes([0, 255, 10])})
    w.good("unlock-ask", "the agent is to ask, on this display", "unlock",
           {"token": "corp", "ask": True, "pin": b"", "wait_ms": 60000, "program": "keystay", "tty": "/dev/pts/3",
            "term": "xterm-256color", "display": ":0", "wayland_display": "wayland-0"})
    w.good("unlock-reply", "for eight hours", "unlock_reply", {"token": "corp", "unlocked_for_s": 28800, "n_keys": 2})
    w.good("lock", "all tokens", "lock", {"token": ""})
    w.good("lock-reply", "one was unlocked", "lock_reply", {"n_tokens": 1})
    w.good("reload", "no fields", "reload", {})
    w.good("reload-reply", "what was read", "reload_reply", {"configuration": "/etc/keystay/keystay.conf"})
    w.good("monitor", "from now on", "monitor", {"after": 0})
    w.good("monitor-reply-nothing", "where that is", "monitor_reply", {"last": 17, "lost": 0, "events": []})
    w.good("monitor-reply", "a request, and its answer", "monitor_reply", {"last": 19, "lost": 1, "events": [
        {"number": 18, "wall_ms": 1735689600123, "kind": 1, "request": 4, "socket": "agent", "program": "curl",
         "uid": 1000, "pid": 4711, "key": "alice", "purpose": "tls13-client", "server": "", "server_proven": False,
         "outcome": 0, "text": ""},
        {"number": 19, "wall_ms": 1735689600234, "kind": 3, "request": 4, "socket": "agent", "program": "curl",
         "uid": 1000, "pid": 4711, "key": "alice", "purpose": "tls13-client", "server": "www.corp.example",
         "server_proven": True, "outcome": 1, "text": ""}]})
    w.good("sign-request", "a certificate request of an ECDSA key, and never prompt", "sign_request",
           {"spki_hash": SIGN["spki_hash"], "scheme": 0x0403, "request": request_of(p256("alice")), "wait_ms": 0,
            **NO_LABELS, "program": "keystay"}, id=11)
    w.good("sign-request-reply", "its signature", "sign_request_reply",
           {"signature": bytes.fromhex("3006020101020102")}, id=11)
    w.good("sign-cmp", "a request of CRMF, of an ECDSA key", "sign_cmp",
           {"spki_hash": SIGN["spki_hash"], "scheme": 0x0403, "part": cert_request_of(p256("alice")), "wait_ms": 0,
            **NO_LABELS, "program": "keystay-enroll"}, id=12)
    w.good("sign-cmp-reply", "its signature", "sign_cmp_reply",
           {"signature": bytes.fromhex("3006020101020102")}, id=12)
    w.good("sign-for-ca", "a handshake with a CA, and never prompt", "sign_for_ca",
           {"spki_hash": SIGN["spki_hash"], "scheme": 0x0403, "input": SIGN["input"], "transcript": b"", "wait_ms": 0,
            **NO_LABELS, "program": "keystay"}, id=12)
    w.good("sign-for-ca-reply", "its signature", "sign_for_ca_reply",
           {"signature": bytes.fromhex("3006020101020102")}, id=12)
    w.good("profiles", "how are certificates enrolled", "profiles", {})
    w.good("profiles-reply", "one key has a profile", "profiles_reply", {
        "folder": "/home/alice/.local/state/keystay",
        "profiles": [{"name": "corp", "origin": "/etc/keystay/keystay.conf:12"}],
        "values": [{"profile": "corp", "key": "protocol", "value": "est"},
                   {"profile": "corp", "key": "url", "value": "https://ca.corp.example"}],
        "keys": [{"key": "alice", "spki_hash": SIGN["spki_hash"], "profile": "corp"}]})
    w.good("refresh", "certificates have come", "refresh", {})
    w.good("refresh-reply", "they are in use", "refresh_reply", {"generation": 7})
    token_messages(w)


def token_messages(w):
    patience = {"wait_ms": 0xffffffff, **NO_LABELS, "program": "keystay"}
    empty = {"module": "", "token": "", "slot": 0, "by_slot": False, "label": "", "so_pin": b"", "pin": b"",
             "new_pin": b"", "erase": "", **patience}
    slot = {"module": "softhsm", "slot": 0x2f3c9aa1, "description": "SoftHSM slot ID 0x2f3c9aa1",
            "token_present": True, "initialised": True, "pin_set": True, "label": "corp",
            "manufacturer": "SoftHSM project", "model": "SoftHSM v2", "serial": "0123456789abcdef", "pin_flags": 3,
            "pin_min": 4, "pin_max": 255}
    w.good("provision-list", "all slots of all modules", "provision", {**empty, "operation": 1})
    w.good("provision-init", "a token in an empty slot, with its first PIN", "provision",
           {**empty, "operation": 2, "module": "softhsm", "slot": 1, "by_slot": True, "label": "corp",
            "so_pin": b"12345678", "new_pin": b"1234"})
    w.good("provision-pin-change", "of the token with that label", "provision",
           {**empty, "operation": 4, "token": "corp", "pin": b"1234", "new_pin": b"4321"})
    w.good("provision-reply", "a token, and a slot that is empty", "provision_reply", {"text": "", "slots": [
        slot, {**slot, "slot": 1, "token_present": False, "initialised": False, "pin_set": False, "label": "",
               "manufacturer": "", "model": "", "serial": "", "pin_flags": 0, "pin_min": 0, "pin_max": 0}]})
    w.good("token-keygen", "a P-256 key, its CKA_ID is the worker's to find", "token_keygen",
           {"token": "corp", "label": "alice", "object_id": b"", "key_type": 3, "bits": 256, **patience})
    w.good("token-keygen-reply", "the key", "token_keygen_reply",
           {"token": "corp", "object_id": b"\x01", "spki": p256("alice")})
    w.good("token-store", "a certificate (here: bytes that are none)", "token_store",
           {"spki_hash": SIGN["spki_hash"], "certificate": b"\x30\x03\x02\x01\x01", "label": "", **patience})
    w.good("token-store-reply", "where it is", "token_store_reply", {"token": "corp"})
    w.good("token-remove", "one certificate, and the key stays", "token_remove",
           {"spki_hash": SIGN["spki_hash"], "key": False, "certificates": True,
            "certificate_hash": bytes_of("certificate", 32), **patience})
    w.good("token-remove-reply", "one object", "token_remove_reply", {"n_removed": 1})


def worker_channel(w):
    w.good("worker-token", "a token, not asked for", "worker_token", {
        "token": 1, "label": "corp", "manufacturer": "SoftHSM project", "model": "SoftHSM v2",
        "serial": "0123456789abcdef", "pin_flags": 3, "pin_min": 4, "pin_max": 255, "logged_in": False,
        "digest": bytes_of("objects", 32)}, id=0)
    w.good("worker-key", "a P-256 key", "worker_key", {
        "token": 1, "key": 2, "object_id": b"\x01", "label": "alice", "spki": p256("alice"), "private_seen": True,
        "always_authenticate": False, "decrypts": True}, id=0)
    w.good("worker-certificate", "beside it", "worker_certificate",
           {"token": 1, "object_id": b"\x01", "label": "alice", "der": b"\x30\x03\x02\x01\x01"}, id=0)
    w.good("worker-inventory", "that was all", "worker_inventory", {"all": True, "events": 1}, id=0)
    w.good("worker-rescan", "only what has come", "worker_rescan", {"all": False})
    w.good("worker-rescan-reply", "no fields", "worker_rescan_reply", {})
    w.good("worker-login", "a kept PIN", "worker_login", {
        "token": 1, "told": 0, "unattended": True, "serial": "0123456789abcdef",
        "digest": bytes_of("objects", 32), "pin": b"1234"})
    w.good("worker-login-reply", "no fields", "worker_login_reply", {})
    w.good("worker-logout", "token 1", "worker_logout", {"token": 1})
    w.good("worker-logout-reply", "no fields", "worker_logout_reply", {})
    w.good("worker-sign", "an Ed25519 signature", "worker_sign",
           {"token": 1, "key": 2, "scheme": 0x0807, "input": TLS13, "is_digest": False})
    w.good("worker-sign-with-pin", "a key that asks at each signature", "worker_sign_with_pin",
           {"token": 1, "key": 2, "scheme": 0x0403, "told": 8, "unattended": False, "input": TLS13,
            "pin": b"1234", "is_digest": False})
    w.good("worker-sign-digest", "a digest as it came", "worker_sign",
           {"token": 1, "key": 2, "scheme": 0x0403, "input": bytes_of("digest", 32), "is_digest": True})
    w.good("worker-sign-reply", "64 bytes", "worker_sign_reply", {"signature": bytes_of("signature", 64)})
    w.good("worker-not-given", "the length said enough", "worker_not_given", {"code": 55, "text": "the PIN was not tried"})
    w.good("worker-keygen", "a P-256 key, whose id the worker makes", "worker_keygen",
           {"token": 1, "key_type": 3, "bits": 256, "label": "alice 2025", "object_id": b""})
    w.good("worker-keygen-reply", "the key", "worker_keygen_reply",
           {"object_id": bytes_of("id", 20), "spki": p256("alice 2025")})
    w.good("worker-store", "its certificate", "worker_store",
           {"token": 1, "object_id": bytes_of("id", 20), "label": "alice 2025", "der": b"\x30\x03\x02\x01\x01"})
    w.good("worker-store-reply", "no fields", "worker_store_reply", {})
    w.good("worker-remove", "the old key with one of its certificates", "worker_remove",
           {"token": 1, "object_id": b"\x01", "spki": p256("alice"), "keys": True, "certificates": True,
            "certificate_hash": bytes_of("certificate", 32)})
    w.good("worker-remove-reply", "two halves and a certificate", "worker_remove_reply", {"n_removed": 3})
    w.good("worker-provision", "a new token, which was another one before", "worker_provision",
           {"operation": 2, "token": "0123456789abcdef", "by_slot": True, "slot": 0x6f3a91c2, "label": "corp",
            "erase": "0123456789abcdef", "told": 128, "so_pin": b"12345678", "pin": b"", "new_pin": b"1234"})
    w.good("worker-provision-reply", "as it is now", "worker_provision_reply",
           {"text": "token \"corp\" was initialised", "slots": [
               {"module": "", "slot": 0x6f3a91c2, "description": "SoftHSM slot ID 0x6f3a91c2", "token_present": True,
                "initialised": True, "pin_set": True, "label": "corp", "manufacturer": "SoftHSM project",
                "model": "SoftHSM v2", "serial": "0123456789abcdef", "pin_flags": 3, "pin_min": 4, "pin_max": 255}]})
    w.good("worker-event", "the card of token 1 was taken out", "worker_event", {"kind": 2, "token": 1}, id=0)


def helper_channel(w):
    w.good("prompt-pin", "a PIN, after a wrong one", "prompt", {
        "kind": 1, "pinentry": "/usr/bin/pinentry", "title": "keystay",
        "description": "curl (process 4711) wants to sign in at www.corp.example\nwith the key \"alice\".".encode(),
        "problem": "The PIN was wrong.", "label": "PIN", "ok": "Unlock", "cancel": "Cancel", "timeout_ms": 60000,
        "tty": "/dev/pts/3", "term": "xterm-256color", "display": ":0", "wayland_display": "wayland-0"})
    w.good("prompt-show", "a PIN is to be typed at the reader", "prompt", {
        "kind": 3, "pinentry": "/usr/bin/pinentry", "title": "keystay", "description": b"Type the PIN at the reader.",
        "problem": "", "label": "", "ok": "", "cancel": "", "timeout_ms": 90000, "tty": "", "term": "", "display": "",
        "wayland_display": ""})
    w.good("prompt-reply", "what was typed", "prompt_reply", {"pin": b"1234"})
    w.good("prompt-reply-no-pin", "a button was pressed", "prompt_reply", {"pin": b""})
    w.good("prove", "a TLS 1.3 server, for a file and for the system's anchors", "prove", {
        "anchors": [{"file": 1}, {"file": 0}], "server_name": "www.corp.example", "scheme": 0x0403,
        "signed_input": TLS13.replace(b"client", b"server"), "signature": bytes_of("proof", 70),
        "chain": [{"der": b"\x30\x03\x02\x01\x01"}, {"der": b"\x30\x03\x02\x01\x02"}],
        "ocsp_response": b"\x30\x03\x0a\x01\x06", "is_tls13": True, "is_post_handshake": False})
    w.good("prove-reply-ready", "the files have been read", "prove_reply",
           {"proven": False, "reason": "", "spki_hash": b""}, id=0)
    w.good("prove-reply-proven", "the hash of the leaf's key", "prove_reply",
           {"proven": True, "reason": "", "spki_hash": hashlib.sha256(p256("server")).digest()})
    w.good("prove-reply-refused", "a clause in plain words", "prove_reply",
           {"proven": False, "reason": "its certificate expired on 2026-01-02", "spki_hash": b""})
    audit = {"more": False, "agent": 0x0123456789abcdef, "sequence": 2, "lost": 0, "corrects": 0,
             "wall_ms": 1735689600123, "boot_ms": 3600000, "outcome": 1, "purpose": "tls13-client", "socket": "agent",
             "uid": 1000, "gid": 1000, "pid": 4711, "program": "curl", "key": "alice",
             "spki_hash": bytes_of("spki", 32), "token": "corp", "scheme": "ecdsa_secp256r1_sha256",
             "server": "www.corp.example", "server_proven": True, "unverified": "", "rule": '[key "alice"] servers',
             "pin_used": False, "confirmed": True, "touched": False, "error": 0, "text": "",
             "input_hash": bytes_of("input", 32)}
    w.good("audit", "a signature for a proven server", "audit", audit)
    w.good("audit-no-key", "a key that nobody knows, after one that was lost", "audit",
           {**audit, "more": True, "lost": 1, "outcome": 4, "key": "", "spki_hash": b"", "token": "", "server": "",
            "server_proven": False, "unverified": "no transcript was given", "rule": "", "confirmed": False,
            "error": 40, "text": "no token here has this key", "input_hash": b""})
    w.good("audit-reply", "it is written", "audit_reply", {"error": 0, "text": ""})
    w.good("audit-reply-failed", "it is not", "audit_reply", {"error": 2, "text": "No space left on device"})


def extended(w):
    w.good("extended-list", "a later release's field behind the last known one is ignored", "list",
           {"generation": 0, "offset": 0}, behind=b"\x00\x00\x00\x05later")
    w.good("extended-status", "also where no field is known", "status", {}, behind=b"\x01")
    encode = w.encoder
    record = encode.string(encode.fields("certificate", {"der": b"\x30\x00"}) + b"\xff\xff")
    body = encode.string(encode.string(encode.fields("identity", identity("alice")))) + encode.string(record) + encode.string(b"")
    frame = encode.string(bytes([4]) + struct.pack(">II", 1, 7) + body)
    fields = ["field version 1", "field id 7",
              *encode.lines("get_reply", {"identity": [identity("alice")], "chain": [{"der": b"\x30\x00"}],
                                           "issuer": b""})]
    w.vector("extended-record", "and inside a record", "ok", frame, "get_reply", fields)


def with_body(kind, body):
    return struct.pack(">IB", len(body) + 1, kind) + body


def bad_frames(w):
    w.bad("frame-empty", "nothing was received yet", "partial", b"")
    w.bad("frame-half-a-length", "three bytes of a length", "partial", b"\0\0\0")
    w.bad("frame-without-its-body", "a length and a type, but no body yet", "partial", b"\0\0\0\x15\x01")
    w.bad("frame-of-largest-length", "262144 is allowed; its bytes are not here yet", "partial", b"\0\x04\0\0")
    w.bad("frame-length-0", "a frame without a type", "malformed", b"\0\0\0\0")
    w.bad("frame-length-above-limit", "262145", "too-large", b"\0\x04\0\x01")
    w.bad("frame-length-of-4-gib", "refused by the length alone", "too-large", b"\xff\xff\xff\xff")
    w.bad("frame-in-little-endian", "21 the wrong way round", "too-large", b"\x15\0\0\0\x01")


def bad_messages(w):
    head = struct.pack(">II", 1, 7)
    encode = w.encoder
    w.bad("type-0", "is no message", "unknown-message", with_body(0, head))
    w.bad("type-255", "is not known", "unknown-message", with_body(255, head))
    w.bad("type-without-body", "a type alone: no head", "malformed", with_body(33, b""), "status")
    w.bad("head-cut-off", "seven of eight bytes", "malformed", with_body(33, head[:7]), "status")
    w.bad("version-0", "is not known", "version", with_body(1, struct.pack(">II", 0, 7) + bytes(12)), "list")
    w.bad("version-2", "nothing behind its head is read", "version", with_body(1, struct.pack(">II", 2, 7) + b"?"),
          "list")
    w.bad("number-cut-off", "LIST without the last byte of offset", "malformed", with_body(1, head + bytes(11)), "list")
    w.bad("field-missing", "GET without its name", "malformed", with_body(3, head), "get")
    w.bad("string-beyond-frame", "a name of five bytes, four are there", "malformed",
          with_body(3, head + b"\0\0\0\x05alic"), "get")
    w.bad("string-above-limit", "a name of 1025 bytes", "too-large", with_body(3, head + encode.string(b"a" * 1025)),
          "get")
    w.bad("string-of-4-gib", "a name of 4294967295 bytes", "too-large", with_body(3, head + b"\xff\xff\xff\xff"), "get")
    for name, about, text in (
            ("nul", "NUL", b"a\0b"), ("newline", "a control character", b"a\nb"),
            ("escape", "terminal escape", b"\x1b[2J"),
            ("del", "DEL", b"\x7f"), ("c1", "U+0085", b"\xc2\x85"), ("latin-1", "no UTF-8", b"M\xfcller"),
            ("overlong", "'/' in two bytes", b"\xc0\xaf"), ("surrogate", "U+D800", b"\xed\xa0\x80"),
            ("cut-off", "half a character", b"\xc3"), ("above-unicode", "U+110000", b"\xf4\x90\x80\x80")):
        w.bad(f"text-with-{name}", about, "malformed", with_body(3, head + encode.string(text)), "get")
    w.bad("bool-2", "neither 0 nor 1", "malformed", with_body(69, head + b"\x02"), "worker_rescan")
    w.bad("hash-of-31-bytes", "spki_hash is exactly 32", "malformed",
          encode.frame("sign", {**SIGN, "spki_hash": bytes(31)}), "sign")
    w.bad("hash-of-33-bytes", "spki_hash is exactly 32", "too-large",
          encode.frame("sign", {**SIGN, "spki_hash": bytes(33)}), "sign")
    w.bad("pin-of-257-bytes", "longer than any token's", "too-large",
          encode.frame("unlock", {**UNLOCK, "pin": b"1" * 257}), "unlock")
    w.bad("list-beyond-frame", "a list of eight bytes, four are there", "malformed",
          with_body(2, head + bytes(12) + b"\0\0\0\x08" + bytes(4)), "list_reply")
    w.bad("record-beyond-list", "a record longer than its list", "malformed",
          with_body(4, head + encode.string(b"") + encode.string(b"\0\0\0\x09\0\0\0\x00")), "get_reply")
    w.bad("record-length-cut-off", "three bytes where a record should start", "malformed",
          with_body(4, head + encode.string(b"") + encode.string(b"\0\0\0")), "get_reply")
    w.bad("record-cut-off", "a certificate record without its field", "malformed",
          with_body(4, head + encode.string(b"") + encode.string(b"\0\0\0\0")), "get_reply")
    w.bad("record-with-long-name", "a name of 257 bytes in an identity", "too-large",
          encode.frame("list_reply", {"generation": 1, "total": 1, "identities": [identity("a" * 257)]}), "list_reply")


HEAD = """\
# SPDX-License-Identifier: Apache-2.0
# Test vectors of docs/protocol.md, whose section 12 describes this form.
# Written by tests/unit/protocol/make_vectors.py; change that and docs/protocol.md, not this.
"""


def main(arguments):
    with open(arguments[0], encoding="utf-8") as document:
        writer = Writer(Encoder(document.read()))
    for part in (sign_socket, control_socket, worker_channel, helper_channel, extended, bad_frames, bad_messages):
        part(writer)
    text = HEAD + "\n".join(writer.out) + "\n"
    if arguments[1:2] == ["--check"]:
        with open(arguments[2], encoding="utf-8") as committed:
            if committed.read() != text:
                return f"{arguments[2]} is not what docs/protocol.md and {sys.argv[0]} give; write it again"
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
