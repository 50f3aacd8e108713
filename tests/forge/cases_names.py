# SPDX-License-Identifier: Apache-2.0
"""Forged cases: who the server says it is, in SNI and certificates, and what the rule allows."""
import ipaddress

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from handshake import extension, server_name, vector
from pki import CLIENT, OCSP, SERVER, Authority, der, der_item, edit
from world import GOOD


def good_names(world):
    world.both("good", good=GOOD)
    world.both("good-for-the-exact-rule", good=GOOD, who="exact")
    world.both("good-name-in-capitals", good=GOOD, host="GOOD.Corp.Example")
    world.leaf_case("good-certificate-in-capitals", names=["GOOD.CORP.EXAMPLE"], good=GOOD)
    world.leaf_case("good-wildcard", names=["*.corp.example"], good=GOOD)
    world.leaf_case("good-deeper-name", names=["a.b.corp.example"], host="a.b.corp.example", good="a.b.corp.example")
    world.leaf_case("good-a-label", names=["xn--bcher-kva.corp.example"], host="xn--bcher-kva.corp.example",
                    good="xn--bcher-kva.corp.example")
    world.leaf_case("good-second-name", names=["other.example", GOOD], good=GOOD)
    world.leaf_case("good-without-usage-extensions", without=("usage",), eku=[], good=GOOD)
    world.leaf_case("good-common-name-of-another", common_name="evil.example", good=GOOD)


def wrong_names(world):
    leaf_case = world.leaf_case
    leaf_case("certificate-of-another-host", names=["other.corp.example"])
    leaf_case("proven-for-a-host-that-is-not-allowed", names=["evil.example"], host="evil.example")
    leaf_case("proven-for-a-sibling-of-the-exact-name", names=["other.corp.example"], host="other.corp.example",
              who="exact")
    leaf_case("proven-for-a-child-of-the-exact-name", names=["a.good.corp.example"], host="a.good.corp.example",
              who="exact")
    leaf_case("proven-for-the-suffix-itself", names=["corp.example"], host="corp.example")
    leaf_case("proven-for-a-suffix-without-dot", names=["evilcorp.example"], host="evilcorp.example")
    leaf_case("proven-for-the-suffix-as-prefix", names=["corp.example.evil.example"], host="corp.example.evil.example")
    leaf_case("proven-for-the-good-name-as-prefix", names=["good.corp.example.evil.example"],
              host="good.corp.example.evil.example", who="exact")
    leaf_case("common-name-alone", names=[])
    leaf_case("common-name-beside-other-names", names=["other.example"])
    leaf_case("name-as-mail-address", names=[x509.RFC822Name(GOOD + "@corp.example")])
    leaf_case("name-as-uri", names=[x509.UniformResourceIdentifier("https://" + GOOD)])
    leaf_case("name-as-a-bare-uri", names=[x509.UniformResourceIdentifier(GOOD)])
    leaf_case("name-as-directory-name", names=[x509.DirectoryName(x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, GOOD)]))])
    leaf_case("empty-dns-name", names=[""])
    leaf_case("dot-before-the-name", names=[".corp.example"])
    leaf_case("space-after-the-name", names=[GOOD + " "])
    leaf_case("nul-in-the-name", names=[GOOD + "\0.evil.example"])
    leaf_case("nul-after-the-name", names=[GOOD + "\0"])
    leaf_case("nul-in-the-common-name", names=[], common_name=GOOD + "\0.evil.example")
    unicode = world.issuing.issue(world.key, GOOD, ["go0d.corp.example"])
    unicode = edit(unicode, [(b"go0d.corp.example", "g\u00f6d.corp.example".encode())], world.issuing)
    world.both("letter-outside-ascii-in-the-certificate", chain=[unicode, world.issuing.certificate])
    # A second subjectAltName, by a number that is made the same one afterwards.
    number = ObjectIdentifier("2.5.29.99")
    for first, second in (("good", "other"), ("other", "good")):
        host = f"{second}.corp.example".encode()
        inner = der_item(0x30, der_item(0x82, host))
        twice = world.issuing.issue(world.key, GOOD, [f"{first}.corp.example"], more=[
            (x509.UnrecognizedExtension(number, inner), False)])
        world.both(f"alternative-names-twice-{first}-first", chain=[
            edit(twice, [(b"\x55\x1d\x63", b"\x55\x1d\x11")], world.issuing), world.issuing.certificate])
    leaf_case("homograph-as-a-label", names=["xn--gd-fkaa.corp.example"])


