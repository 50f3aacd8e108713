#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A virtual PIV card and the hand that puts it in a reader, takes it out and makes it misbehave.

usage: virtual_card.py --port PORT --control SOCKET --log FILE

PORT is a slot of vpcd on 127.0.0.1. The reader is empty at first. One line with words on the control socket, one line
as answer, "ok", JSON or "error: why"; it comes when the thing is done (README.md has the words). Says "ready" on
standard output when the control socket accepts.

Runs in: the namespaces that tests/integration/rig_card.sh makes.
Must never: write a PIN into its log.
"""
import argparse
import json
import os
import pathlib
import shlex
import socketserver
import time

import card_folder
import faults
import reader_link

# A pcscd that is there asks for the ATR within 0.8 seconds.
DEADLINE_S = 20


class Refused(Exception):
    """The words make no sense, or not now."""


class Control:
    """The words of the control socket: a method each, named like it."""

    def __init__(self, link, log_path):
        self.link, self.log_path = link, log_path
        self.cards = {}

    def run(self, line):
        word, *arguments = shlex.split(line) or [""]
        method = getattr(self, "do_" + word.replace("-", "_"), None)
        if method is None:
            return f"error: no word {word!r}"
        try:
            return method(*arguments) or "ok"
        except (Refused, TypeError, ValueError, KeyError, OSError) as error:
            return f"error: {word}: {error}"

    def card_of(self, folder):
        """The same card object for a folder each time, so that its counts go on."""
        path = pathlib.Path(folder).resolve()
        if path not in self.cards:
            self.cards[path] = card_folder.CardFolder(path)
        return self.cards[path]

    def card(self):
        if self.link.card is None:
            raise Refused("no card was inserted yet")
        return self.link.card

    # --- in and out --------------------------------------------------------------------------------------------------

    def do_insert(self, folder=None):
        """Done when pcscd has asked for the ATR."""
        with self.link.changed:
            if self.link.wanted:
                raise Refused(f"{self.link.card.name} is in the reader")
            self.link.insert(self.card_of(folder) if folder else self.card())
            self.wait_for(lambda: self.link.present, "pcscd did not ask for the ATR")

    def do_remove(self):
        self.link.remove()

    def do_swap(self, folder):
        self.link.remove()
        self.do_insert(folder)

    def do_reset(self):
        self.card()
        self.link.reset()

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def do_delay(self, ms):
        self.link.faults.delay_ms = int(ms)

    def do_hang_next(self, ms="0", kind="sign"):
        self.link.faults.plan("hang", kind, int(ms))

    def do_release(self):
        self.link.release()

    def do_drop_next(self, kind="sign"):
        self.link.faults.plan("drop", kind, True)

    def do_fail_next(self, sw, kind="sign"):
        self.link.faults.plan("fail", kind, int(sw, 16))

    def do_remove_after(self, n_apdus):
        if int(n_apdus) < 1:
            raise Refused("at least one APDU")
        self.link.faults.remove_after = int(n_apdus)

    def do_no_faults(self):
        with self.link.changed:
            self.link.faults = faults.Faults()
            self.link.release()

    def do_rewrite_certificate(self, slot, pem_file):
        with self.link.changed:
            self.card().write_certificate(slot, pathlib.Path(pem_file).read_text())

    def do_certificate_file(self, slot):
        """The path of the object, for who wants to compare."""
        return str(self.card().object_path(card_folder.CERTIFICATES[slot]))

    def do_set_tries(self, n):
        with self.link.changed:
            self.card().state["pin"]["left"] = int(n)
            self.card().save()

    # --- what is seen -------------------------------------------------------------------------------------------------

    def status(self):
        link, card = self.link, self.link.card
        state = {"card": None, "present": link.present, "hanging": link.hanging, "apdus": link.apdus,
                 "insertions": link.insertions, "resets": link.resets}
        if card:
            seen = card.state["verifies"]
            state |= {"card": card.name, "tries": card.pin.left, "puk_tries": card.puk.left,
                      "verifies": seen["good"] + seen["bad"] + seen["refused"], "verifies_good": seen["good"],
                      "verifies_bad": seen["bad"], "verifies_refused": seen["refused"], "tries_asked": seen["asked"],
                      "signatures": card.signatures, "authenticates": card.authenticates,
                      "verified": link.applet.pin_verified}
        return state

    def do_status(self, field=None):
        with self.link.changed:
            state = self.status()
        return json.dumps(state if field is None else state[field])

    def do_wait(self, field, wanted, deadline_s=str(DEADLINE_S)):
        """Until a field of status is so, a number at least so much."""
        wanted = json.loads(wanted)

        def reached():
            value = self.status().get(field)
            is_number = isinstance(wanted, int) and not isinstance(wanted, bool) and value is not None
            return value >= wanted if is_number else value == wanted
        self.wait_for(reached, f"{field} did not become {wanted}", float(deadline_s))

    def wait_for(self, predicate, complaint, deadline_s=DEADLINE_S):
        with self.link.changed:
            if not self.link.changed.wait_for(predicate, deadline_s):
                raise Refused(f"{complaint} within {deadline_s} seconds")

    def do_log(self):
        return self.log_path.read_text().rstrip("\n")

    def do_quit(self):
        self.link.remove()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode().strip()
        try:
            self.wfile.write(f"{self.server.control.run(line)}\n".encode())
        except BrokenPipeError:
            pass  # who asked has gone
        if line == "quit":
            os._exit(0)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control", required=True)
    parser.add_argument("--log", type=pathlib.Path, required=True)
    options = parser.parse_args()
    log_file = options.log.open("a")

    def log(*words):
        print(f"{time.monotonic():.3f}", *words, file=log_file, flush=True)
    with Server(options.control, Handler) as server:
        server.control = Control(reader_link.ReaderLink(options.port, log), options.log)
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
