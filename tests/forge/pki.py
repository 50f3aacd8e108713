# SPDX-License-Identifier: Apache-2.0
"""The attacker's own certification authority: keys, certificates and OCSP responses in which anything can be wrong.

Dates are days from now, so that nothing here expires. Nothing of it outlives the run: keys are made anew each time.
"""
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.utcnow().replace(microsecond=0)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
OCSP = ExtendedKeyUsageOID.OCSP_SIGNING
HASHES = {32: hashes.SHA256(), 48: hashes.SHA384(), 64: hashes.SHA512()}


def day(number):
    return NOW + datetime.timedelta(days=number)


def new_key(kind="p256"):
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[kind])


def name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Forge"),
                      x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def der(thing):
    return thing.public_bytes(serialization.Encoding.DER)


def spki(key):
    public = key.public_key() if hasattr(key, "private_bytes") else key
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class Authority:
    """A key with a certificate of its own; issues others."""

    def __init__(self, common_name, issuer=None, kind="p256", **options):
        self.key = new_key(kind)
        self.name = name(common_name)
        self.certificate = None
        self.certificate = (issuer or self).issue(self.key, common_name, **dict({"ca": True}, **options))

    def issue(self, key, common_name, names=(), ca=False, path_length=None, start=-1, end=30, eku=None, usage=None,
              digest=hashes.SHA256(), more=(), without=(), issuer_name=None):
        """names: dNSNames, or x509.GeneralName of other kinds; more: (extension, critical); without: names of parts."""
        public = key.public_key() if hasattr(key, "private_bytes") else key
        builder = (x509.CertificateBuilder().subject_name(name(common_name))
                   .issuer_name(issuer_name or self.name)
                   .public_key(public).serial_number(x509.random_serial_number())
                   .not_valid_before(day(start)).not_valid_after(day(end)))
        if "basic" not in without:
            builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), True)
        if "usage" not in without:
            wanted = usage or ({"key_cert_sign", "crl_sign"} if ca else {"digital_signature"})
            flags = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
                                   "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
                                  False)
            builder = builder.add_extension(x509.KeyUsage(**dict(flags, **dict.fromkeys(wanted, True))), True)
        if eku is None and not ca:
            eku = [SERVER]
        if eku:
            builder = builder.add_extension(x509.ExtendedKeyUsage(eku), False)
        if names:
            general = [x509.DNSName(one) if isinstance(one, str) else one for one in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(general), False)
        for extension, critical in more:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, None if isinstance(self.key, ed25519.Ed25519PrivateKey) else digest)

    def status(self, certificate, issuer=None, responder=None, state=ocsp.OCSPCertStatus.GOOD, start=-1, end=7,
               chain=()):
        """An OCSPResponse, DER, for this certificate. responder: (certificate, key) that signs it."""
        signer, key = responder or (self.certificate, self.key)
        revoked = state == ocsp.OCSPCertStatus.REVOKED
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=certificate, issuer=issuer or self.certificate, algorithm=hashes.SHA1(), cert_status=state,
            this_update=day(start), next_update=day(end) if end is not None else None,
            revocation_time=day(-1) if revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if revoked else None)
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer)
        if chain:
            builder = builder.certificates(list(chain))
        return der(builder.sign(key, hashes.SHA256()))


def der_item(tag, body):
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(body).to_bytes(size, "big") + body


ECDSA_SHA256, ECDSA_SHA1 = bytes.fromhex("300a06082a8648ce3d040302"), bytes.fromhex("300906072a8648ce3d0401")


def body_of(der_bytes):
    """What is inside the outermost item."""
    return der_bytes[2 if der_bytes[1] < 128 else 2 + (der_bytes[1] & 0x7f):]


def edit(certificate, changes, issuer, algorithm=ECDSA_SHA256, digest=hashes.SHA256()):
    """The certificate (DER) with bytes of what is signed replaced (its own lengths must stay right), signed again."""
    body = body_of(certificate.tbs_certificate_bytes)
    for old, new in changes:
        assert old in body
        body = body.replace(old, new)
    tbs = der_item(0x30, body)
    return der_item(0x30, tbs + algorithm + der_item(0x03, b"\0" + issuer.key.sign(tbs, ec.ECDSA(digest))))


def sign(key, scheme, data):
    """A signature of TLS over data, by whatever the code of the scheme says, sensible or not."""
    if scheme == 0x0807:
        return key.sign(data)
    if scheme in range(0x0804, 0x0807) or scheme in range(0x0809, 0x080c):
        digest = HASHES[(32, 48, 64)[(scheme - 0x0804) % 5]]
        return key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    digest = {1: hashes.MD5(), 2: hashes.SHA1(), 3: hashes.SHA224(), 4: hashes.SHA256(), 5: hashes.SHA384(),
              6: hashes.SHA512()}[scheme >> 8]
    if scheme & 0xff == 1:
        return key.sign(data, padding.PKCS1v15(), digest)
    return key.sign(data, ec.ECDSA(digest))


def scheme_of(key):
    """What a server with this key signs by, in both versions of TLS."""
    if isinstance(key, rsa.RSAPrivateKey):
        return 0x0804
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return 0x0807
    return {256: 0x0403, 384: 0x0503, 521: 0x0603}[key.curve.key_size]
