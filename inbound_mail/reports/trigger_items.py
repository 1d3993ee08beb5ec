"""What happened to the mails of a mailbox, for flows: arrived, failed, became a ticket; each once and in order."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from inbound_mail.ledger.ledger import DeliveryState, MailState
from inbound_mail.reports.mails import describe_mail
from inbound_mail.support_mailbox import SupportMailbox
from shared.json_text import Json
from shared.time_zones.zones import utc_text
from shared.workers import Workers

_MOST_SCANNED, _MOST_PREVIEWED = 200, 50


@dataclass(frozen=True)
class Happenings:
    """What happened behind a number; the number to go on from; the last number that there is."""

    items: list[Json]
    number: int
    last: int


type Find = Callable[[SupportMailbox, int | None, int, str | None, Workers], Happenings]


@dataclass(frozen=True)
class Outcome:
    """How the work on a mail ended; `sinks`: those that took it since the work was begun, or begun again."""

    number: int
    key: str
    state: MailState
    at: datetime
    sinks: frozenset[str]


def find_arrived(
    mailbox: SupportMailbox, after: int | None, limit: int, folder: str | None, workers: Workers
) -> Happenings:
    """Return mails that became complete; `after` None: nothing but the last number."""
    last = mailbox.ledger.state().last_number
    if after is None:
        return Happenings([], last, last)
    entries = [entry for entry in mailbox.ledger.feed(after, limit) if entry[0] <= last]
    mails = workers.map(lambda entry: describe_mail(mailbox, entry[1]), entries)
    items = [
        {"eventId": mail["key"], "mailbox": mailbox.name, **mail} for mail in mails if folder in (None, mail["folder"])
    ]
    return Happenings(items, entries[-1][0] if entries else after, last)


def find_failed(
    mailbox: SupportMailbox, after: int | None, limit: int, folder: str | None, workers: Workers
) -> Happenings:
    """Return mails of which a delivery went to quarantine, with the cause as it is now."""

    def describe(outcome: Outcome) -> list[Json]:
        if outcome.state is not MailState.QUARANTINED:
            return []
        mail = describe_mail(mailbox, outcome.key)
        failed = [one for one in mail["deliveries"] if one["state"] == DeliveryState.QUARANTINED]
        return [
            {
                "eventId": f"{outcome.key}-{outcome.number}",
                "mailbox": mailbox.name,
                "occurredUtc": utc_text(outcome.at),
                "cause": failed[0]["cause"] if failed else None,
                "message": failed[0]["message"] if failed else None,
                **mail,
            }
        ]

    return _find(mailbox, after, describe, limit=limit, folder=folder, workers=workers)


def find_tickets(
    mailbox: SupportMailbox, after: int | None, limit: int, folder: str | None, workers: Workers
) -> Happenings:
    """Return tickets that mails became; a mail that was added to a ticket is none."""

    def describe(outcome: Outcome) -> list[Json]:
        made = {
            row.row_key.split("|")[2]: row.values["finished_at"]
            for row in mailbox.ledger.deliveries(outcome.key)
            if row.row_key.split("|")[2] in outcome.sinks and _made_ticket(row.values)
        }
        if not made:
            return []
        mail = describe_mail(mailbox, outcome.key)
        return [
            {
                "eventId": f"{outcome.key}-{one['sink']}-{one['ticket']}",
                "mailbox": mailbox.name,
                "occurredUtc": utc_text(made[one["sink"]]),
                "ticket": one["ticket"],
                "sink": one["sink"],
                **{name: value for name, value in mail.items() if name != "deliveries"},
            }
            for one in mail["deliveries"]
            if one["sink"] in made
        ]

    return _find(mailbox, after, describe, limit=limit, folder=folder, workers=workers)


def find_latest(find: Find, mailbox: SupportMailbox, limit: int, folder: str | None, workers: Workers) -> list[Json]:
    """Return the last few of some happenings, the oldest first, as far as they are not long past."""
    last = find(mailbox, None, 0, folder, workers).last
    after, items = max(0, last - _MOST_PREVIEWED), list[Json]()
    while after < last:
        found = find(mailbox, after, _MOST_PREVIEWED, folder, workers)
        items = [*items, *found.items][-limit:]
        if found.number == after:
            break
        after = found.number
    return items


def _made_ticket(values: Json) -> bool:
    is_done: bool = values["state"] == DeliveryState.DELIVERED
    return is_done and bool(values["ticket"]) and not values["is_reply"]


def _outcomes(mailbox: SupportMailbox, after: int, last: int) -> list[Outcome]:
    rows = mailbox.ledger.table.query(
        mailbox.name, start=f"r|{after + 1:012}", end=f"r|{last + 1:012}", limit=_MOST_SCANNED
    )
    return [
        Outcome(
            int(row.row_key[2:]),
            str(row.values["key"]),
            MailState(row.values["state"]),
            row.values["at"],
            frozenset(str(row.values["sinks"]).split(",")),
        )
        for row in rows
    ]


def _find(
    mailbox: SupportMailbox,
    after: int | None,
    describe: Callable[[Outcome], list[Json]],
    *,
    limit: int,
    folder: str | None,
    workers: Workers,
) -> Happenings:
    last = mailbox.ledger.state().last_outcome
    if after is None:
        return Happenings([], last, last)
    outcomes = _outcomes(mailbox, after, last)
    items: list[Json] = []
    for outcome, told in zip(outcomes, workers.map(describe, outcomes), strict=True):
        fitting = [item for item in told if folder in (None, item["folder"])]
        if items and len(items) + len(fitting) > limit:
            break
        items += fitting
        after = outcome.number
    return Happenings(items, after, last)
