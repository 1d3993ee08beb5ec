"""Addresses and `clientState` values of Graph subscriptions, derived from the state key: nothing has to be looked up.

    address part   id of the watched resource, and a seal of it: the gateway knows its own addresses
    clientState    another seal of the same id, which Graph sends with each notification

No two resources share either of them, and neither tells the key or the other one. A new key changes both, so that
subscriptions made with the old one are replaced.
"""

import hashlib
import hmac
import re
from collections.abc import Callable

from shared.errors import GatewayError
from shared.state_key import read_state_key

_PART = re.compile(r"([0-9a-f]{32})([0-9a-f]{32})")
_SEAL_CHARACTERS = 32  # hexadecimal: 128 bits


class Proofs:
    """Makes and checks them. `read_key` returns the state key (Base64); `renew` reads it again, once a minute."""

    def __init__(self, read_key: Callable[[], str], renew: Callable[[str], bool]) -> None:
        self._read_key = read_key
        self._renew = renew

    def make_part(self, resource_id: str) -> str:
        """Return the last segment of the address to which Graph posts. Raises ConfigurationError and Unavailable."""
        return resource_id + self._seal("address", resource_id)[:_SEAL_CHARACTERS]

    def make_client_state(self, resource_id: str) -> str:
        """Return the value that proves a notification about this resource: 256 bits. Raises as above."""
        return self._seal("clientState", resource_id)

    def find_resource(self, part: str) -> str | None:
        """Return the id of the resource that an address part of ours is about; None for any other text."""
        if not (found := _PART.fullmatch(part)):
            return None
        return found[1] if self._is_sealed(part, found[1]) else None

    def make_check(self, resource_id: str) -> Callable[[object], bool]:
        """Return what says, in constant time, whether a `clientState` is the one that Graph was told."""
        own = self.make_client_state(resource_id).encode()
        return lambda given: hmac.compare_digest(str(given).encode(errors="replace"), own)

    def refresh(self) -> None:
        """Learn whether the state key was replaced. Raises ConfigurationError and Unavailable."""
        self._renew(self._read_key())

    def _is_sealed(self, part: str, resource_id: str) -> bool:
        if hmac.compare_digest(part, self.make_part(resource_id)):
            return True
        try:
            has_new_key = self._renew(self._read_key())  # the key may have been replaced
        except GatewayError:
            return False
        return has_new_key and hmac.compare_digest(part, self.make_part(resource_id))

    def _seal(self, purpose: str, resource_id: str) -> str:
        text = f"graph-notifications\n{purpose}\n{resource_id}"
        return hmac.digest(read_state_key(self._read_key()), text.encode(), hashlib.sha256).hex()
