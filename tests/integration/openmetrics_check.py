#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads OpenMetrics 1.0 text from standard input as strictly as its ABNF asks for, as far as keystay writes it, and prints
each sample as "NAME{LABELS} VALUE" with its labels in order. Says what is wrong, and exits with 1."""
import re
import sys

TYPES = {"gauge": [""], "counter": ["_total"], "info": ["_info"]}
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?[0-9]+(?:\.[0-9]+)?)\Z')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=.)|\Z)')


def fail(text):
    sys.exit("not OpenMetrics: " + text)


def read_labels(text):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        if not match or match[1] in labels:
            fail(f"labels {text!r}")
        labels[match[1]] = match[2]
        at = match.end()
    return labels


def main():
    text = sys.stdin.buffer.read().decode("utf-8")
    if not text.endswith("# EOF\n"):
        fail("no # EOF at its end")
    families, samples, current = {}, set(), None
    for line in text[:-len("# EOF\n")].splitlines():
        words = line.split(" ", 3)
        if line.startswith("# "):
            if words[1] not in ("TYPE", "HELP") or len(words) < 4:
                fail(f"line {line!r}")
            name = words[2]
            if name != current and name in families:
                fail(f"the family {name} comes twice")
            current = name
            family = families.setdefault(name, {})
            if words[1] in family:
                fail(f"two lines {words[1]} of {name}")
            family[words[1]] = words[3]
            if words[1] == "TYPE" and words[3] not in TYPES:
                fail(f"type {words[3]!r} of {name}")
            continue
        match = SAMPLE.match(line)
        if not match:
            fail(f"line {line!r}")
        family = families.get(current) or fail("a sample before any family")
        if set(family) != {"TYPE", "HELP"}:
            fail(f"{current} lacks TYPE or HELP")
        if match[1] not in [current + suffix for suffix in TYPES[family["TYPE"]]]:
            fail(f"{match[1]} is no sample of the {family['TYPE']} {current}")
        labels = read_labels(match[2] or "")
        key = (match[1], tuple(sorted(labels.items())))
        if key in samples:
            fail(f"{line!r} comes twice")
        if family["TYPE"] == "counter" and float(match[3]) < 0:
            fail(f"{line!r} is negative")
        samples.add(key)
        print(match[1] + "{" + ",".join(f"{name}={value}" for name, value in key[1]) + "} " + match[3])


main()
