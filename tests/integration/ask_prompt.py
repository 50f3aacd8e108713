# SPDX-License-Identifier: Apache-2.0
"""Asks keystay-prompt one question, as keystay-agent does, and prints the answer: "pin PIN", "yes" or
"error CODE: SENTENCE".

When this process ends, however that happens, its channel closes and the dialog goes; so a story that wants the agent's
side of a cancelled dialog kills this one.

usage: ask_prompt.py KEYSTAY-PROMPT PINENTRY DESCRIPTION [FIELD=VALUE...]
       FIELD: kind (pin, confirm, show), timeout_ms, title, problem, label, ok, cancel, tty, term, display,
       wayland_display
"""
import os
import socket
import subprocess
import sys

import wire

PROMPT, PROMPT_REPLY = 97, 98
KINDS = {"pin": 1, "confirm": 2, "show": 3}


def question(pinentry, description, kind="pin", timeout_ms="20000", title="keystay", problem="", label="", ok="",
             cancel="", tty="", term="", display="", wayland_display=""):
    texts = [pinentry, title, description, problem, label, ok, cancel]
    where = [tty, term, display, wayland_display]
    return wire.message(PROMPT, KINDS[kind].to_bytes(4, "big") + b"".join(wire.string(t.encode()) for t in texts)
                        + int(timeout_ms).to_bytes(4, "big") + b"".join(wire.string(t.encode()) for t in where))


def main(program, pinentry, description, *fields):
    ours, theirs = socket.socketpair()
    number = theirs.fileno()

    def become_leader():
        os.setsid()
        os.dup2(number, 3)

    process = subprocess.Popen([program], preexec_fn=become_leader, pass_fds=(3,), stdin=subprocess.DEVNULL)
    theirs.close()
    ours.sendall(question(pinentry, description, **dict(field.split("=", 1) for field in fields)))
    data = b"".join(iter(lambda: ours.recv(65536), b""))
    process.wait()
    if not data:
        sys.exit(f"keystay-prompt ended with {process.returncode} and no answer")
    body = wire.Fields(data[13:])
    if data[4] == wire.ERROR:
        code = body.u32()
        print(f"error {code}: {body.take(body.u32()).decode()}")
    else:
        pin = body.take(body.u32()).decode()
        print(f"pin {pin}" if pin else "yes")


if __name__ == "__main__":
    main(*sys.argv[1:])
