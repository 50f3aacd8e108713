#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""forge: forged and good requests for a signature under a rule that asks for a proven server.

    forge.py oracle                          the second implementation decides all cases, as it must
    forge.py write FILE ROOT                 the cases for keystay-forge (forge_main.c), and the root they trust
    forge.py judge                           what keystay-forge --mutate accepted, on standard input
    forge.py agent good|forged SPKI...       to the agent of $KEYSTAY_SOCK (see agent.py)
"""
import sys

import cases_handshake
import cases_names
import cases_server
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


if __name__ == "__main__":
    sys.exit(oracle(build()) != 0)
