"""Which new mails are copies of others: of mails that the ledger has, or that are entered with them."""

from collections.abc import Sequence
from dataclasses import replace

from inbound_mail.ledger import entities, rows
from inbound_mail.ledger.records import MailState, NewMail, Phase
from inbound_mail.ledger.references import content_digest, message_id_of, reference_of
from shared.storage.tables import Entity, Table


def mark_copy(
    table: Table, mailbox: str, mail: NewMail, before: Sequence[NewMail], *, reads: bool
) -> tuple[NewMail, str, Entity | None]:
    """Return the mail (skipped if it is a copy), its reference, and its message-id row if it is the first with it.

    `before`: the mails that the same transaction enters ahead of it. `reads`: its message id may be known.
    """
    message_id = message_id_of(mail.message)
    graph_id = str(mail.message["id"])
    if message_id is None or mail.skipped:
        return mail, reference_of(mailbox, message_id or graph_id), None
    name = rows.message_id_row(message_id)
    content = content_digest(mail.message)
    earlier = next((one for one in before if message_id_of(one.message) == message_id and not one.skipped), None)
    known = table.get(mailbox, name) if earlier is None and reads else None
    if earlier is None and (known is None or _is_gone(table, mailbox, str(known.values["key"]))):
        files = mail.phase is Phase.FETCH
        entity = {**entities.identity(mailbox, name), "key": mail.key, "looks": content, "files": files}
        return mail, reference_of(mailbox, message_id), entity
    first = content_digest(earlier.message) if earlier else str(known.values["looks"]) if known else ""
    owner = earlier.key if earlier else str(known.values["key"]) if known else ""
    if owner == mail.key:
        return mail, reference_of(mailbox, message_id), None
    has_files = earlier.phase is Phase.FETCH if earlier else known.values.get("files") if known else None
    # Mails with files are compared when these are fetched: `Ledger.complete`. Rows of earlier versions do not say it.
    is_decided = has_files is None or not (has_files or mail.phase is Phase.FETCH)
    if first == content and is_decided:
        return replace(mail, skipped="copy", copy_of=owner), reference_of(mailbox, message_id), None
    return mail, reference_of(mailbox, graph_id), None


def _is_gone(table: Table, mailbox: str, key: str) -> bool:
    """Return whether a mail vanished before it was delivered; a copy that comes later then counts as the mail."""
    row = table.get(mailbox, rows.mail_row(key))
    return row is not None and row.values["state"] == MailState.GONE
