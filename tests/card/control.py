#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One line of words to a virtual card, and its answer.

usage: control.py SOCKET WORD...     exit code 1 when the answer is an error

Runs in: the rig (tests/integration/rig_card.sh).
Must never: wait for ever; who hangs is the card, not this.
"""
import shlex
import socket
import sys

DEADLINE_S = 60

if __name__ == "__main__":
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(DEADLINE_S)
        connection.connect(sys.argv[1])
        connection.sendall(f"{shlex.join(sys.argv[2:])}\n".encode())
        answer = connection.makefile().read()
    failed = not answer or answer.startswith("error: ")
    if failed or answer != "ok\n":
        print(answer.rstrip("\n") or "error: the card ended", file=sys.stderr if failed else sys.stdout)
    sys.exit(1 if failed else 0)
