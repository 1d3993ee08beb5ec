"""Automatic mail, told from its headers: may we answer, does it make a ticket, does it report a lost mail of ours.

Three decisions, because one is not the other: a monitoring alert is automatic and still wants its ticket. By default a
mail makes a ticket and every sign of automatic mail only forbids the answer. No ticket is made of

- loops: the author is one of our own mailboxes, or X-Loop names one;
- automatic replies (out of office, "we have received your mail"): in a desk they would only ever answer ourselves;
- delivery reports and read receipts.

An empty Return-Path alone proves no delivery report: out-of-office replies and many alerts have one as well. It
forbids the answer, and makes a bounce only together with a mailer daemon or postmaster as author.

Sources: RFC 3834 (Auto-Submitted), RFC 3464 and 6522 (delivery reports), RFC 2369 and 2919 (List-*), MS-OXCMAIL
2.1.3.2.20 (X-Auto-Response-Suppress); the rest is custom, as the help desks Zammad, FreeScout and osTicket know it.
"""

import html
import re
from collections.abc import Collection, Iterator

from inbound_mail.models import InboundMail, Screening, clean_message_id

_AUTOMATIC_CLASSES = ("X-Precedence", "Precedence")
_CLASSES = ("bulk", "list", "junk", "auto_reply", "auto-reply")
# Some servers prepend to these values, or add to them: the start of a word decides.
_SUPPRESSED = ("all", "autoreply", "auto-reply", "oof", "dr")
_REPLY_HEADERS = ("X-Autoreply", "X-Autorespond", "X-Autoresponse", "X-AutoReply-From", "X-Mail-Autoreply")
_LIST_HEADERS = (
    "List-Id",
    "List-Unsubscribe",
    "List-Post",
    "List-Help",
    "List-Subscribe",
    "List-Owner",
    "List-Archive",
)
_DAEMONS = ("mailer-daemon", "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e")
# Exchange sends its out-of-office replies as auto-generated, so the subject has to tell them from alerts.
_OUT_OF_OFFICE = re.compile(
    r"(?:automatic reply|auto(?:matic)?[- ]?(?:reply|response)|out of (?:the )?office|automatische antwort|"
    r"abwesenheits|réponse automatique|absence du bureau|respuesta automática|fuera de la oficina|"
    r"risposta automatica|fuori sede|automatisch antwoord|afwezig|resposta automática|autosvar|"
    r"automatisk svar|automaattinen vastaus|autoodpowiedź|odpowiedź automatyczna|automatická odpověď)",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"\([^()]*\)")
_WORD = re.compile(r"[a-z0-9_-]+")
_ID = re.compile(r"<([^<>\s]{1,990})>")
_ID_LINE = re.compile(r"\bmessage-id:\s{0,9}(?:</?[a-z]{1,9}>\s{0,9}){0,4}<([^<>\s]{1,990})>", re.IGNORECASE)
_BODY_LIMIT = 1_000_000
_MESSAGE_CLASS = "string 0x1a"


def screen_mail(mail: InboundMail, own_addresses: Collection[str]) -> Screening:
    """Decide about one mail; `own_addresses` are our mailboxes' addresses. No headers, no evidence."""
    own = {address.strip().lower() for address in (*own_addresses, mail.address)}
    loops = list(_loops(mail, own))
    reports = list(_delivery_reports(mail))
    replies = list(_automatic_replies(mail))
    signs = list(_automatic_signs(mail))
    return Screening(
        may_reply=not (loops or reports or replies or signs),
        makes_ticket=not (loops or reports or replies),
        is_bounce=any(not evidence.endswith(_RECEIPT) for evidence in reports),
        evidence=tuple(dict.fromkeys([*loops, *reports, *replies, *signs])),
        bounced=_bounced(mail) if reports else (),
    )


_RECEIPT = "report-type=disposition-notification"


def _loops(mail: InboundMail, own: set[str]) -> Iterator[str]:
    if mail.sender in own:
        yield "From: one of our own mailboxes"
    for value in mail.headers("X-Loop"):
        if any(address in value.lower() for address in own if address):
            yield "X-Loop: one of our own mailboxes"


