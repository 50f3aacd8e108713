# SPDX-License-Identifier: Apache-2.0
"""Forged cases: the handshake around the server's signature: hashes, order, lengths, versions, HelloRetryRequest,
post-handshake authentication. What the server signs in TLS 1.3 it has signed after the change, so only that is wrong.
"""
import os

from handshake import (CERTIFICATE, CH, CKE, CR, CV, DH_RSA, DHE_RSA, DONE, ECDH_ECDSA, EE, END_OF_EARLY_DATA, FINISHED,
                       KEY_UPDATE, MESSAGE_HASH, RETRY_RANDOM, RSA, SH, SKE, TICKET, certificates12, certificates13,
                       extension, server_hello, server_name, u16, vector, wire)
from pki import new_key
from world import GOOD

NAMES = {CH: "client-hello", SH: "server-hello", EE: "encrypted-extensions", CERTIFICATE: "certificate", CV: "verify",
         CR: "request", FINISHED: "finished", SKE: "exchange", DONE: "done", CKE: "client-exchange",
         MESSAGE_HASH: "message-hash"}


def places(messages):
    """(place, name) of each message; the second Certificate is the client's."""
    seen = set()
    for place, (kind, _) in enumerate(messages):
        again = "client's-" if kind == CERTIFICATE else "second-"
        yield place, (again if kind in seen else "") + NAMES[kind]
        seen.add(kind)


def at(place, edit):
    """A change: edit(messages, place) where there is such a place yet (the server has not said all when it signs)."""
    def change(messages):
        if place < len(messages):
            edit(messages, place)
        return messages
    return change


def cut(messages, place):
    messages[place][1] = messages[place][1][:-1]


def extend(messages, place):
    messages[place][1] += b"\0"


def drop(messages, place):
    del messages[place]


def double(messages, place):
    messages.insert(place, list(messages[place]))


def swap(messages, place):
    if place + 1 < len(messages):
        messages[place], messages[place + 1] = messages[place + 1], messages[place]


EDITS = (("cut", cut), ("extended", extend), ("missing", drop), ("twice", double), ("too-late", swap))


def deformed13(world, name, place, edit, options):
    """Before the server signs when it is something that the server signs, else after."""
    plan = world.plan13(**options)
    kinds = [kind for kind, _ in plan.messages()]
    verify = kinds.index(CV)
    if place < verify - (edit is swap):
        world.add13(name, tweak=at(place, edit), **options)
    else:
        world.add13(name, at(place, edit), **options)


def each_message(world):
    for place, word in places(world.plan12().messages()):
        for name, edit in EDITS:
            if not (edit is cut and word == "done") and not (edit is swap and word == "client-exchange"):
                world.add12(f"{word}-{name}", at(place, edit))
    for group, options in (("", {}), ("retry-", {"retry": True}), ("post-", {"post": True, "context": b"\1\2\3"})):
        found = list(places(world.plan13(**options).messages()))
        for place, word in found:
            for name, edit in EDITS:
                last = place == len(found) - 1
                # Two Finished change places and nobody sees it: they are random bytes, the handshake is a good one.
                if not (edit is swap and (last or word == "finished" and group == "post-")):
                    deformed13(world, f"{group}{word}-{name}", place, edit, options)


def lengths(world):
    """Lengths of messages that lie, in the bytes themselves."""
    plan = world.plan13()
    messages = plan.messages()
    whole, offset = wire(messages), 0
    for place, word in places(messages):
        for name, more in (("one-more", 1), ("one-less", -1), ("giant", 0xff0000)):
            size = (len(messages[place][1]) + more) & 0xffffff
            bad = whole[:offset + 1] + size.to_bytes(3, "big") + whole[offset + 4:]
            world.add(f"tls13-{word}-says-{name}", b"".join((plan.input([])[:98], plan.hash()(bad).digest())), bad)
        offset += 4 + len(messages[place][1])
    for name, bad in (("cut-by-one", whole[:-1]), ("goes-on", whole + b"\0"),
                      ("goes-on-with-a-header", whole + b"\x14\0\0\0"),
                      ("starts-with-hello-request", b"\0\0\0\0" + whole), ("in-records", b"\x16\3\3\0\x40" + whole),
                      ("twice", whole + whole)):
        world.add(f"tls13-transcript-{name}", plan.input([])[:98] + plan.hash()(bad).digest(), bad)


