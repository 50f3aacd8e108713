# SPDX-License-Identifier: Apache-2.0
"""Starts one keystay-token, as the agent does, and prints what it says without being asked.

usage: worker_watch.py CONTROL KEYSTAY-TOKEN OPTION...

One line each: "token NUMBER LABEL", "key TOKEN LABEL", "inventory all|some none|slots|readers", "changed", "gone NUMBER",
"renew", "error CODE TEXT", "ended STATUS". CONTROL is a FIFO that takes lines: "rescan", "look" (for what has come),
"quit". Answers to those are not printed.

Why: the agent acts at once on what a worker says, so what was said can only be seen in its place.
"""
import os
import socket
import struct
import subprocess
import sys
import threading

import wire

TOKEN, KEY, CERTIFICATE, INVENTORY, RESCAN, RESCAN_REPLY, EVENT = 65, 66, 67, 68, 69, 70, 78
EVENTS = ("none", "slots", "readers")


def say(*words):
    print(*words, flush=True)


def show(kind, fields):
    fields.take(8)  # version and id
    if kind == TOKEN:
        say("token", fields.u32(), fields.take(fields.u32()).decode())
    elif kind == KEY:
        token = fields.u32()
        fields.u32()
        fields.take(fields.u32())
        say("key", token, fields.take(fields.u32()).decode())
    elif kind == INVENTORY:
        is_all = fields.take(1) != b"\0"
        say("inventory", "all" if is_all else "some", EVENTS[fields.u32()])
    elif kind == EVENT:
        event, token = fields.u32(), fields.u32()
        say(*{1: ("changed",), 2: ("gone", token), 3: ("renew",)}[event])
    elif kind == wire.ERROR:
        say("error", fields.u32(), fields.take(fields.u32()).decode())


def obey(control, channel):
    while True:
        with open(control, encoding="ascii") as lines:
            for line in lines:
                word = line.strip()
                if word == "quit":
                    channel.shutdown(socket.SHUT_WR)
                    return
                channel.sendall(wire.message(RESCAN, struct.pack(">B", word == "rescan")))


def main():
    control, *command = sys.argv[1:]
    ours, theirs = socket.socketpair()
    # What the worker writes itself is the log, as the agent would have it.
    worker = subprocess.Popen(["/bin/sh", "-c", f'exec "$@" 3<&{theirs.fileno()}', "sh", *command],
                              stdin=subprocess.DEVNULL, stdout=sys.stderr, pass_fds=[theirs.fileno()])
    theirs.close()
    say("worker", worker.pid)
    threading.Thread(target=obey, args=(control, ours), daemon=True).start()
    stream = ours.makefile("rb")
    while True:
        head = stream.read(5)
        if len(head) < 5:
            break
        size, kind = struct.unpack(">IB", head)
        show(kind, wire.Fields(stream.read(size - 1)))
    say("ended", worker.wait())
    os._exit(0)  # the other thread waits for the FIFO


main()
