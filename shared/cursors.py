"""Paging cursors: opaque, signed, and valid after a restart, because they hold their whole state.

The signature keeps callers from making the gateway follow a link of their own. `binding` ties a cursor to the
parameters of its first call, so that a change of parameters between two pages is noticed.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from shared.errors import Invalid
from shared.state_key import read_state_key

_SIGNATURE_BYTES = 16


class Cursors:
    """Seals and opens cursors with the key that `read_key` returns (Base64 of at least 32 bytes)."""

    def __init__(self, read_key: Callable[[], str]) -> None:
        self._read_key = read_key

    def seal(self, payload: Any, *, binding: str) -> str:
        """Return the payload (JSON values) as a cursor that is valid for `binding`."""
        body = json.dumps(payload, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._sign(body, binding) + body).decode().rstrip("=")

    def open(self, cursor: str, *, binding: str) -> Any:
        """Return the payload. Raises Invalid if the cursor is not from this gateway or belongs to another `binding`."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not body or not hmac.compare_digest(signature, self._sign(body, binding)):
            raise Invalid(
                "This cursor belongs to another call, or was changed. Begin again without a cursor.",
                code="InvalidCursor",
                target="cursor",
            )
        return json.loads(body)

    def _sign(self, body: bytes, binding: str) -> bytes:
        message = hashlib.sha256(binding.encode()).digest() + body
        return hmac.digest(self._key(), message, hashlib.sha256)[:_SIGNATURE_BYTES]

    def _key(self) -> bytes:
        return read_state_key(self._read_key())
