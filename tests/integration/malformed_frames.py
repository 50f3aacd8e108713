# SPDX-License-Identifier: Apache-2.0
"""Sends the agent what it must not choke on; each function is one rule of docs/protocol.md sections 1 to 3.

usage: malformed_frames.py AGENT-PID ALLOWED-GROWTH-IN-KIB
"""
import os
import random
import socket
import struct
import sys
import time

import wire
from wire import Connection, control_path, frame, message, sign_path, string

SLACK_S = 8  # on a busy machine, over a deadline of the agent
FRAME_DEADLINE_S = 10
REPLY_DEADLINE_S = 10


def an_empty_connection_is_nothing():
    for path in sign_path(), control_path():
        Connection(path).close()


def length_zero_is_malformed():
    for path in sign_path(), control_path():
        with Connection(path) as agent:
            agent.send(struct.pack(">I", 0))
            assert agent.refusal() == wire.MALFORMED
            assert agent.closed()


def a_length_above_the_limit_is_refused_before_its_bytes():
    for length in wire.FRAME_MAX + 1, 0x7fffffff, 0x80000000, 0xffffffff:
        with Connection() as agent:
            agent.send(struct.pack(">I", length))
            assert agent.refusal() == wire.TOO_LARGE
            assert agent.closed()


def the_largest_frame_is_read():
    with Connection() as agent:
        agent.send(message(wire.LIST, struct.pack(">QI", 0, 0) + bytes(wire.FRAME_MAX - 1 - 8 - 12)))
        agent.answer()


def unknown_types_are_named():
    with Connection() as agent:
        for kind in 0, 10, 32, 126, 128, 255:
            agent.send(message(kind))
            assert agent.refusal() == wire.UNKNOWN_MESSAGE, kind
        for kind in wire.LIST_REPLY, wire.SIGN_REPLY, wire.ERROR:
            agent.send(message(kind))
            assert agent.refusal() in (wire.UNKNOWN_MESSAGE, wire.WRONG_SOCKET), kind


def requests_of_the_other_socket_are_refused():
    with Connection(sign_path()) as agent:
        for kind in wire.STATUS, wire.UNLOCK, wire.LOCK, wire.RELOAD:
            agent.send(message(kind, string(b"") + b"\0" + string(b"314159")))
            assert agent.refusal() == wire.WRONG_SOCKET, kind
    with Connection(control_path()) as agent:
        for kind in wire.LIST, wire.GET, wire.SIGN:
            agent.send(message(kind, string(b"")))
            assert agent.refusal() == wire.WRONG_SOCKET, kind
    for kind in range(65, 77):
        for path in sign_path(), control_path():
            with Connection(path) as agent:
                agent.send(message(kind, bytes(64)))
                assert agent.refusal() in (wire.WRONG_SOCKET, wire.UNKNOWN_MESSAGE), kind


def another_version_is_refused_with_its_id():
    for version in 0, 2, 0xffffffff:
        with Connection() as agent:
            agent.send(message(wire.LIST, struct.pack(">QI", 0, 0), request_id=77, version=version))
            kind, _, request_id, fields = agent.reply()
            assert (kind, request_id, fields.u32()) == (wire.ERROR, 77, wire.WRONG_VERSION)


def a_body_without_a_head_gets_id_zero():
    for size in range(8):
        with Connection() as agent:
            agent.send(frame(wire.LIST, bytes(size)))
            kind, _, request_id, fields = agent.reply()
            assert (kind, request_id, fields.u32()) == (wire.ERROR, 0, wire.MALFORMED), size


def every_cut_of_every_request_is_malformed():
    requests = [(sign_path(), wire.LIST, struct.pack(">QI", 0, 0)), (sign_path(), wire.GET, string(b"alice")),
                (control_path(), wire.LOCK, string(b"corp")),
                (control_path(), wire.UNLOCK, wire.unlock_message(b"corp", b"271828")[13:])]
    whole = wire.sign_message(bytes(32), 0x0403, wire.tls13_input())
    requests.append((sign_path(), wire.SIGN, whole[13:]))
    for path, kind, fields in requests:
        for size in range(len(fields)):
            with Connection(path) as agent:
                agent.send(message(kind, fields[:size], request_id=5))
                head, _, request_id, reply = agent.reply()
                assert (head, request_id, reply.u32()) == (wire.ERROR, 5, wire.MALFORMED), (kind, size)


def nested_lengths_beyond_the_frame_are_malformed():
    for length in 2, 0x7fffffff, 0xffffffff:
        with Connection() as agent:
            agent.send(message(wire.GET, struct.pack(">I", length) + b"x"))
            assert agent.refusal() in (wire.MALFORMED, wire.TOO_LARGE), length


def text_that_is_no_text_is_malformed():
    for text in b"\xff", b"a\0b", b"\x1b[31m", b"\xc3", b"\xed\xa0\x80", b"line\nbreak", b"\x7f", b"\xc2\x80":
        with Connection() as agent:
            agent.send(message(wire.GET, string(text)))
            assert agent.refusal() == wire.MALFORMED, text


def a_field_above_its_limit_is_too_large():
    with Connection() as agent:
        agent.send(message(wire.GET, string(1025 * b"x")))
        assert agent.refusal() == wire.TOO_LARGE
        agent.send(wire.sign_message(bytes(32), 0x0403, bytes(196608), bytes(1)))
        assert agent.refusal() == wire.TOO_LARGE
        agent.send(wire.sign_message(bytes(31), 0x0403, bytes(10)))
        assert agent.refusal() in (wire.TOO_LARGE, wire.MALFORMED)


