"""A mail before it is in a mailbox: read from MIME, or composed from keywords."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, formataddr, parseaddr

from twin.core.wire import Json
from twin.mail.contents import Attachment, Enclosure, File, Synthetic, enclose, make_bytes

type Address = str | tuple[str, str]
"""`robin@example.com`, `Robin <robin@example.com>` or ("Robin", "robin@example.com")."""

type HeaderValue = str | Sequence[str]

_ORGANIZATION = "x-ms-exchange-organization-"
_PREFIX = re.compile(r"\s{0,9}[^\W\d_]{1,3}:\s")


@dataclass(slots=True)
class Draft:
    """A mail that is not yet in a mailbox.

    values       properties of the message resource that the sender sets
    headers      name and value in order; names repeat; None for a mail without any
    references   Message-IDs of the mails that it answers
    raw          its MIME, if it came as MIME
    meeting      `@odata.type` and the fields that a meeting message has besides
    class_       its message class, if it is not that of usual mails
    """

    values: Json
    headers: list[Json] | None
    attachments: list[Attachment] = field(default_factory=list)
    references: tuple[str, ...] = ()
    raw: bytes | None = None
    meeting: Json | None = None
    class_: str | None = None


def compose(
    *,
    sender: Address,
    to: Sequence[Address],
    now: datetime,
    subject: str | None = "",
    cc: Sequence[Address] = (),
    reply_to: Sequence[Address] = (),
    html: str | None = None,
    text: str | Synthetic | None = None,
    attachments: Sequence[Enclosure] = (),
    headers: Mapping[str, HeaderValue] | None = None,
    message_id: str | None = None,
    in_reply_to: str | None = None,
    importance: str = "normal",
) -> Draft:
    """Make a mail from keywords. A mail with both bodies keeps the html one, as Exchange does.

    A synthetic text is a large one, made while it is read: the Base64 of its bytes, a third longer than its size.
    Its Content-Type is the one that mail programs write for these bodies and files, unless `headers` have another.
    """
    given = {name.lower() for name in headers or ()}
    lines: list[tuple[str, str]] = [
        ("Received", f"from mail.example.com by outlook.example with ESMTPS; {format_datetime(now)}"),
        ("From", format_address(sender)),
        ("To", ", ".join(map(format_address, to))),
        *([("Cc", ", ".join(map(format_address, cc)))] if cc else []),
        *([("Reply-To", ", ".join(map(format_address, reply_to)))] if reply_to else []),
        *([("Subject", subject)] if subject is not None else []),
        ("Date", format_datetime(now)),
        *([("Message-ID", message_id)] if message_id else []),
        *([("In-Reply-To", in_reply_to)] if in_reply_to else []),
        ("MIME-Version", "1.0"),
        *([("Content-Type", _name_type(html, text, attachments))] if "content-type" not in given else []),
    ]
    for name, value in (headers or {}).items():
        lines += [(name, value)] if isinstance(value, str) else [(name, one) for one in value]
    plain = make_bytes(text.size, text.seed) if isinstance(text, Synthetic) else text or ""
    body = {"contentType": "text", "content": plain} if html is None else {"contentType": "html", "content": html}
    return Draft(
        {
            "subject": subject,
            "from": make_recipient(sender),
            "sender": make_recipient(sender),
            "toRecipients": [make_recipient(one) for one in to],
            "ccRecipients": [make_recipient(one) for one in cc],
            "bccRecipients": [],
            "replyTo": [make_recipient(one) for one in reply_to],
            "sentDateTime": render_time(now),
            "internetMessageId": message_id,
            "importance": importance,
            "body": body,
        },
        [{"name": name, "value": value} for name, value in lines],
        [enclose(one) for one in attachments],
        (in_reply_to,) if in_reply_to else (),
    )


def stamp_author(draft: Draft, result: str) -> None:
    """Let Exchange say what it found out about the author: see the switch `checks_authors`."""
    if not result:
        return
    written = [one for one in draft.headers or () if not one["name"].lower().startswith(_ORGANIZATION)]
    is_internal = result == "internal"
    author = (draft.values["from"] or {}).get("emailAddress") or {}
    domain = str(author.get("address") or "").rpartition("@")[2]
    found = f"spf={result} (sender IP is 192.0.2.1) smtp.mailfrom={domain}; dkim=none (message not signed); "
    found += f"dmarc={result} action=none header.from={domain};compauth={result} reason=000"
    stamps = [] if is_internal else [{"name": "Authentication-Results", "value": found}]
    auth_as = {"name": "X-MS-Exchange-Organization-AuthAs", "value": "Internal" if is_internal else "Anonymous"}
    draft.headers = [*stamps, *written, auth_as]


def _name_type(html: str | None, text: str | Synthetic | None, attachments: Sequence[Enclosure]) -> str:
    """Return the media type of the outermost part."""
    if any(not (isinstance(one, File) and one.inline) for one in attachments):
        return 'multipart/mixed; boundary="outer"'
    if html is not None and text is not None:
        return 'multipart/alternative; boundary="outer"'
    if attachments:
        return 'multipart/related; boundary="outer"'
    return f"text/{'plain' if html is None else 'html'}; charset=utf-8"


def make_recipient(address: Address) -> Json:
    """Write an address as Graph does; without a name the address is used as the name."""
    name, plain = split_address(address)
    return {"emailAddress": {"name": name or plain, "address": plain}}


def split_address(address: Address) -> tuple[str, str]:
    """Return name and address."""
    return parseaddr(address) if isinstance(address, str) else address


def format_address(address: Address) -> str:
    """Write an address as headers do."""
    return formataddr(split_address(address), "utf-8")


def read_topic(subject: str | None) -> str:
    """Return what Exchange calls the topic: the subject without prefixes of up to three letters (MS-OXCMSG)."""
    topic = subject or ""
    while found := _PREFIX.match(topic):
        topic = topic[found.end() :]
    return topic.strip().casefold()


def render_time(instant: datetime) -> str:
    """Return an instant as Exchange writes it: UTC, whole seconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