def hashes(world):
    """Hash of one and messages of another."""
    one, two = world.plan13(), world.plan13()
    first, second = one.messages(), two.messages()
    world.add("tls13-hash-of-one-and-messages-of-another", one.input(first), wire(second))
    world.add("tls13-no-transcript", one.input(first))
    world.add("tls13-transcript-without-the-client's-certificate", one.input(first), wire(first[:-1]))
    world.add("tls13-hash-up-to-the-server's-finished", one.input(first[:-1]), wire(first))
    world.add("tls13-hash-up-to-the-server's-finished-in-both", one.input(first[:-1]), wire(first[:-1]))
    for word, place in (("first", 0), ("last", -1)):
        digest = bytearray(one.digest(first))
        digest[place] ^= 1
        world.add(f"tls13-hash-flipped-in-its-{word}-byte", one.input([])[:98] + bytes(digest), wire(first))
    for name, options in (("", {}), ("post-", {"post": True, "context": b"\1"})):
        plan = world.plan13(**options)
        messages = plan.messages()
        for word, more in (("a-message", wire([plan.finished()])), ("a-byte", b"\0"), ("itself", wire(messages))):
            world.add(f"tls13-{name}{word}-after-what-is-hashed", plan.input(messages), wire(messages) + more)
    world.add13("good-sha384", good=GOOD, suite=0x1302)
    world.add13("good-chacha", good=GOOD, suite=0x1303)
    world.add13("suite-sha384-with-a-hash-of-sha256", digest=os.urandom(32), suite=0x1302)
    plan = world.plan13(suite=0x1302)
    messages = plan.messages()
    plan.suite = 0x1301
    world.add("tls13-sha256-over-a-handshake-of-sha384", plan.input(messages), wire(messages))
    plan = world.plan13()
    messages = plan.messages()
    plan.suite = 0x1302
    world.add("tls13-sha384-over-a-handshake-of-sha256", plan.input(messages), wire(messages))
    evil = world.issuing.issue(world.key, "evil.example", ["evil.example"])
    allowed, other = world.plan13(), world.plan13(host="evil.example", chain=world.chain_of(evil))
    a, b = allowed.messages(), other.messages()
    world.add("tls13-handshake-of-an-allowed-server-hash-of-another", other.input(b), wire(a))
    world.add("tls13-client's-half-of-another-server", allowed.input(a[:6] + b[6:]), wire(b[:6] + a[6:]))
    world.add("tls13-allowed-handshake-before-another", other.input(a + b), wire(a + b))
    world.add("tls13-allowed-hello-before-another-server", other.input(a[:2] + b[2:]), wire(a[:2] + b[2:]))
    data = wire(world.plan12().messages())
    world.add("tls12-allowed-handshake-as-the-transcript-of-another", wire(
        world.plan12(host="evil.example", chain=world.chain_of(evil)).messages()), data)
    world.add("tls12-good-handshake-as-the-transcript-of-tls-1.3", one.input(first), data)


