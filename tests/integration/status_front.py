#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What stands between keystay and a CA's words on revocation: an HTTP server on the loopback interface.

    status_front.py FOLDER BACKEND-PORT

/ocsp goes to the responder on BACKEND-PORT (openssl ocsp), everything else is a file of FOLDER/served. What it does
else stands in FOLDER/manner, read at each request: "no-nonce" (a request with a nonce is malformed to it),
"no-nonce-no-get" (and GET is not allowed), "post-only", "replay" (the answer is always FOLDER/replayed), "keep" (the
answer is kept there), "pour" (without an end), "busy" (tryLater). Says "ready PORT" and then one line for each
request: "ocsp POST nonce", "file /issuing.crl".
"""
import http.client
import http.server
import pathlib
import sys

FOLDER, BACKEND = pathlib.Path(sys.argv[1]), int(sys.argv[2])
NONCE = bytes.fromhex("06092b0601050507300102")  # id-pkix-ocsp-nonce
MALFORMED_REQUEST, TRY_LATER = b"\x30\x03\x0a\x01\x01", b"\x30\x03\x0a\x01\x03"


def manner():
    file = FOLDER / "manner"
    return file.read_text().split() if file.exists() else []


def ask(method, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", BACKEND, timeout=10)
    connection.request(method, path, body or None,
                       {"Content-Type": "application/ocsp-request"} if method == "POST" else {})
    return connection.getresponse().read()


class Front(http.server.BaseHTTPRequestHandler):
    def answer(self, body, kind, status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def pour(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(65536))
        except OSError:
            pass

    def ocsp(self, body):
        how, nonce = manner(), NONCE in body
        say("ocsp", self.command, "nonce" if nonce else "plain")
        if "pour" in how:
            return self.pour()
        if "busy" in how:
            return self.answer(TRY_LATER, "application/ocsp-response")
        if nonce and ("no-nonce" in how or "no-nonce-no-get" in how):
            return self.answer(MALFORMED_REQUEST, "application/ocsp-response")
        if self.command == "GET" and "no-nonce-no-get" in how:
            return self.answer(b"not here", "text/plain", 405)
        if "replay" in how:
            return self.answer((FOLDER / "replayed").read_bytes(), "application/ocsp-response")
        said = ask(self.command, self.path[len("/ocsp"):] if self.command == "GET" else "/", body)
        if "keep" in how:
            (FOLDER / "replayed").write_bytes(said)
        return self.answer(said, "application/ocsp-response")

    def do_POST(self):
        self.ocsp(self.rfile.read(int(self.headers["Content-Length"])))

    def do_GET(self):
        if self.path.startswith("/ocsp"):
            return self.ocsp(b"")
        say("file", self.path)
        if "pour" in manner():
            return self.pour()
        file = FOLDER / "served" / pathlib.PurePath(self.path).name
        if not file.exists():
            return self.answer(b"no such file", "text/plain", 404)
        return self.answer(file.read_bytes(), "application/pkix-crl")

    def log_message(self, *arguments):
        pass


def say(*words):
    print(*words, flush=True)


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[3]) if len(sys.argv) > 3 else 0), Front)
say("ready", server.server_address[1])
server.serve_forever()
