#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
sign_watcher: stands between programs and the agent's sign socket, hands everything on, and prints a line for each SIGN:

    SIGN program=curl input=146 transcript=2778 matches=yes

matches: the hash of the transcript is the one that the TLS 1.3 input holds (RFC 8446 section 4.4.3).

With FOLDER the input and the transcript of the last SIGN stand there in the files input and transcript.

usage: sign_watcher.py LISTEN AGENT [FOLDER]
"""
import hashlib
import pathlib
import socket
import struct
import sys

SIGN = 5
PREFIX = 98  # of a TLS 1.3 input, before its hash


def read(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def read_frame(connection):
    head = read(connection, 4)
    return head + read(connection, struct.unpack(">I", head)[0])


def strings(body, at, count):
    for _ in range(count):
        (size,) = struct.unpack_from(">I", body, at)
        yield body[at + 4 : at + 4 + size]
        at += 4 + size


def tell(frame, folder):
    body = frame[5 + 8 :]
    (hash_size,) = struct.unpack_from(">I", body, 0)
    at = 4 + hash_size + 4  # the key's hash, the scheme
    given, transcript = strings(body, at, 2)
    at += 8 + len(given) + len(transcript) + 4  # wait_ms
    (program,) = strings(body, at, 1)
    if folder:
        (folder / "input").write_bytes(given)
        (folder / "transcript").write_bytes(transcript)
    digest = given[PREFIX:]
    make = {32: hashlib.sha256, 48: hashlib.sha384}.get(len(digest))
    matches = bool(transcript) and make is not None and make(transcript).digest() == digest
    print(
        f"SIGN program={program.decode()} input={len(given)} transcript={len(transcript)}"
        f" matches={'yes' if matches else 'no'}",
        flush=True,
    )


def main():
    listen, agent = sys.argv[1:3]
    folder = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(listen)
    listener.listen(64)
    print("listening", flush=True)
    while True:
        client, _ = listener.accept()
        with client, socket.socket(socket.AF_UNIX) as way:
            try:
                frame = read_frame(client)
                if frame[4] == SIGN:
                    tell(frame, folder)
                way.connect(agent)
                way.sendall(frame)
                client.sendall(read_frame(way))
            except (EOFError, OSError):
                pass


main()
