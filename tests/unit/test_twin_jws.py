"""The twin's tokens go through PyJWT; here they are checked, and made, with the bare primitives of `cryptography`."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from twin.core.jws import describe_public_key, is_signed_by, read_parts, sign, signing_key

PADDINGS = {"RS256": padding.PKCS1v15(), "PS256": padding.PSS(padding.MGF1(hashes.SHA256()), 32)}


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def make_token(claims: dict[str, Any], private: rsa.RSAPrivateKey, algorithm: str) -> str:
    body = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": algorithm}, claims))
    return f"{body}.{encode(private.sign(body.encode(), PADDINGS[algorithm], hashes.SHA256()))}"


def test_a_token_is_signed_with_the_key_that_is_published() -> None:
    key = signing_key("test")
    published = describe_public_key(key)
    x, y = (int.from_bytes(decode(published[name])) for name in ("x", "y"))

    header, claims, signature = sign({"a": 1}, key).split(".")

    r, s = (int.from_bytes(half) for half in (decode(signature)[:32], decode(signature)[32:]))
    ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key().verify(
        encode_dss_signature(r, s), f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256())
    )
    assert json.loads(decode(header)) == {"typ": "JWT", "alg": "ES256", "kid": published["kid"]}
    assert json.loads(decode(claims)) == {"a": 1}
    assert (published["kty"], published["crv"], published["use"]) == ("EC", "P-256", "sig")


@pytest.mark.parametrize("algorithm", PADDINGS)
def test_signatures_of_clients_are_verified(algorithm: str) -> None:
    private = rsa.generate_private_key(65537, 2048)
    token = make_token({"iss": "me"}, private, algorithm)
    other = make_token({"iss": "you"}, private, algorithm)
    forged = ".".join([*other.split(".")[:2], token.split(".")[2]])

    assert read_parts(token) == ({"alg": algorithm}, {"iss": "me"})
    assert is_signed_by(token, private.public_key())
    assert not is_signed_by(forged, private.public_key())
    assert not is_signed_by(token, rsa.generate_private_key(65537, 2048).public_key())
    assert not is_signed_by(token, signing_key("test").public)


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "!.!.!", "W10.W10.x"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)token"):
        read_parts(text)
