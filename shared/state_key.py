"""The state key of Key Vault: what cursors are signed with, and from which other keys of the gateway follow."""

import base64
import binascii

from shared.errors import ConfigurationError

_LEAST_BYTES = 32


def read_state_key(text: str) -> bytes:
    """Return the bytes of the key. Raises ConfigurationError unless the text is Base64 of at least 32 bytes."""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _LEAST_BYTES:
        raise ConfigurationError("The state key in Key Vault is malformed. Store at least 32 random bytes in Base64.")
    return key


def derive_key(state_key: bytes, purpose: str) -> bytes:
    """Return a key of 32 bytes for one purpose, from which neither the state key nor another one follows."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(state_key)