def bytes_behind_the_last_field_are_ignored():
    with Connection() as agent:
        agent.send(message(wire.LIST, struct.pack(">QI", 0, 0) + b"a later release"))
        agent.answer()


def a_connection_goes_on_after_an_error():
    with Connection() as agent:
        agent.send(message(wire.GET, b""))
        assert agent.refusal() == wire.MALFORMED
        agent.call(wire.LIST, struct.pack(">QI", 0, 0))


def pipelined_requests_are_answered_in_order():
    count = 1000
    with Connection() as agent:
        agent.socket.setblocking(False)
        out = b"".join(message(wire.GET, string(b"alice"), request_id=number + 1) for number in range(count))
        seen, received = 0, b""
        end = time.monotonic() + wire.DEADLINE_S
        while seen < count:
            assert time.monotonic() < end
            try:
                out = out[agent.socket.send(out):] if out else out
            except BlockingIOError:
                pass
            try:
                received += agent.socket.recv(65536)
            except BlockingIOError:
                continue
            while len(received) >= 4 and len(received) >= 4 + (size := struct.unpack(">I", received[:4])[0]):
                kind, _, request_id = struct.unpack(">BII", received[4:13])
                seen += 1
                assert (kind, request_id) == (wire.GET_REPLY, seen)
                received = received[4 + size:]


def requests_come_in_any_pieces():
    request = message(wire.GET, string(b"alice"))
    with Connection() as agent:
        for at in range(len(request)):
            agent.send(request[at:at + 1])
        agent.answer()
        for cut in range(1, len(request)):
            agent.send(request[:cut])
            agent.send(request[cut:])
            agent.answer()


def a_half_closed_connection_is_still_answered():
    with Connection() as agent:
        agent.send(message(wire.GET, string(b"alice")))
        agent.socket.shutdown(socket.SHUT_WR)
        agent.answer()
        assert agent.closed()


def a_client_that_dies_in_the_middle_is_forgotten():
    request = wire.sign_message(bytes(32), 0x0403, wire.tls13_input())
    for cut in 1, 4, 5, 60, len(request) - 1, len(request):
        with Connection() as agent:
            agent.send(request[:cut])


def passed_descriptors_are_dropped():
    before = descriptors()
    for _ in range(20):
        with Connection() as agent:
            own = [os.open("/dev/null", os.O_RDONLY) for _ in range(10)]
            socket.send_fds(agent.socket, [message(wire.GET, string(b"alice"))], own)
            for descriptor in own:
                os.close(descriptor)
            try:
                agent.answer()
            except (EOFError, wire.Refused):
                pass
    assert descriptors() <= before + 2, "the agent kept descriptors that were passed to it"


def random_bytes_do_no_harm():
    source = random.Random(20200907)
    for _ in range(400):
        with Connection(source.choice([sign_path(), control_path()])) as agent:
            body = source.randbytes(source.randrange(200))
            if source.random() < 0.7:
                body = frame(source.choice([1, 3, 5, 33, 37, source.randrange(256)]), struct.pack(">II", 1, 1) + body)
            try:
                agent.send(body)
                agent.socket.shutdown(socket.SHUT_WR)
                while agent.read(4096):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass


def slow_senders_and_deaf_readers_are_closed():
    """Together, as they wait for the agent's deadlines of ten seconds."""
    slow = [Connection(path) for path in (sign_path(), control_path()) for _ in range(3)]
    for number, agent in enumerate(slow):
        agent.send(message(wire.GET, string(b"alice"))[:(1, 4, 9)[number % 3]])
    deaf = Connection()
    deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    deaf.socket.setblocking(False)
    requests = 3000 * message(wire.GET, string(b"alice"))
    try:
        while requests:
            requests = requests[deaf.socket.send(requests):]
    except BlockingIOError:
        pass
    start = time.monotonic()
    for agent in slow:
        agent.socket.settimeout(FRAME_DEADLINE_S + SLACK_S)
        while agent.read(4096):
            pass
    took = time.monotonic() - start
    assert took > FRAME_DEADLINE_S / 2, f"slow senders were closed after {took:.1f} s, too early"
    # Its end shows when the agent closes with requests unread: writing fails then.
    deaf.socket.settimeout(REPLY_DEADLINE_S + SLACK_S)
    try:
        while True:
            deaf.socket.sendall(message(wire.GET, string(b"alice")))
    except (BrokenPipeError, ConnectionResetError):
        pass
    with Connection() as agent:
        agent.call(wire.GET, string(b"alice"))


def idle_connections_without_a_frame_may_stay():
    """Opened before everything else and used at the end."""
    EARLY.call(wire.GET, string(b"alice"))


def descriptors():
    return len(os.listdir(f"/proc/{AGENT}/fd"))


def resident():
    with open(f"/proc/{AGENT}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


if __name__ == "__main__":
    AGENT = int(sys.argv[1])
    EARLY = Connection()
    readable = os.access(f"/proc/{AGENT}/fd", os.R_OK)
    rules = [value for value in list(globals().values())
             if callable(value) and getattr(value, "__module__", "") == "__main__"
             and value not in (descriptors, resident)]
    if not readable:
        rules.remove(passed_descriptors_are_dropped)
        print("SKIP: the agent's descriptors can be counted by root only")
    first_files, first_memory = (descriptors(), resident()) if readable else (0, 0)
    for rule in rules:
        rule()
        print("ok:", rule.__name__.replace("_", " "))
    if readable:
        files, memory = descriptors(), resident()
        assert files <= first_files + 4, f"descriptors grew from {first_files} to {files}"
        assert memory <= first_memory + int(sys.argv[2]), f"memory grew from {first_memory} to {memory} KiB"
        print("ok: no descriptor and no memory was left behind")
