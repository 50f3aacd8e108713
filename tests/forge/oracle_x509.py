# SPDX-License-Identifier: Apache-2.0
"""The second opinion on certificates: chain, name, validity, usage, staple, by Python's cryptography and RFC 5280, 9525
and 6960. Shares nothing with lib/tls; says why it does not believe.
"""
import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID as EKU
from cryptography.x509.oid import ExtensionOID

KNOWN = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE,
         ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ExtensionOID.NAME_CONSTRAINTS, ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
         ExtensionOID.SUBJECT_KEY_IDENTIFIER, ExtensionOID.CERTIFICATE_POLICIES}
DEPTH_MAX = 10
CERTIFICATE_MAX = 65536  # docs/protocol.md: no certificate is larger


class Unproven(Exception):
    """Why a server is not believed."""


def need(condition, reason):
    if not condition:
        raise Unproven(reason)


def verify_with(key, signature, data, digest, is_pss=False):
    """Raises InvalidSignature."""
    if isinstance(key, rsa.RSAPublicKey):
        how = padding.PSS(padding.MGF1(digest), digest.digest_size) if is_pss else padding.PKCS1v15()
        key.verify(signature, data, how, digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, data, ec.ECDSA(digest))
    elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        key.verify(signature, data)
    else:
        raise InvalidSignature


def part(certificate, kind):
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


# --- names ------------------------------------------------------------------------------------------------------------

def is_host_name(name):
    """A DNS name of letters, digits and hyphens whose last label is no number (RFC 9525, RFC 6066: no address)."""
    labels = name.split(".")
    return (0 < len(name) <= 253 and not labels[-1].isdigit() and all(
        0 < len(label) <= 63 and label.isascii() and all(c.isalnum() or c in "-_" for c in label)
        and label[0] != "-" and label[-1] != "-" for label in labels))


def presents(pattern, host):
    """Does a dNSName of a certificate stand for this host? A star is a whole, leftmost label, below two others."""
    pattern, host = pattern.lower(), host.lower()
    if "*" not in pattern:
        return pattern == host
    star, _, rest = pattern.partition(".")
    return (star == "*" and is_host_name(rest) and "." in rest and host.partition(".")[2] == rest
            and host.partition(".")[0] != "")


def allows(pattern, host):
    """The rule `servers` of a key: exact, or *.suffix, which stands for whatever ends in .suffix."""
    pattern, host = pattern.lower(), host.lower()
    if not pattern.startswith("*."):
        return host == pattern
    return host.endswith(pattern[1:]) and len(host) > len(pattern[1:])


def check_name(leaf, host):
    names = part(leaf, x509.SubjectAlternativeName)
    need(names is not None, "the certificate names no host in its subjectAltName")
    need(any(presents(one, host) for one in names.get_values_for_type(x509.DNSName)), "the certificate is for others")


def in_subtree(base, host):
    base, host = base.lower().lstrip("."), host.lower()
    return base == "" or host == base or host.endswith("." + base)


def check_constraints(authority, leaf):
    constraints = part(authority, x509.NameConstraints)
    names = part(leaf, x509.SubjectAlternativeName)
    if constraints is None or names is None:
        return
    for host in names.get_values_for_type(x509.DNSName):
        permitted = [one.value for one in constraints.permitted_subtrees or () if isinstance(one, x509.DNSName)]
        excluded = [one.value for one in constraints.excluded_subtrees or () if isinstance(one, x509.DNSName)]
        need(not permitted or any(in_subtree(one, host) for one in permitted), "a CA may not issue for this name")
        need(not any(in_subtree(one, host) for one in excluded), "a CA must not issue for this name")


# --- chains -----------------------------------------------------------------------------------------------------------

def is_issued_by(certificate, issuer):
    digest = certificate.signature_hash_algorithm
    if certificate.issuer != issuer.subject or isinstance(digest, (hashes.MD5, hashes.SHA1)):
        return False
    try:
        verify_with(issuer.public_key(), certificate.signature, certificate.tbs_certificate_bytes, digest)
    except InvalidSignature:
        return False
    return True


def check_each(certificate, now):
    need(certificate.not_valid_before <= now <= certificate.not_valid_after, "a certificate is not valid today")
    for one in certificate.extensions:
        need(not one.critical or one.oid in KNOWN, "a critical extension that is not known")
    key = certificate.public_key()
    need(not isinstance(key, rsa.RSAPublicKey) or key.key_size >= 2048, "a weak RSA key")
    usage = part(certificate, x509.ExtendedKeyUsage)
    need(usage is None or EKU.SERVER_AUTH in usage, "a certificate is not for servers")


def check_authority(certificate, n_below):
    basic, usage = part(certificate, x509.BasicConstraints), part(certificate, x509.KeyUsage)
    need(basic is not None and basic.ca, "an issuer is no CA")
    need(basic.path_length is None or n_below <= basic.path_length, "the chain is longer than a CA allows")
    need(usage is None or usage.key_cert_sign, "an issuer may not issue")


def paths(chain, rest, anchors):
    """Every way from a certificate up to an anchor."""
    last = chain[-1]
    for anchor in anchors:
        if anchor == last:
            yield chain
        elif is_issued_by(last, anchor):
            yield chain + [anchor]
    for place, other in enumerate(rest):
        if len(chain) < DEPTH_MAX and is_issued_by(last, other):
            yield from paths(chain + [other], rest[:place] + rest[place + 1:], anchors)


