#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts what ctest ran: tests that passed, failed and were skipped, with every reason for a skip.

A skip is counted wherever it happens: a whole test (exit code 77), one check of a story ("SKIP: reason" on a line of
its output), one cmocka test of a program. A heavy test that skips something has failed: whoever asked for those wants
to see them.

usage: summary.py NAME JUNIT-FILE; exit code 1 when nothing ran or something failed.
"""
import collections
import re
import sys
import xml.etree.ElementTree as xml


def main(name, path):
    kinds = collections.Counter()
    failed, skips = [], []
    inner = 0
    for case in xml.parse(path).getroot().iter("testcase"):
        title = case.get("name")
        output = case.findtext("system-out") or ""
        kinds[title.split("/")[0]] += 1
        inner += len(re.findall(r"^\[       OK \] |^ok: ", output, re.M))
        reasons = re.findall(r"^SKIP: (.*)$", output, re.M)
        reasons += [f"{test} skipped itself" for test in set(re.findall(r"^\[  SKIPPED \] (test_\w+)", output, re.M))]
        status = case.get("status")
        if status == "fail":
            failed.append(title)
        elif status != "run" and not reasons:
            reasons = [case.find("skipped").get("message", "") if case.find("skipped") is not None else status]
        skips += [(title, reason) for reason in reasons]
        if reasons and title.startswith("heavy/") and title not in failed:
            failed.append(title)
    total = sum(kinds.values())
    print(f"\n{name}: {total} tests ({', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}) "
          f"with {inner} checks; {len(failed)} failed, {len(skips)} skipped")
    for title, reason in skips:
        print(f"  skipped: {title}: {reason}")
    for title in failed:
        print(f"  FAILED: {title}")
    return 0 if total and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
