#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the ways of a plan in turns and keeps their figures; the second half of tools/bench.

usage: measure.py PLAN ROUNDS BATCHES FIGURES [--memory NAME PID]...   adds to FIGURES (JSON)
       measure.py --table FIGURES                                      prints them

A line of PLAN is a JSON list: comparison, name of the way, unit, command (which may begin with variables). Unit "ms":
the time from start to end of the command is the figure, ROUNDS times. Units "us" and "per_second": the command does a
batch and prints the figures, BATCHES times; "mb_per_second" is such a one as well. Unit "instructions": those that
valgrind counts in the command, a few times. Unit "round_trips": how often it waits for an answer on a socket, as strace
sees it. The first way of a comparison is what its others are divided by.
"""
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time


def one_figure(unit, command):
    n_variables = next(index for index, word in enumerate(command) if "=" not in word)
    environment = {**os.environ, **dict(word.split("=", 1) for word in command[:n_variables])}
    command = command[n_variables:]
    if unit == "instructions":
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    if unit == "round_trips":
        command = ["strace", "-f", "-y", *command]
    start = time.perf_counter()
    result = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
    took = time.perf_counter() - start
    if result.returncode != 0:
        sys.exit(f"{command[0:3]} failed: {result.stderr.decode().strip()}")
    if unit == "ms":
        return took * 1000
    if unit == "instructions":
        return int(re.search(r"Collected : (\d+)", result.stderr.decode())[1]) / 1e6
    if unit == "round_trips":
        return round_trips(result.stderr.decode(errors="replace"))
    figures = json.loads(result.stdout)
    return figures["median_us"] if unit == "us" else figures["per_second"]


def round_trips(trace):
    """How often something was sent on a socket and then something received on it."""
    asked, count = set(), 0
    for call, socket in re.findall(r"^(?:\[pid +\d+\] )?(\w+)\(\d+<(socket:\[\d+\])>", trace, re.M):
        if call in ("write", "writev", "send", "sendto", "sendmsg"):
            asked.add(socket)
        elif call in ("read", "readv", "recvfrom", "recvmsg") and socket in asked:
            asked.remove(socket)
            count += 1
    return count


def compare(name, ways, rounds, batches):
    figures = [[] for _ in ways]
    turns = {"ms": rounds, "instructions": min(3, rounds // 2), "round_trips": min(3, rounds // 2)}.get(ways[0][1], batches)
    for number in range(1 + turns):
        for step in range(len(ways)):
            index = (number + step) % len(ways)
            figure = one_figure(ways[index][1], ways[index][2])
            # The first round fills the caches of the machine.
            if number > 0:
                figures[index].append(figure)
    rows = []
    base = statistics.median(figures[0])
    for (way, unit, _), values in zip(ways, figures):
        median = statistics.median(values)
        rows.append({"name": way, "unit": unit, "median": median, "min": min(values), "max": max(values),
                     "ratio": median / base, "n": len(values)})
    return {"name": name, "rows": rows}


def memory_of(name, pid):
    """Resident and proportional memory in KiB; the latter is for the owner of a dumpable process or for root."""
    with open(f"/proc/{pid}/status") as status:
        resident = int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])
    try:
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            proportional = int(re.search(r"^Pss:\s+(\d+)", rollup.read(), re.M)[1])
    except OSError:
        proportional = None
    return {"name": name, "rss_kib": resident, "pss_kib": proportional}


def machine():
    with open("/proc/cpuinfo") as info:
        model = re.search(r"model name\s*:\s*(.*)", info.read())
    versions = {program: subprocess.run([program, flag], stdout=subprocess.PIPE).stdout.decode().split("\n")[0]
                for program, flag in (("openssl", "version"), ("curl", "--version"))}
    return {"processors": os.cpu_count(), "model": model[1] if model else platform.machine(),
            "kernel": platform.release(), **versions}


def measure(plan, rounds, batches, path, memory):
    try:
        with open(path) as file:
            figures = json.load(file)
    except OSError:
        figures = {"machine": machine(), "comparisons": [], "memory": []}
    comparisons = {}
    with open(plan) as lines:
        for line in lines:
            comparison, way, unit, *command = json.loads(line)
            comparisons.setdefault(comparison, []).append((way, unit, command))
    figures["comparisons"] += [compare(name, ways, rounds, batches) for name, ways in comparisons.items()]
    figures["memory"] += [memory_of(*arguments) for arguments in memory]
    with open(path, "w") as file:
        json.dump(figures, file, indent=1)
        file.write("\n")


UNITS = {"ms": "ms", "us": "µs", "per_second": "per second", "mb_per_second": "MB per second",
         "instructions": "millions of instructions", "round_trips": "round trips"}


def table(path):
    with open(path) as file:
        figures = json.load(file)
    info = figures["machine"]
    print(f"{info['processors']} processors, {info['model']}, Linux {info['kernel']}; {info['openssl']}; {info['curl']}")
    for comparison in figures["comparisons"]:
        first = comparison["rows"][0]
        print(f"\n{comparison['name']} ({UNITS[first['unit']]}, {first['n']} in turns)")
        print(f"  {'':32} {'median':>10} {'min':>10} {'max':>10} {'ratio':>7}")
        for row in comparison["rows"]:
            print(f"  {row['name']:32} {row['median']:10.2f} {row['min']:10.2f} {row['max']:10.2f} {row['ratio']:7.2f}")
    if not figures["memory"]:
        return
    print(f"\nmemory (KiB)\n  {'':32} {'resident':>10} {'share':>10}")
    for row in figures["memory"]:
        print(f"  {row['name']:32} {row['rss_kib']:10} {row['pss_kib'] or '-':>10}")


if __name__ == "__main__":
    if sys.argv[1] == "--table":
        table(sys.argv[2])
    else:
        extra = sys.argv[5:]
        measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4],
                [(extra[at + 1], extra[at + 2]) for at in range(0, len(extra), 3)])
