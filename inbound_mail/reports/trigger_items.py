"""Trigger items about mails, for polling triggers: mails that arrived or failed, and tickets; each once, in order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from inbound_mail.ledger.records import DeliveryRecord, DeliveryState, MailOutcome, MailState
from inbound_mail.reports.mails import describe_mail, read_content
from shared.json_text import Json
from shared.time_zones.zones import utc_text
from shared.workers import Workers

if TYPE_CHECKING:
    from inbound_mail.support_mailbox import SupportMailbox

_MOST_SCANNED, _MOST_PREVIEWED = 200, 50


@dataclass(frozen=True)
class TriggerItems:
    """The items behind a number; the number to continue from; the last number that there is."""

    items: list[Json]
    number: int
    last: int


type Find = Callable[["SupportMailbox", int | None, int, str | None, Workers], TriggerItems]


def find_arrived(
    mailbox: "SupportMailbox", after: int | None, limit: int, folder: str | None, workers: Workers
) -> TriggerItems:
    """Return mails that became complete; `after` None: only the last number."""
    last = mailbox.ledger.state().last_number
    if after is None:
        return TriggerItems([], last, last)
    entries = [entry for entry in mailbox.ledger.feed(after, limit) if entry.number <= last]
    described = workers.map(lambda entry: describe_arrived(mailbox, entry.key), entries)
    items = [item for item in described if folder in (None, item["folder"])]
    return TriggerItems(items, entries[-1].number if entries else after, last)


def find_failed(
    mailbox: "SupportMailbox", after: int | None, limit: int, folder: str | None, workers: Workers
) -> TriggerItems:
    """Return mails with a delivery that went to quarantine, with the cause as it is now."""

    def describe(outcome: MailOutcome) -> list[Json]:
        return [describe_failed(mailbox, outcome)] if outcome.state is MailState.QUARANTINED else []

    return _find(mailbox, after, describe, limit=limit, folder=folder, workers=workers)


def find_tickets(
    mailbox: "SupportMailbox", after: int | None, limit: int, folder: str | None, workers: Workers
) -> TriggerItems:
    """Return the tickets that were created from mails; a mail that was added to an existing ticket gives no item."""
    return _find(mailbox, after, partial(describe_tickets, mailbox), limit=limit, folder=folder, workers=workers)


def describe_arrived(mailbox: "SupportMailbox", key: str) -> Json:
    """Return the item of a mail that became complete."""
    mail = describe_mail(mailbox, key) | read_content(mailbox, key)
    return {"eventId": key, "mailbox": mailbox.name, **mail}


def describe_failed(mailbox: "SupportMailbox", outcome: MailOutcome) -> Json:
    """Return the item of a mail with a delivery in quarantine."""
    mail = describe_mail(mailbox, outcome.key)
    failed = [one for one in mail["deliveries"] if one["state"] == DeliveryState.QUARANTINED]
    return {
        "eventId": f"{outcome.key}-{outcome.number}",
        "mailbox": mailbox.name,
        "occurredUtc": utc_text(outcome.at),
        "cause": failed[0]["cause"] if failed else None,
        "message": failed[0]["message"] if failed else None,
        **mail,
        **read_content(mailbox, outcome.key),
    }


def describe_tickets(mailbox: "SupportMailbox", outcome: MailOutcome) -> list[Json]:
    """Return an item for each ticket that was created from a mail."""
    created = {
        delivery.sink: delivery
        for delivery in mailbox.ledger.deliveries(outcome.key)
        if delivery.sink in outcome.sinks and _created_ticket(delivery)
    }
    if not created:
        return []
    mail = describe_mail(mailbox, outcome.key)
    return [
        {
            "eventId": f"{outcome.key}-{one['sink']}-{one['ticket']}",
            "mailbox": mailbox.name,
            "occurredUtc": utc_text(created[one["sink"]].finished_at),
            "ticket": one["ticket"],
            "sink": one["sink"],
            **{name: value for name, value in mail.items() if name != "deliveries"},
        }
        for one in mail["deliveries"]
        if one["sink"] in created
    ]


def find_latest(find: Find, mailbox: "SupportMailbox", limit: int, folder: str | None, workers: Workers) -> list[Json]:
    """Return the last `limit` items among the most recent entries, the oldest first, for a preview."""
    last = find(mailbox, None, 0, folder, workers).last
    after, items = max(0, last - _MOST_PREVIEWED), list[Json]()
    while after < last:
        found = find(mailbox, after, _MOST_PREVIEWED, folder, workers)
        items = [*items, *found.items][-limit:]
        if found.number == after:
            break
        after = found.number
    return items


def _created_ticket(delivery: DeliveryRecord) -> bool:
    return delivery.state is DeliveryState.DELIVERED and delivery.ticket is not None and not delivery.is_reply


def _find(
    mailbox: "SupportMailbox",
    after: int | None,
    describe: Callable[[MailOutcome], list[Json]],
    *,
    limit: int,
    folder: str | None,
    workers: Workers,
) -> TriggerItems:
    last = mailbox.ledger.state().last_outcome
    if after is None:
        return TriggerItems([], last, last)
    outcomes = mailbox.ledger.outcomes(after, last, _MOST_SCANNED)
    items: list[Json] = []
    for outcome, described in zip(outcomes, workers.map(describe, outcomes), strict=True):
        fitting = [item for item in described if folder in (None, item["folder"])]
        if items and len(items) + len(fitting) > limit:
            break
        items += fitting
        after = outcome.number
    return TriggerItems(items, after, last)


# The kinds of trigger items, as routes name them.
FINDERS: Mapping[str, Find] = {"arrived": find_arrived, "failed": find_failed, "created": find_tickets}
