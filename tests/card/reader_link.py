# SPDX-License-Identifier: Apache-2.0
"""A card in a slot of vpcd, the virtual reader of the Virtual Smart Card Architecture, over TCP.

    [two bytes: length] [message]    one byte: 0 power off, 1 power on, 2 reset, 4 the ATR is asked for
                                     more: a command APDU; answered in the same form
    connecting is inserting, closing is removing; vpcd looks for both when pcscd polls it, 2.5 times a second

     out ──insert()──▶ wanted ──connected──▶ connected ──ATR asked──▶ present
      ▲                  ▲                      │                        │
      │                  └──── pcscd went ──────┴────────────────────────┤
      └───────────── remove(), drop-next, remove-after ──────────────────┘

Runs in: the virtual card, a thread of its own; `changed` is the lock of all that others look at.
Must never: hold `changed` over a read; answer a command after remove() has returned.
"""
import socket
import struct
import threading
import time

import apdu
import faults
import piv_applet

POWER_OFF, POWER_ON, RESET, GET_ATR = 0, 1, 2, 4
# How soon a pcscd that starts again finds the card; there is no event for a port that somebody listens on again.
RECONNECT_S = 0.05
SECRETS = {piv_applet.INS_VERIFY, piv_applet.INS_CHANGE_REFERENCE_DATA, piv_applet.INS_RESET_RETRY_COUNTER}


def make_atr(historical):
    """T=1, direct convention, historical bytes, check byte (ISO 7816-3 section 8)."""
    atr = bytes([0x80 | len(historical), 0x80, 0x01]) + historical
    check = 0
    for byte in atr:
        check ^= byte
    return b"\x3b" + atr + bytes([check])


ATR = make_atr(b"keystay PIV")


class Removed(Exception):
    """The card is out of the reader, or the reader is gone."""


class ReaderLink:
    def __init__(self, port, log):
        self.port, self.log = port, log
        self.changed = threading.Condition(threading.RLock())
        self.faults = faults.Faults()
        self.card = self.applet = self.chaining = None
        self.socket = None
        self.wanted = self.present = self.hanging = self.released = False
        self.apdus = self.insertions = self.resets = 0
        threading.Thread(target=self.run, daemon=True).start()

    # --- what the control socket asks for --------------------------------------------------------------------------

    def insert(self, card):
        """The reader must be empty."""
        with self.changed:
            self.card = card
            self.applet = piv_applet.PivApplet(card)
            self.chaining = apdu.Chaining(self.applet.handle)
            self.wanted = True
            self.changed.notify_all()

    def remove(self):
        """Returns when the connection is closed."""
        with self.changed:
            self.take_out()
            self.changed.wait_for(lambda: self.socket is None)

    def take_out(self):
        self.wanted = self.present = False
        self.faults.remove_after = None
        if self.socket:
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the reader went first
        self.changed.notify_all()

    def release(self):
        """Ends a hang."""
        with self.changed:
            self.released = True
            self.changed.notify_all()

    def reset(self):
        """The card loses its security status, as after a warm reset by somebody else."""
        with self.changed:
            self.resets += 1
            self.applet.reset()
            self.chaining.reset()
            self.changed.notify_all()

    # --- the thread -------------------------------------------------------------------------------------------------

    def run(self):
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.wanted)
            try:
                connection = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                time.sleep(RECONNECT_S)
                continue
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.serve(connection)

    def serve(self, connection):
        with self.changed:
            if not self.wanted:
                return
            self.socket = connection
            self.insertions += 1
            self.log("in the reader:", self.card.name)
        try:
            while True:
                self.answer(connection, receive(connection))
        except (OSError, Removed) as reason:
            with self.changed:
                self.socket, self.present = None, False
                self.reset()
                self.log("out of the reader:", reason)

    def answer(self, connection, message):
        with self.changed:
            if not self.wanted:
                raise Removed("removed")
            if message == bytes([GET_ATR]):
                send(connection, ATR)
                self.present = True
                self.changed.notify_all()
            elif len(message) == 1:
                self.reset()
            else:
                send(connection, self.exchange(message))
                if self.faults.last_apdu():
                    self.take_out()

    def exchange(self, raw):
        """One APDU, with what was planned to go wrong."""
        try:
            command = apdu.parse(raw)
        except ValueError:
            return apdu.status(apdu.SW_WRONG_LENGTH)
        self.apdus += 1
        answer = self.perform(command)
        hidden = command.ins in SECRETS and command.data
        self.log(f"{raw[:5].hex()} (a secret)" if hidden else shortened(raw), "->", shortened(answer))
        self.changed.notify_all()
        return answer

    def perform(self, command):
        if not command.is_last_part:
            return self.chaining.exchange(command)
        hang_ms = self.faults.take("hang", command)
        if hang_ms is not None:
            self.hang(hang_ms)
        if command.ins == piv_applet.INS_GENERAL_AUTHENTICATE and self.faults.delay_ms:
            self.changed.wait_for(lambda: not self.wanted, self.faults.delay_ms / 1000)
        if not self.wanted:
            raise Removed("removed during a command")
        sw = self.faults.take("fail", command)
        if sw is not None:
            self.chaining.reset()
            return apdu.status(sw)
        answer = self.chaining.exchange(command)
        if self.faults.take("drop", command) is not None:
            self.take_out()
            raise Removed("vanished instead of an answer")
        return answer

    def hang(self, ms):
        self.hanging, self.released = True, False
        self.log("hangs")
        self.changed.notify_all()
        self.changed.wait_for(lambda: self.released or not self.wanted, ms / 1000 if ms else None)
        self.hanging = False
        self.changed.notify_all()


def shortened(data):
    """For the log: the beginning and the status word tell the story."""
    return data.hex() if len(data) <= 40 else f"{data[:24].hex()}…{data[-2:].hex()} ({len(data)} bytes)"


def receive(connection):
    (length,) = struct.unpack(">H", receive_bytes(connection, 2))
    return receive_bytes(connection, length)


def receive_bytes(connection, size):
    data = b""
    while len(data) < size:
        # vpcd writes length and message apart and Nagle's algorithm waits for our acknowledgement of the first: without
        # this every APDU takes 40 ms. The kernel forgets the option, so it is set each time (tcp(7)).
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        part = connection.recv(size - len(data))
        if not part:
            raise Removed("the reader closed the connection")
        data += part
    return data


def send(connection, message):
    connection.sendall(struct.pack(">H", len(message)) + message)
