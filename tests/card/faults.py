# SPDX-License-Identifier: Apache-2.0
"""What a card does wrong on demand.

A fault meant for the next command of one kind waits until such a command comes: `sign` (GENERAL AUTHENTICATE, the usual
one), `verify`, `ask` (a VERIFY without a PIN, which asks for the tries left), `select`, `read` (GET DATA) or `any`.

Runs in: the virtual card, under the lock of its reader.
Must never: lie about a PIN's counter; what a dropped VERIFY cost is on disk before the card vanishes.
"""
import piv_applet

KINDS = {
    piv_applet.INS_GENERAL_AUTHENTICATE: "sign",
    piv_applet.INS_VERIFY: "verify",
    piv_applet.INS_SELECT: "select",
    piv_applet.INS_GET_DATA: "read",
}
PLANNABLE = {*KINDS.values(), "ask", "any"}


def kind_of(command):
    if command.ins == piv_applet.INS_VERIFY and not command.data:
        return "ask"
    return KINDS.get(command.ins)


class Faults:
    def __init__(self):
        self.delay_ms = 0
        self.remove_after = None
        self.next = {}

    def plan(self, fault, kind, value):
        """fault: hang (milliseconds, 0 for until released), drop or fail (a status word)."""
        if kind not in PLANNABLE:
            raise ValueError(f"no kind of command is called {kind}; there are {', '.join(sorted(PLANNABLE))}")
        self.next[fault] = (kind, value)

    def take(self, fault, command):
        """The planned value, once; None when nothing is planned for such a command."""
        kind, value = self.next.get(fault, (None, None))
        if kind is None or kind not in ("any", kind_of(command)):
            return None
        del self.next[fault]
        return value

    def last_apdu(self):
        """Called for each: was this the last one before the card is taken out?"""
        if self.remove_after is None:
            return False
        self.remove_after -= 1
        if self.remove_after > 0:
            return False
        self.remove_after = None
        return True
