#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the agent for decisions that are recorded (LOCK), one after the other, and prints how many it answered.

usage: audit_load.py CONTROL-SOCKET N [FILE]      N = 0: until the agent is gone; answers that say that
the record cannot be written are not counted. FILE: holds "PID ANSWERED", as of the last answer.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import wire  # noqa: E402

AUDIT = 72
path, n = sys.argv[1], int(sys.argv[2])
tally = open(sys.argv[3], "wb", buffering=0) if len(sys.argv) > 3 else None
answered = 0
try:
    connection = wire.Connection(path)
    while n == 0 or answered < n:
        try:
            connection.call(wire.LOCK, wire.string(b""))
        except wire.Refused as refusal:
            if n or refusal.code != AUDIT:
                raise
            continue
        answered += 1
        if tally:
            os.pwrite(tally.fileno(), f"{os.getpid()} {answered:8}\n".encode(), 0)
except (OSError, EOFError):
    if n:
        raise
print(answered)
