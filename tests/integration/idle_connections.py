# SPDX-License-Identifier: Apache-2.0
"""2,000 idle connections to the sign socket.

usage: idle_connections.py                     from many processes, then from one, and what others notice
       idle_connections.py hold PROCESSES EACH opens them, says so, and holds them until it is ended
"""
import multiprocessing
import resource
import signal
import struct
import sys
import time

import wire

PER_PROCESS = 256  # KS_CONNECTIONS_PER_PROCESS, docs/protocol.md section 8


def list_once(connection):
    connection.call(wire.LIST, struct.pack(">QI", 0, 0))


def holder(each, ready, check, done):
    connections = [wire.Connection() for _ in range(each)]
    for connection in connections:
        list_once(connection)
    ready.release()
    check.acquire()
    alive = 0
    for connection in connections:
        try:
            list_once(connection)
            alive += 1
        except (EOFError, OSError):
            pass
    done.put(alive)


def hold(processes, each):
    ready, check, done = multiprocessing.Semaphore(0), multiprocessing.Semaphore(0), multiprocessing.Queue()
    holders = [multiprocessing.Process(target=holder, args=(each, ready, check, done), daemon=True)
               for _ in range(processes)]
    for process in holders:
        process.start()
    for _ in holders:
        ready.acquire()
    return holders, check, done


def median_ms(n=200):
    """A list request over a fresh connection, as a client does it."""
    times = []
    for _ in range(n):
        start = time.monotonic()
        with wire.Connection() as connection:
            list_once(connection)
        times.append(time.monotonic() - start)
    return sorted(times)[n // 2] * 1000


def from_many_processes():
    before = median_ms()
    holders, check, done = hold(20, 100)
    beside = median_ms()
    for _ in holders:
        check.release()
    alive = sum(done.get() for _ in holders)
    for process in holders:
        process.join()
    assert alive == 2000, f"only {alive} of 2,000 connections of 20 processes were kept"
    print("ok: 2,000 idle connections of 20 processes are all kept")
    print(f"ok: a request beside them takes {beside:.2f} ms, {before:.2f} ms without them")
    assert beside < 10 * before + 5, "requests became much slower"


def from_one_process():
    # A login begins with 1,024 files, which is too few for this.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    holders, check, done = hold(1, 10)
    connections = [wire.Connection() for _ in range(2000)]
    list_once(connections[-1])
    alive = 0
    for connection in connections:
        try:
            list_once(connection)
            alive += 1
        except (EOFError, OSError):
            pass
    assert 1 <= alive <= PER_PROCESS, f"one process kept {alive} connections"
    print(f"ok: one process keeps {alive} of 2,000 connections, the newest ones")
    check.release()
    assert done.get() == 10, "another process lost connections"
    print("ok: another process lost none")
    for process in holders:
        process.join()


if __name__ == "__main__":
    if sys.argv[1:2] == ["hold"]:
        processes, each = int(sys.argv[2]), int(sys.argv[3])
        hold(processes, each)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        print("holding", processes * each, flush=True)
        signal.pause()
    from_many_processes()
    from_one_process()
