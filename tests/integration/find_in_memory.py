# SPDX-License-Identifier: Apache-2.0
"""Counts a secret in the whole memory of a process, and tells the locked arena from the rest.

The secret is read from standard input, so that it is in no argument. An area counts as arena when the kernel says that
it is locked and left out of dumps ("lo" and "dd" in VmFlags of /proc/PID/smaps).

usage: find_in_memory.py PID <SECRET; prints "arena N outside M"
"""
import re
import sys


def areas(pid):
    """(start, end, is_arena) of each readable area."""
    area = None
    with open(f"/proc/{pid}/smaps") as smaps:
        for line in smaps:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (....) ", line)
            if head:
                area = int(head[1], 16), int(head[2], 16), head[3], line
            elif line.startswith("VmFlags:") and area[2].startswith("r") and "[vvar" not in area[3]:
                flags = line.split()
                yield area[0], area[1], "lo" in flags and "dd" in flags


def main(pid):
    secret = sys.stdin.buffer.readline().rstrip(b"\n")
    counts = {True: 0, False: 0}
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, is_arena in areas(pid):
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except OSError:
                continue
            counts[is_arena] += content.count(secret)
    print(f"arena {counts[True]} outside {counts[False]}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
