"""JSON Web Signatures, as much of them as the identity services need (RFC 7515, RFC 7518)."""

import base64
import binascii
import json
import uuid
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from twin.core.wire import Json

type PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
_COORDINATE_BYTES = 32


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A P-256 key with the id under which its public half is known."""

    kid: str
    private: ec.EllipticCurvePrivateKey

    @property
    def public(self) -> ec.EllipticCurvePublicKey:
        """The half that verifies."""
        return self.private.public_key()


@cache
def signing_key(owner: str) -> SigningKey:
    """Return the key of one token service, made once per process: tokens outlive a reset of the world."""
    return SigningKey(uuid.uuid5(uuid.NAMESPACE_DNS, owner).hex, ec.generate_private_key(ec.SECP256R1()))


def sign(claims: Json, key: SigningKey) -> str:
    """Sign A compact ES256 token over the claims."""
    header = {"typ": "JWT", "alg": "ES256", "kid": key.kid}
    body = f"{encode_part(header)}.{encode_part(claims)}"
    r, s = decode_dss_signature(key.private.sign(body.encode(), ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(_COORDINATE_BYTES) + s.to_bytes(_COORDINATE_BYTES)
    return f"{body}.{encode_bytes(signature)}"


def read_parts(token: str) -> tuple[Json, Json]:
    """Header and claims, unverified. ValueError when it is not a token."""
    try:
        header, claims, _ = token.split(".")
        parts = json.loads(decode_bytes(header)), json.loads(decode_bytes(claims))
    except (ValueError, binascii.Error) as error:
        raise ValueError("not a compact JSON Web Token") from error
    if not all(isinstance(part, dict) for part in parts):
        raise ValueError("a token's header and claims are objects")
    return parts


def is_signed_by(token: str, key: PublicKey) -> bool:
    """Whether the signature is the key's, for the algorithm that the header names (ES256, RS256 or PS256)."""
    header, _ = read_parts(token)
    body, _, signature_text = token.rpartition(".")
    try:
        _verify(str(header.get("alg")), key, decode_bytes(signature_text), body.encode())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _verify(algorithm: str, key: PublicKey, signature: bytes, data: bytes) -> None:
    digest = hashes.SHA256()
    if algorithm == "ES256" and isinstance(key, ec.EllipticCurvePublicKey):
        r, s = (int.from_bytes(half) for half in (signature[:_COORDINATE_BYTES], signature[_COORDINATE_BYTES:]))
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(digest))
    elif algorithm == "RS256" and isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PKCS1v15(), digest)
    elif algorithm == "PS256" and isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    else:
        raise InvalidSignature(f"{algorithm} does not fit the key")


def describe_public_key(key: SigningKey) -> Json:
    """Describe the key as a JSON Web Key, for a keys endpoint."""
    numbers = key.public.public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "use": "sig",
        "kid": key.kid,
        "x": encode_bytes(numbers.x.to_bytes(_COORDINATE_BYTES)),
        "y": encode_bytes(numbers.y.to_bytes(_COORDINATE_BYTES)),
    }


def encode_part(value: Any) -> str:
    """JSON in unpadded url-safe base64."""
    return encode_bytes(json.dumps(value, separators=(",", ":")).encode())


def encode_bytes(data: bytes) -> str:
    """Unpadded url-safe base64."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_bytes(text: str) -> bytes:
    """Read unpadded url-safe base64; binascii.Error or ValueError for other text."""
    return base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
