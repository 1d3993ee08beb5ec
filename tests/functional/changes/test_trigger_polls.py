"""Who polls triggers is noted, sparingly, and shown to whoever asks why a flow did not start."""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from blueprints.changes_work import refresh_changes
from composition import services
from devkit.flow_engine import PREFIX, Backend, Flow
from shared.errors import Unavailable
from shared.storage.tables import Table
from shared.time_zones.zones import utc_text
from tests.functional.changes.conftest import Page
from tests.functional.conftest import ahead
from tests.house.source import ROOT
from trigger_polls.store import MOST_ROWS, TABLE
from twin.core.faults import Answer
from twin.seeds import sample, tiny

pytestmark = pytest.mark.usefixtures("rows_in_memory")

NOW = datetime(2027, 3, 14, 9, 30, tzinfo=UTC)
FLOW = {"x-ms-workflow-name": "4c9d0c5e", "x-ms-workflow-id": "fb6f6ffe", "x-ms-workflow-run-id": "08584550441310"}
HOUR = timedelta(hours=1)


class _Timer:
    past_due = False


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def requests_to_storage() -> Iterator[Counter[str]]:
    """How often the rows of polled triggers were read or written."""
    counted: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        _count_requests(patch, counted)
        yield counted


def _count_requests(patch: pytest.MonkeyPatch, counted: Counter[str]) -> None:
    for method in ("get", "query", "transact"):
        genuine = getattr(Table, method)

        def count(self: Table, *args: Any, genuine: Any = genuine, method: str = method, **more: Any) -> Any:
            counted.update([method] * (self._name == TABLE))
            return genuine(self, *args, **more)

        patch.setattr(Table, method, count)


def switch_on(page: Page, kind: str = "created", headers: dict[str, str] = FLOW, **query: Any) -> Flow:
    one = Flow(
        Backend(page.gateway.base_url, page.gateway.key),
        f"triggers/appointments/{kind}", {"business": page.name} | query, PREFIX, headers=headers,
    )  # fmt: skip
    one.check()
    return one


