#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes a card out and puts it in again at random moments while clients sign as fast as they can, and counts.

usage: remove_randomly.py CONTROL PCSC-WAIT KEY REMOVALS CLIENTS SEED

Every request has to be answered: with a signature that verifies or with an error, within ANSWER_S. Prints the figures.
Runs in: the story survive-50-random-removals.
"""
import collections
import random
import shlex
import socket
import subprocess
import sys
import threading
import time

import wire
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SCHEME = 0x0403  # ecdsa_secp256r1_sha256
ANSWER_S = 5  # more than anything may take; longer is a hang
BACK_S = 10
ASK_AGAIN_S = 0.02  # while the card is read; a program that asks for nothing else takes the CPU from those that read it
SIGNING_S = 0.3


class Client(threading.Thread):
    """Signs until told to end. While there is no card it waits for the next one, or it would ask for nothing else."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world = world
        self.asked_at = None
        self.start()

    def run(self):
        try:
            while not self.world.end.is_set():
                self.world.inserted.wait()
                self.sign()
        except Exception as error:  # told by the main thread
            self.world.fail(f"a client: {error!r}")

    def sign(self):
        tbs = wire.tls13_input(random.randbytes(32))
        begun = self.asked_at = time.monotonic()
        try:
            with wire.Connection() as connection:
                connection.send(wire.sign_message(self.world.spki_hash, SCHEME, tbs, wait_ms=wire.WAIT_DEFAULT,
                                                  program=b"remover", display=b":keystay-test"))
                signature = connection.answer().bytes()
            self.world.public_key.verify(signature, tbs, ec.ECDSA(hashes.SHA256()))
            self.world.signed(begun)
        except wire.Refused as refused:
            self.world.refused(begun, refused)
            if refused.code == wire.UNKNOWN_KEY:
                self.world.end.wait(ASK_AGAIN_S)
        except InvalidSignature:
            self.world.fail("a wrong signature was released")
        self.asked_at = None


class World:
    def __init__(self, control, pcsc_wait, name):
        self.control, self.pcsc_wait = control, pcsc_wait
        with wire.Connection() as connection:
            found = {each["name"]: each for each in wire.identities(connection)[0]}[name]
        self.spki_hash = found["spki_hash"]
        self.public_key = serialization.load_der_public_key(found["spki"])
        self.lock = threading.Condition()
        self.inserted, self.end = threading.Event(), threading.Event()
        self.n_signed, self.reasons, self.failure = 0, collections.Counter(), None
        self.worst_refusal_s = self.worst_signature_s = 0.0
        self.inserted_at, self.back = 0.0, []

    def card(self, *words):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.control)
            connection.sendall(f"{shlex.join(words)}\n".encode())
            answer = connection.makefile().read().strip()
        if answer.startswith("error"):
            self.fail(answer)

    def wait_for_reader(self, state):
        subprocess.run([sys.executable, self.pcsc_wait, state, "0"], check=True)

    def fail(self, why):
        with self.lock:
            self.failure = self.failure or why
            self.lock.notify_all()

    def signed(self, begun):
        with self.lock:
            now = time.monotonic()
            self.n_signed += 1
            self.worst_signature_s = max(self.worst_signature_s, now - begun)
            if self.inserted_at and begun >= self.inserted_at:
                self.back.append(now - self.inserted_at)
                self.inserted_at = 0.0
            self.lock.notify_all()

    def refused(self, begun, refused):
        with self.lock:
            self.reasons[str(refused)] += 1
            self.worst_refusal_s = max(self.worst_refusal_s, time.monotonic() - begun)

    def insert(self):
        self.card("insert")
        self.wait_for_reader("present")
        with self.lock:
            self.inserted_at = time.monotonic()
        self.inserted.set()

    def remove(self):
        self.inserted.clear()
        self.card("remove")
        self.wait_for_reader("absent")

    def wait_for_signature(self):
        with self.lock:
            if not self.lock.wait_for(lambda: self.failure or not self.inserted_at, BACK_S):
                self.failure = f"no signature within {BACK_S} s after the card came back; answers: {self.reasons}"
        return self.failure is None

    def look_for_hangs(self, clients):
        now = time.monotonic()
        for client in clients:
            asked_at = client.asked_at
            if asked_at and now - asked_at > ANSWER_S:
                self.fail(f"a request was not answered within {ANSWER_S} s")


def run(world, removals, clients):
    for _ in range(removals):
        world.insert()
        if not world.wait_for_signature():
            return
        # The moment is the test: anywhere in the middle of whatever is going on.
        time.sleep(random.uniform(0, SIGNING_S))
        world.remove()
        world.look_for_hangs(clients)
        if world.failure:
            return
    world.insert()
    world.wait_for_signature()


def main(control, pcsc_wait, name, removals, n_clients, seed):
    random.seed(int(seed))
    world = World(control, pcsc_wait, name)
    world.remove()
    clients = [Client(world) for _ in range(int(n_clients))]
    begun = time.monotonic()
    run(world, int(removals), clients)
    took = time.monotonic() - begun
    world.end.set()
    world.inserted.set()
    for client in clients:
        client.join(ANSWER_S)
        if client.is_alive():
            world.fail(f"a request was not answered within {ANSWER_S} s")
    back = sorted(world.back)
    for text, n in world.reasons.most_common():
        print(f"refused {n} times: {text}")
    if world.failure:
        sys.exit(f"seed {seed}: {world.failure}")
    print(f"figure: {removals} removals in {took:.0f} s: {world.n_signed} signatures, all good; "
          f"{sum(world.reasons.values())} refusals, each within {world.worst_refusal_s * 1000:.0f} ms; 0 hangs")
    print(f"figure: from a card in the reader to the next signature: median {back[len(back) // 2] * 1000:.0f} ms, "
          f"worst {back[-1] * 1000:.0f} ms; the slowest signature of all {world.worst_signature_s * 1000:.0f} ms")


if __name__ == "__main__":
    main(*sys.argv[1:])
