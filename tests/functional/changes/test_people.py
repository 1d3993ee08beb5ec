"""People in groups are told apart, and who was in a cancelled appointment is not forgotten."""

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest

from bookings.changes.journal import Wishes
from bookings.changes.snapshots import Snapshot
from bookings.changes.whole_records import match_people
from bookings.describe import question_key
from shared.storage.tables import Operation
from tests.functional.changes.conftest import CLEO, Consumer, Page, summary
from tests.functional.changes.test_triggers import flow, recur
from tests.functional.conftest import ahead
from twin.core.faults import Answer
from twin.seeds import tiny

pytestmark = pytest.mark.usefixtures("rows_in_memory")

TYPED = {"@odata.type": "#microsoft.graph.bookingCustomerInformation"}
KEY = question_key(tiny.QUESTION, "")
GROUP: dict[str, Any] = {"serviceId": tiny.GROUP, "serviceName": "Course", "maximumAttendeesCount": 12}


def person(name: str) -> dict[str, Any]:
    said = {
        "@odata.type": "#microsoft.graph.bookingQuestionAnswer",
        "questionId": tiny.QUESTION,
        "question": "Asset tag?",
        "answerInputType": "text",
        "answer": f"Tag of {name}",
    }
    mail = f"{name.partition(' ')[0].lower()}@example.com"
    whole = {"name": name, "emailAddress": mail, "phone": "+49 1", "notes": f"I am {name}"}
    return TYPED | whole | {"customerId": f"id-{name}", "customQuestionAnswers": [said]}


ANN, BEA, DAN, EVA = person("Ann Ärmel"), person("Bea 林"), person("Dan O'Neil"), person("Eva")


