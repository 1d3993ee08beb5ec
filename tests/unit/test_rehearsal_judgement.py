"""Whether a rehearsal of flows notices what it is there to notice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devkit.rehearsals.events import Event, Person, Trigger
from devkit.rehearsals.flows import judge
from devkit.rehearsals.triggers import list_own, list_samples

START = datetime(2026, 5, 5, 9, tzinfo=UTC)
UNTIL = START - timedelta(days=1)
BOOKED = Event("cleo@example.com", ("created",), START, ("anne",), service="visit")
MOVED = replace(BOOKED, kinds=("rescheduled", "reassigned"), staff=("bob",), staff_before=("anne",))
ANY = Trigger("any", "triggers/appointments/any", {})


def run(one: Event) -> dict[str, Any]:
    kinds, start, staff, phone, _ = ANY.sign(one)
    people = [vars(each) | {"emailAddress": each.address} for each in one.people]
    label, _, _ = one.about.partition(" ")
    return {
        "additionalInformation": label,
        "customerName": people[0]["name"] if people else "",
        "customerEmailAddress": people[0]["address"] if people else "",
        "customers": people,
        "maximumAttendeesCount": 6 if people else 1,
        "changes": list(kinds),
        "startUtc": start,
        "staffMemberIds": list(staff),
        "customerPhone": phone or None,
    }


def test_what_was_reported_once_and_in_order_is_good() -> None:
    verdict = judge(ANY, [BOOKED, MOVED], [run(BOOKED), run(MOVED)], UNTIL)
    assert verdict.is_good
    assert verdict.expected == 2


@pytest.mark.parametrize(
    ("runs", "wrong"),
    [
        ([BOOKED], "missing"),
        ([BOOKED, MOVED, MOVED], "doubled"),
        ([MOVED, BOOKED], "out_of_order"),
        ([BOOKED, MOVED, replace(BOOKED, about="nobody@example.com")], "doubled"),
        ([BOOKED, replace(MOVED, start=START + timedelta(hours=1))], "missing"),
        ([BOOKED, replace(MOVED, staff=("anne",))], "doubled"),
        ([BOOKED, replace(MOVED, kinds=("rescheduled",))], "missing"),
    ],
)
def test_what_is_missing_doubled_wrong_or_out_of_order_is_found(runs: list[Event], wrong: str) -> None:
    verdict = judge(ANY, [BOOKED, MOVED], [run(each) for each in runs], UNTIL)
    assert not verdict.is_good
    assert getattr(verdict, wrong)


KIM, LOU = Person("Kim", "family@example.com", "1", "a"), Person("Lou", "family@example.com", "2", "b")
GROUP = replace(BOOKED, about="group", phone="1", people=(KIM, LOU))
JOINED = [GROUP.of_person("registered", each) for each in (KIM, LOU)]
GONE = replace(GROUP, kinds=("cancelled",))


@pytest.mark.parametrize(
    ("path", "script", "runs", "is_good"),
    [
        ("registered", JOINED, JOINED, True),
        ("registered", JOINED, JOINED[::-1], True),
        ("registered", JOINED, JOINED[:1], False),
        ("registered", JOINED, [JOINED[0], JOINED[0]], False),
        ("registered", JOINED, [JOINED[0], replace(JOINED[1], phone="1")], False),
        ("registered", JOINED, [JOINED[0], replace(JOINED[1], people=(replace(LOU, notes="a"),))], False),
        ("registered", JOINED, [JOINED[0], replace(JOINED[1], people=(LOU, KIM))], False),
        ("unregistered", JOINED, [], True),
        ("cancelled", [GONE], [GONE], True),
        ("cancelled", [GONE], [replace(GONE, people=(KIM,))], False),
    ],
)
def test_each_registration_must_come_once_with_the_data_of_its_own_person(
    path: str, script: list[Event], runs: list[Event], is_good: bool
) -> None:
    trigger = Trigger("t", f"triggers/appointments/{path}", {"details": "true"})
    assert judge(trigger, script, [run(each) for each in runs], UNTIL).is_good is is_good


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("appointments/created", {}, [BOOKED]),
        ("appointments/updated", {}, [MOVED]),
        ("appointments/cancelled", {}, []),
        ("appointments/any", {"staff": "anne"}, [BOOKED, MOVED]),
        ("appointments/any", {"staff": "bob"}, [MOVED]),
        ("appointments/any", {"service": "group"}, []),
        ("mails/arrived", {}, []),
    ],
)
def test_a_trigger_waits_for_its_own_only(path: str, query: dict[str, Any], expected: list[Event]) -> None:
    trigger = Trigger("t", f"triggers/{path}", query)
    assert [one for one in (BOOKED, MOVED) if trigger.is_fired_by(one, UNTIL)] == expected


def test_what_is_about_to_start_counts_if_there_was_time_to_report_it() -> None:
    trigger = Trigger("t", "triggers/appointments/upcoming", {"minutes": 30})
    soon = replace(BOOKED, kinds=("upcoming",))
    due = START - timedelta(minutes=30)
    assert [trigger.is_fired_by(soon, until) for until in (due - timedelta(seconds=1), due)] == [False, True]


def test_every_kind_of_trigger_and_every_sample_that_polls_takes_part() -> None:
    own, samples = {each.kind for each in list_own()}, list(list_samples())
    assert len(own) == 12
    assert len(samples) >= 6
    assert {each.kind for each in samples} <= own
    assert not [value for each in samples for value in each.query.values() if str(value).startswith("@")]
