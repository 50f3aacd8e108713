#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
sign_while_cards_move: clients that ask for signatures without a pause, over the raw protocol, until they are told to stop
by the end of standard input. Each answer is counted; a request that is not answered within the deadline ends all with 1.

At the end it prints a line of figures, and one for each reason why something was refused:

    signatures=1234 refused=56 slowest_ms=1700

usage: sign_while_cards_move.py CLIENTS DEADLINE-S
"""
import collections
import os
import sys
import threading
import time

from wire import Connection, Refused, identities, sign_message, tls13_input


def work(spki_hash, deadline_s, stop, figures, lock):
    while not stop.is_set():
        began = time.monotonic()
        try:
            with Connection() as connection:
                connection.socket.settimeout(deadline_s)
                connection.send(sign_message(spki_hash, 0x0403, tls13_input(os.urandom(32)), wait_ms=60000))
                connection.answer()
            outcome = "signatures"
        except Refused as refused:
            outcome = "refused"
            with lock:
                figures["why " + str(refused)[:90]] += 1
        except OSError as error:
            with lock:
                figures["unanswered"] += 1
                print(f"not answered: {error}", file=sys.stderr)
            return
        took = int((time.monotonic() - began) * 1000)
        with lock:
            figures[outcome] += 1
            figures["slowest_ms"] = max(figures["slowest_ms"], took)
        if outcome == "refused":
            stop.wait(0.02)


def main():
    clients, deadline_s = int(sys.argv[1]), float(sys.argv[2])
    with Connection() as connection:
        spki_hash = identities(connection)[0][0]["spki_hash"]
    figures, lock, stop = collections.Counter(), threading.Lock(), threading.Event()
    threads = [threading.Thread(target=work, args=(spki_hash, deadline_s, stop, figures, lock)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    print("signing", flush=True)
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    print(f"signatures={figures['signatures']} refused={figures['refused']} slowest_ms={figures['slowest_ms']}")
    for key, count in sorted(figures.items()):
        if key.startswith("why "):
            print(f"{count:6d} {key[4:]}")
    sys.exit(1 if figures["unanswered"] else 0)


main()