def wildcards(world):
    for name, pattern, host in (
            ("two-labels-for-a-star", "*.corp.example", "a.good.corp.example"),
            ("star-for-nothing", "*.good.corp.example", GOOD),
            ("star-before-letters", "*ood.corp.example", GOOD), ("star-after-letters", "g*.corp.example", GOOD),
            ("star-between-letters", "g*d.corp.example", GOOD), ("star-in-the-second-label", "good.*.example", GOOD),
            ("star-at-the-end", "good.corp.*", GOOD), ("star-alone", "*", GOOD), ("star-and-star", "*.*.example", GOOD),
            ("star-twice", "**.corp.example", GOOD),
            ("star-over-a-top-level", "*.example", "good.example"),
            ("star-in-an-a-label", "xn--*.corp.example", "xn--bcher-kva.corp.example"),
            ("star-and-a-dot-alone", "*.", GOOD), ("star-without-dot", "*corp.example", GOOD)):
        world.leaf_case("wildcard-" + name, names=[pattern], host=host)
    world.leaf_case("wildcard-of-the-beginning", names=["*.corp.example"], host="good.corp.example.evil.example")
    world.leaf_case("certificate-of-the-beginning", names=[GOOD], host="good.corp.example.evil.example")
    world.leaf_case("certificate-of-the-end", names=[GOOD], host="evil.good.corp.example")
    world.leaf_case("wildcard-asked-for", names=["*.corp.example"], host="*.corp.example")
    world.leaf_case("wildcard-written-into-the-name", names=[GOOD], host="*.corp.example")


def server_names(world):
    both = world.both
    both("no-sni", host=None)
    both("empty-sni", host="")
    both("sni-list-empty", names=[extension(0, vector(2, b""))])
    both("sni-extension-empty", names=[extension(0, b"")])
    both("sni-twice", names=[server_name(GOOD), server_name(GOOD)])
    both("sni-twice-another-first", names=[server_name("evil.example"), server_name(GOOD)])
    one = b"\0" + vector(2, GOOD.encode())
    other = b"\0" + vector(2, b"evil.example")
    both("sni-two-names-in-one", names=[extension(0, vector(2, one + other))])
    both("sni-the-same-name-twice-in-one", names=[extension(0, vector(2, one + one))])
    both("sni-of-another-type", names=[server_name(GOOD, 1)])
    both("sni-goes-on", names=[extension(0, vector(2, one) + b"\0")])
    both("sni-list-shorter-than-its-name", names=[extension(0, vector(2, one)[:1] + bytes([len(one) - 1]) + one)])
    both("sni-without-list", names=[extension(0, one)])
    address = x509.IPAddress(ipaddress.ip_address("192.0.2.1"))
    for name, host in (("address", "192.0.2.1"), ("address-of-six", "2001:db8::1"),
                       ("address-in-brackets", "[2001:db8::1]"),
                       ("number", "3221225985"), ("trailing-dot", GOOD + "."), ("leading-dot", "." + GOOD),
                       ("double-dot", "good..corp.example"), ("nul", GOOD + "\0"),
                       ("nul-inside", "good\0.corp.example"),
                       ("space", "good .corp.example"), ("port", GOOD + ":443"),
                       ("slash", "evil.example/.corp.example"),
                       ("line-break", "evil\n.corp.example"), ("letter-outside-ascii", "g\u00f6d.corp.example"),
                       ("long-label", "a" * 64 + ".corp.example"), ("too-long", "a." * 125 + "corp.example"),
                       ("hyphen-first", "-good.corp.example"), ("terminal-escape", "\x1b[2J.corp.example")):
        names = [GOOD, address, "*.corp.example"]
        if host.isascii() and "\x1b" not in host:
            names.append(host)
        world.leaf_case("sni-" + name, names=names, host=host)


def validity(world):
    leaf_case = world.leaf_case
    leaf_case("expired-leaf", start=-30, end=-1)
    leaf_case("leaf-of-tomorrow", start=1, end=30)
    for name, days in (("expired", {"start": -30, "end": -1}), ("tomorrow", {"start": 1, "end": 30})):
        issuing = Authority("Forge Issuing " + name, world.root, **days)
        leaf_case("issuer-" + name, issuer=issuing, above=[issuing.certificate], start=days["start"])


def anchors(world):
    leaf_case = world.leaf_case
    stranger = world.stranger
    leaf_case("ca-of-a-stranger", issuer=stranger, above=[])
    leaf_case("ca-of-a-stranger-sent-along", issuer=stranger, above=[stranger.certificate])
    namesake = Authority("Forge Root")
    leaf_case("ca-of-the-same-name", issuer=namesake, above=[])
    leaf_case("ca-of-the-same-name-sent-along", issuer=namesake, above=[namesake.certificate])
    middle = Authority("Forge Issuing", stranger)
    leaf_case("issuer-of-the-same-name-from-a-stranger", issuer=middle, above=[middle.certificate])
    leaf_case("issuer-of-the-same-name-and-the-true-one", issuer=middle,
              above=[world.issuing.certificate, middle.certificate])
    leaf_case("issuer-missing", above=[])
    leaf_case("root-in-place-of-the-issuer", above=[world.root.certificate])
    own = Authority(GOOD, ca=False, names=[GOOD], eku=[SERVER])
    world.both("self-signed", chain=[own.certificate], key=own.key)
    own_ca = Authority(GOOD, names=[GOOD])
    world.both("self-signed-ca", chain=[own_ca.certificate], key=own_ca.key)
    world.both("only-the-root-shown", chain=[world.root.certificate], key=world.root.key)
    world.both("good-root-sent-along", good=GOOD, chain=[world.leaf, world.issuing.certificate, world.root.certificate])
    world.both("good-stranger-sent-along", good=GOOD,
               chain=[world.leaf, world.issuing.certificate, stranger.certificate])
    broken = bytearray(der(world.leaf))
    broken[-1] ^= 1
    world.both("signature-of-the-leaf-flipped", chain=[bytes(broken), world.issuing.certificate])


