#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rooms and the direction of dependency (docs/architecture.md): which room may include which, and whose libraries.

Every include of ours is qualified from the root of the sources and exists. A room includes itself and the rooms of its
row in ROOMS, nothing else; a header of a library is included only where EXTERNAL says so. Tests may include all.

usage: layering.py SOURCE-FOLDER               exit code 1 with a line for each violation
       layering.py SOURCE-FOLDER --self-test   plants one violation of each kind in a copy: each must be found
"""
import pathlib
import re
import shutil
import sys
import tempfile

ROOMS = {
    "lib/base": set(),
    "lib/protocol": {"lib/base"},
    "lib/tls": {"lib/base", "lib/protocol"},
    "pkcs11": {"lib/base", "lib/protocol"},
    "agent": {"lib/base", "lib/protocol", "lib/tls"},
    "agent/helpers": {"lib/base", "lib/protocol", "lib/tls"},
    "client": {"lib/base", "lib/protocol"},
    "client/tap": {"lib/protocol"},
    "client/openssl": {"client", "client/tap", "lib/base", "lib/protocol"},
    "client/tls": {"client", "lib/base", "lib/protocol"},
    "client/engine": {"client", "client/tls", "lib/base", "lib/protocol"},
    "client/module": {"client", "lib/base", "lib/protocol"},
    "enrol/base": {"client", "client/openssl", "client/tls", "lib/base", "lib/protocol", "lib/tls"},
    "enrol/drivers": {"enrol/base", "client", "client/openssl", "client/tls", "lib/base", "lib/protocol", "lib/tls"},
    "enrol/status": {"enrol/base", "client", "lib/base", "lib/protocol", "lib/tls"},
    "enrol": {"enrol/base", "enrol/drivers", "enrol/status", "client", "lib/base", "lib/protocol", "lib/tls"},
    "cli": {"client", "lib/base", "lib/protocol"},
    "tunnel": {"client", "client/tls", "lib/base", "lib/protocol"},
    "explain": {"client", "client/tls", "tunnel", "lib/base", "lib/protocol"},
}

# Headers of libraries, by the first part of their path, and who may include them. Everything else with a slash must be
# the C library's or the kernel's.
EXTERNAL = {
    "openssl": {"lib/tls", "agent", "pkcs11", "client/openssl", "client/engine", "client/tap", "client/tls",
                "tunnel", "explain", "cli", "enrol", "enrol/base", "enrol/drivers", "enrol/status"},
    "systemd": {"agent", "agent/helpers"},
    "p11-kit": {"pkcs11", "client/module"},
    "p11-kit-1": {"pkcs11"},
    "libp11.h": {"pkcs11"},
    "curl": {"enrol/base"},
    "jansson.h": {"cli", "explain", "enrol", "enrol/drivers"},
    "assuan.h": {"agent/helpers"},
    "seccomp.h": {"lib/base"},
    "dlfcn.h": {"pkcs11", "client/openssl"},
}
SYSTEM = {"sys", "linux", "netinet", "arpa", "asm", "sanitizer"}

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def room_of(path):
    """The innermost room of a path relative to the root, or None."""
    parts = path.parts
    for size in (2, 1):
        room = "/".join(parts[:size])
        if len(parts) > size and room in ROOMS:
            return room
    return None


def violations(root):
    for path in sorted([*root.rglob("*.c"), *root.rglob("*.h"), *root.rglob("*.def")]):
        relative = path.relative_to(root)
        if relative.parts[0] == "build" or relative.parts[0].startswith("."):
            continue
        room = room_of(relative)
        if room is None and relative.parts[0] != "tests":
            yield f"{relative}: stands in no room"
            continue
        for quote, name in INCLUDE.findall(path.read_text()):
            problem = quoted(root, room, name) if quote == '"' else angled(room, name)
            if problem:
                yield f"{relative}: {problem}"


def quoted(root, room, name):
    if "/" not in name or ".." in name:
        return f'"{name}" is not qualified from the root'
    if not (root / name).is_file():
        return f'"{name}" does not exist'
    theirs = room_of(pathlib.PurePath(name))
    if room is None or theirs == room:
        return None
    if theirs not in ROOMS[room]:
        return f'"{name}": {room} must not use {theirs or "tests"}'
    return None


def angled(room, name):
    first = name.split("/")[0]
    if room is None:
        return None
    if first in EXTERNAL:
        return None if room in EXTERNAL[first] else f"<{name}>: not in {room}"
    if "/" in name and first not in SYSTEM:
        return f"<{name}> is of a library that no room is known to use"
    return None


PLANTS = [
    ("lib/base/error.h", '#include "lib/protocol/frame.h"', "lib/base must not use lib/protocol"),
    ("agent/main.c", '#include "client/client.h"', "agent must not use client"),
    ("client/client.h", '#include "lib/tls/signable.h"', "client must not use lib/tls"),
    ("client/client.h", '#include <openssl/evp.h>', "<openssl/evp.h>: not in client"),
    ("enrol/base/http.c", '#include "enrol/state.h"', "enrol/base must not use enrol"),
    ("enrol/drivers/est.c", "#include <curl/curl.h>", "<curl/curl.h>: not in enrol/drivers"),
    ("agent/main.c", "#include <dlfcn.h>", "<dlfcn.h>: not in agent"),
    ("agent/main.c", "#include <assuan.h>", "<assuan.h>: not in agent"),
    ("agent/main.c", "#include <p11-kit/pkcs11.h>", "<p11-kit/pkcs11.h>: not in agent"),
    ("agent/main.c", '#include "settings.h"', "is not qualified"),
    ("agent/main.c", '#include "agent/no_such_file.h"', "does not exist"),
    ("agent/main.c", "#include <event2/event.h>", "no room is known to use"),
]


def self_test(root):
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        for top in {room.split("/")[0] for room in ROOMS}:
            if (root / top).is_dir():
                shutil.copytree(root / top, copy / top)
        for name, line, expected in PLANTS:
            original = (copy / name).read_text()
            (copy / name).write_text(f"{line}\n{original}")
            found = [text for text in violations(copy) if expected in text and text.startswith(name)]
            print(f"{'ok' if found else 'MISSED'}: a planted {line} in {name} is found")
            missed += not found
            (copy / name).write_text(original)
    return missed


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1]).resolve()
    if sys.argv[2:] == ["--self-test"]:
        sys.exit(1 if self_test(folder) else 0)
    problems = list(violations(folder))
    print("\n".join(problems) or "ok: every include goes in the direction of docs/architecture.md")
    sys.exit(1 if problems else 0)
