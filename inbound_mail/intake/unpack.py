"""Stores what is inside a signed mail beside its attachments, so that every sink and route finds it there."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from inbound_mail.content.models import Attachment, Seal
from inbound_mail.content.pictures import is_tracking_pixel
from inbound_mail.ledger.mail_store import MailStore
from shared.errors import AnswerTooLarge

if TYPE_CHECKING:
    from inbound_mail.content.unpacking import UnpackedFile

_log = logging.getLogger("gateway.mail")


def unpack_mail(store: MailStore, key: str, attachments: Sequence[Attachment], limit: int) -> Sequence[Attachment]:
    """Return the attachments; for a mail of S/MIME with what it is, and what is inside if it is signed.

    `limit`: bytes of the largest file that is stored. It may be repeated: names and bytes are the same each time.
    """
    from inbound_mail.content import unpacking  # noqa: PLC0415 - few mails need the parsers

    container = unpacking.find_container(attachments)
    if container is None:
        return attachments
    if container.blob is None or container.size > unpacking.MOST_BYTES:
        return [replace(container, seal=Seal.UNREADABLE)]
    unpacked = unpacking.unpack(container.content_type, b"".join(store.open(container)))
    _log.info("mail %s is sealed: %s", key, unpacked.seal)
    if unpacked.body is not None:
        store.put_unpacked(key, unpacked.body)
    sealed = replace(container, seal=unpacked.seal)
    files = [_store(store, key, sealed.number + number, one, limit) for number, one in enumerate(unpacked.files, 1)]
    return [sealed, *files]


def _store(store: MailStore, key: str, number: int, file: "UnpackedFile", limit: int) -> Attachment:
    described = Attachment(
        number=number,
        name=file.name,
        content_type=file.content_type,
        size=len(file.data),
        kind=file.kind,
        is_inline=file.is_inline,
        content_id=file.content_id,
        is_pixel=is_tracking_pixel(file.data),
    )
    try:
        blob, sha256, size = store.put_bytes(key, number, [file.data], content_type=file.content_type, limit=limit)
    except AnswerTooLarge:
        return replace(described, omitted="TooLarge")
    return replace(described, blob=blob, sha256=sha256, size=size)