def usages(world):
    leaf_case = world.leaf_case
    leaf_case("eku-client", eku=[CLIENT])
    leaf_case("eku-ocsp", eku=[OCSP])
    leaf_case("eku-code-signing", eku=[ObjectIdentifier("1.3.6.1.5.5.7.3.3")])
    leaf_case("ku-key-encipherment-alone", usage={"key_encipherment"})
    leaf_case("ku-key-agreement-alone", usage={"key_agreement"})
    leaf_case("ku-certificate-sign-alone", usage={"key_cert_sign"})
    leaf_case("critical-extension-that-nobody-knows",
              more=[(x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\5\0"), True)])
    leaf_case("good-extension-that-nobody-knows", good=GOOD,
              more=[(x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\5\0"), False)])


def issuers(world):
    for name, options in (
            ("no-ca", {"ca": False, "usage": {"key_cert_sign"}, "eku": []}),
            ("without-basic-constraints", {"without": ("basic",)}),
            ("that-may-not-issue", {"usage": {"crl_sign"}}),
            ("for-clients-alone", {"eku": [CLIENT]}),
            ("constrained-to-others", {"more": [(constraints(["other.example"], None), True)]}),
            ("constrained-away-from-us", {"more": [(constraints(None, ["corp.example"]), True)]}),
            ("constrained-away-not-critical", {"more": [(constraints(None, ["corp.example"]), False)]}),
            ("constrained-to-a-sibling", {"more": [(constraints(["other.corp.example"], None), True)]})):
        middle = Authority("Forge Middle " + name, world.root, **options)
        world.leaf_case("issuer-" + name, issuer=middle, above=[middle.certificate])
    to_us = constraints(["corp.example"], ["bad.corp.example"])
    good = Authority("Forge Constrained", world.root, more=[(to_us, True)])
    world.leaf_case("good-constrained-to-us", issuer=good, above=[good.certificate], good=GOOD)
    world.leaf_case("issuer-is-a-leaf", issuer=leaf_as_issuer(world), above=[world.leaf, world.issuing.certificate])
    short = Authority("Forge Short", world.root, path_length=0)
    below = Authority("Forge Below", short)
    world.leaf_case("path-longer-than-allowed", issuer=below, above=[below.certificate, short.certificate])
    world.leaf_case("good-path-as-long-as-allowed", issuer=short, above=[short.certificate], good=GOOD)


def leaf_as_issuer(world):
    """The good server's own key issues a certificate."""
    fake = Authority.__new__(Authority)
    fake.key, fake.name, fake.certificate = world.key, world.leaf.subject, world.leaf
    return fake


def constraints(permitted, excluded):
    return x509.NameConstraints(permitted and [x509.DNSName(one) for one in permitted],
                                excluded and [x509.DNSName(one) for one in excluded])


def lists(world):
    """The list of certificates itself."""
    issuing, leaf = world.issuing.certificate, world.leaf
    world.both("empty-certificate-list", chain=[])
    world.both("leaf-not-first", chain=[issuing, leaf])
    world.both("certificate-of-no-bytes", chain=[b"", leaf, issuing])
    world.both("good-nine-certificates", good=GOOD, chain=[leaf, issuing] + [world.stranger.certificate] * 7)
    world.both("eleven-certificates", chain=[leaf, issuing] + [world.stranger.certificate] * 9)
    world.both("hundred-certificates", chain=[leaf, issuing] + [world.stranger.certificate] * 98)
    world.both("nonsense-certificate", chain=[b"\x30\x03\2\1\1", issuing])
    world.both("bytes-after-the-certificate", chain=[der(leaf) + b"\0", issuing])
    many = world.issuing.issue(world.key, GOOD, [GOOD] + [f"n{n}.corp.example" for n in range(2000)])
    world.both("good-certificate-of-2001-names", good=GOOD, chain=[many, issuing])
    circle = [Authority("Forge Circle", end=20)]
    for _ in range(4):
        circle.append(Authority("Forge Circle", circle[-1]))
    certificates = [one.certificate for one in circle]
    world.leaf_case("issuers-in-a-circle", issuer=circle[-1], above=certificates)
    giant = world.issuing.issue(world.key, GOOD, [GOOD] + [f"n{n}.corp.example" for n in range(6000)])
    world.both("giant-certificate", chain=[giant, issuing])


def all_of_them(world):
    for make in (good_names, wrong_names, wildcards, server_names, validity, anchors, usages, issuers, lists):
        make(world)
