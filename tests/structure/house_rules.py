#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rules about the files themselves that a reviewer should not have to look for.

usage: house_rules.py SOURCE-FOLDER               exit code 1 with a line for each violation
       house_rules.py SOURCE-FOLDER --self-test   plants one violation of each rule: each must be found
"""
import pathlib
import re
import sys
import tempfile

SOURCES = {".c", ".h", ".def", ".py", ".sh", ".cmake", ".map"}
CODE = {".c", ".h"}
ROOMS = ["lib/base", "lib/protocol", "lib/tls", "pkcs11", "agent", "client", "client/openssl", "client/tls", "cli",
         "tunnel", "explain", "enrol", "enrol/base", "enrol/drivers", "enrol/status"]
NOT_OURS = {"build", ".git"}
LINES_MAX, README_MAX = 800, 30

# Put together here, so that this file does not break its own rule.
UNFINISHED = re.compile("|".join([r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bX" + r"XX\b", "not " + "implemented"]))


def files(root):
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and relative.parts[0] not in NOT_OURS and relative.parts[:3] != ("tests", "fuzz", "corpus"):
            yield relative, path


def is_source(relative, path):
    if relative.suffix in SOURCES or relative.name == "CMakeLists.txt":
        return True
    return not relative.suffix and path.read_bytes()[:2] == b"#!"


def text_of(path):
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return ""


def spdx_head(root):
    for relative, path in files(root):
        if is_source(relative, path) and "SPDX-License-Identifier: Apache-2.0" not in "".join(
                text_of(path).splitlines(True)[:2]):
            yield f"{relative}: no SPDX-License-Identifier in the first two lines"


def no_machine_paths(root):
    """The folder of this checkout and the one above, where their names cannot stand there by chance."""
    common = {pathlib.Path(name) for name in ("/", "/tmp", "/usr", "/opt", "/srv", "/home", "/var", "/root")}
    patterns = [re.escape(f"{folder}/") for folder in (root, root.parent)
                if folder not in common and not folder.is_relative_to("/usr") and not folder.is_relative_to("/home")]
    machine = re.compile("|".join(patterns or ["(?!)"]))
    for relative, path in files(root):
        for number, line in enumerate(text_of(path).splitlines(), 1):
            if machine.search(line):
                yield f"{relative}:{number}: a path of somebody's machine: {line.strip()}"


def nothing_unfinished(root):
    for relative, path in files(root):
        if is_source(relative, path):
            for number, line in enumerate(text_of(path).splitlines(), 1):
                if UNFINISHED.search(line):
                    yield f"{relative}:{number}: unfinished by its own word: {line.strip()}"


def no_huge_file(root):
    for relative, path in files(root):
        if is_source(relative, path) and (lines := text_of(path).count("\n")) > LINES_MAX:
            yield f"{relative}: {lines} lines; {LINES_MAX} at most, one concept a file"


def short_readme_in_each_room(root):
    for room in ROOMS:
        readme = root / room / "README.md"
        if not readme.is_file():
            yield f"{room}: no README.md"
        elif (lines := text_of(readme).count("\n")) > README_MAX:
            yield f"{room}/README.md: {lines} lines; {README_MAX} at most"


def headers_once_and_own_header_first(root):
    for relative, path in files(root):
        text = text_of(path)
        if relative.suffix == ".h" and "#pragma once" not in text:
            yield f"{relative}: no #pragma once"
        own = relative.with_suffix(".h")
        if relative.suffix == ".c" and (root / own).is_file():
            first = re.search(r'#include\s+["<]([^">]+)', text)
            if not first or first[1] != str(own):
                yield f'{relative}: its own header "{own}" is not included first'


def no_typedef_of_structs(root):
    for relative, path in files(root):
        if relative.suffix in CODE and re.search(r"^\s*typedef\s+(struct|union|enum)\b", text_of(path), re.M):
            yield f"{relative}: a typedef of a struct, union or enum"


def file_heads_say_who_runs_it(root):
    for relative, path in files(root):
        if relative.suffix in CODE and relative.parts[0] in {"agent", "pkcs11", "cli", "client", "enrol", "tunnel", "explain"}:
            head = text_of(path).split("*/\n")[1:2]
            if not head or "/*" not in head[0]:
                yield f"{relative}: no head that says what this file is"


RULES = {
    spdx_head: ("agent/a.c", "int a;\n"),
    no_machine_paths: ("docs/a.md", "see FOLDER/notes\n"),
    nothing_unfinished: ("agent/a.c", "/* SPDX-License-Identifier: Apache-2.0 */\n/* TO" + "DO */\n"),
    no_huge_file: ("agent/a.c", (LINES_MAX + 1) * "\n"),
    short_readme_in_each_room: ("agent/README.md", (README_MAX + 1) * "\n"),
    headers_once_and_own_header_first: ("agent/a.h", "int a;\n"),
    no_typedef_of_structs: ("agent/a.h", "typedef struct a a;\n"),
    file_heads_say_who_runs_it: ("agent/a.c", "int a;\n"),
}


def self_test():
    missed = 0
    for rule, (name, content) in RULES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True)
            path.write_text(content.replace("FOLDER", folder))
            found = any(text.startswith(name) for text in rule(pathlib.Path(folder)))
        print(f"{'ok' if found else 'MISSED'}: {rule.__name__.replace('_', ' ')}: a planted violation is found")
        missed += not found
    return missed


if __name__ == "__main__":
    if sys.argv[2:] == ["--self-test"]:
        sys.exit(1 if self_test() else 0)
    problems = 0
    for rule in RULES:
        found = list(rule(pathlib.Path(sys.argv[1]).resolve()))
        print("\n".join(found) or f"ok: {rule.__name__.replace('_', ' ')}")
        problems += len(found)
    sys.exit(1 if problems else 0)