def listed(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.gateway.get("triggers").json()["value"]
    return found


def rows() -> list[dict[str, Any]]:
    table = Table(services.services().stores.storage, TABLE)
    return [row.values for row in table.query("default", start="!", end="~")]


def test_it_says_who_asks_since_when_and_what_was_answered(page: Page, clock: time_machine.Traveller) -> None:
    assert listed(page) == []
    one = switch_on(page, service=tiny.VISIT, details="true")
    page.book(NOW + timedelta(days=2))
    clock.move_to(NOW + HOUR)
    assert len(one.recur()) == 1
    clock.move_to(NOW + 2 * HOUR)
    assert one.recur() == []
    answer = page.gateway.get("triggers").json()
    assert answer == {
        "asOfDateTime": utc_text(NOW + 2 * HOUR),
        "value": [
            {
                "kind": "appointments/created",
                "about": page.name,
                "filters": {"service": tiny.VISIT, "details": "true"},
                "who": {
                    "workflowName": "4c9d0c5e",
                    "workflowId": "fb6f6ffe",
                    "environment": "env",
                    "program": "azure-logic-apps/1.0",
                },
                "firstAskedDateTime": utc_text(NOW),
                "lastAskedDateTime": utc_text(NOW + 2 * HOUR),
                "lastAnswer": {
                    "dateTime": utc_text(NOW + 2 * HOUR),
                    "status": 202,
                    "items": 0,
                    "code": None,
                    "runId": "08584550441310",
                },
                "lastItemsDateTime": utc_text(NOW + HOUR),
            }
        ],
    }


def test_each_flow_question_and_program_is_an_entry_of_its_own(page: Page) -> None:
    switch_on(page)
    switch_on(page)  # switched off and on again: the same flow
    switch_on(page, headers=FLOW | {"x-ms-workflow-id": "other"})
    switch_on(page, "cancelled")
    switch_on(page, staff=tiny.ANNE)
    for program in ("curl/8.5.0", "curl/8.5.0", "python-requests/2.32"):
        page.gateway.get("triggers/appointments/created", None, {"User-Agent": program}, business=page.name)
    found = listed(page)
    assert len(found) == 6
    assert sum(one["who"]["program"] == "curl/8.5.0" for one in found) == 1
    assert {one["who"]["environment"] for one in found} == {"env", None}


def test_triggers_of_mails_are_noted_by_their_mailbox(page: Page) -> None:
    page.gateway.configure(**(sample.settings(page.gateway.sim) | sample.mail_settings()))
    for trigger in ("mails/arrived", "tickets/created"):
        assert page.gateway.get(f"triggers/{trigger}", mailbox="support", folder="Inbox").status_code == 202
    found = [(one["kind"], one["about"], one["filters"], one["lastAnswer"]["status"]) for one in listed(page)]
    box = ("support", {"folder": "Inbox"}, 202)
    assert sorted(found) == [("mails/arrived", *box), ("tickets/created", *box)]


def test_polls_are_noted_sparingly(
    page: Page, clock: time_machine.Traveller, requests_to_storage: Counter[str]
) -> None:
    one = switch_on(page)
    assert requests_to_storage == {"transact": 1}
    for minute in range(1, 15):
        clock.move_to(NOW + timedelta(minutes=minute))
        assert one.recur() == []
    assert requests_to_storage == {"transact": 1}, "nothing is new"
    clock.move_to(NOW + timedelta(minutes=16))
    one.recur()
    assert requests_to_storage == {"transact": 2}, "a quarter of an hour has passed"
    page.book(NOW + timedelta(days=2))
    clock.move_to(NOW + timedelta(minutes=18))
    assert len(one.recur()) == 1
    assert requests_to_storage == {"transact": 3}, "there were items"
    page.restart()
    one.recur()
    assert requests_to_storage == {"transact": 5}, "a process that knows nothing tries to make the row first"
    [found] = rows()
    assert (found["first_asked"], found["asked_at"]) == (NOW, NOW + timedelta(minutes=18))


@pytest.mark.usefixtures("impatient")
def test_failures_are_noted_when_they_begin_and_when_they_cease(
    page: Page, clock: time_machine.Traveller, requests_to_storage: Counter[str]
) -> None:
    one = switch_on(page)
    page.gateway.sim.faults.add(Answer(503), api="bookings", times=None)
    for minute in (5, 7):
        clock.move_to(NOW + timedelta(minutes=minute))
        one.check()
    last = listed(page)[0]["lastAnswer"]
    assert (last["status"], last["code"], last["dateTime"]) == (
        503, "UpstreamUnavailable", utc_text(NOW + timedelta(minutes=5)),
    )  # fmt: skip
    page.gateway.sim.faults.clear()
    clock.move_to(NOW + timedelta(minutes=9))
    one.check()
    assert listed(page)[0]["lastAnswer"]["status"] == 202
    assert requests_to_storage["transact"] == 3


def test_a_refused_trigger_is_noted_and_one_that_is_none_is_not(page: Page) -> None:
    asked: list[tuple[str, dict[str, Any]]] = [
        ("appointments/created", {"business": "foreign@contoso.com"}),
        ("appointments/created", {}),
        ("appointments/nonsense", {"business": page.name}),
        ("mails/arrived", {"mailbox": "nobody"}),
        ("appointments/created", {"business": page.name, "connection": "nobody"}),
    ]
    for path, query in asked:
        assert page.gateway.get(f"triggers/{path}", **query).status_code >= 400
    found = {(one["kind"], one["about"], one["lastAnswer"]["code"]) for one in listed(page)}
    assert found == {
        ("appointments/created", "foreign@contoso.com", "BusinessNotAllowed"),
        ("mails/arrived", "nobody", "UnknownMailbox"),
    }


@pytest.mark.parametrize("error", [Unavailable("The storage account is away."), ValueError("a fault of our own")])
def test_a_note_that_cannot_be_written_fails_no_poll(
    page: Page, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    genuine = Table.transact

    def fail(self: Table, *args: Any) -> Any:
        if self._name == TABLE:
            raise error
        return genuine(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Table, "transact", fail)
        one = switch_on(page)
        assert [poll.status for poll in one.history] == [202]
    assert rows() == []
    one.check()
    assert len(rows()) == 1


def test_what_callers_say_is_short_and_on_one_line_and_no_secret_is_kept(page: Page) -> None:
    callback = "https://prod-00.westeurope.logic.azure.com/workflows/x?sig=SECRET-SIGNATURE"
    headers = {
        "x-ms-workflow-name": "n" * 5_000,
        "x-ms-workflow-id": "one\x1b[2K two",
        "x-ms-trigger-callback-url": callback,
        "User-Agent": "program" * 100,
    }
    answer = page.gateway.get("triggers/appointments/any", business=page.name, headers=headers)
    state = answer.headers["Location"].rpartition("triggerState=")[2]
    page.gateway.get("triggers/appointments/any", business=page.name, headers=headers, triggerState=state)
    [row] = rows()
    assert len(str(row)) < 2_000
    kept = [value for value in row.values() if isinstance(value, str)]
    assert all(value.isprintable() and len(value) < 500 for value in kept)
    assert not [value for value in kept if "SECRET" in value or page.gateway.key in value or state in value]


def test_who_has_not_asked_for_a_month_is_forgotten(page: Page, clock: time_machine.Traveller) -> None:
    gone, stays = switch_on(page, "cancelled"), switch_on(page)
    clock.move_to(NOW + timedelta(days=20))
    stays.check()
    clock.move_to(NOW + timedelta(days=31))
    refresh_changes.build().get_user_function()(_Timer())
    assert [one["kind"] for one in listed(page)] == ["appointments/created"]
    gone.check()
    assert len(listed(page)) == 2


@pytest.mark.usefixtures("clock")
def test_the_latest_thousand_are_kept(page: Page) -> None:
    switch_on(page)
    [row] = rows()
    store = services.services().stores.trigger_polls.store
    for number in range(MOST_ROWS + 120):
        more = {"RowKey": f"t|{number:05}", "asked_at": NOW - timedelta(minutes=number)}
        store._table.upsert(row | more)
    assert store.forget_old("default", NOW) == 121
    left = store.list_all("default")
    assert len(left) == MOST_ROWS
    assert left[-1].answer.at == NOW - timedelta(minutes=MOST_ROWS - 2)


# -- the log -----------------------------------------------------------------------------------------------------------


def read_parsers(query: str) -> list[re.Pattern[str]]:
    """Return KQL's `parse message with …` of a query as regular expressions, in the simple mode of KQL."""
    kinds = {"int": r"-?\d+", "real": r"-?\d+\.\d+", "": ".*?"}
    found = []
    for line in re.findall(r"^\| parse message with (.+)$", query, flags=re.MULTILINE):
        pattern = ""
        for literal, star, name, kind in re.findall(r'"([^"]*)"|(\*)|(\w+)(?::(\w+))?', line):
            pattern += re.escape(literal) if not (star or name) else ".*?" if star else f"(?P<{name}>{kinds[kind]})"
        found.append(re.compile(pattern))
    return found


def query_of(title: str) -> str:
    text = (ROOT / "docs/telemetry.md").read_text()
    return text.partition(f"**{title}**")[2].partition("```kusto\n")[2].partition("```")[0]


@pytest.mark.usefixtures("impatient")
def test_the_documents_queries_read_the_log_lines_of_polls(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="gateway.http")
    one = switch_on(page)
    page.book(ahead(days=2))
    page.age()
    one.recur()
    page.gateway.get("triggers/appointments/created", business="foreign@contoso.com")
    page.gateway.ask("/staff")
    lines = [record.getMessage() for record in caplog.records if record.name == "gateway.http"]
    answered, failed = read_parsers(query_of("Why a flow did not start"))
    found = [match.groupdict() for line in lines if (match := answered.fullmatch(line))]
    assert [(each["kind"], each["about"], each["status"], each["items"]) for each in found] == [
        ("appointments/created", page.name, "202", "0"), ("appointments/created", page.name, "200", "1"),
    ]  # fmt: skip
    [refused] = [match.groupdict() for line in lines if (match := failed.fullmatch(line))]
    assert (refused["code"], refused["refused"], refused["place"]) == (
        "BusinessNotAllowed", "appointments/created", "foreign@contoso.com",
    )  # fmt: skip
    [timed] = read_parsers(query_of("How long calls take"))
    functions = [match["function"] for line in lines if (match := timed.fullmatch(line))]
    assert functions == ["on_appointment", "on_appointment", "list_staff"]
    [codes] = read_parsers(query_of("Why calls fail"))
    found_codes = [match["code"] for line in lines if (match := codes.fullmatch(line))]
    assert found_codes == ["BusinessNotAllowed"]
