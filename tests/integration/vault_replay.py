#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTPS server that answers as vault_recorded/*.http have it, for stories about HashiCorp Vault and OpenBao: neither is
in Debian, so this is what their documentation says they do, and not what a server did.

A request is held against the exchange of its method and path: every header field and every member of the JSON body must be
as recorded, and there must be no other member; ${NAME} takes anything but nothing. What differs is answered with 599 and
said. Certificates are issued by the CA of rig_pki.sh ($T/ca), for the key and the names of the request.

usage: vault_replay.py FOLDER-OF-T     says "ready PORT"; one line for each request, without its token
"""
import http.server
import json
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import urllib.parse

RECORDED = pathlib.Path(__file__).parent / "vault_recorded"


def split(lines):
    """Header fields, and the body behind the first empty line."""
    end = lines.index("")
    return dict(line.split(": ", 1) for line in lines[:end]), "\n".join(lines[end + 1:])


class Exchange:
    def __init__(self, path):
        lines = path.read_text().splitlines()
        asked, answered = ([line[2:] for line in lines if line[:1] == mark] for mark in "><")
        self.name = path.stem
        self.method, self.path = asked[0].split()
        self.fields, body = split(asked[1:])
        self.members = json.loads(body)
        self.status = int(answered[0])
        self.answer_fields, self.answer = split(answered[1:])

    def difference(self, handler, members):
        """Why this request is not the recorded one, or None."""
        for name, wanted in self.fields.items():
            if not fits(wanted, handler.headers.get(name)):
                return f"field {name}"
        if members.keys() != self.members.keys():
            return f"members {sorted(members)}"
        for name, wanted in self.members.items():
            if not fits(wanted, members[name]):
                return f"member {name}"
        return None


def fits(wanted, text):
    return isinstance(text, str) and (bool(text) if wanted.startswith("${") else text == wanted)


def issue(folder, csr):
    """A client certificate for the request, with its names."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = pathlib.Path(name)
        (scratch / "csr.pem").write_text(csr)
        (scratch / "extensions").write_text("basicConstraints = CA:FALSE\nkeyUsage = critical, digitalSignature\n"
                                            "extendedKeyUsage = clientAuth\n")
        subprocess.run(["openssl", "x509", "-req", "-in", scratch / "csr.pem", "-days", "1", "-copy_extensions", "copy",
                        "-CA", folder / "ca" / "intermediate.pem", "-CAkey", folder / "ca" / "intermediate.key",
                        "-extfile", scratch / "extensions", "-out", scratch / "crt.pem"],
                       check=True, stderr=subprocess.DEVNULL)
        return (scratch / "crt.pem").read_text()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        members = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        exchange = self.server.exchanges.get((self.command, urllib.parse.urlsplit(self.path).path))
        wrong = exchange.difference(self, members) if exchange else "path"
        if wrong:
            print(f"not as recorded: {self.command} {self.path}: {wrong}", flush=True)
            return self.reply(599, {}, json.dumps({"errors": [f"not as recorded: {wrong}"]}))
        print(f"request {exchange.name}", flush=True)
        values = {"common_name": members["common_name"]}
        if exchange.status == 200:
            ca = self.server.folder / "ca"
            values |= {"certificate": issue(self.server.folder, members["csr"]),
                       "issuing_ca": (ca / "intermediate.pem").read_text(), "root": (ca / "root.pem").read_text()}
        body = re.sub(r"\$\{(\w+)\}", lambda match: json.dumps(values[match[1]])[1:-1], exchange.answer)
        return self.reply(exchange.status, exchange.answer_fields, body)

    def reply(self, status, fields, body):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def main():
    folder = pathlib.Path(sys.argv[1])
    exchanges = [Exchange(path) for path in sorted(RECORDED.glob("*.http"))]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.folder = folder
    server.exchanges = {(exchange.method, exchange.path): exchange for exchange in exchanges}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca" / "server.pem", folder / "ca" / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print(f"ready {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