def retries(world):
    for suite in (0x1301, 0x1302):
        world.add13("good-retry-%04x" % suite, good=GOOD, retry=True, suite=suite)
    add = lambda name, tweak, **options: world.add13("retry-" + name, tweak=tweak, retry=True, **options)  # noqa: E731

    def with_hash(body):
        return at(0, lambda messages, _: messages[0].__setitem__(1, body))

    add("hash-of-31-bytes", with_hash(os.urandom(31)))
    add("hash-of-48-bytes", with_hash(os.urandom(48)))
    add("hash-empty", with_hash(b""))
    add("without-message-hash", at(0, drop))
    add("first-hello-in-full", at(0, lambda messages, _: messages.__setitem__(0, world.plan13().client_hello())))
    asks = [extension(43, u16(0x0304)), extension(44, vector(2, b"cookie"))]
    add("random-of-an-ordinary-hello", at(1, lambda messages, _: messages.__setitem__(1, server_hello(
        os.urandom(32), 0x1301, asks, session=b"\7" * 32))))
    add("twice", at(1, lambda messages, _: messages.insert(2, list(messages[1]))))
    add("whole-again", at(1, lambda messages, _: messages.__setitem__(slice(3, 3), [list(messages[1]), messages[2]])))
    add("of-another-suite", None, retry_suite=0x1303)
    add("of-another-hash", None, retry_suite=0x1302)
    add("for-tls-1.2", at(1, lambda messages, _: messages.__setitem__(1, server_hello(
        RETRY_RANDOM, 0x1301, [extension(44, vector(2, b"cookie"))], session=b"\7" * 32))))
    world.add13("retry-as-the-server's-hello", server_random=RETRY_RANDOM)
    world.add13("message-hash-without-retry", tweak=at(0, lambda messages, _: messages.insert(0, [
        MESSAGE_HASH, os.urandom(32)])))
    world.add13("message-hash-in-place-of-the-hello", tweak=at(0, lambda messages, _: messages.__setitem__(0, [
        MESSAGE_HASH, os.urandom(32)])))
    world.add13("message-hash-in-the-middle", tweak=at(2, lambda messages, _: messages.insert(2, [
        MESSAGE_HASH, os.urandom(32)])))
    in_full(world)
    # The name that counts is that of the second hello.
    evil = world.plan13(host="evil.example", retry=True).messages()[2]
    add("second-hello-to-another", at(2, lambda messages, _: messages.__setitem__(2, evil)))
    nobody = world.plan13(host=None, retry=True).messages()[2]
    add("second-hello-without-sni", at(2, lambda messages, _: messages.__setitem__(2, nobody)))


def in_full(world):
    """The first ClientHello itself, as a client may hand it over; what is hashed is its hash."""
    def add(name, other, good=None):
        plan = world.plan13(retry=True)
        messages = plan.messages()
        first = other(plan)
        message_hash = [MESSAGE_HASH, plan.hash()(wire([first])).digest()]
        place = [kind for kind, _ in messages].index(CV)
        messages[place] = plan.verify([message_hash] + messages[1:place])
        shown = [first] + messages[1:]
        world.add("tls13-retry-in-full-" + name, plan.input([message_hash] + messages[1:]), wire(shown), good)

    def of(**options):
        return lambda plan: world.plan13(retry=True, client_random=plan.client_random, **options).client_hello()
    add("good", lambda plan: plan.client_hello(), GOOD)
    add("to-another", of(host="other.corp.example"))
    add("without-sni", of(host=None))
    add("of-another-client", lambda _: world.plan13(retry=True).client_hello())
    add("of-another-suite", of(offered=[0x1302]))


def versions(world):
    offers13 = [extension(43, vector(1, u16(0x0304) + u16(0x0303)))]
    world.add12("good-offers-tls-1.3", good=GOOD, more_client=offers13)
    for last, name in ((b"DOWNGRD\1", "1.2"), (b"DOWNGRD\0", "1.1")):
        world.add12("downgrade-to-tls-" + name, more_client=offers13, server_random=os.urandom(24) + last)
    world.add12("good-sentinel-for-a-client-of-tls-1.2", good=GOOD, server_random=os.urandom(24) + b"DOWNGRD\1")
    world.add12("server-chose-tls-1.3-in-an-extension", more_client=offers13, more_server=[extension(43, u16(0x0304))])
    world.add12("version-1.1", server_version=0x0302)
    world.add12("client-version-1.1", client_version=0x0302)
    world.add13("server-chose-tls-1.2", server_version=0x0303)
    world.add13("server-chose-a-draft", server_version=0x7f1c)
    world.add13("suite-of-tls-1.2", suite=0xc02b)
    world.add13("suite-that-nobody-offered", offered=[0x1303])
    world.add12("suite-that-nobody-offered", offered=[0xc030])
    world.add13("without-supported-versions", tweak=at(1, lambda messages, _: messages.__setitem__(1, server_hello(
        os.urandom(32), 0x1301, [], session=b"\7" * 32))))


