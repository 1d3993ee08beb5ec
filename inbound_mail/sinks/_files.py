"""What becomes of the attachments of a mail at a sink. Every attempt decides as the first one did."""

from collections.abc import Sequence
from urllib.parse import quote

from inbound_mail.content.files import FileChoice, SeenFiles, choose_files
from inbound_mail.content.models import Attachment, InboundMail
from inbound_mail.sinks.protocol import PreparedMail, Progress
from shared.json_text import Json

SEEN = "seen_files"  # in the progress: {"ticket", "author": [numbers], "thread": [numbers]}


def settle_files(
    prepared: PreparedMail, progress: Progress, ticket: str | None, *, is_cut: bool
) -> Sequence[FileChoice]:
    """Return what becomes of each attachment of a mail that goes to this ticket, None for a new one.

    It is noted: the sink saves it before anybody learns of it.
    """
    mail = prepared.mail
    seen = SeenFiles()
    if any(one.sha256 for one in mail.attachments):
        saved = progress.values.get(SEEN)
        if saved is None or saved["ticket"] != ticket:
            seen = prepared.known_files.find(mail, ticket)
            saved = {
                "ticket": ticket,
                "author": [one.number for one in mail.attachments if one.sha256 in seen.by_author],
                "thread": [one.number for one in mail.attachments if one.sha256 in seen.in_thread],
            }
            progress.note(**{SEEN: saved})
        seen = SeenFiles(_digests(mail, saved["author"]), _digests(mail, saved["thread"]))
    return choose_files(mail, prepared.rendering, seen, is_cut=is_cut)


def digests_of(choices: Sequence[FileChoice]) -> tuple[str, ...]:
    """Return the SHA-256 of the files that are handed over."""
    found = (choice.attachment.sha256 for choice in choices if choice.reason is None)
    return tuple(dict.fromkeys(one for one in found if one))


def locate_attachment(mail: InboundMail, attachment: Attachment, base_url: str) -> Json:
    """Return {"url"} where the gateway hands out the bytes; {"path"} below its address if the settings have none."""
    path = f"mailboxes/{quote(mail.mailbox)}/mails/{quote(mail.key)}/attachments/{attachment.number}"
    return {"url": f"{base_url.rstrip('/')}/{path}"} if base_url else {"path": path}


def _digests(mail: InboundMail, numbers: Sequence[int]) -> frozenset[str]:
    return frozenset(one.sha256 for one in mail.attachments if one.sha256 and one.number in numbers)
