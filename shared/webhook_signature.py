"""Standard Webhooks 1.0.0: the headers that name an event and prove who sends it, and the form of signing keys."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks.webhooks import Webhook

KEY_PREFIX = "whsec_"
KEY_BYTES = range(24, 65)


def sign(event_id: str, moment: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """Return the headers of an event, with a signature by each key: two while a key is being replaced."""
    headers = {"webhook-id": event_id, "webhook-timestamp": str(int(moment.timestamp()))}
    if keys:
        text = body.decode()
        headers["webhook-signature"] = " ".join(Webhook(key).sign(event_id, moment, text) for key in keys)
    return headers


def read_key(text: str) -> bytes | None:
    """Return the bytes of a signing key; None for another form: the library accepts almost any text."""
    try:
        key = base64.b64decode(text.removeprefix(KEY_PREFIX), validate=True)
    except binascii.Error:
        return None
    return key if text.startswith(KEY_PREFIX) and len(key) in KEY_BYTES else None


def show_key(key: bytes) -> str:
    """Return a signing key as receivers are given it."""
    return KEY_PREFIX + base64.b64encode(key).decode()
