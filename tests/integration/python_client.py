# SPDX-License-Identifier: Apache-2.0
"""What a Python program does with an ssl context whose key keystay holds.

usage: python_client.py once PORT CA CERTIFICATE                  one page; an error is printed as Python prints it
       python_client.py threads-and-forks PORT CA CERTIFICATE
       python_client.py on-demand PORT CA CERTIFICATE             loads once, then a page for each line on stdin
"""
import os
import socket
import ssl
import sys
import threading

THREADS = 8


def load(ca, certificate):
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(certificate)
    return context


def fetch(context, port):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
            page = b""
            while more := connection.recv(65536):
                page += more
    return page.decode()


def must_see_alice(context, port):
    page = fetch(context, port)
    if "client=CN=alice,O=Example" not in page:
        raise AssertionError(page)


def in_threads(context, port, each):
    done, problems = [], []

    def work():
        try:
            for _ in range(each):
                must_see_alice(context, port)
                done.append(1)
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    return len(done)


def in_children(work, n):
    """Runs work in n forked children; True when all ended well."""
    children = []
    for _ in range(n):
        child = os.fork()
        if child == 0:
            try:
                work()
            except BaseException as problem:
                print(repr(problem), file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        children.append(child)
    return all([os.waitpid(child, 0)[1] == 0 for child in children])


def threads_and_forks(context, port):
    print(f"{in_threads(context, port, 20)} handshakes in {THREADS} threads")
    if in_children(lambda: [must_see_alice(context, port) for _ in range(10)], THREADS):
        print(f"{10 * THREADS} handshakes in {THREADS} forked children")
    if in_children(lambda: in_threads(context, port, 10), 1):
        print(f"{10 * THREADS} handshakes in {THREADS} threads of a forked child")
    must_see_alice(context, port)
    print("the parent still works")


def on_demand(context, port):
    print("loaded", flush=True)
    for _ in sys.stdin:
        try:
            must_see_alice(context, port)
            print("page", flush=True)
        except ssl.SSLError as problem:
            print(f"error {problem}", flush=True)


def main(what, port, ca, certificate):
    context, port = load(ca, certificate), int(port)
    if what == "once":
        print(fetch(context, port))
    elif what == "on-demand":
        on_demand(context, port)
    else:
        threads_and_forks(context, port)


if __name__ == "__main__":
    main(*sys.argv[1:])
