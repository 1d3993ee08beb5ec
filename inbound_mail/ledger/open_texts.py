"""The messages of mails on which work is open, in rows: those of one queue message are read in one request.

    t|{key}   `text`: Graph's JSON of the message, deflated; `files`: the list of attachments, once these are stored

The rows only spare reads of blobs, which have the same (`mail_store`). What is too large for a row has none, and
neither has a mail that a version before 2026-12 entered, which reads blobs only. The hourly sweep removes the rows of
mails on which no work is open any more.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inbound_mail.ledger import entities, rows
from shared.json_text import Json
from shared.storage.tables import Entity

if TYPE_CHECKING:
    from shared.storage.tables import Row

_MOST_BYTES = 60_000  # a property holds 65,536
_MOST_CHARACTERS = 30_000  # and 32,768 characters
_MOST_AT_ALL = 4_000_000  # of a text that is worth deflating
_FAST = 1


@dataclass(frozen=True)
class OpenText:
    """A message, and the list of its attachments; None if that must be read from its blob."""

    message: Json
    files: Sequence[Json] | None


def make_text(mailbox: str, key: str, message: Json) -> Entity | None:
    """Return the row of a message, or None if it is too large for one."""
    plain = json.dumps(message, separators=(",", ":")).encode()
    data = zlib.compress(plain, _FAST) if len(plain) <= _MOST_AT_ALL else b""
    if not 0 < len(data) <= _MOST_BYTES:
        return None
    return {**entities.identity(mailbox, rows.text_row(key)), "text": data}


def make_files(mailbox: str, key: str, files: Sequence[Json]) -> Entity | None:
    """Return what is merged into the row when the attachments are stored, or None if the list is too long for one."""
    text = json.dumps(files)
    if len(text) > _MOST_CHARACTERS:
        return None
    return {**entities.identity(mailbox, rows.text_row(key)), "files": text}


def read_text(row: "Row") -> OpenText | None:
    """Return what a row holds; None if it has no message."""
    values = row.values
    if not values.get("text"):
        return None
    files = values.get("files")
    return OpenText(json.loads(zlib.decompress(values["text"])), None if files is None else json.loads(files))