def exchanges(world):
    rsa = world.keys["rsa2048"]
    usage = {"digital_signature", "key_encipherment", "key_agreement"}
    with_rsa = {"key": rsa, "chain": world.chain_of(world.issuing.issue(rsa, GOOD, [GOOD], usage=usage))}
    world.add12("good-dhe", good=GOOD, suite=DHE_RSA, kind="dhe", **with_rsa)
    world.add12("static-rsa", suite=RSA, kind="static", **with_rsa)
    world.add12("static-rsa-with-an-exchange", suite=RSA, **with_rsa)
    world.add12("static-dh", suite=DH_RSA, kind="static", **with_rsa)
    world.add12("static-ecdh", suite=ECDH_ECDSA, kind="static")
    for code, name in ((0x00a6, "anonymous-dh"), (0xc018, "anonymous-ecdh"), (0x00a8, "psk"), (0xc01d, "srp")):
        world.add12("suite-" + name, suite=code)
    world.add12("ecdhe-without-exchange", kind="static")
    world.add12("exchange-of-dhe-under-ecdhe", suite=0xc02f, kind="dhe", **with_rsa)
    world.add12("exchange-of-ecdhe-under-dhe", suite=DHE_RSA, **with_rsa)
    world.add12("curve-written-out", params=b"\1" + vector(1, b"\1" * 32) + vector(1, b"\4" + os.urandom(64)))
    world.add12("empty-point", params=b"\3\0\x17\0")
    for side in ("client", "server"):
        world.add12(f"no-extended-master-secret-of-the-{side}", **{f"{side}_ems": False})
        world.add12(f"no-renegotiation-info-of-the-{side}", **{f"{side}_ri": False})
    world.add12("no-extended-master-secret", client_ems=False, server_ems=False)
    world.add12("no-renegotiation-info", client_ri=False, server_ri=False)
    world.add12("good-renegotiation-by-signal", good=GOOD, client_ri=False, offered=[0xc02b, 0x00ff])
    world.add12("renegotiation-info-that-does-not-fit", server_ri=False,
                more_server=[extension(0xff01, b"\x0c" + b"\1" * 12)])
    world.add12("extended-master-secret-with-a-body", client_ems=False, server_ems=False,
                more_client=[extension(23, b"\0")], more_server=[extension(23, b"\0")])
    world.add12("extended-master-secret-twice", more_server=[extension(23)])
    world.add12("extension-that-nobody-asked-for", more_server=[extension(0x1234, b"")])


def own_certificates(world):
    """The client's side: whose certificate is shown to the server."""
    other = world.clients["exact"]
    world.both("client's-certificate-of-another-key", client_chain=[other])
    world.both("client's-certificate-second", client_chain=[other, world.clients["alice"]])
    world.both("client-without-certificate", client_chain=[])
    world.both("client's-certificate-of-nonsense", client_chain=[b"\x30\0"])
    world.both("server's-certificate-as-the-client's", client_chain=[world.leaf])
    world.add13("context-of-the-client's-certificate", client_context=b"\1")
    world.add13("context-of-the-request-in-the-main-handshake", context=b"\1")
    world.add13("context-of-the-server's-certificate", server_context=b"\1")
    world.add13("nobody-asked-for-a-certificate", tweak=at(3, drop))


