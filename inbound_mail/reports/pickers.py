"""Lists that a flow's designer shows to makers: the latest mails and the files of one, each with a title."""

from typing import TYPE_CHECKING

from inbound_mail.content.names import safe_line, safe_name
from inbound_mail.ledger.records import MailRecord
from shared.json_text import Json
from shared.workers import Workers

if TYPE_CHECKING:
    from inbound_mail.support_mailbox import SupportMailbox

_LONGEST_SUBJECT = 80
_KIB = 1024


def list_latest_mails(mailbox: "SupportMailbox", limit: int, workers: Workers) -> list[Json]:
    """Return key and title of the mails that were read last, the newest first."""
    last = mailbox.ledger.state().last_number
    entries = mailbox.ledger.feed(max(0, last - limit), limit)
    found = workers.map(lambda entry: mailbox.ledger.mail(entry.key), reversed(entries))
    return [{"key": mail.key, "title": _name_mail(mail)} for mail in found if mail is not None]


def list_stored_files(mailbox: "SupportMailbox", key: str, limit: int) -> list[Json]:
    """Return number, name and title of a mail's files whose bytes the gateway has. Raises NotFound for no such mail."""
    mailbox.ledger.find_mail(key)
    mail = mailbox.store.load(key)
    stored = [one for one in (mail.attachments if mail else ()) if one.blob is not None]
    return [
        {
            "number": str(one.number),
            "name": safe_name(one),
            "title": f"{one.number}: {safe_name(one)} ({max(1, round(one.size / _KIB))} KiB)",
        }
        for one in stored[:limit]
    ]


def _name_mail(mail: MailRecord) -> str:
    """Return when it was received, its subject and its author in a line."""
    when = f"{mail.received[:16].replace('T', ' ')} UTC"
    subject = safe_line(mail.subject)[:_LONGEST_SUBJECT].strip() or "(no subject)"
    return ", ".join(part for part in (when, subject, mail.sender) if part)
