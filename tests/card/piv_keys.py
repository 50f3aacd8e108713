# SPDX-License-Identifier: Apache-2.0
"""What the chip computes: raw RSA, ECDSA over a given hash, and the challenge of the card management key.

Runs in: the virtual card.
Must never: pad, hash or check what is to be signed. A real card does not either, which is why keystay has to.
"""
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

# Algorithm identifiers: SP 800-78-4, table 6-2.
RSA = {1024: 0x06, 2048: 0x07, 3072: 0x05}
EC = {"secp256r1": 0x11, "secp384r1": 0x14}
# For the card management key: cipher, bytes of its key, bytes of its block.
CIPHERS = {0x03: (algorithms.TripleDES, 24, 8), 0x08: (algorithms.AES, 16, 16), 0x0A: (algorithms.AES, 24, 16),
           0x0C: (algorithms.AES, 32, 16)}
HASHES = {32: hashes.SHA256(), 48: hashes.SHA384()}


def load(pem):
    return serialization.load_pem_private_key(pem, None)


def algorithm(key):
    """The identifier of its type and size; None for a key that PIV does not know."""
    return RSA.get(key.key_size) if isinstance(key, rsa.RSAPrivateKey) else EC.get(key.curve.name)


def sign(key, given):
    """given: a padded block for RSA, a hash for EC; ValueError when it does not fit."""
    size = key.key_size // 8
    if isinstance(key, rsa.RSAPrivateKey):
        return raw_rsa(key.private_numbers(), given, size)
    if len(given) > size:
        raise ValueError("longer than the curve's order")
    return key.sign(given.rjust(size, b"\0"), ec.ECDSA(utils.Prehashed(HASHES[size])))


def raw_rsa(numbers, given, size):
    block = int.from_bytes(given, "big")
    if len(given) != size or block >= numbers.public_numbers.n:
        raise ValueError("not a number below the modulus")
    # The Chinese remainder theorem: four times faster than d.
    first = pow(block, numbers.dmp1, numbers.p)
    second = pow(block, numbers.dmq1, numbers.q)
    return (second + (first - second) * numbers.iqmp % numbers.p * numbers.q).to_bytes(size, "big")


def challenge_bytes(algorithm_id):
    if algorithm_id not in CIPHERS:
        raise ValueError("no cipher for a card management key")
    return CIPHERS[algorithm_id][2]


def encrypt_challenge(algorithm_id, key, challenge):
    """One block; ValueError when the algorithm does not fit."""
    cipher, key_bytes, block_bytes = CIPHERS.get(algorithm_id, (None, 0, 0))
    if len(key) < key_bytes or len(challenge) != block_bytes or not cipher:
        raise ValueError("another cipher than the challenge was for")
    encryptor = Cipher(cipher(key[:key_bytes]), modes.ECB()).encryptor()
    return encryptor.update(challenge) + encryptor.finalize()
