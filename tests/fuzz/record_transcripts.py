#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""record_transcripts: writes the TLS 1.2 corpus files real-*.bin, which are inputs of CertificateVerify signatures
that TLS implementations other than each other really made.

One end is always openssl s_server or s_client with -msg, which shows the handshake messages; the other end is GnuTLS,
NSS or Java, as far as they are installed. A transcript is all messages from ClientHello to ClientKeyExchange, without
HelloRequest. Run by hand, when an implementation has something new to say:

    tests/fuzz/record_transcripts.py tests/fuzz/corpus/transcript12
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
    SSLContext context = SSLContext.getInstance("TLSv1.2");
    context.init(managers.getKeyManagers(), new TrustManager[] { any }, null);
    int port = Integer.parseInt(a[2]);
    if (a[0].equals("server")) {
      SSLServerSocket s = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(port);
      s.setNeedClientAuth(true);
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
        self.work = tempfile.mkdtemp(prefix="keystay-record-")
        self.path("client.key", CLIENT_KEY)
        self.path("Peer.java", JAVA)
        self.certificate("client", None)
        self.certificate("rsa-client", "rsa:2048")
        self.certificate("ed-client", "ed25519")
        self.certificate("ec", "ec", "localhost")
        self.certificate("rsa", "rsa:2048", "localhost")
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
        if kind == "ec":
            run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        elif kind == "ed25519":
            run("openssl", "genpkey", "-algorithm", "ED25519", "-out", key)
        elif kind:
            run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
        run("openssl", "req", "-x509", "-new", "-key", key, "-days", "36500", "-out", self.path(name + ".pem"),
            "-subj", "/O=%s/CN=%s" % (name, subject or name), "-addext", "subjectAltName=DNS:" + (subject or name))

    @staticmethod
    def port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return str(probe.getsockname()[1])

    @staticmethod
    def transcript(text):
        """The last whole transcript in the output of -msg."""
        messages = []
        for block in re.finditer(r"^(<<<|>>>) [^\n]*Handshake \[length [0-9a-f]+\], \w+\n((?: {4}[0-9a-f ]+\n)+)",
                                 text, re.M):
            message = bytes.fromhex(block.group(2))
            if message[0] == 0:
                continue
            if message[0] == 1:
                messages = []
            messages.append(message)
            if message[0] == 15:
                return b"".join(messages[:-1])
        return None

    def record(self, name, server, client):
        """server and client are commands; the one that is openssl's is listened to."""
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
        while not found and time.monotonic() < deadline:
            time.sleep(0.1)
            for output in outputs:
                output.seek(0)
                found = found or self.transcript(output.read())
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if found:
            with open(os.path.join(self.out, "real-" + name + ".bin"), "wb") as file:
                file.write(found)
            print("real-%s.bin: %d bytes" % (name, len(found)))
        else:
            print("real-%s.bin: no handshake" % name)
            for output in outputs:
                output.seek(0)
                print(output.read()[-1500:])

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
                "-key", self.path(key + ".key"), "-tls1_2", *more]

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
        return ["selfserv", "-p", port, "-d", self.work, "-w", "password", "-n", key, "-r", "-r", "-V",
                "tls1.2:tls1.2", *more]

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
        self.record("java-server-ecdhe-ecdsa", self.java("server", p, "ec"),
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

    def all(self):
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
