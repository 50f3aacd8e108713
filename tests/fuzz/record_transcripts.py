#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""record_transcripts: writes the corpus files real-*.bin, which are what TLS implementations other than each other
really signed in a client's CertificateVerify.

One end is always openssl s_server or s_client with -msg, which shows the handshake messages; the other end is GnuTLS,
NSS or Java, as far as they are installed. In TLS 1.2 a transcript is the signed input itself: all messages from
ClientHello to ClientKeyExchange, without HelloRequest. In TLS 1.3 it is what the signed hash is made of, to the
client's Certificate, with a first ClientHello as it was sent. Run by hand, when an implementation has something new to
say:

    tests/fuzz/record_transcripts.py tests/fuzz/corpus/transcript12
    tests/fuzz/record_transcripts.py tests/fuzz/corpus/transcript13
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

# The client key of the fuzz targets (tests/fuzz/tls_key.h): P-256, for these tests only.
CLIENT_KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxsnKdtKMVLYQ1Ph9
jhSL7Rtfw3jVgZ8vLXZD0Q66OJGhRANCAASTaH+nwfxhp4oawXrvkfjciTcFrZUM
sFzOYovmwUxAtl/QZwMOig9IMOBtZ34MGmDi+DvRaqkj9XTU8nWaEJ0M
-----END PRIVATE KEY-----
"""

JAVA = """
import java.io.*; import java.security.*; import javax.net.ssl.*; import java.security.cert.X509Certificate;
public class Peer {
  public static void main(String[] a) throws Exception {
    KeyStore keys = KeyStore.getInstance("PKCS12");
    keys.load(new FileInputStream(a[1]), "password".toCharArray());
    KeyManagerFactory managers = KeyManagerFactory.getInstance("SunX509");
    managers.init(keys, "password".toCharArray());
    X509TrustManager any = new X509TrustManager() {
      public void checkClientTrusted(X509Certificate[] c, String s) {}
      public void checkServerTrusted(X509Certificate[] c, String s) {}
      public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; } };
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(managers.getKeyManagers(), new TrustManager[] { any }, null);
    int port = Integer.parseInt(a[2]);
    if (a[0].equals("server")) {
      SSLServerSocket s = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(port);
      s.setNeedClientAuth(true);
      if (a.length > 3) s.setEnabledProtocols(a[3].split(","));
      SSLSocket c = (SSLSocket) s.accept(); c.startHandshake(); c.getInputStream().read();
    } else {
      SSLSocket c = (SSLSocket) context.getSocketFactory().createSocket("localhost", port);
      if (a.length > 3) c.setEnabledProtocols(a[3].split(","));
      c.startHandshake(); c.getOutputStream().write(10); c.close();
    }
  }
}
"""


def run(*arguments, **options):
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


class Recorder:
    def __init__(self, out):
        self.out = out
        self.is_tls13 = os.path.basename(os.path.normpath(out)) == "transcript13"
        self.work = tempfile.mkdtemp(prefix="keystay-record-")
        self.path("client.key", CLIENT_KEY)
        self.path("Peer.java", JAVA)
        self.certificate("client", None)
        self.certificate("rsa-client", "rsa:2048")
        self.certificate("ed-client", "ed25519")
        self.certificate("ec", "ec", "localhost")
        self.certificate("rsa", "rsa:2048", "localhost")
        self.certificate("ed", "ed25519", "localhost")
        self.certificate("p384", "ec:P-384", "localhost")
        self.staple("ec")
        for name in ("client", "rsa-client", "ed-client", "ec", "rsa"):
            run("openssl", "pkcs12", "-export", "-in", self.path(name + ".pem"), "-inkey", self.path(name + ".key"),
                "-name", name, "-passout", "pass:password", "-out", self.path(name + ".p12"))
        if shutil.which("certutil"):
            self.path("password", "password\n")
            run("certutil", "-N", "-d", self.work, "-f", self.path("password"))
            for name in ("client", "rsa-client", "ec", "rsa"):
                run("pk12util", "-i", self.path(name + ".p12"), "-d", self.work, "-W", "password",
                    "-k", self.path("password"))

    def path(self, name, text=None):
        path = os.path.join(self.work, name)
        if text is not None:
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
        return path

    def certificate(self, name, kind, subject=None):
        key = self.path(name + ".key")
        if kind and kind.startswith("ec"):
            curve = kind.partition(":")[2] or "P-256"
            run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" + curve, "-out", key)
        elif kind == "ed25519":
            run("openssl", "genpkey", "-algorithm", "ED25519", "-out", key)
        elif kind:
            run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
        run("openssl", "req", "-x509", "-new", "-key", key, "-days", "36500", "-out", self.path(name + ".pem"),
            "-subj", "/O=%s/CN=%s" % (name, subject or name), "-addext", "subjectAltName=DNS:" + (subject or name))

    def staple(self, name):
        """An OCSP response for a certificate that is its own issuer."""
        certificate = self.path(name + ".pem")
        shown = subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", certificate], check=True,
                               capture_output=True, text=True).stdout
        serial = shown.strip().partition("=")[2]
        self.path("index", "V\t21260101000000Z\t\t%s\tunknown\t/O=%s/CN=localhost\n" % (serial, name))
        run("openssl", "ocsp", "-index", self.path("index"), "-rsigner", certificate, "-rkey", self.path(name + ".key"),
            "-CA", certificate, "-issuer", certificate, "-cert", certificate, "-ndays", "36500",
            "-respout", self.path(name + ".ocsp"))

    @staticmethod
    def port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return str(probe.getsockname()[1])

    @staticmethod
    def messages(text, is_server):
        """(from the client, message) for each handshake message in the output of -msg."""
        for block in re.finditer(r"^(<<<|>>>) [^\n]*Handshake \[length [0-9a-f]+\], \w+\n((?: {4}[0-9a-f ]+\n)+)",
                                 text, re.M):
            yield (block.group(1) == "<<<") == is_server, bytes.fromhex(block.group(2))

    @staticmethod
    def transcript12(messages):
        """The last whole transcript."""
        found = []
        for _, message in messages:
            if message[0] == 0:
                continue
            if message[0] == 1:
                found = []
            found.append(message)
            if message[0] == 15:
                return b"".join(found[:-1])
        return None

    @staticmethod
    def transcript13(messages):
        """What the client signed last: in the handshake, or after it."""
        found, signed, finished = [], None, 0
        for is_client, message in messages:
            if message[0] in (4, 24):
                continue
            if message[0] == 1 and finished:
                found, signed, finished = [], None, 0
            if message[0] == 13 and finished:
                found = found[:finished]
            if message[0] == 15 and is_client:
                signed = b"".join(found)
            found.append(message)
            if message[0] == 20 and is_client and not finished:
                finished = len(found)
        return signed

    def transcript(self, text, command):
        messages = self.messages(text, "s_server" in command)
        return self.transcript13(messages) if self.is_tls13 else self.transcript12(messages)

    def record(self, name, server, client, say=None):
        """server and client are commands; the one that is openssl's is listened to. say: (0 for the server, 1 for the
        client, a line) that is typed once both are there, so that the server asks after the handshake."""
        outputs = []
        processes = []
        for number, command in enumerate((server, client)):
            output = open(self.path("out%d" % number), "w+", encoding="latin-1")
            outputs.append(output)
            processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output,
                                              cwd=self.work, env=dict(os.environ, LC_ALL="C")))
            if number == 0:
                self.wait_for_listener(command)
        found = None
        deadline = time.monotonic() + 15
        if say:
            time.sleep(1)
            processes[say[0]].stdin.write(say[1])
            processes[say[0]].stdin.flush()
        while not found and time.monotonic() < deadline:
            time.sleep(0.1)
            for output, command in zip(outputs, (server, client)):
                output.seek(0)
                found = found or self.transcript(output.read(), command)
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.write(name, found)
        if not found:
            for output in outputs:
                output.seek(0)
                print(output.read()[-1500:])

    def write(self, name, found):
        if not found:
            print("real-%s.bin: no handshake" % name)
            return
        with open(os.path.join(self.out, "real-" + name + ".bin"), "wb") as file:
            file.write(found)
        print("real-%s.bin: %d bytes" % (name, len(found)))

    @staticmethod
    def wait_for_listener(command):
        port = int(re.search(r"\b(\d{4,5})\b", " ".join(command[1:])).group(1))
        needle = ":%04X " % port
        for _ in range(200):
            for table in ("/proc/net/tcp", "/proc/net/tcp6"):
                with open(table, encoding="ascii") as lines:
                    if any(needle in line and " 0A " in line for line in lines):
                        return
            time.sleep(0.05)

    # --- the ends ---

    def openssl_server(self, port, key, *more):
        return ["openssl", "s_server", "-accept", port, "-msg", "-Verify", "2", "-cert", self.path(key + ".pem"),
                "-key", self.path(key + ".key"), "-tls1_3" if self.is_tls13 else "-tls1_2", *more]

    def asking_server(self, port, key, *more):
        """It asks when somebody types "c"."""
        return ["openssl", "s_server", "-accept", port, "-msg", "-cert", self.path(key + ".pem"),
                "-key", self.path(key + ".key"), "-tls1_3", *more]

    def openssl_client(self, port, key, *more):
        return ["openssl", "s_client", "-connect", "localhost:" + port, "-msg", "-cert", self.path(key + ".pem"),
                "-key", self.path(key + ".key"), *more]

    def gnutls_client(self, port, key, priority="NORMAL", *more):
        return ["gnutls-cli", "--insecure", "--priority", priority, "-p", port, "localhost",
                "--x509certfile", self.path(key + ".pem"), "--x509keyfile", self.path(key + ".key"), *more]

    def gnutls_server(self, port, key, priority="NORMAL:-VERS-TLS1.3", *more):
        return ["gnutls-serv", "-p", port, "--require-client-cert", "--priority", priority, "--echo",
                "--x509certfile", self.path(key + ".pem"), "--x509keyfile", self.path(key + ".key"), *more]

    def nss_client(self, port, key, *more):
        return ["tstclnt", "-h", "localhost", "-p", port, "-d", self.work, "-w", "password", "-n", key, "-o", *more]

    def nss_server(self, port, key, *more):
        versions = "tls1.3:tls1.3" if self.is_tls13 else "tls1.2:tls1.2"
        return ["selfserv", "-p", port, "-d", self.work, "-w", "password", "-n", key, "-r", "-r", "-V", versions, *more]

    def java(self, role, port, key, *more):
        return ["java", self.path("Peer.java"), role, self.path(key + ".p12"), port, *more]

    # --- the recordings ---

    def gnutls(self):
        p = self.port()
        self.record("gnutls-client-ecdhe-ecdsa", self.openssl_server(p, "ec"), self.gnutls_client(p, "client"))
        p = self.port()
        self.record("gnutls-client-ecdhe-rsa", self.openssl_server(p, "rsa"), self.gnutls_client(p, "client"))
        p = self.port()
        self.record("gnutls-client-dhe-rsa", self.openssl_server(p, "rsa"),
                    self.gnutls_client(p, "client", "NORMAL:-ECDHE-RSA:-ECDHE-ECDSA:-RSA:-VERS-TLS1.3"))
        p = self.port()
        self.record("gnutls-client-static-rsa", self.openssl_server(p, "rsa"),
                    self.gnutls_client(p, "client", "NORMAL:-ECDHE-RSA:-ECDHE-ECDSA:-DHE-RSA:-VERS-TLS1.3"))
        p = self.port()
        self.record("gnutls-client-static-rsa-no-extensions",
                    self.openssl_server(p, "rsa", "-cipher", "DEFAULT:@SECLEVEL=0"),
                    self.gnutls_client(p, "client", "NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_EXTENSIONS:%NO_SESSION_HASH",
                                       "--disable-sni"))
        for key in ("rsa-client", "ed-client"):
            p = self.port()
            self.record("gnutls-client-of-" + key, self.openssl_server(p, "ec"), self.gnutls_client(p, key))
        p = self.port()
        self.record("gnutls-server-ecdhe-ecdsa", self.gnutls_server(p, "ec"), self.openssl_client(p, "client"))
        p = self.port()
        self.record("gnutls-server-dhe-rsa", self.gnutls_server(p, "rsa"),
                    self.openssl_client(p, "client", "-cipher", "DHE-RSA-AES256-GCM-SHA384"))
        p = self.port()
        self.record("gnutls-server-static-rsa", self.gnutls_server(p, "rsa"),
                    self.openssl_client(p, "client", "-cipher", "AES128-GCM-SHA256"))
        p = self.port()
        self.record("gnutls-server-no-session-hash",
                    self.gnutls_server(p, "rsa", "NORMAL:-VERS-TLS1.3:%NO_SESSION_HASH:%DISABLE_SAFE_RENEGOTIATION"),
                    self.openssl_client(p, "client", "-legacy_server_connect"))

    def nss(self):
        p = self.port()
        self.record("nss-client-ecdhe-ecdsa", self.openssl_server(p, "ec"), self.nss_client(p, "client"))
        p = self.port()
        self.record("nss-client-rsa-key", self.openssl_server(p, "rsa"), self.nss_client(p, "rsa-client"))
        p = self.port()
        self.record("nss-client-that-offers-tls13", self.openssl_server(p, "rsa"),
                    self.nss_client(p, "client", "-V", "tls1.2:tls1.3"))
        p = self.port()
        self.record("nss-server-ecdhe-rsa", self.nss_server(p, "rsa"), self.openssl_client(p, "client"))
        p = self.port()
        self.record("nss-server-static-rsa", self.nss_server(p, "rsa"),
                    self.openssl_client(p, "client", "-cipher", "AES128-SHA256"))

    def jsse(self):
        p = self.port()
        self.record("java-client-tls12", self.openssl_server(p, "ec"), self.java("client", p, "client", "TLSv1.2"))
        p = self.port()
        self.record("java-client-rsa-key", self.openssl_server(p, "rsa"), self.java("client", p, "rsa-client"))
        p = self.port()
        self.record("java-server-ecdhe-ecdsa", self.java("server", p, "ec", "TLSv1.2"),
                    self.openssl_client(p, "client", "-tls1_2"))
        p = self.port()
        self.record("java-server-dhe-rsa", self.java("server", p, "rsa"),
                    self.openssl_client(p, "client", "-cipher", "DHE-RSA-AES128-GCM-SHA256", "-tls1_2"))
        p = self.port()
        self.record("java-server-static-rsa", self.java("server", p, "rsa"),
                    self.openssl_client(p, "client", "-cipher", "AES256-GCM-SHA384", "-tls1_2"))

    def openssl(self):
        p = self.port()
        self.record("openssl-status-request-without-staple", self.openssl_server(p, "ec"),
                    self.openssl_client(p, "client", "-status", "-servername", "localhost", "-alpn", "h2,http/1.1"))

        p = self.port()
        self.record("openssl-staple", self.openssl_server(p, "ec", "-status_file", self.path("ec.ocsp")),
                    self.openssl_client(p, "client", "-status", "-servername", "localhost"))

    # --- TLS 1.3 ---

    def openssl13(self):
        named = ("-servername", "localhost")
        p = self.port()
        self.record("openssl-staple", self.openssl_server(p, "ec", "-status_file", self.path("ec.ocsp")),
                    self.openssl_client(p, "client", "-status", "-alpn", "h2,http/1.1", *named))
        p = self.port()
        self.record("openssl-retry", self.openssl_server(p, "rsa", "-groups", "P-384"),
                    self.openssl_client(p, "client", "-groups", "X25519:P-384", *named))
        p = self.port()
        self.record("openssl-sha256-suite-retry",
                    self.openssl_server(p, "ec", "-groups", "P-256", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"),
                    self.openssl_client(p, "client", *named))
        for key in ("ed", "p384"):
            p = self.port()
            self.record("openssl-%s-server" % key, self.openssl_server(p, key),
                        self.openssl_client(p, "client", *named))
        p = self.port()
        self.record("openssl-asked-later", self.asking_server(p, "ec"),
                    self.openssl_client(p, "client", "-enable_pha", *named), (0, b"c\n"))
        self.resumed()

    def resumed(self):
        p = self.port()
        session = self.path("session")
        server = subprocess.Popen(self.asking_server(p, "rsa"), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        self.wait_for_listener(["", p])
        client = subprocess.Popen(self.openssl_client(p, "client", "-sess_out", session), stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not os.path.exists(session) or not os.path.getsize(session):
            time.sleep(0.1)
        client.kill()
        client.wait()
        text = self.path("resumed-out")
        with open(text, "w+", encoding="latin-1") as output:
            client = subprocess.Popen(self.openssl_client(p, "client", "-enable_pha", "-sess_in", session,
                                                          "-servername", "localhost"),
                                      stdin=subprocess.PIPE, stdout=output, stderr=output)
            time.sleep(1)
            server.stdin.write(b"c\n")
            server.stdin.flush()
            time.sleep(1)
            output.seek(0)
            found = self.transcript13(self.messages(output.read(), False))
        for process in (client, server):
            process.kill()
            process.wait()
        self.write("openssl-resumed-asked-later", found)

    def others13(self):
        named = ("-servername", "localhost")
        if shutil.which("gnutls-cli"):
            p = self.port()
            self.record("gnutls-client", self.openssl_server(p, "ec"), self.gnutls_client(p, "client"))
            p = self.port()
            self.record("gnutls-client-retry", self.openssl_server(p, "rsa", "-groups", "P-521"),
                        self.gnutls_client(p, "client"))
            p = self.port()
            self.record("gnutls-client-asked-later", self.asking_server(p, "rsa"),
                        self.gnutls_client(p, "client", "NORMAL", "--post-handshake-auth"), (0, b"c\n"))
            p = self.port()
            self.record("gnutls-server", self.gnutls_server(p, "ec", "NORMAL:-VERS-ALL:+VERS-TLS1.3"),
                        self.openssl_client(p, "client", *named))
            p = self.port()
            server = [word for word in self.gnutls_server(p, "rsa", "NORMAL:-VERS-ALL:+VERS-TLS1.3")
                      if word != "--require-client-cert"]
            self.record("gnutls-server-asked-later", server,
                        self.openssl_client(p, "client", "-enable_pha", *named), (1, b"**REAUTH**\n"))
        if shutil.which("tstclnt"):
            p = self.port()
            self.record("nss-client-sha256-suite", self.openssl_server(p, "ec"),
                        self.nss_client(p, "client", "-V", "tls1.3:tls1.3"))
            p = self.port()
            self.record("nss-server-sha256-suite", self.nss_server(p, "rsa"),
                        self.openssl_client(p, "client", *named))
        if shutil.which("java"):
            p = self.port()
            self.record("java-client", self.openssl_server(p, "ec"), self.java("client", p, "client", "TLSv1.3"))
            p = self.port()
            self.record("java-server", self.java("server", p, "ec", "TLSv1.3"),
                        self.openssl_client(p, "client", *named))

    def all(self):
        if self.is_tls13:
            self.openssl13()
            self.others13()
            shutil.rmtree(self.work)
            return
        self.openssl()
        if shutil.which("gnutls-cli"):
            self.gnutls()
        if shutil.which("tstclnt"):
            self.nss()
        if shutil.which("java"):
            self.jsse()
        shutil.rmtree(self.work)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: record_transcripts.py FOLDER")
    Recorder(sys.argv[1]).all()
