"""Files of earlier mails, by their SHA-256: pictures by author, and files by ticket; one partition for each sink.

    p|{digest of the author}|{SHA-256}   a picture inside the text of a mail of this author
    t|{digest of the ticket}|{SHA-256}   a file that the ticket has

A row names the first mail (by its key) that it comes from, so that no mail is compared with itself.
"""

from collections.abc import Iterable, Iterator, Sequence

from inbound_mail.content.files import SeenFiles
from inbound_mail.content.models import Attachment, InboundMail
from inbound_mail.ledger.references import digest
from shared.errors import Conflict
from shared.storage.tables import TRANSACTION_SIZE, Operation, Table

_MOST_FILES = 100  # of one mail; the others count as new


class KnownFiles:
    """What earlier mails to one sink contained. Rows are in the table of the threads."""

    def __init__(self, table: Table, sink: str) -> None:
        self._table = table
        self._sink = sink

    def find(self, mail: InboundMail, ticket: str | None) -> SeenFiles:
        """Return which files of a mail came before: from its author, and in this ticket if there is one."""
        pictures = dict(_name_pictures(mail))
        files = dict(_name_files(mail.attachments, ticket)) if ticket else {}
        return SeenFiles(self._find_known(mail, pictures), self._find_known(mail, files))

    def remember(self, mail: InboundMail, ticket: str | None, sent: Iterable[str]) -> None:
        """Record the pictures of a mail, and the SHA-256 of the files that a ticket got. It may be repeated."""
        digests = set(sent)
        files = [one for one in mail.attachments if one.sha256 in digests]
        rows = dict(_name_pictures(mail)) | (dict(_name_files(files, ticket)) if ticket else {})
        operations = [
            Operation("create", {"PartitionKey": self._sink, "RowKey": name, "mail": mail.key}) for name in rows
        ]
        for start in range(0, len(operations), TRANSACTION_SIZE):
            self._create(operations[start : start + TRANSACTION_SIZE])

    def _create(self, operations: Sequence[Operation]) -> None:
        """Create rows; those that are there stay as they are, because the first mail keeps its row."""
        left = list(operations)
        while left:
            try:
                self._table.transact(left)
            except Conflict:
                missing = [one for one in left if self._table.get(self._sink, one.entity["RowKey"]) is None]
                if len(missing) == len(left):
                    raise
                left = missing
            else:
                return

    def _find_known(self, mail: InboundMail, names: dict[str, str]) -> frozenset[str]:
        found = ((sha256, self._table.get(self._sink, name)) for name, sha256 in names.items())
        return frozenset(sha256 for sha256, row in found if row is not None and row.values["mail"] != mail.key)


def _name_pictures(mail: InboundMail) -> Iterator[tuple[str, str]]:
    """Yield (row key, SHA-256) of the pictures inside the text."""
    pictures = [one for one in mail.attachments if one.is_inline and one.content_type.lower().startswith("image/")]
    for one in pictures[:_MOST_FILES] if mail.sender else ():
        if one.sha256 and one.content_id:
            yield f"p|{digest(mail.sender)[:40]}|{one.sha256}", one.sha256


def _name_files(attachments: Iterable[Attachment], ticket: str) -> Iterator[tuple[str, str]]:
    """Yield (row key, SHA-256) of files; an empty file is no evidence."""
    for one in list(attachments)[:_MOST_FILES]:
        if one.sha256 and one.size:
            yield f"t|{digest(ticket)[:40]}|{one.sha256}", one.sha256
