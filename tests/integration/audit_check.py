#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Follows the chain of an audit log with nothing but SHA-256 and JSON, as docs/audit.md tells it.

Why: `keystay log --verify` and keystay-audit were written by the same hands.

usage: audit_check.py FOLDER       exit code 1 with a line for each thing that is wrong
"""
import hashlib
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
files = [path.read_bytes().splitlines(keepends=True) for path in folder.glob("audit*.jsonl*") if path.stat().st_size]


def number(lines):
    try:
        return json.loads(lines[0])["n"]
    except (ValueError, KeyError):
        return sys.maxsize


lines = [line for file in sorted(files, key=number) for line in file if line.endswith(b"\n")]
wrong = []
before, digest, seen = None, None, set()
for line in lines:
    try:
        record = json.loads(line)
    except ValueError:
        wrong.append(f"no JSON: {line[:60]!r}")
        continue
    if before is not None and record["n"] != before + 1:
        wrong.append(f"{record['n']} comes after {before}")
    elif before is not None and record["prev"] != digest:
        wrong.append(f"{before} was changed")
    if record["event"] == "decision":
        if (record["agent"], record["seq"]) in seen:
            wrong.append(f"{record['n']} is there twice")
        seen.add((record["agent"], record["seq"]))
    before, digest = record["n"], hashlib.sha256(line).hexdigest()
    try:
        head = json.loads((folder / "head").read_text())
        if head["n"] == before and head["sha256"] != digest:
            wrong.append(f"the head names another line {before}")
    except (OSError, ValueError):
        pass
try:
    head = json.loads((folder / "head").read_text())
    if head["n"] > (before or 0):
        wrong.append(f"the head says {head['n']}, the end is {before}")
    if before is not None and before - head["n"] > 128:
        wrong.append(f"the head is old: {head['n']}, the end is {before}")
    if lines and json.loads(lines[0])["n"] > head["first"]:
        wrong.append(f"the beginning is missing: {head['first']}")
except (OSError, ValueError) as error:
    wrong.append(f"no head: {error}")
print("\n".join(wrong) or f"ok: {len(lines)} lines")
sys.exit(1 if wrong else 0)
