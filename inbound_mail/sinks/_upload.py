"""The body of a request that contains a file in JSON. The Base64 is made while it is sent, to save memory."""

import base64
import hashlib
from collections.abc import Callable, Iterator

from inbound_mail.content.models import Attachment
from shared import context
from shared.errors import Refused, Unavailable

_PIECE = 3 * 64 * 1024  # a multiple of three bytes becomes Base64 without padding


class Upload:
    """A body of `head`, the attachment in Base64, and `tail`; its length is known before. A shared.transport.Body.

    If the stored bytes are not those of the mail, it stops before the end, so that the receiver rejects the request.
    """

    def __init__(
        self, head: bytes, attachment: Attachment, open_it: Callable[[Attachment], Iterator[bytes]], tail: bytes
    ) -> None:
        self._length = len(head) + (attachment.size + 2) // 3 * 4 + len(tail)
        self._parts = _encode(head, attachment, open_it, tail)
        self._rest = b""

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, b"" at the end. Raises Unavailable if the time of the call is over."""
        if size < 0:
            rest, self._rest = self._rest, b""
            return rest + b"".join(self._parts)
        if context.remaining() <= 0:
            raise Unavailable("The time ran out while a file was being sent. Try again later.", code="OutOfTime")
        while not self._rest and (part := next(self._parts, None)) is not None:
            self._rest = part
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def _encode(
    head: bytes, attachment: Attachment, open_it: Callable[[Attachment], Iterator[bytes]], tail: bytes
) -> Iterator[bytes]:
    yield head
    digest, size, rest = hashlib.sha256(), 0, b""
    for chunk in open_it(attachment):
        digest.update(chunk)
        size += len(chunk)
        _require_same(size <= attachment.size)
        for start in range(0, len(chunk), _PIECE):
            piece = rest + chunk[start : start + _PIECE]
            whole = len(piece) - len(piece) % 3
            yield base64.b64encode(piece[:whole])
            rest = piece[whole:]
    yield base64.b64encode(rest)
    _require_same(size == attachment.size and attachment.sha256 in (None, digest.hexdigest()))
    yield tail


def _require_same(matches: object) -> None:
    if not matches:
        raise Refused(
            "The stored bytes of an attachment are not those of the mail. Look for it in the mailbox.",
            code="AttachmentDamaged",
        )
