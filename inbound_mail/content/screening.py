"""Recognises automatic mail, and decides: may we answer, does it make a ticket, is it a bounce.

These are three decisions, because a monitoring alert is automatic and still needs a ticket. By default a mail makes a
ticket, and any sign of automatic mail only forbids an answer. No ticket is made for what is proven to be an answer to
something, or our own:

- mails that we sent, recognised by what we put into them: X-Loop with the address of one of our mailboxes, our own
  header, or our reference in a mail of one of our mailboxes that is neither an answer nor a forward. The address of
  one of our mailboxes alone proves nothing: web forms and colleagues who hand a mail over use it, too. Notifications
  that the service desk's tool sends from an address of its own (`own_senders`) begin with a ticket's number;
- automatic replies (out of office, "we have received your mail"), which only answer our own mails;
- delivery reports and receipts;
- answers to invitations in which nobody wrote anything (see `meetings`).

A notice is no answer, whoever sends it: "Your mailbox is almost full" comes from the same author as Exchange's reports,
and virus alerts come from postmasters. So those authors need a report's form, header, subject or text besides.
An empty Return-Path proves no report either, because out-of-office replies and many alerts have one.

Sources: RFC 3834 (Auto-Submitted), RFC 3464 and 6522 (delivery reports), RFC 2369 and 2919 (List-*), MS-OXCMAIL
2.1.3.2.20 (X-Auto-Response-Suppress); headers of Exchange Online in public samples; other headers as the help desks
Zammad, FreeScout and osTicket recognise them; the subjects of `automatic_subjects`.
"""

import re
from collections.abc import Collection, Iterator

from inbound_mail.content.belonging import find_numbers
from inbound_mail.content.html import unescape
from inbound_mail.content.meetings import MeetingKind, find_meeting_kind, has_words_of_a_person, name_answer
from inbound_mail.content.models import InboundMail, Screening, clean_message_id
from inbound_mail.content.subject_phrases import SubjectKind, find_kind, speaks_of_absence

OWN_HEADER = "X-Gateway-Reference"
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
_DAEMONS = ("mailer-daemon", "mailerdaemon", "mail-daemon", "mail.delivery.system", "mail-delivery-system", "mdaemon")
_DAEMON_NAMES = re.compile(r"mailer.?daemon|mail delivery (?:sub)?system", re.IGNORECASE)
# These also send notices: what they send is a report only if something else says so.
_REPORTERS = ("postmaster@", "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e@")
_REPORT_TEXT = re.compile(
    r"(?:final-recipient|original-recipient|diagnostic-code|reporting-mta|x-failed-recipients):"
    r"|delivery has failed to these recipients|permanent (?:fatal )?errors?\b|recipient address rejected|user unknown"
    r"|\b(?:status:?|#|[45]\d\d[ -])\s?[45]\.\d{1,3}\.\d{1,3}\b",
    re.IGNORECASE,
)
_OUR_REFERENCE = re.compile(r"\bmail-[0-9a-f]{40}\b")
# "Re:", "FW:" and the like in any language; "Ticket:" and its kin begin notifications.
_ANSWER_PREFIX = re.compile(
    r"\s*(?!(?:ticket|incident|request|case|call|update)\b)[^\W\d_]{1,12}(?:[\[(^]\d{1,4}[\])]?)?\s?[:\uff1a]",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"\([^()]*\)")
_WORD = re.compile(r"[a-z0-9_-]+")
_ADDRESS = re.compile(r"[^\s<>,;\"()]{1,250}@[^\s<>,;\"()]{1,250}")
_ID = re.compile(r"<([^<>\s]{1,990})>")
_ID_LINE = re.compile(r"\bmessage-id:\s{0,9}(?:</?[a-z]{1,9}>\s{0,9}){0,4}<([^<>\s]{1,990})>", re.IGNORECASE)
_BODY_LIMIT = 1_000_000


