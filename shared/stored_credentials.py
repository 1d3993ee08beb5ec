"""Reads the forms in which Key Vault holds a credential: the user of the password mode, and certificates."""

import base64
import binascii
import json
from typing import Any

from shared.errors import ConfigurationError
from shared.key_vault import VaultSecret


def read_user(secret: VaultSecret) -> dict[str, str]:
    """Read the JSON secret of the password mode: {"username", "password", "client_secret"}."""
    try:
        user = json.loads(secret.value)
        return {field: str(user[field]) for field in ("username", "password", "client_secret")}
    except (ValueError, KeyError, TypeError):
        raise ConfigurationError(
            "The Key Vault secret of the password mode is malformed. Store JSON with username, password and "
            "client_secret."
        ) from None


def read_certificate(secret: VaultSecret) -> dict[str, Any]:
    """Return msal's certificate credential from a Key Vault certificate: Base64 PFX without password, or PEM.

    The key is handed over as an object: msal would parse PEM text at every signature. Nothing touches the disk.
    Raises ConfigurationError when the secret is neither.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs12
    from cryptography.x509 import load_pem_x509_certificate

    try:
        if "-----BEGIN" in secret.value:
            pem = secret.value.encode()
            key: Any = load_pem_private_key(pem, password=None)
            certificate: Any = load_pem_x509_certificate(pem)
        else:
            key, certificate, _ = pkcs12.load_key_and_certificates(base64.b64decode(secret.value, validate=True), None)
        return {"private_key": key, "public_certificate": certificate.public_bytes(Encoding.PEM).decode()}
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise ConfigurationError(
            "The Key Vault secret of the certificate mode is malformed. Store a PFX without password (Base64), or PEM "
            "with key."
        ) from None