def check_path(path, now):
    """path[0] is the leaf; the last one is an anchor."""
    need(len(path) > 1, "a leaf is its own anchor")
    for place, certificate in enumerate(path):
        check_each(certificate, now)
        if place > 0:
            is_root = place == len(path) - 1
            n_below = sum(one.subject != one.issuer for one in path[1:place])
            check_authority(certificate, n_below)
            need(not is_root or certificate.subject == certificate.issuer, "an anchor is no root")
            for below in path[:place]:
                check_constraints(certificate, below)


def check_chain(certificates, anchors, now):
    """The issuer of the leaf, on a way to an anchor in which everything holds."""
    reason = "no way to a CA that is trusted"
    for path in paths(certificates[:1], certificates[1:], anchors):
        try:
            check_path(path, now)
            return path[1]
        except Unproven as problem:
            reason = str(problem)
    raise Unproven(reason)


# --- the staple -------------------------------------------------------------------------------------------------------

def is_responder(certificate, issuer, now):
    usage = part(certificate, x509.ExtendedKeyUsage)
    return (certificate == issuer or (
        is_issued_by(certificate, issuer) and usage is not None and EKU.OCSP_SIGNING in usage
        and certificate.not_valid_before <= now <= certificate.not_valid_after))


def der(tag, body):
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(body).to_bytes(size, "big") + body


def split(data):
    """The items of a DER sequence's body: (whole, body)."""
    found, at = [], 0
    while at < len(data):
        head, size = 2, data[at + 1]
        if size & 0x80:
            head, size = 2 + (size & 0x7f), int.from_bytes(data[at + 2:at + 2 + (size & 0x7f)], "big")
        need(at + head + size <= len(data), "a length of the staple")
        found.append((data[at:at + head + size], data[at + head:at + head + size]))
        at += head + size
    return found


def rewritten(staple):
    """The same with the tags around what the responder signed, its signature and its certificates as they should be:
    nobody signs them, and OpenSSL takes a SEQUENCE that is called primitive."""
    (status, _), (_, octets) = split(split(staple)[0][1])
    (kind, _), (_, basic) = split(split(octets)[0][1])
    tbs, algorithm, signature, *rest = split(split(basic)[0][1])
    certificates = b"".join(whole for _, body in rest for _, inner in split(body) for whole, _ in split(inner))
    basic = der(0x30, tbs[0] + algorithm[0] + signature[0]
                + (der(0xa0, der(0x30, certificates)) if rest else b""))
    return der(0x30, status + der(0xa0, der(0x30, kind + der(0x04, basic))))


def read_staple(staple):
    try:
        return ocsp.load_der_ocsp_response(staple)
    except ValueError:
        return ocsp.load_der_ocsp_response(rewritten(staple))


def check_staple(staple, leaf, issuer, now):
    response = read_staple(staple)
    need(response.response_status == ocsp.OCSPResponseStatus.SUCCESSFUL, "the staple is no answer")
    signers = [issuer] + list(response.certificates)
    signed = False
    for signer in signers:
        try:
            verify_with(signer.public_key(), response.signature, response.tbs_response_bytes,
                        response.signature_hash_algorithm)
        except InvalidSignature:
            continue
        signed = signed or is_responder(signer, issuer, now)
    need(signed, "the staple is of somebody else")
    for one in response.responses:
        key = issuer.public_key().public_bytes(serialization.Encoding.DER,
                                               serialization.PublicFormat.SubjectPublicKeyInfo)
        bits = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()).digest
        digest = hashes.Hash(one.hash_algorithm)
        digest.update(issuer.subject.public_bytes())
        is_it = one.serial_number == leaf.serial_number and one.issuer_name_hash == digest.finalize()
        if is_it and isinstance(one.hash_algorithm, hashes.SHA1):
            is_it = one.issuer_key_hash == bits and bool(key)
        if is_it:
            need(one.certificate_status == ocsp.OCSPCertStatus.GOOD, "the staple does not say good")
            late = one.next_update or one.this_update + datetime.timedelta(days=7)
            minute = datetime.timedelta(minutes=5)
            need(one.this_update - minute <= now <= late + minute, "the staple is not of today")
            return
    raise Unproven("the staple is for another certificate")


# --- all together -----------------------------------------------------------------------------------------------------

PARSED = {}


def readable(chain):
    """What cannot be read leads nowhere; a chain may do without it."""
    for one in chain:
        try:
            yield x509.load_der_x509_certificate(one)
        except (ValueError, x509.InvalidVersion):
            pass


def check_server(chain, host, staple, anchors, now):
    """chain: DER, leaf first. Returns the leaf's public key; raises Unproven. Remembers: a chain comes many times."""
    need(0 < len(chain) <= DEPTH_MAX, "no certificate, or too many")
    need(max(map(len, chain)) <= CERTIFICATE_MAX, "a giant of a certificate")
    remembered = (tuple(chain), host, staple, id(anchors))
    if remembered not in PARSED:
        if len(PARSED) > 10000:
            PARSED.clear()
        try:
            leaf = x509.load_der_x509_certificate(chain[0])
            certificates = [leaf] + list(readable(chain[1:]))
            issuer = check_chain(certificates, anchors, now)
            check_name(leaf, host)
            usage = part(leaf, x509.KeyUsage)
            need(usage is None or usage.digital_signature, "the key may not sign")
            if staple is not None:
                check_staple(staple, leaf, issuer, now)
            PARSED[remembered] = leaf.public_key()
        except Unproven as problem:
            PARSED[remembered] = problem
        except Exception as problem:  # pylint: disable=broad-except # whatever a parser thinks of nonsense
            PARSED[remembered] = Unproven(f"not understood: {type(problem).__name__}: {problem}")
    if isinstance(PARSED[remembered], Unproven):
        raise Unproven(str(PARSED[remembered]))
    return PARSED[remembered]
