# SPDX-License-Identifier: Apache-2.0
"""A module goes wrong in one function in one way, while people work; who notices, and for how long?

usage: fault_matrix.py RIG WORD...                all 14 functions in each of these modes (see MODES); "kept": a kept PIN
                                                  meets each fault of C_Login in a process that was started again
       fault_matrix.py RIG --cell FUNCTION MODE   one of them, with the agent's log

RIG is a folder that bear-every-fault-of-a-module.sh made: two tokens, certs/, and in "build" where the programs are.

Each cell is an agent of its own with two modules: "shim" (tests/fakes/shim.c in front of SoftHSM) with alice, which
goes wrong, and "elsewhere" with bob, which must never notice. Requests go over the wire (wire.py), so that a cell takes
little more than the deadlines it waits for. One cell:

	alice and bob sign; bob goes on all the time
	the fault begins; what leads to the function is asked for (PROVOKE)
	the fault ends: the script is empty, and a process that hangs in the function has been killed
	alice signs again: by herself since keep-pin = yes, or after exactly one unlock when the lock was lost with the fault

What has to hold is in Cell.judge(). The bounds are PATIENCE times the figures that are promised (1 s for the other
token, 2 s for the same one), since two cores are shared by all tests; the table shows what was measured.
"""
import concurrent.futures
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import wire

PIN = b"314159"
ECDSA_P256 = 0x0403
OTHER_S, SAME_S = 1.0, 2.0  # what is promised
PATIENCE = 4
DEADLINE_MS = 1000  # of the module, in keystay.conf; a login and a start have twice that
ANSWER_S = 12.0     # for any request: all deadlines and pauses of the cell together
AT_ONCE = 4

# What leads to a function: a signature; a lock and an unlock; the start of a new process.
PROVOKE = {
    "C_Initialize": "start", "C_GetSlotList": "start", "C_GetTokenInfo": "unlock", "C_GetMechanismList": "start",
    "C_OpenSession": "unlock", "C_CloseSession": "unlock", "C_GetSessionInfo": "unlock", "C_Login": "unlock",
    "C_Logout": "unlock", "C_FindObjectsInit": "unlock", "C_FindObjects": "unlock", "C_GetAttributeValue": "unlock",
    "C_SignInit": "sign", "C_Sign": "sign",
}
MODES = {
    "crash": "crash", "exit": "exit", "hang": "hang", "garbage": "garbage", "wrong": "wrong",
    "DEVICE_ERROR": "rv 0x30", "SESSION_HANDLE_INVALID": "rv 0xb3", "USER_NOT_LOGGED_IN": "rv 0x101",
    "HOST_MEMORY": "rv 0x02",
    "abort": "abort", "spin": "spin", "leak": "leak 100", "print": "print", "TOKEN_NOT_PRESENT": "rv 0xe0",
    "BUFFER_TOO_SMALL": "rv 0x150", "OPERATION_ACTIVE": "rv 0x90",
}
ENDLESS = ("hang", "spin")
KEPT = "kept"

# Section 7 of docs/protocol.md: what passes by itself, and a token whose contents are other ones.
LATER = (wire.UNKNOWN_KEY, 51, 52, 53, 55)
CHANGED, TOKEN_ABSENT = 29, 51


class Failed(Exception):
    """A rule that did not hold."""


def expect(held, *words):
    if not held:
        raise Failed(" ".join(str(word) for word in words))


def wait_for(what, held, seconds=ANSWER_S):
    end = time.monotonic() + seconds
    while not held():
        expect(time.monotonic() < end, "never came:", what)
        time.sleep(0.005)


