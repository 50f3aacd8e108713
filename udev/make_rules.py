#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make_rules: checks the table of tokens and readers and makes the udev rules of it.

usage: make_rules.py TABLE RULES        writes RULES; exit code 1 with a line for each mistake of TABLE
       make_rules.py --check TABLE      only looks for mistakes
       make_rules.py --self-test TABLE  plants one mistake of each kind in TABLE: each must be found

Runs at build time. Nothing that it makes is committed.
"""
import pathlib
import re
import sys

# In the order of the table; what a value looks like.
KINDS = {
    "interface": re.compile(r"[0-9a-f?]{6}"),
    "usb": re.compile(r"[0-9a-f]{4}:([0-9a-f?]{4}|\*)"),
    "subsystem": re.compile(r"[a-z][a-z0-9_]*"),
}

HEAD = """\
# Made of udev/tokens.txt: the devices through which a token of keystay may come or go.
#
# Tag "keystay": what keystay-agent watches for. Tag "uaccess": whoever sits at the machine may open the device; this
# has an effect only in a file that sorts before 73-seat-late.rules. No uaccess for a TPM, which is everybody's on this
# machine and not of the seat: its group, tss, says who may use it. Tag "systemd" and SYSTEMD_USER_WANTS: the plugged
# device opens the sockets of the user's agent, which then starts with its first client.
# The tags of a device that is removed are those that it had: udev knows them still.

ACTION=="remove", GOTO="keystay_end"
"""

MARK = 'TAG+="keystay", TAG+="systemd", ENV{SYSTEMD_USER_WANTS}+="keystay-agent.socket"'


def read(text):
    """(number, fields) of each row; fields are what stands between tabs."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.split("\t")


def covers(general, special):
    """Does one value match whatever another matches? Digits and ? of the same length, or a * at the end."""
    if general.endswith("*"):
        return special.startswith(general[:-1])
    return len(general) == len(special) and all(a in ("?", b) for a, b in zip(general, special))


def mistakes(text):
    before, seen = None, []
    for number, fields in read(text):
        if len(fields) != 3 or any(field != field.strip() or not field for field in fields):
            yield f"{number}: a row is a kind, a value and a name with one tab between them"
            continue
        kind, value, name = fields
        if kind not in KINDS:
            yield f'{number}: "{kind}" is none of {", ".join(KINDS)}'
            continue
        if not KINDS[kind].fullmatch(value):
            yield f'{number}: "{value}" is no value of the kind {kind}'
        if not name.isprintable():
            yield f"{number}: the name has characters that cannot be printed"
        place = (list(KINDS).index(kind), value)
        if before and place < before:
            yield f'{number}: "{value}" belongs further up: kinds in the order {", ".join(KINDS)}, then values'
        before = place
        for other_kind, other in seen:
            if kind == other_kind and (covers(other, value) or covers(value, other)):
                yield f'{number}: "{value}" and the row "{other}" say the same'
        seen.append((kind, value))
    if before is None:
        yield "0: the table is empty"


def rules(text):
    rows = [fields for _, fields in read(text)]
    lines = [HEAD]
    for kind, value, name in rows:
        if kind == "subsystem":
            lines += [f"# {name}", f'SUBSYSTEM=="{value}", {MARK}']
    lines += ["", 'SUBSYSTEM!="usb", GOTO="keystay_end"', 'ENV{DEVTYPE}!="usb_device", GOTO="keystay_end"', ""]
    for kind, value, name in rows:
        if kind == "interface":  # 50-udev-default.rules has usb_id list them: ":0b0000:030101:"
            lines += [f"# {name}", f'ENV{{ID_USB_INTERFACES}}=="*:{value}:*", GOTO="keystay_usb"']
        elif kind == "usb":
            vendor, product = value.split(":")
            match = "" if product == "*" else f', ATTR{{idProduct}}=="{product}"'
            lines += [f"# {name}", f'ATTR{{idVendor}}=="{vendor}"{match}, GOTO="keystay_usb"']
    lines += ['GOTO="keystay_end"', "", 'LABEL="keystay_usb"', f'TAG+="uaccess", {MARK}', "", 'LABEL="keystay_end"']
    return "\n".join(lines) + "\n"


def self_test(text):
    rows = [(number, "\t".join(fields)) for number, fields in read(text)]
    first, last = rows[0][1], rows[-1][1]
    usb = [row for _, row in rows if row.startswith("usb\t") and row.split("\t")[1][5:].isalnum()]
    covered = re.sub(r":....", ":*", usb[1], count=1)
    planted = {
        "a row twice": text.replace(usb[0], f"{usb[0]}\n{usb[0]}"),
        "two rows in the wrong order": text.replace(usb[0], "@").replace(usb[1], usb[0]).replace("@", usb[1]),
        "kinds in the wrong order": text.replace(first, "@").replace(last, first).replace("@", last),
        "a row that another covers": text.replace(usb[1], f"{covered}\n{usb[1]}"),
        "a space for a tab": text.replace(usb[0], usb[0].replace("\t", " ", 1)),
        "a row without a name": text.replace(usb[0], usb[0].rsplit("\t", 1)[0]),
        "upper-case digits": text.replace(first, first.replace("0b", "0B")),
        "a vendor of five digits": text.replace(usb[0], usb[0].replace("usb\t", "usb\t0")),
        "an unknown kind": text.replace(first, f"pci\t{first.split(chr(9), 1)[1]}"),
        "no row at all": "# nothing\n",
    }
    missed = 0
    for what, table in planted.items():
        found = list(mistakes(table))
        print(f"ok: {what} is found: {found[0]}" if found else f"MISSED: {what}")
        missed += not found
    return missed


def main(arguments):
    if len(arguments) != 2:
        sys.exit(__doc__)
    option, table = (arguments[0], arguments[1]) if arguments[0].startswith("--") else (None, arguments[0])
    text = pathlib.Path(table).read_text()
    if option == "--self-test":
        return 1 if self_test(text) else 0
    found = list(mistakes(text))
    for mistake in found:
        print(f"{table}:{mistake}", file=sys.stderr)
    if found:
        return 1
    if option == "--check":
        print("ok: the table of tokens and readers is sorted, without a row twice, each row well-formed")
    elif option is None:
        pathlib.Path(arguments[1]).write_text(rules(text))
    else:
        sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