def brief(events: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    return [(event["eventKind"], event["customerName"]) for event in events]


def follow_twice(page: Page) -> Consumer:
    """A consumer with details, after the scan that reads what was there before."""
    consumer = Consumer(page, details="true")
    assert consumer.follow() == []
    return consumer


def test_each_registration_comes_once_with_its_own_person(page: Page) -> None:
    group = page.book(ahead(days=2), customers=[ANN], **GROUP)
    consumer = follow_twice(page)
    page.change(group, customers=[ANN, BEA, DAN])
    edited, *people = consumer.follow()
    assert (edited["eventKind"], edited["joinedNames"], edited["leftNames"]) == ("edited", "Bea 林, Dan O'Neil", "")
    assert brief(people) == [("registered", "Bea 林"), ("registered", "Dan O'Neil")]
    bea = people[0]
    assert (bea["customerEmailAddress"], bea["customerNotes"]) == ("bea@example.com", "I am Bea 林")
    assert bea["answers"] == {KEY: "Tag of Bea 林"}
    assert [each["name"] for each in bea["customers"]] == ["Bea 林"]
    assert (bea["appointmentId"], bea["previous"], bea["filledAttendeesCount"]) == (group, None, 3)
    assert consumer.follow() == []


def test_who_leaves_a_group_is_named_with_what_was_known(page: Page) -> None:
    group = page.book(ahead(days=2), customers=[ANN, BEA, DAN], **GROUP)
    consumer = follow_twice(page)
    page.change(group, customers=[ANN, EVA, DAN])
    edited, *people = consumer.follow()
    assert (edited["joinedNames"], edited["leftNames"]) == ("Eva", "Bea 林")
    assert brief(people) == [("unregistered", "Bea 林"), ("registered", "Eva")]
    assert people[0]["answersText"] == "Asset tag? Tag of Bea 林"


def test_those_who_open_a_group_register_too(page: Page) -> None:
    consumer = follow_twice(page)
    page.book(ahead(days=2), customers=[ANN, BEA], **GROUP)
    assert [kind for kind, _ in brief(consumer.follow())] == ["created", "registered", "registered"]


def test_one_to_one_appointments_have_no_registrations(page: Page) -> None:
    made = page.book(ahead(days=2), customers=[ANN])
    consumer = follow_twice(page)
    page.change(made, customers=[BEA])
    assert [kind for kind, _ in brief(consumer.follow())] == ["edited"]


@pytest.mark.parametrize(("kind", "names"), [("registered", ["Bea 林"]), ("unregistered", ["Dan O'Neil"])])
def test_triggers_of_people_need_no_details(page: Page, kind: str, names: list[str]) -> None:
    group = page.book(ahead(days=2), customers=[ANN, DAN], **GROUP)
    one = flow(page, kind)
    assert recur(page, one) == []
    page.change(group, customers=[ANN, BEA])
    items = recur(page, one)
    assert [(item["eventKind"], item["customerName"]) for item in items] == [(kind, name) for name in names]
    assert {"customers", "answers", "customerNotes"}.isdisjoint(items[0])
    assert recur(page, one) == []


@pytest.mark.usefixtures("impatient")
def test_a_registration_waits_while_graph_does_not_say_who_it_is(page: Page) -> None:
    group = page.book(ahead(days=2), customers=[ANN], **GROUP)
    one = flow(page, "registered")
    assert recur(page, one) == []
    page.change(group, customers=[ANN, BEA])
    page.gateway.sim.faults.add(Answer(503), api="bookings", path="/appointments/", times=None)
    assert recur(page, one) == []
    page.gateway.sim.faults.clear()
    assert [item["customerName"] for item in recur(page, one)] == ["Bea 林"]


@pytest.mark.parametrize("book", [{"customers": [BEA]}, {"customers": [ANN, BEA, DAN], **GROUP}])
def test_a_cancelled_appointment_says_who_was_in_it(page: Page, book: dict[str, Any]) -> None:
    made = page.book(ahead(days=2), customerNotes="Klingelt", serviceNotes="Schlüssel", **book)
    consumer = follow_twice(page)
    page.cancel(made)
    [event] = consumer.follow()
    assert summary([event]) == [("cancelled", made)]
    assert [each["name"] for each in event["customers"]] == [each["name"] for each in book["customers"]]
    assert event["answers"] == {KEY: f"Tag of {book['customers'][0]['name']}"}
    assert (event["customerNotes"], event["serviceNotes"]) == ("Klingelt", "Schlüssel")


def test_what_was_known_is_shown_only_to_who_asks_for_it(page: Page) -> None:
    made = page.book(ahead(days=2), customers=[BEA])
    follow_twice(page)
    plain = Consumer(page)
    page.cancel(made)
    [event] = plain.follow()
    assert {"customers", "answers", "customerNotes", "serviceNotes", "reminders"}.isdisjoint(event)


def test_feeds_without_details_cost_no_calls_more(page: Page) -> None:
    made = page.book(ahead(days=2), customers=[ANN], **GROUP)
    consumer = Consumer(page)
    page.change(made, customers=[ANN, BEA])
    page.gateway.forget()
    assert brief(consumer.follow()) == [("edited", "Ann Ärmel")]
    assert "appointments" not in {
        call.path.rpartition("/")[0].rpartition("/")[2] for call in page.gateway.graph_calls()
    }
    assert page.feed.snapshot(page.name)[0].whole == {}


def test_whole_records_are_read_once_until_they_change(page: Page) -> None:
    ids = [page.book(ahead(days=2, minutes=number), customers=[ANN]) for number in range(5)]
    consumer = follow_twice(page)
    assert set(page.feed.snapshot(page.name)[0].whole) == set(ids)
    page.gateway.forget()
    assert consumer.follow() == []
    assert page.calls() == ["calendarView"] * 3
    page.change(ids[0], customerPhone="2")
    page.gateway.forget()
    assert [event["eventKind"] for event in consumer.follow()] == ["edited"]
    in_paths = [one.replace("/", "-").replace("+", "_") for one in ids]
    assert page.calls().count(in_paths[0]) == 1  # the answer with details needs no call of its own
    assert not set(in_paths[1:]) & set(page.calls())


def test_whole_records_go_when_nobody_asks_for_details_any_more(page: Page) -> None:
    page.book(ahead(days=2), customers=[ANN])
    follow_twice(page)
    page.journal.register_details(ahead(days=-40))
    page.book(ahead(days=3), customers=[BEA])
    page.ask()
    assert page.feed.snapshot(page.name)[0].whole == {}


def test_whole_records_go_with_the_feed(page: Page) -> None:
    page.book(ahead(days=2), customers=[ANN])
    follow_twice(page)
    flow(page, "registered")
    page.age()
    assert page.journal.read_wishes(ahead(days=-1)) == Wishes(details=True, people=True)
    page.feed.drop(page.name)
    assert page.journal.state().row is None
    assert page.journal.read_wishes(ahead(days=-400)) == Wishes(details=False, people=False)
    assert not page.journal.read(0, 100, 100)


def test_snapshots_of_earlier_versions_are_read() -> None:
    old = gzip.compress(json.dumps({"records": [{"id": "1"}], "doubts": {"1": 2}}).encode())
    found = Snapshot.unpack(old)
    assert (found.records, found.doubts, found.whole) == ({"1": {"id": "1"}}, {"1": 2}, {})
    assert Snapshot.unpack(Snapshot({"1": {"id": "1"}}, {}, {"1": {"stamp": "a"}}).pack()).whole == {
        "1": {"stamp": "a"}
    }


def test_events_of_kinds_that_a_newer_version_wrote_are_skipped_and_kept(page: Page) -> None:
    made = [page.book(ahead(days=2, hours=number)) for number in range(3)]
    consumer, one, every = Consumer(page), flow(page), page.ask()["cursor"]
    for appointment in made:
        page.change(appointment, customerPhone="2")
    page.age()
    last = page.feed.tail(page.name).number
    names = [{"PartitionKey": page.journal.partition, "RowKey": f"f|{last - back:012}"} for back in (2, 1)]
    page.table.transact([Operation("merge", name | {"kinds": "merged"}) for name in names[:1]])
    page.table.transact([Operation("merge", name | {"kinds": "merged,edited"}) for name in names[1:]])
    assert [event["changes"] for event in consumer.follow()] == [["edited"], ["edited"]]
    assert len(recur(page, one)) == 2
    assert page.journal.read(last - 3, last, 3)[0].kinds == ()
    page.table.transact([Operation("merge", names[0] | {"kinds": "edited"})])  # the newer version is back
    assert [event["appointmentId"] for event in page.ask(every)["value"]] == made


def test_whole_records_are_read_again_after_an_older_version_has_scanned(page: Page) -> None:
    group = page.book(ahead(days=2), customers=[ANN], **GROUP)
    one = flow(page, "registered")
    assert recur(page, one) == []
    written = page.journal.snapshot(page.state())
    assert written
    page.blobs.put("older", Snapshot(written.records).pack())  # versions before whole records know no more
    page.set_state(blob="older")
    page.restart()
    assert recur(page, one) == []
    page.change(group, customers=[ANN, BEA])
    assert [item["customerName"] for item in recur(page, one)] == ["Bea 林"]


@pytest.mark.parametrize(
    ("before", "after", "joined", "left"),
    [
        ([CLEO], [CLEO, CLEO], 1, 0),
        ([CLEO | {"customerId": "1"}], [CLEO | {"customerId": "1", "emailAddress": "new@example.com"}], 0, 0),
        ([CLEO | {"customerId": "1"}], [CLEO | {"customerId": "2"}], 0, 0),
        ([CLEO], [CLEO | {"emailAddress": "CLEO@example.com", "name": "Cleo K."}], 0, 0),
        ([TYPED | {"name": "Walk-in"}], [TYPED | {"name": "Walk-in"}, TYPED | {"name": "Other"}], 1, 0),
        ([CLEO], [CLEO | {"emailAddress": "namesake@example.com"}], 1, 1),
        ([CLEO], [TYPED | {"name": "CLEO Customer "}], 0, 0),
        ([], [ANN, BEA], 2, 0),
        ([ANN, BEA], [], 0, 2),
    ],
)
def test_people_are_the_same_by_id_address_or_name(before: Any, after: Any, joined: int, left: int) -> None:
    assert tuple(map(len, match_people(before, after))) == (joined, left)


@pytest.mark.parametrize("shared", [{"emailAddress": "parent@example.com"}, {"customerId": "id-parent"}])
def test_of_a_family_with_one_address_the_right_child_leaves(shared: dict[str, str]) -> None:
    first, second = (TYPED | {"name": name} | shared for name in ("Kim", "Lou"))
    assert match_people([first, second], [second]) == ([], [first])
    assert match_people([second], [second, first]) == ([first], [])
    assert match_people([first, second], [second, first | {"phone": "+49 2"}]) == ([], [])
    assert match_people([first], [second]) == ([], [])  # a corrected name


def test_of_a_family_with_records_of_their_own_one_child_takes_the_place_of_another() -> None:
    first, second = (TYPED | {"name": name, "customerId": name, "emailAddress": "p@example.com"} for name in ("A", "B"))
    assert match_people([first], [second]) == ([second], [first])
    assert match_people([first], [second | {"customerId": first["customerId"]}]) == ([], [])
    assert match_people([first], [first | {"customerId": "another"}]) == ([], [])


def test_who_registers_right_after_a_flow_is_switched_on_is_reported(page: Page) -> None:
    """The feed is known and young, but nobody has asked for people before."""
    groups = [page.book(ahead(days=2, hours=number), customers=[ANN], **GROUP) for number in range(50)]
    alone = page.book(ahead(days=2), customers=[DAN])
    Consumer(page)
    one = flow(page, "registered")
    page.gateway.forget()
    assert flow(page, "unregistered").runs == []
    assert page.calls() == []  # the scan that has just read them is young
    page.change(groups[-1], customers=[ANN, BEA])
    page.change(alone, customerPhone="2")
    assert [item["customerName"] for item in recur(page, one)] == ["Bea 林"]
    assert set(page.feed.snapshot(page.name)[0].whole) == set(groups)
    assert [call for call in page.calls() if call not in ("calendarView", "staffMembers", "services", page.name)] == [
        groups[-1].replace("/", "-").replace("+", "_")
    ]  # nobody has asked for details of other appointments
    assert flow(page, "cancelled", details="true").runs == []
    assert set(page.feed.snapshot(page.name)[0].whole) == {*groups, alone}


def test_whole_records_wait_for_the_next_scan_where_a_call_has_no_time_left(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = page.book(ahead(days=2), customers=[ANN], **GROUP)
    with monkeypatch.context() as hurry:
        hurry.setattr("bookings.reading.appointments._SPARE_SECONDS", 1_000.0)
        one = flow(page, "registered")
        assert page.feed.snapshot(page.name)[0].whole == {}
    assert recur(page, one) == []
    page.change(group, customers=[ANN, BEA])
    assert [item["customerName"] for item in recur(page, one)] == ["Bea 林"]


def test_groups_of_one_moment_without_an_address_are_known_by_the_name(page: Page) -> None:
    made = ahead(hours=-1)
    walk_ins: list[dict[str, Any]] = [TYPED | {"name": name, "customQuestionAnswers": []} for name in ("Kim", "Lou")]
    groups = [page.book(ahead(days=2 + at), customers=[walk_ins[at]], created=made, **GROUP) for at in range(2)]
    consumer = follow_twice(page)
    for at, group in enumerate(groups):
        page.move(group, ahead(days=9 - at), renew_id=True)
    assert brief(consumer.follow()) == [("rescheduled", "Lou"), ("rescheduled", "Kim")]


def test_a_group_that_is_moved_under_a_new_id_has_no_new_people(page: Page) -> None:
    group = page.book(ahead(days=2), customers=[ANN, BEA], **GROUP)
    consumer = follow_twice(page)
    page.move(group, ahead(days=3) + timedelta(hours=1), renew_id=True)
    assert [kind for kind, _ in brief(consumer.follow())] == ["rescheduled"]
