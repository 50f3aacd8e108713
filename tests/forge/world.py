# SPDX-License-Identifier: Apache-2.0
"""The world of the forged cases: who is trusted, which server is the good one, whose keys are asked for signatures.

Two keys: "alice" may sign for *.corp.example, "exact" for good.corp.example alone; both trust the Forge Root.
"""
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from handshake import Plan12, Plan13, wire
from oracle import decide
from pki import CLIENT, Authority, der, new_key, spki

GOOD = "good.corp.example"
PATTERNS = {"alice": "*.corp.example", "exact": GOOD}
SCHEME = 0x0403  # of the client


class Case:
    """One request for a signature. host: the server that a good one is proven for, None for a forged one."""

    def __init__(self, name, data, transcript=b"", host=None, who="alice"):
        self.name, self.data, self.transcript, self.host, self.who = name, data, transcript, host, who
        self.scheme = SCHEME


class World:
    """certificates: {"alice": PEM file, "exact": PEM file} of keys that are elsewhere; else they are made here."""

    def __init__(self, certificates=None):
        self.root = Authority("Forge Root", end=300)
        self.issuing = Authority("Forge Issuing", self.root, end=200)
        self.stranger = Authority("Stranger Root", end=300)
        self.keys = {kind: new_key(kind) for kind in ("p256", "p384", "p521", "rsa2048", "ed25519")}
        self.key = self.keys["p256"]
        self.leaf = self.issuing.issue(self.key, GOOD, [GOOD])
        self.clients = {}
        for name in PATTERNS:
            if certificates:
                with open(certificates[name], "rb") as file:
                    self.clients[name] = x509.load_pem_x509_certificate(file.read())
            else:
                self.clients[name] = self.root.issue(new_key(), name, [], eku=[CLIENT])
        self.cases = []

    def anchors(self):
        return [self.root.certificate]

    def chain_of(self, leaf, *above):
        return [leaf, *(above or [self.issuing.certificate])]

    def options(self, options, who):
        usual = {"chain": self.chain_of(self.leaf), "key": self.key, "client_chain": [self.clients[who]]}
        return dict(usual, **options)

    def plan12(self, who="alice", **options):
        return Plan12(**self.options(options, who))

    def plan13(self, who="alice", **options):
        return Plan13(**self.options(options, who))

    # --- lists of cases ---

    def add(self, name, data, transcript=b"", good=None, who="alice"):
        self.cases.append(Case(name, data, transcript, good, who))

    def add12(self, name, change=None, good=None, who="alice", **options):
        """change: a function of the list of messages, after the server has signed."""
        messages = self.plan12(who, **options).messages()
        messages = (change(messages) or messages) if change else messages
        self.add("tls12-" + name, wire(messages), b"", good, who)

    def add13(self, name, change=None, good=None, who="alice", digest=None, **options):
        """The input is made of the changed messages' hash, unless digest gives another one."""
        plan = self.plan13(who, **options)
        messages = plan.messages()
        messages = (change(messages) or messages) if change else messages
        data = plan.input(messages)
        if digest is not None:
            data = data[:98] + digest
        self.add("tls13-" + name, data, wire(messages), good, who)

    def both(self, name, good=None, who="alice", **options):
        """The same in both versions."""
        self.add12(name, good=good, who=who, **options)
        self.add13(name, good=good, who=who, **options)

    def leaf_case(self, name, good=None, above=None, who="alice", host=GOOD, common_name=GOOD, staple=None, **how):
        """The same server with another leaf; how goes to Authority.issue()."""
        issuer = how.pop("issuer", self.issuing)
        leaf = issuer.issue(how.pop("leaf_key", self.key), common_name, how.pop("names", [GOOD]), **how)
        chain = [leaf, *(above if above is not None else [self.issuing.certificate])]
        self.both(name, good=good, who=who, host=host, chain=chain,
                  staple=staple(leaf) if staple else None)

    # --- what the oracle thinks ---

    def spki(self, who):
        return spki(self.clients[who].public_key())

    def ask_oracle(self, case, anchors):
        return decide(case.data, case.transcript, self.spki(case.who), anchors, PATTERNS[case.who])

    def root_pem(self):
        return self.root.certificate.public_bytes(serialization.Encoding.PEM)

    def client_der(self, who):
        return der(self.clients[who])