def screen_mail(mail: InboundMail, own_addresses: Collection[str], own_senders: Collection[str] = ()) -> Screening:
    """Decide about one mail. It may have no headers.

    `own_addresses` are the addresses of our mailboxes, `own_senders` further ones, with which the service desk's tool
    writes.
    """
    tool = {address.strip().lower() for address in own_senders}
    own = {address.strip().lower() for address in (*own_addresses, mail.address)} | tool
    bounces, own_signs = list(_bounces(mail)), [*_own_mails(mail, own), *_notifications(mail, tool)]
    answer, is_silent = _read_meeting_answer(mail)
    unwanted = [*own_signs, *bounces, *_receipts(mail), *_automatic_replies(mail)]
    unwanted += answer if is_silent else []
    signs = [*answer, *_automatic_signs(mail, own)]
    return Screening(
        may_reply=not (unwanted or signs),
        makes_ticket=not unwanted,
        is_bounce=bool(bounces),
        evidence=tuple(dict.fromkeys([*unwanted, *signs])),
        bounced=_bounced(mail) if bounces else (),
        is_own=bool(own_signs),
    )


def _read_meeting_answer(mail: InboundMail) -> tuple[list[str], bool]:
    """Return the evidence that a mail answers an invitation, and whether it says nothing else."""
    if find_meeting_kind(mail.message) is not MeetingKind.ANSWER:
        return [], False
    is_silent = not has_words_of_a_person(mail)
    words = "without words of a person" if is_silent else "with words of a person"
    return [f"An answer to an invitation ({name_answer(mail.message)}), {words}"], is_silent


def _own_mails(mail: InboundMail, own: set[str]) -> Iterator[str]:
    for value in mail.headers("X-Loop"):
        if not own.isdisjoint(_ADDRESS.findall(value.lower())):
            yield "X-Loop: one of our own mailboxes"
    if any(_OUR_REFERENCE.search(value) for value in mail.headers(OWN_HEADER)):
        yield f"{OWN_HEADER}: a reference of ours"
    if mail.sender in own and not _ANSWER_PREFIX.match(mail.subject) and _OUR_REFERENCE.search(_content(mail)):
        yield "From: one of our own mailboxes, with a reference of ours in the text"


def _notifications(mail: InboundMail, tool: set[str]) -> Iterator[str]:
    """Yield the evidence of a notification about a ticket, which the service desk's tool sends without our reference.

    People may write with its address, too: an answer, a forward, and a mail without a ticket's number are theirs.
    """
    if mail.sender not in tool or _ANSWER_PREFIX.match(mail.subject) or mail.headers("In-Reply-To"):
        return
    if find_numbers(mail.subject):
        yield "From: an address of the service desk's tool, with a ticket's number in the subject of a mail of its own"


def _bounces(mail: InboundMail) -> Iterator[str]:
    kinds, kind = _report_types(mail), find_kind(mail.subject)
    if kind is SubjectKind.RECEIPT:
        return
    if "delivery-status" in kinds:
        yield "Content-Type: multipart/report, delivery-status"
    for name in ("X-Failed-Recipients", "X-MS-Exchange-Message-Is-Ndr"):
        if mail.headers(name):
            yield f"{name} is set"
    if _is_daemon(mail):
        yield "From: mailer-daemon"
        return
    says_report = kind is SubjectKind.REPORT
    if mail.sender.startswith(_REPORTERS):
        if says_report:
            yield "From: a mail system, and the subject is that of a delivery report"
        elif "" in kinds or (_has_empty_return_path(mail) and _REPORT_TEXT.search(_content(mail))):
            yield "From: a mail system, and the text is that of a delivery report"
    elif says_report and ("" in kinds or (_has_empty_return_path(mail) and _REPORT_TEXT.search(_content(mail)))):
        yield "Subject: a delivery report, and the text agrees"


def _is_daemon(mail: InboundMail) -> bool:
    """Return whether the author is a mail system that sends nothing but reports; some give a name but no address."""
    if mail.sender:
        return mail.sender.startswith(_DAEMONS)
    names = [mail.sender_name, *mail.headers("From")]
    return any(_DAEMON_NAMES.search(name[:200]) for name in names)


def _receipts(mail: InboundMail) -> Iterator[str]:
    kinds = _report_types(mail)
    if "disposition-notification" in kinds:
        yield "Content-Type: multipart/report, disposition-notification"
        return
    names_another = mail.headers("In-Reply-To") or mail.headers("References")
    if find_kind(mail.subject) is SubjectKind.RECEIPT and (kinds or (_has_empty_return_path(mail) and names_another)):
        yield "Subject: a receipt, and the headers agree"


