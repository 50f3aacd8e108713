#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
browser_drive: a browser without a screen that does what standard input says, a line each:

    open URL         what stands there then, in one line: "page TEXT", or "error TEXT" in the browser's own words
    picture FILE     of that page, as PNG: "done"
    quit             and wait for its end: "ended CODE"

It says "ready" first; the end of the input is a quit. A browser that shows a dialog of its own has nobody to answer it:
it says nothing, and whoever waits for a line gives up.

usage: browser_drive.py firefox PROFILE | chromium FOLDER     with NSS databases that are ready to use
"""
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time

DEADLINE_S = 60

FIREFOX = ["firefox-esr", "--headless", "--no-remote", "--marionette", "--profile"]
# Root has no sandbox to be in; the rest keeps it from looking for things on the network.
CHROMIUM = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-breakpad",
            "--remote-debugging-pipe"]


class Firefox:
    """Marionette: LENGTH:[0, number, command, parameters], answered by LENGTH:[1, number, error, result]."""

    def __init__(self, profile):
        self.process = subprocess.Popen(FIREFOX + [profile], stdin=subprocess.DEVNULL, stdout=sys.stderr)
        self.connection = socket.create_connection(("127.0.0.1", self.wait_for_port(profile)), timeout=DEADLINE_S)
        self.stream = self.connection.makefile("rb")
        self.number = 0
        self.read()  # who it is
        self.ask("WebDriver:NewSession", {})

    def wait_for_port(self, profile):
        path = os.path.join(profile, "MarionetteActivePort")
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with open(path, encoding="ascii") as file:
                    text = file.read()
                if text:
                    return int(text)
            except FileNotFoundError:
                pass
            time.sleep(0.02)
        sys.exit("firefox does not listen")

    def read(self):
        size = b""
        while not size.endswith(b":"):
            byte = self.stream.read(1)
            if not byte:
                sys.exit("firefox is gone")
            size += byte
        return json.loads(self.stream.read(int(size[:-1])))

    def ask(self, command, parameters):
        self.number += 1
        message = json.dumps([0, self.number, command, parameters]).encode()
        self.connection.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self.read()
        if error:
            raise RuntimeError(error["message"])
        return result

    def open(self, url):
        self.ask("WebDriver:Navigate", {"url": url})
        script = "return document.documentElement.textContent"
        return self.ask("WebDriver:ExecuteScript", {"script": script, "args": []})["value"]

    def picture(self):
        return base64.b64decode(self.ask("WebDriver:TakeScreenshot", {"full": False})["value"])

    def quit(self):
        self.ask("Marionette:Quit", {"flags": ["eAttemptQuit"]})
        return self.process.wait(DEADLINE_S)


class Chromium:
    """The DevTools protocol over descriptors 3 and 4: JSON, each with a zero byte after it."""

    def __init__(self, folder):
        take, self.give = os.pipe()
        self.take, give = os.pipe()
        # The shell puts them where chromium looks for them.
        command = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
        arguments = CHROMIUM + ["--user-data-dir=" + folder, "about:blank"]
        self.process = subprocess.Popen(["bash", "-c", command, "-", str(take), str(give)] + arguments,
                                        stdin=subprocess.DEVNULL, stdout=sys.stderr, pass_fds=(take, give))
        os.close(take)
        os.close(give)
        self.unread = b""
        self.number = 0
        self.session = None
        target = self.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.session = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self.ask("Page.enable", {})

    def read(self):
        while b"\0" not in self.unread:
            piece = os.read(self.take, 65536)
            if not piece:
                sys.exit("chromium is gone")
            self.unread += piece
        message, self.unread = self.unread.split(b"\0", 1)
        return json.loads(message)

    def ask(self, command, parameters):
        self.number += 1
        message = {"id": self.number, "method": command, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.give, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                break
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer["result"]

    def open(self, url):
        answer = self.ask("Page.navigate", {"url": url})
        if answer.get("errorText"):
            raise RuntimeError(answer["errorText"])
        while self.read().get("method") != "Page.loadEventFired":
            pass
        script = "document.documentElement.textContent"
        return self.ask("Runtime.evaluate", {"expression": script})["result"]["value"]

    def picture(self):
        return base64.b64decode(self.ask("Page.captureScreenshot", {})["data"])

    def quit(self):
        self.session = None
        self.ask("Browser.close", {})
        return self.process.wait(DEADLINE_S)


def obey(browser, line):
    word, _, argument = line.strip().partition(" ")
    if word == "open":
        try:
            return "page " + " ".join(browser.open(argument).split())
        except RuntimeError as error:
            return "error " + " ".join(str(error).split())
    if word == "picture":
        with open(argument, "wb") as file:
            file.write(browser.picture())
        return "done"
    sys.exit("no word of mine: " + line)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    browser = {"firefox": Firefox, "chromium": Chromium}[sys.argv[1]](sys.argv[2])
    try:
        print("ready", flush=True)
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            print(obey(browser, line), flush=True)
        print("ended", browser.quit(), flush=True)
    finally:
        if browser.process.poll() is None:
            browser.process.kill()
            browser.process.wait()


if __name__ == "__main__":
    main()