class Key:
    def __init__(self, identity):
        self.hash = identity["spki_hash"]
        self.public = serialization.load_der_public_key(identity["spki"])

    def verify(self, tbs, signature):
        try:
            self.public.verify(signature, tbs, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature as error:
            raise Failed("a wrong signature was released") from error


class Agent:
    """keystay-agent in a folder of its own."""

    def __init__(self, rig, folder, lines=("keep-pin = yes",)):
        self.folder = folder
        with open(f"{rig}/build", encoding="utf-8") as file:
            build = file.read().strip()
        for name in ("run", "state", "config"):
            os.mkdir(f"{folder}/{name}")
        for token in ("corp", "other"):
            shutil.copytree(f"{rig}/tokens.{token}", f"{folder}/tokens.{token}")
            self.write(f"{token}.conf", f"directories.tokendir = {folder}/tokens.{token}\nlog.level = ERROR\n")
        shutil.copytree(f"{rig}/certs", f"{folder}/certs")
        self.write("keystay.conf", "\n".join([
            "[agent]", *lines,
            '[module "shim"]', f"path = {build}/tests/fakes/keystay-shim.so", f"deadline = {DEADLINE_MS // 1000}s",
            '[module "elsewhere"]', f"path = {build}/tests/fakes/keystay-elsewhere.so", ""]))
        self.write("script", "")
        self.write("counts", "")
        environment = {**os.environ, "XDG_RUNTIME_DIR": f"{folder}/run", "XDG_CONFIG_HOME": f"{folder}/config",
                       "XDG_STATE_HOME": f"{folder}/state", "SOFTHSM2_CONF": f"{folder}/corp.conf",
                       "KEYSTAY_ELSEWHERE_CONF": f"{folder}/other.conf", "KEYSTAY_SHIM_SCRIPT": f"{folder}/script",
                       "KEYSTAY_SHIM_COUNTS": f"{folder}/counts"}
        ready, theirs = os.pipe()
        with open(f"{folder}/agent.log", "wb") as log:
            self.process = subprocess.Popen(
                [f"{build}/bin/keystay-agent", "--config", f"{folder}/keystay.conf", "--ready-fd", str(theirs)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, pass_fds=[theirs])
        os.close(theirs)
        with open(ready, "rb") as end:
            expect(end.read() == b"\n", "the agent did not start:", self.log())

    def write(self, name, text):
        """At once, for who reads it at any time."""
        with open(f"{self.folder}/{name}.new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(f"{self.folder}/{name}.new", f"{self.folder}/{name}")

    def log(self):
        with open(f"{self.folder}/agent.log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def counts(self):
        with open(f"{self.folder}/counts", encoding="utf-8") as file:
            return [line.strip() for line in file]

    def sign_socket(self):
        return wire.Connection(f"{self.folder}/run/keystay/sign/agent.sock")

    def control_socket(self):
        return wire.Connection(f"{self.folder}/run/keystay/control/control.sock")

    def keys(self):
        with self.sign_socket() as connection:
            return {identity["name"]: Key(identity) for identity in wire.identities(connection)[0]}

    def sign(self, key):
        """One signature, verified; raises wire.Refused."""
        tbs = wire.tls13_input(os.urandom(32))
        with self.sign_socket() as connection:
            connection.send(wire.sign_message(key.hash, ECDSA_P256, tbs))
            key.verify(tbs, connection.answer().bytes())

    def unlock(self, token):
        with self.control_socket() as connection:
            connection.send(wire.unlock_message(token, PIN))
            connection.answer()

    def lock(self, token):
        with self.control_socket() as connection:
            connection.call(wire.LOCK, wire.string(token))

    def worker(self):
        """The shim's process now, 0 when there is none."""
        try:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
                children = file.read().split()
            for child in children:
                with open(f"/proc/{child}/cmdline", "rb") as file:
                    if b"--module\0shim\0" in file.read():
                        return int(child)
        except (FileNotFoundError, ProcessLookupError):
            pass
        return 0

    def stop(self):
        self.process.terminate()
        try:
            return self.process.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return -1


class Request(threading.Thread):
    """Something that is asked for beside the rest; its outcome and how long it took."""

    def __init__(self, name, call):
        super().__init__(daemon=True)
        self.name, self.call = name, call
        self.refused, self.error, self.took = None, None, 0.0
        self.start()

    def run(self):
        begun = time.monotonic()
        try:
            self.call()
        except wire.Refused as refused:
            self.refused = refused
        except EOFError:
            self.refused = "closed"
        except Exception as error:  # told by whoever waits for us
            self.error = error
        self.took = time.monotonic() - begun

    def is_granted(self):
        return not self.is_alive() and not self.refused and not self.error

    def finish(self):
        self.join(ANSWER_S)
        expect(not self.is_alive(), self.name, "was not answered within", ANSWER_S, "s")
        if self.error:
            raise self.error
        return self.refused


class Bob(threading.Thread):
    """Signs with the other token until the end; the longest that took."""

    def __init__(self, agent, key):
        super().__init__(daemon=True)
        self.agent, self.key = agent, key
        self.end = threading.Event()
        self.longest, self.n, self.error = 0.0, 0, None
        self.start()

    def run(self):
        while not self.end.is_set():
            begun = time.monotonic()
            try:
                self.agent.sign(self.key)
            except Exception as error:  # told by finish()
                self.error = error
                return
            self.longest = max(self.longest, time.monotonic() - begun)
            self.n += 1
            self.end.wait(0.02)

    def finish(self):
        self.end.set()
        self.join(ANSWER_S)
        expect(self.error is None, "the other token:", self.error)
        expect(not self.is_alive() and self.n > 0, "the other token did not sign")


class Cell:
    def __init__(self, rig, function, mode, how=None):
        self.rig, self.function, self.mode = rig, function, mode
        self.how = how or PROVOKE[function]
        self.agent = self.alice = None
        self.decisions = self.in_vain = 0  # of people, each with a PIN; and those that did not unlock
        self.outcome, self.log, self.other_ms, self.same_ms = "", "", 0, 0
        self.problem = None

    def unlock(self):
        self.decisions += 1
        try:
            self.agent.unlock(b"corp")
        except wire.Refused:
            self.in_vain += 1
            raise

    def provoke(self):
        """What leads to the function, one after the other; its requests."""
        if self.how == "unlock":
            self.agent.lock(b"corp")
            self.unlock()
        elif self.how == "start":
            os.kill(self.agent.worker(), signal.SIGKILL)
        elif self.how == "start again":
            victim = self.agent.worker()
            os.kill(victim, signal.SIGKILL)
            wait_for("another process", lambda: self.agent.worker() not in (0, victim))
        self.agent.sign(self.alice)

    def run_fault(self):
        before = len(self.agent.counts())
        self.agent.write("script", f"{self.function} * {MODES[self.mode]}\n")

        def calls():
            return sum(line.split()[0] == self.function for line in self.agent.counts()[before:])

        provoked = Request("the request that met the fault", self.provoke)
        wait_for(f"a call of {self.function}", lambda: calls() > 0)
        victim = self.agent.worker()
        if self.mode not in ENDLESS:
            # Some deaths in a row, or all that is asked for; the breaker needs five deaths.
            provoked.join(0.4)
        self.agent.write("script", "")
        if self.mode in ENDLESS:
            # It may be the process that looks for new tokens that hangs: then the request is granted without it.
            wait_for("the end of a process that hangs", lambda: self.agent.worker() != victim or provoked.is_granted())
        ended = time.monotonic()
        if self.function == "C_Login":
            expect(calls() <= self.decisions, calls(), "calls of C_Login for", self.decisions, "decisions")
        return provoked, ended

    def try_again(self, provoked):
        """One try of a person: signs, and unlocks once when it is right that she is locked. False: it is worth another."""
        try:
            self.agent.sign(self.alice)
            return True
        except wire.Refused as refused:
            if refused.code in LATER:
                return False
            expect(refused.code == wire.TOKEN_LOCKED and "run: keystay unlock corp" in refused.text,
                   "alice is refused:", refused)
        before = provoked.finish()
        # By the lock of the cell's own, or because the module said that nobody is logged in, or that the token is gone.
        # Or the kept PIN was given in vain.
        expect(self.how == "unlock" or self.function == "C_Login" or (before is not None and before.code == wire.TOKEN_LOCKED)
               or 'token "corp" has gone and is locked' in self.agent.log(), "the lock was lost for nothing")
        self.outcome = "locked, one unlock"
        try:
            self.unlock()
        except wire.Refused as refused:
            # What the token showed while it went wrong is not what it shows now; no PIN was tried.
            expect(refused.code in (CHANGED, TOKEN_ABSENT), "the unlock was refused:", refused)
            if refused.code == TOKEN_ABSENT:
                return False
            self.outcome = "locked, changed, unlock"
            self.unlock()
        self.agent.sign(self.alice)
        return True

    def sign_again(self, provoked, ended):
        end = ended + PATIENCE * SAME_S
        while not self.try_again(provoked):
            expect(time.monotonic() < end, "alice does not sign again")
            time.sleep(0.1)
        self.same_ms = round(1000 * (time.monotonic() - ended))

    def judge(self, provoked):
        refused = provoked.finish()
        expect(provoked.took < ANSWER_S, "an answer took", provoked.took, "s")
        if not self.outcome:
            self.outcome = f"refused ({refused.code})" if isinstance(refused, wire.Refused) else refused or "signed"
        # Each decision gives the PIN at most once; a kept one, which was good, is given once more to a new process, and
        # once when the login was lost. None is given again that the token did not take, a kept one neither.
        log = self.agent.log()
        starts = log.count("is started again") + log.count("is replaced by a new one")
        taken = log.count('token "corp" of module "shim" is unlocked')
        logins = self.agent.counts().count("C_Login")
        expect(logins <= self.decisions + starts + 1, logins, "PINs in", self.decisions, "decisions,", starts, "starts")
        expect(logins - taken <= self.in_vain + 1, logins - taken, "PINs in vain in", self.in_vain, "decisions")
        expect(self.other_ms < 1000 * OTHER_S * PATIENCE, "the other token took", self.other_ms, "ms")
        expect(self.same_ms < 1000 * SAME_S * PATIENCE, "the same token took", self.same_ms, "ms")

    def play(self, folder):
        self.agent = Agent(self.rig, folder)
        try:
            keys = self.agent.keys()
            self.unlock()
            self.agent.unlock(b"other")
            self.alice = keys["alice"]
            self.agent.sign(self.alice)
            bob = Bob(self.agent, keys["bob"])
            provoked, ended = self.run_fault()
            self.sign_again(provoked, ended)
            bob.finish()
            self.other_ms = round(1000 * bob.longest)
            self.judge(provoked)
        finally:
            code = self.agent.stop()
        expect(code == 0, "the agent ended with", code)

    def run(self):
        with tempfile.TemporaryDirectory(dir=self.rig) as folder:
            try:
                self.play(folder)
            except Exception as error:  # one cell's failure is told with the others
                self.problem = f"{type(error).__name__}: {error}"
            self.log = self.agent.log() if self.agent else ""
        return self


def main():
    rig, *words = sys.argv[1:]
    if words[0] == "--cell":
        cells = [Cell(rig, words[1], words[2])]
    else:
        cells = [Cell(rig, function, mode) for mode in words if mode in MODES for function in PROVOKE]
        if KEPT in words:
            cells += [Cell(rig, "C_Login", mode, "start again") for mode in MODES]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(Cell.run, cells))
    print(f"{'':4}{'function':22}{'mode':24}{'what was asked meanwhile':26}{'other ms':>9}{'same ms':>9}")
    for number, cell in enumerate(done, 1):
        function = cell.function + ("" if cell.how != "start again" else ", kept PIN")
        print(f"{number:3} {function:22}{cell.mode:24}{'FAILED' if cell.problem else cell.outcome:26}"
              f"{cell.other_ms:9}{cell.same_ms:9}")
    if words[0] == "--cell":
        print(done[0].log)
    bad = [cell for cell in done if cell.problem]
    for cell in bad:
        print(f"--- {cell.function} {cell.mode}: {cell.problem}\n{cell.log[-4000:]}", file=sys.stderr)
    print(f"{len(done) - len(bad)} of {len(done)}; the other token took at most {max(c.other_ms for c in done)} ms, the "
          f"same one at most {max(c.same_ms for c in done)} ms; later than promised: "
          f"{sum(c.other_ms > 1000 * OTHER_S or c.same_ms > 1000 * SAME_S for c in done)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
