#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
tunnel_server: a TLS server that wants a client certificate and does what the first line of a connection says:

    HASH        reads to the end, answers with how much it was and its SHA-256
    SEND n      sends n bytes and ends
    CUT n       sends n bytes and is gone without close_notify
    HOLD        echoes line by line

Prints "listening PORT", then "client NAME" for each handshake.

usage: tunnel_server.py CERTIFICATE KEY CLIENT-CA [1.2]
"""
import hashlib
import socket
import ssl
import sys
import threading

PIECE = bytes(range(256)) * 64


def send(stream, size):
    while size > 0:
        size -= stream.send(PIECE[: min(size, len(PIECE))])


def answer(stream, lines):
    word, *size = lines.readline().split()
    if word == b"HASH":
        digest, count = hashlib.sha256(), 0
        while piece := lines.read1(65536):
            digest.update(piece)
            count += len(piece)
        stream.sendall(f"{count} {digest.hexdigest()}\n".encode())
    elif word in (b"SEND", b"CUT"):
        send(stream, int(size[0]))
        if word == b"CUT":
            stream.close()
            return
    elif word == b"HOLD":
        while line := lines.readline():
            stream.sendall(line)
    stream.unwrap()


def serve(context, connection):
    try:
        with connection, context.wrap_socket(connection, server_side=True) as stream:
            names = dict(pair for entry in stream.getpeercert()["subject"] for pair in entry)
            print("client", names["commonName"], stream.version(), flush=True)
            with stream.makefile("rb") as lines:
                answer(stream, lines)
    except (OSError, ValueError):
        pass


def main():
    certificate, key, ca, *version = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    if version == ["1.2"]:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print("listening", listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(context, connection), daemon=True).start()


main()
