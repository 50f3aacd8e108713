#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""forge: forged and good requests for a signature under a rule that asks for a proven server.

    forge.py oracle                         the second implementation decides all cases, as it must
    forge.py list                           their names
    forge.py library KEYSTAY-FORGE          the same by lib/tls, in keystay-forge (forge_main.c)
    forge.py mutate KEYSTAY-FORGE N [SEED]  N mutations of good cases; the oracle confirms each one that is proven

Nothing is kept; all keys are made anew. The agent as a whole: send.py.
"""
import os
import struct
import subprocess
import sys
import tempfile

import cases_handshake
import cases_names
import cases_server
from oracle import Unproven, prove
from world import World


def build(certificates=None):
    world = World(certificates)
    for cases in (cases_names, cases_server, cases_handshake):
        cases.all_of_them(world)
    names = [case.name for case in world.cases]
    assert len(set(names)) == len(names), sorted(name for name in set(names) if names.count(name) > 1)
    return world


def oracle(world):
    wrong, anchors = 0, world.anchors()
    for case in world.cases:
        host, reason = world.ask_oracle(case, anchors)
        if "-v" in sys.argv:
            print(f"{case.name}: {host or reason}")
        if host != case.host:
            print(f"WRONG {case.name}: the oracle says {host or reason}")
            wrong += 1
    n_good = sum(case.host is not None for case in world.cases)
    print(f"{len(world.cases) - n_good} forged cases refused, {n_good} good ones proven, {wrong} wrong")
    return wrong


def string(data):
    return struct.pack(">I", len(data)) + data


def proven(world, data, transcript, who, anchors):
    try:
        return prove(data, transcript, world.spki(who), anchors)
    except Unproven:
        return ""


def write(world, folder):
    """The file for keystay-forge, which knows no rules: what counts there is what is proven, allowed or not."""
    anchors = world.anchors()
    with open(os.path.join(folder, "cases"), "wb") as file:
        file.write(struct.pack(">I", len(world.cases)))
        for case in world.cases:
            host = proven(world, case.data, case.transcript, case.who, anchors)
            file.write(string(case.name.encode()) + string(host.encode()) + string(world.spki(case.who))
                       + struct.pack(">I", case.scheme) + string(case.data) + string(case.transcript))
    with open(os.path.join(folder, "root.pem"), "wb") as file:
        file.write(world.root_pem())


def library(world, program, folder):
    done = subprocess.run([program, "cases", os.path.join(folder, "cases"), os.path.join(folder, "root.pem")],
                          stdout=subprocess.PIPE, text=True, check=False, errors="replace")
    lines = done.stdout.splitlines()
    print("\n".join(line for line in lines if "-v" in sys.argv or not line.startswith("right ")))
    return done.returncode or not lines


class Records:
    """What keystay-forge --mutate writes."""

    def __init__(self, stream):
        self.stream = stream

    def string(self):
        return self.stream.read(struct.unpack(">I", self.stream.read(4))[0])

    def __iter__(self):
        while True:
            head = self.stream.read(4)
            if len(head) < 4:
                return
            yield struct.unpack(">I", head)[0], self.string().decode(), self.string(), self.string()


def mutate(world, program, folder, count, seed):
    """Each that was proven is proven again, for the same name, by the oracle; else it is kept and shown."""
    anchors, confirmed, wrong, known = world.anchors(), 0, 0, set()
    command = [program, "mutate", os.path.join(folder, "cases"), os.path.join(folder, "root.pem"), count, seed]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for number, name, data, transcript in Records(process.stdout):
            case = world.cases[number]
            if proven(world, data, transcript, case.who, anchors) == name:
                confirmed += 1
                continue
            wrong += 1
            try:
                reason = f"proven for {prove(data, transcript, world.spki(case.who), anchors)}"
            except Unproven as problem:
                reason = str(problem)
            if reason not in known:
                known.add(reason)
                print(f"WRONG {case.name}, mutated, proven for {name}; the oracle: {reason}\n  {data.hex()}\n"
                      f"  {transcript.hex()}")
    print(f"{confirmed} of what was proven is confirmed, {wrong} is not")
    return process.returncode or wrong


def main(arguments):
    world = build()
    if arguments[:1] == ["oracle"]:
        return oracle(world)
    if arguments[:1] == ["list"]:
        print("\n".join(case.name for case in world.cases))
        return 0
    with tempfile.TemporaryDirectory(prefix="keystay-forge-") as folder:
        write(world, folder)
        if arguments[:1] == ["library"]:
            return library(world, arguments[1], folder)
        if arguments[:1] == ["mutate"]:
            return mutate(world, arguments[1], folder, arguments[2], (arguments[3:] or ["1"])[0])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(int(bool(main(sys.argv[1:]))))
