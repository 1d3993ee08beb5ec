"""Whole mails as MIME, kept for a day: large ones leave by a link or in parts, and both need a blob.

{mailbox}/{key}/{copy}   a mail as Exchange wrote it. Exchange writes it anew for each call, so each copy has a blob of
                         its own; one copy serves all calls of twelve hours, so that parts belong together.

A rule of the storage account (infra/modules/storage.bicep) removes what is a day old. A copy that is not whole is no
blob: the account forgets its blocks.
"""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from inbound_mail.ledger.mail_file import MailFile
from shared.errors import AnswerTooLarge
from shared.storage.blobs import Container

CONTAINER = "exports"
_SERVES_FOR = timedelta(hours=12)  # a link to it lasts ten minutes more, and the rule leaves it for a day


class MailExports:
    """The copies of all mailboxes."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def find(self, mailbox: str, key: str) -> MailFile | None:
        """Return the copy of a mail that serves now, or None."""
        copies = self._container.list_versions(f"{mailbox}/{key}/")
        fresh = [one for one in copies if datetime.now(UTC) - one.modified < _SERVES_FOR]
        if not fresh:
            return None
        first = min(fresh, key=lambda one: (one.modified, one.name))
        return MailFile(self._container, first.name, first.size, name_export(key))

    def put(self, mailbox: str, key: str, chunks: Iterable[bytes], *, most_bytes: int) -> MailFile:
        """Store a mail while it comes in. Raises AnswerTooLarge, and then stores nothing, past `most_bytes`."""
        self._container.make()
        size = 0

        def count() -> Iterable[bytes]:
            nonlocal size
            for chunk in chunks:
                size += len(chunk)
                if size > most_bytes:
                    raise AnswerTooLarge(
                        f"This mail has more than {most_bytes // 1024 // 1024} MiB. Get its attachments one by one."
                    )
                yield chunk

        name = f"{mailbox}/{key}/{uuid.uuid4()}"
        self._container.put(name, count())
        return MailFile(self._container, name, size, name_export(key))


def name_export(key: str) -> str:
    """Return the name under which a whole mail is saved."""
    return f"{key}.eml"
