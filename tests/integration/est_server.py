#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
est_server: an EST server (RFC 7030) that issues from the story's intermediate CA, and errs on demand.

What it does stands in the label of the path (section 3.2.2), words with "+" between; without one it is as RFC 8951
wants it, base64 in one line:

    wrapped crlf binary   base64 in lines, in lines with carriage returns, or no base64 at all
    wait                  202 with Retry-After 3600 to the first request, the certificate when the very same one comes
    soon                  the same with Retry-After 1
    mixed                 intermediate, root and another certificate before and behind the one that was asked for
    lax                   /cacerts as text/plain; strict: no smime-type there
    open                  needs no authentication;  both: a renewal needs certificate and password
    other-key other-ca    a certificate for another key; by another CA
    echo                  refuses with what it was sent: the Authorization field, and the password in it
    giant redirect refuse pop html untyped no-cacerts empty   as they are called; pop is libest's word for its proof

Each request is a line in LOG: "POST simpleenroll LABEL user=NAME cert=NAME STATUS".

usage: est_server.py CA-FOLDER LOG PASSWORD [1.2]      prints "listening PORT"; the user is "device"
"""
import base64
import datetime
import http.server
import pathlib
import ssl
import sys
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

WELL_KNOWN = "/.well-known/est/"


class Refused(Exception):
    def __init__(self, status, text="", kind="text/plain", **headers):
        super().__init__(status)
        self.status, self.text, self.kind = status, text, kind
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Authority:
    def __init__(self, folder):
        self.root = x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())
        self.certificate = x509.load_pem_x509_certificate((folder / "intermediate.pem").read_bytes())
        self.key = serialization.load_pem_private_key((folder / "intermediate.key").read_bytes(), None)

    def issue(self, subject, key, names=None):
        begin = datetime.datetime.utcnow() - datetime.timedelta(minutes=1)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.certificate.subject)
                   .public_key(key).serial_number(x509.random_serial_number()).not_valid_before(begin)
                   .not_valid_after(begin + datetime.timedelta(days=20))
                   .add_extension(x509.BasicConstraints(False, None), True)
                   .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False))
        if names is not None:
            builder = builder.add_extension(names, False)
        return builder.sign(self.key, hashes.SHA256())


class Other(Authority):
    """A CA that nobody knows."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Another CA")])
        self.certificate = type("Nobody", (), {"subject": name})
        self.certificate = self.root = self.issue(name, self.key.public_key())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    # --- one request -------------------------------------------------------------------------------------------------

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def answer(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = self.path.replace(WELL_KNOWN, "/").strip("/").split("/")
        self.operation, self.modes = parts[-1], set("+".join(parts[:-1]).split("+"))
        self.common_name = None
        self.certificate = self.connection.getpeercert(True)
        if self.certificate:
            self.certificate = x509.load_der_x509_certificate(self.certificate)
            self.common_name = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        try:
            status, kind, body, headers = self.serve()
        except Refused as refused:
            status, kind, body, headers = refused.status, refused.kind, refused.text.encode(), refused.headers
        self.note(status)
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def note(self, status):
        with self.server.lock, open(self.server.log, "a", encoding="utf-8") as log:
            print(self.command, self.operation, "+".join(sorted(self.modes)) or "-", f"user={self.user()[0]}",
                  f"cert={self.common_name}", status, file=log)

    def log_message(self, *_):
        pass

    def serve(self):
        if not self.path.startswith(WELL_KNOWN) and WELL_KNOWN not in self.path:
            raise Refused(404)
        if self.operation == "cacerts" and self.command == "GET":
            return self.cacerts()
        if self.operation in ("simpleenroll", "simplereenroll") and self.command == "POST":
            return self.enroll(self.operation == "simplereenroll")
        raise Refused(404)

    # --- what it says ------------------------------------------------------------------------------------------------

    def cacerts(self):
        if "no-cacerts" in self.modes:
            raise Refused(404)
        if "giant" in self.modes and "late" not in self.modes:
            return 200, "application/pkcs7-mime", b"A" * 3_000_000, {}
        if "redirect" in self.modes and "late" not in self.modes:
            raise Refused(302, Location="https://elsewhere.example/est")
        kind = "text/plain" if "lax" in self.modes else "application/pkcs7-mime"
        return 200, kind, self.pack([self.server.authority.certificate, self.server.authority.root]), {}

    def pack(self, certificates):
        der = pkcs7.serialize_certificates(certificates, serialization.Encoding.DER)
        if "binary" in self.modes:
            return der
        if "wrapped" in self.modes:
            return base64.encodebytes(der)
        if "crlf" in self.modes:
            return base64.encodebytes(der).replace(b"\n", b"\r\n")
        return base64.b64encode(der)

    # --- who asks ----------------------------------------------------------------------------------------------------

    def user(self):
        word, _, value = (self.headers.get("Authorization") or "").partition(" ")
        if word != "Basic":
            return None, None
        user, _, password = base64.b64decode(value).decode().partition(":")
        return user, password

    def authenticate(self, again):
        if "echo" in self.modes:
            raise Refused(400, f"you sent {self.headers.get('Authorization')}, which is {self.user()[1]}\n")
        by_password = self.user() == ("device", self.server.password)
        if again and not self.certificate:
            raise Refused(401, "a renewal needs the certificate that it renews\n")
        good = by_password or self.certificate or "open" in self.modes
        if "both" in self.modes:
            good = by_password and (self.certificate or not again)
        if not good or "refuse" in self.modes:
            raise Refused(401, "<h1>Who are you?</h1>", "text/html", WWW_Authenticate='Basic realm="est"')
        if "pop" in self.modes:
            raise Refused(401, "Proof of Possession Mismatch.\n")

    # --- what it issues ----------------------------------------------------------------------------------------------

    def enroll(self, again):
        if "redirect" in self.modes:
            raise Refused(307, Location="/elsewhere")
        self.authenticate(again)
        if self.headers.get("Content-Type") != "application/pkcs10":
            raise Refused(415)
        der = base64.b64decode(self.body)
        request = x509.load_der_x509_csr(der)
        if not request.is_signature_valid:
            raise Refused(400, "the signature is not of the key\n")
        if again and request.subject != self.certificate.subject:
            raise Refused(400, "a renewal keeps its subject\n")
        self.wait(request.subject, der)
        return self.issue(request)

    def wait(self, subject, der):
        if not self.modes & {"wait", "soon"}:
            return
        with self.server.lock:
            first = self.server.waiting.setdefault(subject.rfc4514_string(), der)
        if first is der:
            raise Refused(202, Retry_After="3600" if "wait" in self.modes else "1")
        if first != der:
            raise Refused(400, "another request than before\n")

    def issue(self, request):
        authority = Other() if "other-ca" in self.modes else self.server.authority
        key = request.public_key()
        if "other-key" in self.modes:
            key = ec.generate_private_key(ec.SECP256R1()).public_key()
        try:
            names = request.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
        except x509.ExtensionNotFound:
            names = None
        issued = [authority.issue(request.subject, key, names)]
        if "mixed" in self.modes:
            issued = [authority.root, Other().certificate, *issued, authority.certificate]
        kind, body = "application/pkcs7-mime; smime-type=certs-only", self.pack(issued)
        if "giant" in self.modes:
            body = b"A" * 3_000_000
        if "empty" in self.modes:
            body = b""
        if "html" in self.modes:
            kind, body = "text/html", b"<html>welcome</html>"
        if "untyped" in self.modes:
            kind = None
        return 200, kind, body, {}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder, log, password):
        super().__init__(("127.0.0.1", 0), Handler)
        self.authority, self.log, self.password = Authority(folder), log, password
        self.lock, self.waiting = threading.Lock(), {}
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.context.load_verify_locations(folder / "root.pem")
        self.context.verify_mode = ssl.CERT_OPTIONAL

    def finish_request(self, request, client_address):
        request.settimeout(60)
        try:
            with self.context.wrap_socket(request, server_side=True) as stream:
                self.RequestHandlerClass(stream, client_address, self)
                stream.unwrap()
        except OSError:
            pass


def main():
    folder, log, password, *version = sys.argv[1:]
    server = Server(pathlib.Path(folder), log, password)
    if version == ["1.2"]:
        server.context.maximum_version = ssl.TLSVersion.TLSv1_2
    print("listening", server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
