"""Values that exist: without them a generated request is seldom accepted.

They are read from the running app as any caller would. `words` go to single parameters; `whole` are requests whose
values belong together, such as a service, one of its free slots and a staff member who is free then.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

type Ask = Callable[..., Any]

_SERVICES = 3
_SLOTS = 20
_MAILS = 12
_KEYS = 400
_HOURS = (0, 9, 14, 23)
_TRIGGERS, _INSTANT = "/triggers/appointments/", "/instant-triggers/"
_CALLBACK = "https://prod-00.westeurope.logic.azure.com/workflows/fuzz/triggers/manual/paths/invoke?sig=fuzz"

# Which words a parameter gets, and how often: never always, so that wrong ones come, too. `[*]` is a list's every item.
BINDINGS: Mapping[str, tuple[str, float]] = {
    "path.business": ("pages", 0.9),
    "query.business": ("pages", 0.9),
    "query.service": ("services", 0.4),
    "query.staff": ("staff", 0.3),
    "query.id": ("appointments", 0.85),
    "query.start": ("moments", 0.85),
    "query.end": ("ends", 0.85),
    "query.since": ("moments", 0.4),
    "query.date": ("days", 0.7),
    "query.timeZone": ("zones", 0.4),
    "query.customer": ("addresses", 0.3),
    "query.mailbox": ("mailboxes", 0.9),
    "query.folder": ("folders", 0.3),
    "path.mailbox": ("mailboxes", 0.9),
    "path.key": ("mails", 0.85),
    "path.number": ("numbers", 0.7),
    "header.Idempotency-Key": ("keys", 0.7),
    "body.service": ("services", 0.8),
    "body.start": ("moments", 0.8),
    "body.end": ("ends", 0.5),
    "body.timeZone": ("zones", 0.5),
    "body.staff[*]": ("staff", 0.8),
    "body.staffIds[*]": ("staff", 0.8),
    "body.customerId": ("customers", 0.4),
    "body.emailAddress": ("addresses", 0.6),
    "body.customer.emailAddress": ("addresses", 0.6),
    "body.customers[*].emailAddress": ("addresses", 0.6),
    "body.sink": ("sinks", 0.7),
    "body.callbackUrl": ("callbacks", 0.8),
}

# Texts that have broken programs: no schema forbids them, and few generators think of them.
_ODD = (
    "\0", " ", "..", "../../host.json", "a/b", "%2e%2e%2f", "'; --", '"', "\\", "<b>", "{0}", "${a}", "{{a}}", "=1+1",
    "NaN", "-0", "1e3", "٣", "0x10", "null", "true", "\u202eabc", "\ufeff", "\ufffe", "e\u0301", "👩‍👩‍👧", "İ", "ß",
    "9999-12-31T23:59:59Z", "0001-01-01", "2026-02-29", "2026-03-29T02:30:00", "24:00", "x" * 1_024, "x" * 1_025,
)  # fmt: skip
_HALF = "\ud83d"  # of a character: JSON can say it, UTF-8 cannot

# What may be anything, also in a request that is meant to succeed.
_FREE = frozenset(
    {"name", "notes", "phone", "answers", "message", "location", "additionalInformation", "serviceNotes",
     "isLocationOnline", "optOutOfCustomerEmail", "smsNotificationsEnabled"}
)  # fmt: skip


@dataclass(frozen=True)
class Whole:
    """Values of one request that belong together; without a body that stays as it was, `alone` drops other queries."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    alone: bool = False


@dataclass(frozen=True)
class Values:
    """What the world holds at the moment; `reads` is how many calls it took to learn it."""

    words: Mapping[str, list[str]]
    whole: Mapping[str, list[Whole]]
    reads: int


