"""Reads a delivery report: which mails could not be delivered, and to whom.

Graph gives the attached original as an item whose bytes are its MIME, and the machine-readable parts as files. Only
their beginnings are read: the headers of the original, and the fields of RFC 3464.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from inbound_mail.content.models import Attachment, AttachmentKind, InboundMail, Screening, clean_message_id

type OpenAttachment = Callable[[Attachment], Iterator[bytes]]

_TYPES = (
    "message/rfc822",
    "message/rfc822-headers",
    "text/rfc822-headers",
    "message/delivery-status",
    "message/global",
)
_MOST_BYTES = 64 * 1024
_MOST_PARTS = 10
_MOST_RECIPIENTS = 10
_MESSAGE_ID = re.compile(
    r"^(?:message-id|original-envelope-id):\s{0,9}<([^<>\s]{1,990})>", re.IGNORECASE | re.MULTILINE
)
_RECIPIENT = re.compile(
    r"^(?:final-recipient|original-recipient):[^;\n]{0,40};\s{0,9}<?([^\s<>;,]{1,200}@[^\s<>;,]{1,200})>?\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_ADDRESS = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9.-]{1,200}\.[A-Za-z]{2,24}")


def read_report(mail: InboundMail, screening: Screening, read: OpenAttachment) -> Screening:
    """Return the screening of a bounce with what its text and attachments say about the mails that failed."""
    if not screening.is_bounce:
        return screening
    parts = list(_read_parts(mail, read))
    found = [*screening.bounced]
    for part in parts:
        found += _MESSAGE_ID.findall(part)
    bounced = dict.fromkeys(known for one in found if (known := clean_message_id(one)) and known != mail.message_id)
    return replace(screening, bounced=tuple(bounced), failed_recipients=_find_recipients(mail, parts))


def _read_parts(mail: InboundMail, read: OpenAttachment) -> Iterator[str]:
    wanted = [one for one in mail.attachments if one.blob and _is_part_of_report(one)]
    for attachment in wanted[:_MOST_PARTS]:
        data = b""
        for chunk in read(attachment):
            data += chunk
            if len(data) >= _MOST_BYTES:
                break
        yield data[:_MOST_BYTES].decode("utf-8", "replace").replace("\r\n", "\n")


def _is_part_of_report(attachment: Attachment) -> bool:
    media_type = attachment.content_type.partition(";")[0].strip().lower()
    return attachment.kind is AttachmentKind.ITEM or media_type in _TYPES


def _find_recipients(mail: InboundMail, parts: list[str]) -> tuple[str, ...]:
    """Return the addresses that could not be reached: as fields say, else those that the text names."""
    found = [one for part in parts for one in _RECIPIENT.findall(part)]
    found += [one for value in mail.headers("X-Failed-Recipients") for one in _ADDRESS.findall(value[:2000])]
    if not found:
        text = str((mail.message.get("body") or {}).get("content") or "")
        found = _ADDRESS.findall(text[:20_000])
    clean = dict.fromkeys(one.lower().rstrip(".") for one in found)
    ours = {mail.sender, mail.address.lower()}
    return tuple(one for one in clean if one not in ours)[:_MOST_RECIPIENTS]
