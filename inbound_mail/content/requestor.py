"""Decides who asks: whom a ticket is for. That is the author of the mail, unless the mailbox's policy says otherwise.

Anybody can write any Reply-To and any forwarded header. So they count only for authors that the policy lists, and only
if nothing says that the mail is not from them. Whoever asks is no participant for that: see `belonging`.

The author of a forwarded mail is read from the lines "label: value" that mail programs put above it. Most begin with
the author, in any language; Thunderbird writes subject and date first, so the label is looked up in a table: the words
of the languages that mail programs have, unchecked for the rarer ones. If the line of the author holds no address, or
it is not certain which line that is, nobody is guessed.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.utils import parseaddr
from enum import StrEnum

from inbound_mail.content.authentication import explain_doubt
from inbound_mail.content.models import Attachment, AttachmentKind, InboundMail
from inbound_mail.content.names import safe_line
from inbound_mail.content.quoting import find_header_fields, is_forward_line
from inbound_mail.content.subjects import read_subject
from shared.json_text import Json
from shared.mail_address import is_mail_address
from shared.settings.requestor_policy import RequestorPolicy

type OpenAttachment = Callable[[Attachment], Iterator[bytes]]

_MOST_TEXT = 100_000
_MOST_BYTES = 64 * 1024
_LONGEST_NAME = 200
_ADDRESS = re.compile(r"[^\s<>\[\]();:,\"'|@]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
# Language: the labels of the author's line, as mail programs write them.
_AUTHOR_LABELS: Mapping[str, str] = {
    "English": "from",
    "Arabic": "من",
    "Bulgarian": "от",
    "Catalan, French, Portuguese, Spanish": "de|expéditeur|remitente|remetente",
    "Chinese": "发件人|寄件者|寄件人|發件人",
    "Croatian, Czech, Polish, Serbian, Slovak, Slovenian": "od|odesílatel|odosielateľ|pošiljatelj|nadawca|од",
    "Danish, Icelandic, Norwegian, Swedish": "fra|frá|från|afsender|avsender|avsändare",
    "Dutch": "van|afzender",
    "Estonian": "saatja",
    "Finnish": "lähettäjä",
    "German": "von|absender",
    "Greek": "από",
    "Hebrew": "מאת",
    "Hindi": "प्रेषक",
    "Hungarian": "feladó",
    "Indonesian, Malay": "dari|daripada",
    "Italian": "da|mittente",
    "Japanese": "差出人|送信者",
    "Korean": "보낸 사람|보낸사람",
    "Latvian": "no",
    "Lithuanian": "nuo",
    "Romanian": "de la",
    "Russian, Ukrainian": "от|від|отправитель",
    "Thai": "จาก|ผู้ส่ง",
    "Turkish": "kimden|gönderen",
    "Vietnamese": "từ",
    "Welsh": "oddi wrth",
}
_LABELS = frozenset(label for labels in _AUTHOR_LABELS.values() for label in labels.split("|"))


class Basis(StrEnum):
    """Why somebody is the requestor: the author, the author's Reply-To, or the author of what the author forwards."""

    AUTHOR = "from"
    REPLY_TO = "reply-to"
    FORWARDED = "forwarded"


@dataclass(frozen=True)
class Requestor:
    """Whom a ticket is for. `note`: why it is not somebody else, although the policy lists the author; "" if not."""

    address: str
    name: str = ""
    basis: Basis = Basis.AUTHOR
    note: str = ""

    @classmethod
    def from_json(cls, given: Json) -> "Requestor":
        """Read what `describe` returned."""
        return cls(given["address"], given["name"], Basis(given["basis"]), given.get("note", ""))

    def describe(self) -> Json:
        """Return it as events have it."""
        described: Json = {"address": self.address, "name": self.name, "basis": self.basis.value}
        return described | ({"note": self.note} if self.note else {})

    def explain(self) -> str:
        """Return a line about a requestor who is not the author."""
        shown = f"{self.name} ({self.address})" if self.name not in ("", self.address) else self.address
        reason = "Reply-To of the mail" if self.basis is Basis.REPLY_TO else "author of the forwarded mail"
        return f"{shown}, {reason}"


def is_listed(mail: InboundMail, policy: RequestorPolicy) -> bool:
    """Return whether the policy may make somebody other than the author the requestor."""
    return policy.uses_reply_to(mail.sender) or policy.uses_forwarded(mail.sender)


def find_requestor(
    mail: InboundMail, text: str, policy: RequestorPolicy, own_addresses: Collection[str], read: OpenAttachment
) -> Requestor:
    """Return who asks. `text`: the mail's whole text. `own_addresses`: of the support mailboxes, which never ask."""
    if not is_listed(mail, policy):
        return _author(mail)
    if doubt := explain_doubt(mail):
        return _author(mail, f"{doubt} So the ticket is for the address in From.")
    excluded = {one.lower() for one in (*own_addresses, mail.address)}
    notes: list[str] = []
    if policy.uses_forwarded(mail.sender) and _is_forward(mail, text):
        found = _find_forwarded(mail, text, read)
        if found is not None and found.address not in excluded:
            return found if found.address != mail.sender else _author(mail)
        notes.append("The author of the forwarded mail cannot be read, so the ticket is for who forwarded it.")
    if policy.uses_reply_to(mail.sender):
        for address, name in mail.reply_to:
            if address not in excluded and is_mail_address(address):
                return Requestor(address, safe_line(name)[:_LONGEST_NAME], Basis.REPLY_TO)
        notes.append("The mail has no Reply-To of somebody else, so the ticket is for its author.")
    return _author(mail, " ".join(notes))


def _author(mail: InboundMail, note: str = "") -> Requestor:
    return Requestor(mail.sender, safe_line(mail.sender_name)[:_LONGEST_NAME], note=note)


def _is_forward(mail: InboundMail, text: str) -> bool:
    subject = read_subject(" ".join(mail.subject[:_LONGEST_NAME].split()))
    return subject.may_be_forward or any(map(is_forward_line, text[:_MOST_TEXT].split("\n")))


def _find_forwarded(mail: InboundMail, text: str, read: OpenAttachment) -> Requestor | None:
    """Return the author of the first mail that the text contains, or else of the one that is attached."""
    for fields in find_header_fields(text[:_MOST_TEXT]):
        labelled = [value for label, value in fields if " ".join(label.casefold().split()) in _LABELS]
        value = labelled[0] if labelled else fields[0][1]
        found = _ADDRESS.search(value)
        return _make(found[0], _ADDRESS.sub("", value)) if found else None
    attached = [one for one in mail.attachments if one.kind is AttachmentKind.ITEM and one.blob]
    if len(attached) != 1:
        return None
    head = b""
    for piece in read(attached[0]):
        head += piece
        if len(head) >= _MOST_BYTES:
            break
    name, address = parseaddr(str(BytesHeaderParser().parsebytes(head[:_MOST_BYTES])["from"] or ""))
    return _make(address, name) if _ADDRESS.fullmatch(address) else None


def _make(address: str, name: str) -> Requestor:
    shown = " ".join(safe_line(re.sub(r"mailto:|[<>\[\]()\"|*]", " ", name)).split())
    return Requestor(address.lower(), shown[:_LONGEST_NAME].strip(" ;,'"), Basis.FORWARDED)
