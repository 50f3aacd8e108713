# SPDX-License-Identifier: Apache-2.0
"""Asks over connections whose other end is not who it seems: label_tricks.py TRICK [ARGUMENT...].

Prints the words of the answer.

Each trick sends a bare digest for the first key of the list, which the agent refuses with a sentence that names the
program: the label. The program is the interpreter under whatever name it was started."""
import array
import os
import socket
import struct
import sys

import wire

EC_P256 = 0x0403


def question(connection):
    """The frame that asks for a signature over a digest with the first key."""
    key = wire.identities(connection)[0][0]["spki_hash"]
    return wire.sign_digest_message(key, EC_P256, bytes(32))


def words(connection):
    try:
        connection.answer()
        return "signed"
    except wire.Refused as refused:
        return refused.text
    except (EOFError, BrokenPipeError, ConnectionResetError) as error:
        return f"closed: {error}"


def adopt(descriptor):
    connection = wire.Connection.__new__(wire.Connection)
    connection.socket = socket.socket(fileno=descriptor)
    connection.socket.settimeout(wire.DEADLINE_S)
    return connection


def connected_by_a_child(end=True):
    """A connection whose connecting process passed it on (SCM_RIGHTS) and ended; (connection, pid)."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        connection = wire.Connection()
        theirs.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                 array.array("i", [connection.socket.fileno()]))])
        theirs.recv(1)
        os._exit(0)
    _, rights, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
    descriptor = struct.unpack("i", rights[0][2][:4])[0]
    if end:
        ours.send(b"x")
        os.waitpid(child, 0)
    return adopt(descriptor), child, ours


def plain():
    """Who connects asks."""
    with wire.Connection() as connection:
        connection.send(question(connection))
        print(words(connection))


def passed_on():
    """B4: who connected has ended, and has been waited for."""
    frame = question(wire.Connection())
    connection, _, _ = connected_by_a_child()
    connection.send(frame)
    print(words(connection))


def reused(impostor):
    """B5: who connected has ended, and its number is another program's by now."""
    frame = question(wire.Connection())
    connection, pid, _ = connected_by_a_child()
    for _ in range(200):
        try:
            with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as last:
                last.write(str(pid - 1))
        except OSError:
            sys.exit(77)
        started = os.fork()
        if started == 0:
            os.execv(impostor, [impostor, "60"]) if os.getpid() == pid else os._exit(0)
        if started == pid:
            break
        os.waitpid(started, 0)
    else:
        sys.exit(77)
    while open(f"/proc/{pid}/comm", encoding="ascii").read().strip() != os.path.basename(impostor):
        pass
    try:
        connection.send(frame)
        print(words(connection))
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def executed(program):
    """B6: who connected becomes another program, which asks over the connection it was left."""
    connection = wire.Connection()
    frame = question(connection)
    with open(os.environ["T"] + "/frame", "wb") as file:
        file.write(frame)
    os.set_inheritable(connection.socket.fileno(), True)
    os.execv(program, [program, __file__, "left", str(connection.socket.fileno())])


def left(descriptor):
    connection = adopt(int(descriptor))
    with open(os.environ["T"] + "/frame", "rb") as file:
        connection.send(file.read())
    print(words(connection))


def given_to(uid):
    """A connection of ours in the hands of another user: it asks as we would."""
    connection = wire.Connection()
    frame = question(connection)
    os.setgroups([])
    os.setgid(int(uid))
    os.setuid(int(uid))
    connection.send(frame)
    print(words(connection))
    print(words(wire.Connection()))


def write_frame(path):
    with open(path, "wb") as file:
        file.write(question(wire.Connection()))


def read_answer(path):
    with open(path, "rb") as file:
        data = file.read()
    fields = wire.Fields(data[13:])
    print(fields.u32(), fields.text())


TRICKS = {trick.__name__: trick for trick in (plain, passed_on, reused, executed, left, given_to, write_frame,
                                              read_answer)}
TRICKS[sys.argv[1]](*sys.argv[2:])