def _report_types(mail: InboundMail) -> list[str]:
    """Return the report types of a multipart/report, "" for one that gives none."""
    values = [re.sub(r'[\s"]', "", _COMMENT.sub("", value)).lower() for value in mail.headers("Content-Type")]
    found: list[str] = []
    for value in values:
        kind, *parameters = value.split(";")
        if kind == "multipart/report":
            types = [one.removeprefix("report-type=") for one in parameters if one.startswith("report-type=")]
            found += types or [""]
    return found


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
    if any(_token(value) == "vacation" for value in mail.headers("X-Apple-Action")):
        yield "X-Apple-Action: vacation"
    yield from _absences(mail, is_generated=any(kind.startswith("auto-") for kind in kinds))
    if _is_of_rules_agent(mail):
        yield "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent, and no answer wanted"


def _absences(mail: InboundMail, *, is_generated: bool) -> Iterator[str]:
    """Yield the evidence of out-of-office replies: Exchange marks them as generated, as it marks its alerts."""
    suppresses = _suppresses_answers(mail)
    is_empty = _has_empty_return_path(mail)
    kind = find_kind(mail.subject)
    if kind is SubjectKind.REPLY and (is_generated or suppresses or is_empty):
        yield "Subject: an automatic reply, and the headers agree"
    elif kind is SubjectKind.REPLY and not mail.message.get("hasAttachments") and speaks_of_absence(_content(mail)):
        yield "Subject: an automatic reply, and the text says that its author is away"
    elif kind is SubjectKind.ABSENCE and is_generated and (suppresses or is_empty):
        yield "Subject: an out-of-office reply, and the headers agree"
    if suppresses and is_empty and not _is_of_list(mail):
        if is_generated:
            yield "Auto-Submitted, X-Auto-Response-Suppress and an empty Return-Path together: an automatic reply"
        elif mail.headers("X-MS-Exchange-Inbox-Rules-Loop"):
            yield "X-MS-Exchange-Inbox-Rules-Loop, no answer wanted, and an empty Return-Path: an automatic reply"


def _suppresses_answers(mail: InboundMail) -> bool:
    words = [
        word
        for value in mail.headers("X-Auto-Response-Suppress")
        for word in _WORD.findall(_COMMENT.sub(" ", value).lower())
    ]
    return any(_any_starts(words, known) for known in ("all", "autoreply", "auto-reply", "oof"))


def _is_of_list(mail: InboundMail) -> bool:
    """Return whether the mail was sent to many: no automatic reply is."""
    classes = [_token(value) for name in _PRECEDENCE for value in mail.headers(name)]
    return any(mail.headers(name) for name in _LIST_HEADERS) or not {"bulk", "list", "junk"}.isdisjoint(classes)


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
    yield from _signs_of_author(mail, own)


def _signs_of_author(mail: InboundMail, own: set[str]) -> Iterator[str]:
    if mail.sender in own:
        yield "From: one of our own mailboxes"
    if not own.isdisjoint(mail.recipients("replyTo")):
        yield "Reply-To: one of our own mailboxes"
    if not mail.sender:
        yield "From: no author"
    elif mail.sender.startswith(_REPORTERS):
        yield "From: a mail system"


def _token(value: str) -> str:
    """Return the first word of a header value in lower case, without comments and parameters."""
    found = _WORD.search(_COMMENT.sub(" ", value).lower())
    return found[0][:40] if found else ""


def _any_starts(words: list[str], start: str) -> bool:
    return any(word.startswith(start) for word in words)


def _has_empty_return_path(mail: InboundMail) -> bool:
    paths = [re.sub(r"\s", "", value).lower() for value in mail.headers("Return-Path")]
    return any(path in ("", "<>") or path.startswith("<mailer-daemon") for path in paths)


def _content(mail: InboundMail) -> str:
    return str((mail.message.get("body") or {}).get("content") or "")[:_BODY_LIMIT]


def _bounced(mail: InboundMail) -> tuple[str, ...]:
    """Return the ids of the mails that a report is about, from its headers and its text (see `delivery_reports`)."""
    found: list[str] = []
    for name in ("In-Reply-To", "References", "X-MS-Exchange-Parent-Message-Id"):
        for value in mail.headers(name):
            found += _ID.findall(value)
    found += _ID_LINE.findall(unescape(_content(mail)))
    clean = dict.fromkeys(known for each in found if (known := clean_message_id(each)))
    return tuple(known for known in clean if known != mail.message_id)