def read_values(ask: Ask, paths: Mapping[str, str], day: date) -> Values:
    """Read pages, appointments and mails by `ask(path, **query)`, which returns the JSON of a route below /api.

    `paths` are those of the definition by operation; `day` is today for the app.
    """
    reads = 0

    def count(path: str, **query: Any) -> Any:
        nonlocal reads
        reads += 1
        return ask(path, **query)

    today = datetime(day.year, day.month, day.day, tzinfo=UTC)
    words: dict[str, list[str]] = {
        "moments": [
            f"{today + timedelta(day, hours=hour):%Y-%m-%dT%H:%M:%S}" for day in range(-3, 8) for hour in _HOURS
        ],
        "ends": [f"{today + timedelta(day):%Y-%m-%d}" for day in range(8, 30)],
        "days": [f"{today + timedelta(day):%Y-%m-%d}" for day in range(-5, 15)],
        "zones": ["Europe/London", "W. Europe Standard Time", "America/Los_Angeles", "India Standard Time", "UTC"],
        "addresses": ["robin@example.com", "alex.wilber@contoso.com", "nobody+here@example.org"],
        "keys": [f"fuzz-{number}" for number in range(_KEYS)],
        "numbers": ["1", "2"],
        "callbacks": [_CALLBACK],
        "odd": list(_ODD),
    }
    whole: dict[str, list[Whole]] = {}
    pages = [str(one["id"]) for one in count("bookings/businesses")["value"]]
    for name, path in paths.items():
        if path.startswith(_TRIGGERS):  # without filters: with them a trigger has little to report
            _add(whole, name, [Whole(query={"business": page}, alone=True) for page in pages])
    for page in pages:
        of_page = _look_at_page(count, page, today, whole)
        if page == pages[0]:  # one page's ids go to single parameters, or page and id would seldom belong together
            words |= of_page
    words["pages"] = [*pages[:1] * 6, *pages]
    words |= _look_at_mails(count, whole)
    _add_instant_triggers(paths, pages, words["mailboxes"], whole)
    return Values({name: values for name, values in words.items() if values}, whole, reads)