def _delivery_reports(mail: InboundMail) -> Iterator[str]:
    for value in mail.headers("Content-Type"):
        plain = re.sub(r'[\s"]+', "", _COMMENT.sub("", value)).lower()
        if plain.startswith("multipart/report"):
            kinds = re.findall(r";report-type=(delivery-status|disposition-notification)", plain)
            yield from (f"Content-Type: report-type={kind}" for kind in kinds)
    if mail.headers("X-Failed-Recipients"):
        yield "X-Failed-Recipients is set"
    if _message_class(mail).startswith("report."):
        yield f"Message class: report-type={'disposition-notification' if _is_receipt(mail) else 'delivery-status'}"
    name = mail.sender.partition("@")[0]
    if name.startswith(_DAEMONS):
        yield "From: mailer-daemon"
    elif name == "postmaster" and _has_empty_return_path(mail):
        yield "From: postmaster, with an empty Return-Path"


def _automatic_replies(mail: InboundMail) -> Iterator[str]:
    kinds = [_token(value) for value in mail.headers("Auto-Submitted")]
    if "auto-replied" in kinds:
        yield "Auto-Submitted: auto-replied"
    for name in _REPLY_HEADERS:
        if any(_token(value) not in ("no", "false", "0") for value in mail.headers(name)):
            yield f"{name} is set"
    for name in _AUTOMATIC_CLASSES:
        if any(_token(value).startswith(("auto_reply", "auto-reply")) for value in mail.headers(name)):
            yield f"{name}: auto_reply"
    if any(_token(value) == "reply" for value in mail.headers("X-Autogenerated")):
        yield "X-Autogenerated: reply"
    if _message_class(mail).startswith("ipm.note.rules.oof"):
        yield "Message class: out of office"
    automatic = any(kind.startswith("auto-") for kind in kinds) or mail.headers("X-Auto-Response-Suppress")
    if automatic and _OUT_OF_OFFICE.match(mail.subject.strip()):
        yield "Subject: an automatic reply, and headers that say so"


def _automatic_signs(mail: InboundMail) -> Iterator[str]:
    """Yield what forbids an answer and nothing else."""
    for value in mail.headers("Auto-Submitted"):
        if (kind := _token(value)) and kind != "no":
            yield f"Auto-Submitted: {kind}"
    for name in _AUTOMATIC_CLASSES:
        for value in mail.headers(name):
            yield from (f"{name}: {known}" for known in _CLASSES if _token(value).startswith(known))
    for value in mail.headers("X-Auto-Response-Suppress"):
        words = _WORD.findall(_COMMENT.sub(" ", value).lower())
        yield from (f"X-Auto-Response-Suppress: {known}" for known in _SUPPRESSED if _any_starts(words, known))
    yield from (f"{name} is set" for name in ("X-Autogenerated", "X-Loop", *_LIST_HEADERS) if mail.headers(name))
    if _has_empty_return_path(mail):
        yield "Return-Path: <>"
    if not mail.sender:
        yield "From: nobody"
    elif mail.sender.startswith("postmaster@"):
        yield "From: postmaster"


def _token(value: str) -> str:
    """Return the first word of a header value in lower case, without comments and parameters."""
    found = _WORD.search(_COMMENT.sub(" ", value).lower())
    return found[0][:40] if found else ""


def _any_starts(words: list[str], start: str) -> bool:
    return any(word.startswith(start) for word in words)


def _has_empty_return_path(mail: InboundMail) -> bool:
    paths = [re.sub(r"\s", "", value).lower() for value in mail.headers("Return-Path")]
    return any(path in ("", "<>") or path.startswith("<mailer-daemon") for path in paths)


def _message_class(mail: InboundMail) -> str:
    """Return PidTagMessageClass in lower case, where it was asked for (singleValueExtendedProperties)."""
    for entry in mail.message.get("singleValueExtendedProperties") or []:
        if re.sub(r"0x0*", "0x", str(entry.get("id")).lower()) == _MESSAGE_CLASS:
            return str(entry.get("value") or "").lower()
    return ""


def _is_receipt(mail: InboundMail) -> bool:
    return _message_class(mail).endswith((".ipnrn", ".ipnnrn"))


def _bounced(mail: InboundMail) -> tuple[str, ...]:
    """Return the ids of the mails that a report speaks of: named by its headers, its text, its attached original."""
    found: list[str] = []
    for name in ("In-Reply-To", "References", "X-MS-Exchange-Parent-Message-Id"):
        for value in mail.headers(name):
            found += _ID.findall(value)
    content = str((mail.message.get("body") or {}).get("content") or "")[:_BODY_LIMIT]
    found += _ID_LINE.findall(html.unescape(content))
    for entry in mail.message.get("attachments") or []:
        found.append(str((entry.get("item") or {}).get("internetMessageId") or ""))
    clean = dict.fromkeys(known for each in found if (known := clean_message_id(each)))
    return tuple(known for known in clean if known != mail.message_id)
