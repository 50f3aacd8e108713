#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
tunnel_client: a program that speaks plainly to keystay-tunnel, with tunnel_server.py behind it.

    hash SIZE       sends so much, says that it has ended, and is told by the server what came
    crowd N SIZE    one connection is held open while N others do that at once; then it is still alive
    slow SIZE       lets so much wait before it takes it
    cut SIZE        the server goes in the middle: over TCP that is no good end
    abandon         goes away while the server has much to say
    hold            echoes lines of standard input through one connection

usage: tunnel_client.py ADDRESS WHAT [NUMBER...]     ADDRESS: unix:PATH, 127.0.0.1:PORT, [::1]:PORT
"""
import hashlib
import os
import socket
import sys
import threading
import time

DEADLINE_S = 60


def connect(address):
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(DEADLINE_S)
        connection.connect(address[5:])
        return connection
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout=DEADLINE_S)


def read_all(connection):
    count = 0
    while piece := connection.recv(65536):
        count += len(piece)
    return count


def upload(address, size):
    data = os.urandom(size)
    with connect(address) as connection:
        connection.sendall(b"HASH\n")
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as lines:
            said = lines.read().decode().split()
    expected = [str(size), hashlib.sha256(data).hexdigest()]
    if said != expected:
        raise AssertionError(f"the server got {said}, not {expected}")


def crowd(address, number, size):
    wrong = []

    def one():
        try:
            upload(address, size)
        except Exception as error:  # of whatever kind: the test says which
            wrong.append(error)

    with connect(address) as held:
        lines = held.makefile("rwb")
        for text in b"before\n", b"after\n":
            lines.write(b"HOLD\n" + text if text == b"before\n" else text)
            lines.flush()
            assert lines.readline() == text
            if text == b"before\n":
                threads = [threading.Thread(target=one) for _ in range(number)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
    assert not wrong, wrong
    print(f"{number} at once, and one that was held")


def slow(address, size):
    with connect(address) as connection:
        connection.sendall(b"SEND %d\n" % size)
        assert connection.recv(1, socket.MSG_PEEK)
        # Until nothing moves any more: what is under way fills the buffers of all of them.
        waiting = b""
        while (now := connection.recv(1 << 22, socket.MSG_PEEK)) != waiting:
            waiting = now
            time.sleep(0.2)
        assert read_all(connection) == size
    print(f"{size} bytes")


def cut(address, size):
    with connect(address) as connection:
        connection.sendall(b"CUT %d\n" % size)
        try:
            print(f"a good end after {read_all(connection)} bytes")
        except ConnectionResetError:
            print("a reset")


def abandon(address):
    with connect(address) as connection:
        connection.sendall(b"SEND 1000000000\n")
        assert connection.recv(1)


def hold(address):
    with connect(address) as connection, connection.makefile("rwb") as lines:
        lines.write(b"HOLD\n")
        for line in sys.stdin.buffer:
            lines.write(line)
            lines.flush()
            print(lines.readline().decode().rstrip("\n"), flush=True)


def main():
    address, what, *numbers = sys.argv[1:]
    does = {"hash": upload, "crowd": crowd, "slow": slow, "cut": cut, "abandon": abandon, "hold": hold}
    does[what](address, *map(int, numbers))


main()