def blend(generated: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with the wanted values, and those generated ones that cannot stand in the way of success."""
    kept = generated if isinstance(generated, dict) else {}
    inner = {name: blend(kept.get(name), value) for name, value in wanted.items() if isinstance(value, dict)}
    return {name: value for name, value in kept.items() if name in _FREE} | dict(wanted) | inner


def twist(body: dict[str, Any], index: int) -> dict[str, Any]:
    """Return a body with one of its texts, at any depth, replaced by an odd one; `index` chooses both."""
    odd = (*_ODD, _HALF)[index % (len(_ODD) + 1)]
    name = sorted(body)[index % len(body)] if body else ""
    match body.get(name):
        case dict(inner):
            return body | {name: twist(inner, index)}
        case [dict(inner), *more]:
            return body | {name: [twist(inner, index), *more]}
        case [str(), *more]:
            return body | {name: [odd, *more]}
        case str():
            return body | {name: odd}
        case _:
            return body


def _look_at_page(ask: Ask, page: str, today: datetime, whole: dict[str, list[Whole]]) -> dict[str, list[str]]:
    about = f"bookings/businesses/{page}"
    place = {"business": page}
    services = ask(f"{about}/services")["value"]
    week = {"start": f"{today + timedelta(1):%Y-%m-%d}", "end": f"{today + timedelta(8):%Y-%m-%d}"}
    slots = {
        str(one["id"]): list(islice(ask(f"{about}/slots", service=one["id"], **week)["value"], _SLOTS))
        for one in services[:_SERVICES]
    }
    span = {"start": f"{today - timedelta(7):%Y-%m-%d}", "end": f"{today + timedelta(21):%Y-%m-%d}"}
    appointments = ask(f"{about}/appointments", limit=100, **span)["value"]
    for service, free in slots.items():
        _add(whole, "FindFreeSlots", [Whole(place, {"service": service} | week)])
        _add(whole, "FindFreeSlotsOfPages", [Whole({}, {"business": page, "service": service} | week)])
        _add(whole, "CreateAppointment", [Whole(place, {}, body) for body in _bookings(service, free)])
        _add(whole, "HoldSlot", [Whole(place, {}, {"service": service, "start": one["startUtc"]}) for one in free[-2:]])
        coming = [one for one in appointments if one["serviceId"] == service and one["startUtc"] > week["start"]]
        for one, slot in zip(coming, free, strict=False):
            served = {"staff": [slot["staffMembers"][0]["id"]]}
            named = {"id": str(one["id"])}
            _add(whole, "RescheduleAppointment", [Whole(place, named, {"start": slot["startUtc"]})])
            _add(whole, "RescheduleAppointment", [Whole(place, named, {"start": slot["startUtc"]} | served)])
            _add(whole, "AssignStaff", [Whole(place, named, served)])
            _add(whole, "UpdateAppointment", [Whole(place, named, {"serviceNotes": "Changed."})])
        _add(whole, "CancelAppointment", [Whole(place, {"id": str(one["id"])}, {}) for one in coming[-2:]])
    _add(whole, "GetAppointment", [Whole(place, {"id": str(one["id"])}) for one in appointments[:_SLOTS]])
    _add(whole, "SaveCustomer", [Whole(place, {}, {"emailAddress": "robin@example.com"})])
    return {
        "services": [str(one["id"]) for one in services],
        "staff": [str(one["id"]) for one in ask(f"{about}/staff")["value"]],
        "customers": [str(one["id"]) for one in ask(f"{about}/customers")["value"]],
        "appointments": [str(one["id"]) for one in appointments],
    }


def _bookings(service: str, free: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield bodies: of every second slot for one customer, of the others for two with a staff member chosen."""
    customer = {"name": "Robin Example", "emailAddress": "robin@example.com"}
    for number, slot in enumerate(free):
        asked: dict[str, Any] = {"service": service, "start": slot["startUtc"]}
        if number % 2:
            second = {"name": "Kim Example", "emailAddress": "kim@example.com"}
            yield asked | {"customers": [customer, second], "staff": [slot["staffMembers"][0]["id"]]}
        else:
            yield asked | {"customer": customer}


def _add_instant_triggers(
    paths: Mapping[str, str], pages: list[str], mailboxes: list[str], whole: dict[str, list[Whole]]
) -> None:
    for name, path in paths.items():
        if path.startswith(_INSTANT) and "{" not in path:
            asked, found = ("business", pages) if "/appointments/" in path else ("mailbox", mailboxes)
            body = {"callbackUrl": _CALLBACK}
            _add(whole, name, [Whole({}, {asked: one}, body, alone=True) for one in found])


def _look_at_mails(ask: Ask, whole: dict[str, list[Whole]]) -> dict[str, list[str]]:
    mailboxes = ask("mailboxes")["value"]
    keys: list[str] = []
    for mailbox in (str(one["name"]) for one in mailboxes):
        mails = ask(f"mailboxes/{mailbox}/mails", limit=100)["value"]
        for one in mails:
            place = {"mailbox": mailbox, "key": str(one["key"])}
            keys.append(place["key"])
            _add(whole, "GetMail", [Whole(place)])
            _add(whole, "ExportMail", [Whole(place)])
            _add(whole, "ExportMailLink", [Whole(place)])
            if one["state"] == "quarantined":
                _add(whole, "RedeliverMail", [Whole(place, {}, {})])
        for one in mails[:_MAILS]:
            place = {"mailbox": mailbox, "key": str(one["key"])}
            for file in ask(f"mailboxes/{mailbox}/mails/{one['key']}")["attachments"]:
                numbered = [Whole(place | {"number": str(file["number"])})]
                _add(whole, "GetMailAttachment", numbered)
                _add(whole, "GetMailAttachmentLink", numbered)
    return {
        "mailboxes": [str(one["name"]) for one in mailboxes],
        "mails": keys,
        "folders": sorted({str(name) for one in mailboxes for name in one["folders"]}),
        "sinks": sorted({str(name) for one in mailboxes for name in one["sinks"]}),
    }


def _add(whole: dict[str, list[Whole]], operation: str, more: list[Whole]) -> None:
    whole.setdefault(operation, []).extend(more)
