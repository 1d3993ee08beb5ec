"""A file on its way into a JSON text: Base64 made while it is sent, so that its size costs no memory."""

import base64
import hashlib
from collections.abc import Callable, Iterator

from inbound_mail.content.models import Attachment
from shared import context
from shared.errors import Refused, Unavailable

_PIECE = 3 * 64 * 1024  # a multiple of three bytes becomes Base64 without padding


class Upload:
    """`head`, the attachment in Base64, `tail`; the length is known before. Satisfies shared.transport.Body.

    Bytes that are not those that were stored are not sent to their end, so that the other side has no whole request.
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
        """Return the next bytes, b"" at the end. Raises Unavailable when the call's time is over."""
        if size < 0:
            rest, self._rest = self._rest, b""
            return rest + b"".join(self._parts)
        if context.remaining() <= 0:
            raise Unavailable("The time ran out while a file was sent.", code="OutOfTime")
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
        raise Refused("A stored attachment is not what was read from the mail.", code="AttachmentDamaged")
