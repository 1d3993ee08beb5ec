"""Recognises automatic mail by its headers, and decides: may we answer, does it make a ticket, is it a bounce.

These are three decisions, because a monitoring alert is automatic and still needs a ticket. By default a mail makes a
ticket, and any sign of automatic mail only forbids an answer. No ticket is made for

- loops: the author is one of our own mailboxes, or X-Loop names one;
- automatic replies (out of office, "we have received your mail"), which only answer our own mails;
- delivery reports and read receipts.

An empty Return-Path alone does not prove a delivery report, because out-of-office replies and many alerts have one as
well. It forbids an answer, and makes a bounce only together with a mailer daemon or postmaster as author.

Sources: RFC 3834 (Auto-Submitted), RFC 3464 and 6522 (delivery reports), RFC 2369 and 2919 (List-*), MS-OXCMAIL
2.1.3.2.20 (X-Auto-Response-Suppress); headers of Exchange Online in public samples; other headers as the help desks
Zammad, FreeScout and osTicket recognise them.
"""

import html
import re
from collections.abc import Collection, Iterator

from inbound_mail.content.models import InboundMail, Screening, clean_message_id

_PRECEDENCE = ("Precedence", "X-Precedence")
_CLASSES = ("bulk", "list", "junk", "auto_reply", "auto-reply")
# Some servers add text before or after these values, so the start of each word is compared.
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
# Exchange sends its out-of-office replies as auto-generated. Their subject or the rules agent distinguishes them from
# alerts.
_OUT_OF_OFFICE = re.compile(
    r"(?:auto(?:matic)?[- ]?(?:reply|response)|out of (?:the )?office|automatische antwort|"
    r"abwesenheits|réponse automatique|absence du bureau|respuesta automática|fuera de la oficina|"
    r"risposta automatica|fuori sede|automatisch antwoord|afwezig|resposta automática|autosvar|"
    r"automatisk svar|automaattinen vastaus|autoodpowiedź|odpowiedź automatyczna|automatická odpověď)[\w\s-]{0,25}:",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"\([^()]*\)")
_WORD = re.compile(r"[a-z0-9_-]+")
_ADDRESS = re.compile(r"[^\s<>,;\"()]{1,250}@[^\s<>,;\"()]{1,250}")
_ID = re.compile(r"<([^<>\s]{1,990})>")
_ID_LINE = re.compile(r"\bmessage-id:\s{0,9}(?:</?[a-z]{1,9}>\s{0,9}){0,4}<([^<>\s]{1,990})>", re.IGNORECASE)
_BODY_LIMIT = 1_000_000


def screen_mail(mail: InboundMail, own_addresses: Collection[str]) -> Screening:
    """Decide about one mail. `own_addresses` are the addresses of our mailboxes. A mail may have no headers."""
    own = {address.strip().lower() for address in (*own_addresses, mail.address)}
    bounces = list(_bounces(mail))
    unwanted = [*_loops(mail, own), *bounces, *_receipts(mail), *_automatic_replies(mail)]
    signs = list(_automatic_signs(mail, own))
    return Screening(
        may_reply=not (unwanted or signs),
        makes_ticket=not unwanted,
        is_bounce=bool(bounces),
        evidence=tuple(dict.fromkeys([*unwanted, *signs])),
        bounced=_bounced(mail) if bounces else (),
    )


def _loops(mail: InboundMail, own: set[str]) -> Iterator[str]:
    if mail.sender in own:
        yield "From: one of our own mailboxes"
    for value in mail.headers("X-Loop"):
        if not own.isdisjoint(_ADDRESS.findall(value.lower())):
            yield "X-Loop: one of our own mailboxes"


def _bounces(mail: InboundMail) -> Iterator[str]:
    if "delivery-status" in _report_types(mail):
        yield "Content-Type: multipart/report, delivery-status"
    for name in ("X-Failed-Recipients", "X-MS-Exchange-Message-Is-Ndr"):
        if mail.headers(name):
            yield f"{name} is set"
    if mail.sender.startswith(_DAEMONS):
        yield "From: mailer-daemon"
    elif mail.sender.startswith("postmaster@") and _has_empty_return_path(mail):
        yield "From: postmaster, with an empty Return-Path"


def _receipts(mail: InboundMail) -> Iterator[str]:
    if "disposition-notification" in _report_types(mail):
        yield "Content-Type: multipart/report, disposition-notification"


def _report_types(mail: InboundMail) -> list[str]:
    values = [re.sub(r'[\s"]', "", _COMMENT.sub("", value)).lower() for value in mail.headers("Content-Type")]
    parameters = [value.split(";") for value in values if value.startswith("multipart/report;")]
    return [each.removeprefix("report-type=") for found in parameters for each in found]


def _automatic_replies(mail: InboundMail) -> Iterator[str]:
    kinds = [_token(value) for value in mail.headers("Auto-Submitted")]
    if "auto-replied" in kinds:
        yield "Auto-Submitted: auto-replied"
    for name in _REPLY_HEADERS:
        if any(_token(value) not in ("no", "false", "0") for value in mail.headers(name)):
            yield f"{name} is set"
    for name in _PRECEDENCE:
        if any(_token(value).startswith(("auto_reply", "auto-reply")) for value in mail.headers(name)):
            yield f"{name}: auto_reply"
    if any(_token(value) == "reply" for value in mail.headers("X-Autogenerated")):
        yield "X-Autogenerated: reply"
    if any(kind.startswith("auto-") for kind in kinds) and _OUT_OF_OFFICE.match(mail.subject.strip()):
        yield "Subject: an out-of-office reply, and Auto-Submitted agrees"
    if _is_of_rules_agent(mail):
        yield "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent, and no answer wanted"


def _is_of_rules_agent(mail: InboundMail) -> bool:
    """Return True if Exchange sent this mail for an absent person, and not for a rule that forwards a mail."""
    sources = [value.strip().lower() for value in mail.headers("X-MS-Exchange-Generated-Message-Source")]
    suppressed = [_token(value) for value in mail.headers("X-Auto-Response-Suppress")]
    return "mailbox rules agent" in sources and "all" in suppressed


def _automatic_signs(mail: InboundMail, own: set[str]) -> Iterator[str]:
    """Yield the signs that forbid an answer and have no other effect."""
    for value in mail.headers("Auto-Submitted"):
        if (kind := _token(value)) and kind != "no":
            yield f"Auto-Submitted: {kind}"
    for name in _PRECEDENCE:
        for value in mail.headers(name):
            yield from (f"{name}: {known}" for known in _CLASSES if _token(value).startswith(known))
    for value in mail.headers("X-Auto-Response-Suppress"):
        words = _WORD.findall(_COMMENT.sub(" ", value).lower())
        yield from (f"X-Auto-Response-Suppress: {known}" for known in _SUPPRESSED if _any_starts(words, known))
    yield from (f"{name} is set" for name in ("X-Autogenerated", "X-Loop", *_LIST_HEADERS) if mail.headers(name))
    if _has_empty_return_path(mail):
        yield "Return-Path: <>"
    if not own.isdisjoint(mail.recipients("replyTo")):
        yield "Reply-To: one of our own mailboxes"
    if not mail.sender:
        yield "From: no author"
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


def _bounced(mail: InboundMail) -> tuple[str, ...]:
    """Return the ids of the mails that a report is about, from its headers, its text and its attached original."""
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
