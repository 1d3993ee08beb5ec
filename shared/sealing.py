"""Texts that only the gateway can read, for rows of its tables: addresses that are credentials.

Key Vault holds few secrets, and each is read by a call; so what comes in numbers is encrypted with a key that follows
from the state key (AES-256 in Galois/counter mode of the package cryptography, a new random nonce each time). `binding`
ties a text to the row that holds it: moved to another row, it cannot be opened.
"""

import base64
import binascii
import secrets
from collections.abc import Callable

from shared.errors import ConfigurationError
from shared.state_key import derive_key, read_state_key

_PURPOSE = "gateway sealed texts 1"
_NONCE_BYTES = 12
_VERSION = b"\x01"


class SealBrokenError(ConfigurationError):
    """A text was sealed with another state key, or for another row."""


class Sealing:
    """Seals and opens texts; `read_key` returns the state key (Base64)."""

    def __init__(self, read_key: Callable[[], str]) -> None:
        self._read_key = read_key

    def seal(self, text: str, *, binding: str) -> str:
        """Return the text encrypted, for the row that `binding` names."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._key()).encrypt(nonce, text.encode(), _VERSION + binding.encode())
        return base64.urlsafe_b64encode(_VERSION + nonce + sealed).decode().rstrip("=")

    def open(self, sealed: str, *, binding: str) -> str:
        """Return the text. Raises SealBrokenError for what this key has not sealed for it."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            raw = base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
            nonce, body = raw[1 : 1 + _NONCE_BYTES], raw[1 + _NONCE_BYTES :]
            text = AESGCM(self._key()).decrypt(nonce, body, raw[:1] + binding.encode())
        except (binascii.Error, ValueError, InvalidTag):
            raise SealBrokenError(
                "A stored secret cannot be read, because the state key in Key Vault was replaced. Make it anew.",
                code="StateKeyReplaced",
            ) from None
        return text.decode()

    def _key(self) -> bytes:
        return derive_key(read_state_key(self._read_key()), _PURPOSE)
