"""Secrets of the sample world: made once per process, never stored.

They stay the same after a reset of the world.
"""

import base64
import json
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from cryptography.x509.oid import NameOID

_KEY_BITS = 2048
_EXPONENT = 65537


@cache
def make_secret(name: str) -> str:
    """Make the secret of this name: 40 random characters."""
    _ = name
    return secrets.token_urlsafe(30)


@cache
def make_state_key() -> str:
    """Make 32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


@cache
def make_certificate(name: str) -> tuple[x509.Certificate, str]:
    """Make a certificate good for a year, and with its key as a base64 PFX without password, as Key Vault gives it."""
    key = rsa.generate_private_key(_EXPONENT, _KEY_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    bundle = pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, None, NoEncryption())
    return certificate, base64.b64encode(bundle).decode()


def make_password_secret(username: str, password: str, client_secret: str) -> str:
    """Join what the password mode needs into the one JSON value that the vault holds."""
    return json.dumps({"username": username, "password": password, "client_secret": client_secret})
