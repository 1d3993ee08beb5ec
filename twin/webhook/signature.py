"""Checking deliveries as a receiver does: Standard Webhooks 1.0.0, symmetric keys."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping

PREFIX = "whsec_"
TOLERANCE_SECONDS = 300


def is_signed(headers: Mapping[str, str], body: bytes, secrets: Iterable[str]) -> bool:
    """Return whether one of the secrets signed these bytes, with a recent timestamp."""
    number, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not number or "." in number or not stamp.isdigit():
        return False
    if abs(time.time() - int(stamp)) > TOLERANCE_SECONDS:
        return False
    given = headers.get("webhook-signature", "").split()
    expected = [sign(secret, number, stamp, body) for secret in secrets]
    return any(hmac.compare_digest(one.encode(), other.encode()) for one in given for other in expected)


def sign(secret: str, number: str, stamp: str, body: bytes) -> str:
    """Sign a delivery: "v1," and the HMAC-SHA256 of id, timestamp and body in Base64. ValueError for a bad secret."""
    key = read_secret(secret)
    digest = hmac.digest(key, f"{number}.{stamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def read_secret(secret: str) -> bytes:
    """Read the bytes of a secret, "whsec_" and Base64. ValueError for anything else."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"a secret begins with {PREFIX}")
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("the secret is not Base64") from error
