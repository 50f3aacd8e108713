#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the Python client that docs/protocol.md shows against a listener that answers from the test vectors.

    try_example.py docs/protocol.md docs/protocol-vectors.txt
"""
import os
import re
import socket
import sys
import tempfile
import threading


def vectors_of(path):
    with open(path, encoding="utf-8") as file:
        blocks = file.read().split("\nvector ")[1:]
    return {block.split("\n", 1)[0]: bytes.fromhex("".join(re.findall(r"^frame (.*)$", block, re.M)))
            for block in blocks}


def with_id(frame, id):
    return frame[:9] + id.to_bytes(4, "big") + frame[13:]


def answer(listener, replies, requests):
    for reply in replies:
        connection, _ = listener.accept()
        with connection:
            file = connection.makefile("rb")
            length = file.read(4)
            requests.append(length + file.read(int.from_bytes(length, "big")))
            connection.sendall(reply)


def main(document, vectors):
    vectors = vectors_of(vectors)
    with open(document, encoding="utf-8") as file:
        example = re.search(r"```python\n(.*?)```", file.read(), re.S).group(1)
    client, requests = {}, []
    exec(compile(example, document, "exec"), client)

    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        os.environ["KEYSTAY_SOCK"] = os.path.join(folder, "agent.sock")
        listener.bind(os.environ["KEYSTAY_SOCK"])
        listener.listen()
        replies = [with_id(vectors[name], 1) for name in ("sign-reply-unverified", "error-token-locked")]
        thread = threading.Thread(target=answer, args=(listener, replies, requests), daemon=True)
        thread.start()
        request = vectors["sign-tls13"]
        spki_hash, tbs = request[17:49], request[57:57 + 130]
        assert client["sign"](spki_hash, 0x0403, tbs).hex() == "3006020101020102"
        try:
            client["sign"](spki_hash, 0x0403, tbs)
            return "the error reply was not noticed"
        except RuntimeError as error:
            assert str(error) == 'keystay: token "corp" is locked; run: keystay unlock corp', error
        thread.join()
    assert requests == 2 * [with_id(request, 1)], "the example forms another frame than vector sign-tls13"
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
