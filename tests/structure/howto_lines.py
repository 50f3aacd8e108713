#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""howto_lines: what docs/howto and README.md tell people to write is understood.

Each block of settings with a [profile] in it goes through `keystay-agent --check-config`; each `keystay COMMAND --option`,
in blocks and in sentences, must be one that `keystay help COMMAND` has, and each file that a page links to must be there.

Runs in: ctest. usage: howto_lines.py SOURCE-FOLDER BIN-FOLDER [--self-test]
--self-test: a page with one mistake of each kind: all must be found.
Must never: write into the source folder, or start an agent.
"""
import functools
import os
import pathlib
import re
import subprocess
import sys
import tempfile

# In a block: at the start of a line, or behind what starts a command. In a sentence: what stands in backticks.
IN_BLOCK = re.compile(r"(?:^|[$]\(|&& |[$] )\s*keystay ([a-z]+)([^|;&\n]*)", re.MULTILINE)
IN_SENTENCE = re.compile(r"`keystay ([a-z]+)([^`|;&]*)")


@functools.cache
def help_of(keystay, command):
    result = subprocess.run([keystay, "help", command], capture_output=True, text=True, check=False)
    return result.stdout if result.returncode == 0 else None


def blocks(text):
    return re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def check_settings(agent, block, where, folder):
    path = os.path.join(folder, "keystay.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(block)
    result = subprocess.run([agent, "--check-config", "--config", path], capture_output=True, text=True, check=False)
    return [] if result.returncode == 0 else [f"{where}: {result.stderr.strip()}\n{block}"]


def check_command(keystay, command, rest, where):
    text = help_of(keystay, command)
    if text is None:
        return [f"{where}: there is no command: keystay {command}"]
    # What follows -- is another program's, and so is a program after run.
    words = rest.split(" -- ")[0]
    if command == "run":
        words = ""
    known = set(re.findall(r"--[a-z][a-z-]*", text))
    return [f"{where}: keystay {command} has no {option}" for option in re.findall(r"(?<= )--[a-z][a-z-]*", words)
            if option not in known]


def check_links(page, text, where):
    missing = []
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
            missing.append(f"{where}: {target} is not there")
    return missing


def check_page(page, source, binaries, folder):
    text = page.read_text(encoding="utf-8")
    where = str(page.relative_to(source))
    problems = check_links(page, text, where)
    for block in blocks(text):
        if re.search(r"^\[profile ", block, re.MULTILINE):
            problems += check_settings(str(binaries / "keystay-agent"), block, where, folder)
    commands = IN_SENTENCE.findall(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    for block in blocks(text):
        commands += IN_BLOCK.findall(block.replace("\\\n", " "))
    for command, rest in commands:
        problems += check_command(str(binaries / "keystay"), command, rest, where)
    return problems


# Each line of it that has "wrong" in it is one mistake.
MISTAKES = """
```
[profile "corp"]
protocol = wrong
```

```
[profile "corp"]
protocol = est
url = https://ca.example
wrong = yes
```

`keystay wrong`, [a page](wrong.md), `keystay renew --wrong`.

```
keystay enroll alice \\
    --wrong
eval "$(keystay env --wrong)"
keystay run -- curl --no-mistake
```
"""


def test_itself(binaries):
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder) / "page.md"
        page.write_text(MISTAKES, encoding="utf-8")
        problems = check_page(page, pathlib.Path(folder), binaries, folder)
    wanted = MISTAKES.count("wrong")
    print(f"{len(problems)} of {wanted} mistakes were found", *problems, sep="\n")
    return 0 if len(problems) == wanted else 1


def main():
    source, binaries = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    if sys.argv[3:] == ["--self-test"]:
        return test_itself(binaries)
    pages = sorted((source / "docs" / "howto").glob("*.md")) + [source / "README.md"]
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        for page in pages:
            problems += check_page(page, source, binaries, folder)
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{len(pages)} pages are understood")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
