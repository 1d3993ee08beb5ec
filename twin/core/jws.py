"""JSON Web Tokens of the identity services: made, read and verified with PyJWT, which msal uses, too."""

import uuid
from dataclasses import dataclass
from functools import cache, lru_cache

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm
from jwt.utils import base64url_encode

from twin.core.wire import Json

type PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


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
    """Return a compact ES256 token over the claims."""
    return jwt.encode(claims, key.private, algorithm="ES256", headers={"kid": key.kid})


def read_parts(token: str) -> tuple[Json, Json]:
    """Return header and claims without verifying them. ValueError when the text is not a token."""
    try:
        read = jwt.decode_complete(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise ValueError("not a compact JSON Web Token") from error
    return read["header"], read["payload"]


def is_signed_by(token: str, key: PublicKey) -> bool:
    """Return whether the signature is the key's, for the algorithm that the header names (ES256, RS256 or PS256)."""
    signers = _signers(token)
    if any(key == signer for signer in signers):
        return True
    algorithms = ["ES256"] if isinstance(key, ec.EllipticCurvePublicKey) else ["RS256", "PS256"]
    try:
        jwt.PyJWS().decode(token, key, algorithms)
    except jwt.PyJWTError:
        return False
    signers.append(key)
    return True


@lru_cache(maxsize=256)
def _signers(token: str) -> list[PublicKey]:  # noqa: ARG001 - the cache knows by it
    """Return the list of keys that were found to have signed a token: each request brings it, and it stays signed."""
    return []


def describe_public_key(key: SigningKey) -> Json:
    """Return the key as a JSON Web Key, for a keys endpoint."""
    return {**ECAlgorithm.to_jwk(key.public, as_dict=True), "use": "sig", "kid": key.kid}


def encode_bytes(data: bytes) -> str:
    """Return unpadded url-safe base64."""
    return base64url_encode(data).decode()
