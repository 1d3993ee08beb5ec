"""What the console shows of the mails of all mailboxes: described for clients only, not in the connector."""

from blueprints._bounds import LONGEST_SEARCHED
from devkit.connector.operations import NEXT_LINK, PAGEABLE, Operation, describe
from devkit.connector.parameters import query, shared
from devkit.connector.shapes import Shape, flag, list_of, moment, text, thing, whole

_AS_OF = moment("As Of", "When this was so, in UTC.")
_IS_COMPLETE = flag(
    "Complete", "Whether nothing is missing. What mailboxes got before this version was deployed is taken in gradually."
)
_MAILBOX = text("Mailbox", "Name of the mailbox in the gateway's settings.")
_POINT: dict[str, Shape] = {
    "startDateTime": moment("Start", "When the hour or the day begins, in UTC."),
    "mails": whole("Mails", "How many mails were read."),
    "tickets": whole("Tickets", "How many mails were delivered."),
    "failures": whole("Failures", "How many mails went to quarantine with an error."),
    "delaySecondsMedian": whole(
        "Median Delay", "After how many seconds half of the tickets were there, from when the mail was received.",
        null=True,
    ),
    "delaySecondsMost": whole("Longest Delay", "After how many seconds the last one was.", null=True),
}  # fmt: skip
_TOTALS: dict[str, Shape] = {
    "received": whole("Received", "How many mails were read."),
    "delivered": whole("Delivered", "How many mails were delivered."),
    "failed": whole("Failed", "How many mails went to quarantine with an error."),
    "setAside": whole("Set Aside", "How many mails need no ticket: automatic ones, by rules, copies, by hand."),
}
_SERIES: dict[str, Shape] = {
    "mailbox": _MAILBOX,
    "points": list_of(
        thing(_POINT, name="HistoryPoint", required=list(_POINT)), "Points", "The hours or days, the oldest first."
    ),
    "totals": thing(_TOTALS, name="HistoryTotals", required=list(_TOTALS)),
}
_HISTORY: dict[str, Shape] = {
    "asOfDateTime": _AS_OF,
    "period": text("Period", "What was asked for.", choices=("day", "month")),
    "stepSeconds": whole("Step", "How many seconds are between two points."),
    "isComplete": _IS_COMPLETE,
    "value": list_of(
        thing(_SERIES, name="MailboxHistory", required=list(_SERIES)), "Mailboxes", "The history of each mailbox."
    ),
}
_TICKET: dict[str, Shape] = {
    "sink": text("Sink", "Name of the sink."),
    "ticket": text("Ticket", "Number of the ticket there."),
    "ticketUrl": text("Ticket Link", "Https address of the ticket, empty if the sink's settings have none.", null=True),
}
_MAIL: dict[str, Shape] = {
    "mailbox": _MAILBOX,
    "key": text("Mail Key", "What the gateway calls the mail."),
    "receivedDateTime": moment("Received Time", "When Exchange received it, in UTC.", null=True),
    "from": text("From", "Mail address of the author."),
    "subject": text("Subject", "Subject of the mail."),
    "state": text("State", "How far it is.", choices=("delivered", "waiting", "quarantined", "skipped")),
    "isSetAside": flag(
        "Set Aside", "Whether it needs nobody: it was skipped, or is in quarantine as an automatic mail or by a rule."
    ),
    "tickets": list_of(
        thing(_TICKET, name="MailTicket", required=list(_TICKET)), "Tickets", "The tickets that it became."
    ),
}
_PAGE: dict[str, Shape] = {
    "asOfDateTime": _AS_OF,
    "isComplete": _IS_COMPLETE,
    "value": list_of(thing(_MAIL, name="ListedMail", required=list(_MAIL)), "Mails", "The mails, the newest first."),
}
_ONE_MAILBOX = query("mailbox", "Mailbox", "Only this mailbox, by its name in the gateway's settings.")
_MOST: Shape = {"maxLength": LONGEST_SEARCHED}


def _text(name: str, title: str, where: str) -> Shape:
    return query(name, title, f"Only mails with this text in {where}, in letters of either case.", extra=_MOST)


OPERATIONS: dict[str, dict[str, Operation]] = {
    "/mail-history": {
        "get": describe(
            "GetMailHistory",
            "Get the history of the support mailboxes",
            "Gets how many mails came, became tickets and failed in each of the last 24 hours or 30 days.",
            thing(_HISTORY, name="MailHistory", required=list(_HISTORY)),
            parameters=[
                query("period", "Period", "Day for the last 24 hours (the default), month for the last 30 days.",
                      enum=["day", "month"]),
                _ONE_MAILBOX,
            ],
        )
    },
    "/mails": {
        "get": describe(
            "SearchMails",
            "Search the mails of all support mailboxes",
            "Lists the mails of all support mailboxes, or those that fit, the newest first, with their tickets.",
            thing(_PAGE | {"nextLink": NEXT_LINK}, name="ListedMailList", required=list(_PAGE)),
            parameters=[
                _text("search", "Search", "author, subject or ticket"),
                _ONE_MAILBOX,
                query("state", "State", "Only mails in this state; quarantined are those that wait for a person, "
                      "setAside all that need nobody.",
                      enum=["delivered", "waiting", "quarantined", "skipped", "setAside"]),
                _text("from", "From", "the author's address"),
                _text("subject", "Subject", "the subject"),
                _text("ticket", "Ticket", "the number of a ticket"),
                query("start", "Start", "Only mails that were received then or later: a date or a moment in UTC."),
                query("end", "End", "Only mails that were received before: a date or a moment in UTC."),
                *shared("MailPageSize", "Cursor"),
            ],
            x_ms_pageable=PAGEABLE,
        )
    },
}  # fmt: skip