def posts(world):
    post = {"post": True, "context": b"\1\2\3\4"}
    world.add13("good-post-handshake", good=GOOD, **post)
    world.add13("good-post-handshake-after-an-answer", good=GOOD, main_auth=True, **post)
    world.add13("good-post-handshake-after-a-retry", good=GOOD, retry=True, **post)
    world.add13("post-that-nobody-offered", offers_post=False, **post)
    world.add13("post-after-a-resumption", psk=True, **post)
    world.add13("resumption", psk=True)
    world.add13("good-resumption-that-the-server-declined", good=GOOD, offers_psk=True)
    world.add13("resumption-with-a-certificate", psk=True, certified=True)
    world.add13("resumption-that-nobody-offered", psk=True, offers_psk=False, certified=True)
    world.add13("post-with-another-context", client_context=b"\1\2\3\5", **post)
    world.add13("post-without-context-in-the-answer", client_context=b"", **post)

    def without_client_finished(messages):
        del messages[-3]

    def with_ticket(messages):
        messages.insert(-2, [TICKET, os.urandom(40)])

    def with_update(messages):
        messages.insert(-2, [KEY_UPDATE, b"\0"])

    def early(messages):
        messages.insert(-1, [END_OF_EARLY_DATA, b""])

    def two_requests(messages):
        messages.insert(-1, list(messages[-2]))

    def answer_without_question(messages):
        messages.insert(-3, list(messages[-1]))

    def no_verify(messages):
        del messages[-5]
    world.add13("post-without-the-client's-finished", without_client_finished, **post)
    world.add13("post-with-a-ticket-in-it", with_ticket, **post)
    world.add13("post-with-a-key-update-in-it", with_update, **post)
    world.add13("post-with-two-requests", two_requests, **post)
    world.add13("post-with-an-answer-that-nobody-asked-for", answer_without_question, **post)
    world.add13("post-without-the-client's-first-verify", no_verify, main_auth=True, **post)
    world.add13("end-of-early-data", early)
    # A main handshake's transcript with a request of post-handshake authentication's form, and the reverse.
    world.add13("main-handshake-offered-as-post", lambda messages: messages.__setitem__(-1, certificates13(
        [world.clients["alice"]], b"\1\2\3\4")), offers_post=True)
    main, later = world.plan13(offers_post=True), world.plan13(**post)
    a, b = main.messages(), later.messages()
    world.add("tls13-post-offered-as-the-main-handshake", main.input(a[:-1] + b[-1:]), wire(a[:-1] + b[-1:]))
    world.add("tls13-post-of-another-connection", later.input(a[:-1] + b[-3:]), wire(a[:-1] + b[-3:]))
    world.add("tls13-post-hash-of-the-main-handshake", later.input(b[:-3] + b[-1:]), wire(b))
    world.add("tls13-post-of-one-and-server-of-another", later.input(a[:4] + b[4:]), wire(a[:4] + b[4:]))


def orders(world):
    """Messages of a second server, and of the other version."""
    evil_key = new_key()
    evil = world.stranger.issue(evil_key, "evil.example", ["evil.example"])

    def two_certificates(messages):
        messages.insert(-1, certificates13([evil, world.stranger.certificate]))
        return messages

    def two_certificates_after(messages):
        messages.append(certificates13([evil, world.stranger.certificate]))
        return messages
    world.add13("two-certificates-the-good-one-last", tweak=two_certificates)
    world.add13("two-certificates-the-good-one-first", tweak=two_certificates_after)
    good = certificates12([world.leaf, world.issuing.certificate])
    world.add12("two-certificates-the-good-one-last", lambda messages: messages.insert(3, good),
                chain=[evil, world.stranger.certificate], key=evil_key)
    world.add12("two-certificates-the-good-one-first", lambda messages: messages.insert(2, good),
                chain=[evil, world.stranger.certificate], key=evil_key)
    exchange = world.plan12(key=evil_key).messages()[3]
    world.add12("two-exchanges-the-evil-one-last", lambda messages: messages.insert(4, exchange))
    world.add12("certificate-of-tls-1.3", lambda messages: messages.__setitem__(2, certificates13(
        [world.leaf, world.issuing.certificate])))
    world.add13("certificate-of-tls-1.2", tweak=lambda messages: messages[:-1] + [certificates12(
        [world.leaf, world.issuing.certificate])])
    world.add13("exchange-of-tls-1.2-in-it", tweak=lambda messages: messages + [exchange])
    world.add13("server-hello-done-in-it", tweak=lambda messages: messages + [[DONE, b""]])
    second = world.plan13(host="evil.example")
    world.add13("second-client-hello", tweak=lambda messages: [second.client_hello()] + messages)
    world.add13("sni-in-the-server's-answer", host=None, tweak=lambda messages: [
        [kind, vector(2, server_name(GOOD)) if kind == EE else body] for kind, body in messages])
    world.add13("good-sni-acknowledged", good=GOOD, tweak=lambda messages: [
        [kind, vector(2, extension(0)) if kind == EE else body] for kind, body in messages])


def all_of_them(world):
    for make in (each_message, lengths, hashes, retries, versions, exchanges, own_certificates, posts, orders):
        make(world)
