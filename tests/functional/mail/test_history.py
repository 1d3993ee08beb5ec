"""The history of mails: plots and searches, before and after the roll-up, and wherever the roll-up dies."""

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from inbound_mail.delivery.redelivery import redeliver
from inbound_mail.history import news, roll_up, searching
from inbound_mail.history.rows import PARTITION, write_day
from inbound_mail.ledger.decisions import Decision
from inbound_mail.ledger.ledger import Ledger
from shared.errors import Rejected
from shared.storage.tables import Operation, Table
from tests.functional.conftest import read_error
from tests.functional.kill_switch import Killed, KillSwitch
from tests.functional.mail.conftest import MailScenario, OpenScenario
from twin.mail.contents import File

in_memory = pytest.mark.usefixtures("rows_in_memory")


def ask(scenario: MailScenario, path: str, **query: Any) -> Any:
    answer = scenario.gateway.get(path, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def list_mails(scenario: MailScenario, **query: Any) -> list[tuple[str, str]]:
    return [(one["subject"], one["state"]) for one in ask(scenario, "mails", **query)["value"]]


def refuse() -> None:
    raise Rejected("No such customer.", code="NoCustomer")


def begin(open_scenario: OpenScenario) -> MailScenario:
    """A mailbox with a ticket, a failure, an automatic mail, a copy, one set aside by hand, and one on its way."""
    scenario = open_scenario(sinks=("one",))
    hour = datetime.now(UTC) - timedelta(hours=1)
    first = {"subject": "Printer ÄÖ", "sender": "Kim@Example.com", "received": hour, "message_id": "<1@example.com>"}
    scenario.receive(**first)
    scenario.run()
    scenario.receive(**first)
    scenario.receive(subject="Away", headers={"Auto-Submitted": "auto-replied"}, received=hour + timedelta(minutes=1))
    scenario.run()
    scenario.sink.before = refuse
    later = hour + timedelta(minutes=2)
    scenario.receive(subject="Nobody knows me", received=later, attachments=[File("a", data=b"a")])
    scenario.receive(subject="Set aside", received=later + timedelta(minutes=1))
    scenario.run()
    scenario.by_hand.set_aside(scenario.mailbox, find_key(scenario, "Set aside"), None, Decision("Anna", "a robot"))
    scenario.run()
    scenario.sink.before = lambda: None
    scenario.receive(subject="Still waiting", received=later + timedelta(minutes=2))
    scenario.poll()
    return scenario


@pytest.fixture
def busy(open_scenario: OpenScenario) -> MailScenario:
    return begin(open_scenario)


def find_key(scenario: MailScenario, subject: str) -> str:
    [key] = [one["key"] for one in scenario.mails() if one["subject"] == subject]
    return str(key)


EVERYTHING = [
    ("Still waiting", "waiting"), ("Set aside", "skipped"), ("Nobody knows me", "quarantined"),
    ("Away", "quarantined"), ("Printer ÄÖ", "delivered"), ("Printer ÄÖ", "skipped"),
]  # fmt: skip
TOTALS = {"received": 5, "delivered": 1, "failed": 2, "setAside": 3}


def check_answers(scenario: MailScenario) -> None:
    found = ask(scenario, "mails")
    shown = [(one["subject"], one["state"]) for one in found["value"]]
    assert (shown[:4], sorted(shown), found["isComplete"]) == (EVERYTHING[:4], sorted(EVERYTHING), True)
    aside = {one["subject"] for one in found["value"] if one["isSetAside"]}
    assert aside == {"Set aside", "Away", "Printer ÄÖ"}
    assert "nextLink" not in found
    history = ask(scenario, "mail-history", period="day")
    assert (history["period"], history["stepSeconds"], history["isComplete"]) == ("day", 3600, True)
    [own] = history["value"]
    assert (own["mailbox"], len(own["points"]), own["totals"]) == (scenario.name, 24, TOTALS)
    starts = [datetime.fromisoformat(one["startDateTime"]) for one in own["points"]]
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(hours=1)}
    assert [sum(one[name] for one in own["points"]) for name in ("mails", "tickets", "failures")] == [5, 1, 2]
    [(median, most)] = {(one["delaySecondsMedian"], one["delaySecondsMost"]) for one in own["points"]} - {(None, None)}
    assert 3500 < median <= most < 7200
    month = ask(scenario, "mail-history", period="month", mailbox=scenario.name)
    assert (month["stepSeconds"], len(month["value"][0]["points"]), month["value"][0]["totals"]) == (86400, 30, TOTALS)


@pytest.mark.usefixtures("either_storage")
def test_answers_are_the_same_before_and_after_the_roll_up(busy: MailScenario) -> None:
    check_answers(busy)
    for _ in range(2):
        busy.services.roll_up_history()
        check_answers(busy)
    [found] = ask(busy, "mails", search="PRINTER äö", state="delivered")["value"]
    assert found["from"] == "kim@example.com"
    assert found["key"] == ask(busy, f"mailboxes/{busy.name}/mails/{found['key']}")["key"]
    assert found["tickets"] == [{"sink": next(iter(busy.sinks)), "ticket": "T-1", "ticketUrl": None}]
    assert datetime.fromisoformat(found["receivedDateTime"]).utcoffset() == timedelta()


@in_memory
def test_the_timer_that_checks_alarms_rolls_up(busy: MailScenario) -> None:
    assert busy.gateway.host.fire("watch_mailboxes", "").result(60).ok
    assert list(Table(busy.storage, "mails").query(PARTITION, start="lines", end="lines}"))


@in_memory
def test_parameters_narrow_a_search_down(busy: MailScenario) -> None:
    busy.services.roll_up_history()
    busy.receive(subject="After the roll-up", sender="lee@example.com", received=datetime.now(UTC))
    busy.run()
    now = datetime.now(UTC).replace(microsecond=0)
    ago = [(now - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z") for minutes in (70, 10)]
    ticket = ask(busy, "mails", subject="After")["value"][0]["tickets"][0]["ticket"]
    for query, subjects in (
        ({"search": "kim@"}, ["Printer ÄÖ", "Printer ÄÖ"]),
        ({"search": "t-1"}, ["Printer ÄÖ"]),
        ({"ticket": ticket.lower()}, ["After the roll-up"]),
        ({"from": "LEE@"}, ["After the roll-up"]),
        ({"from": "after"}, []),
        ({"subject": "after", "state": "delivered"}, ["After the roll-up"]),
        ({"state": "waiting"}, []),
        ({"state": "skipped"}, ["Set aside", "Printer ÄÖ"]),
        ({"state": "quarantined"}, ["Nobody knows me"]),
        ({"state": "setAside"}, ["Set aside", "Away", "Printer ÄÖ"]),
        ({"start": ago[1]}, ["After the roll-up"]),
        ({"end": ago[0]}, []),
        ({"start": ago[0], "end": ago[1], "subject": "aside", "mailbox": busy.name}, ["Set aside"]),
        ({"search": "no such text"}, []),
    ):
        assert [one["subject"] for one in ask(busy, "mails", **query)["value"]] == subjects, query


@in_memory
def test_pages_follow_each_other_and_none_is_missing_or_shown_twice(
    busy: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll_up, "MOST_LINES", 2)
    busy.services.roll_up_history()
    for number in range(3):
        busy.receive(subject=f"Later {number}", received=datetime.now(UTC))
    busy.run()
    whole, found = ask(busy, "mails")["value"], []
    page = ask(busy, "mails", limit=2)
    while True:
        found += page["value"]
        if "nextLink" not in page:
            break
        assert len(page["value"]) == 2
        headers = {"x-functions-key": busy.gateway.key}
        page = busy.gateway.http.get(page["nextLink"], headers=headers, timeout=30).json()
    assert found == whole
    assert len({one["key"] for one in found}) == 9
    cursor = ask(busy, "mails", limit=2)["nextLink"].rpartition("cursor=")[2]
    refused = busy.gateway.get("mails", limit=2, search="other", cursor=cursor)
    assert read_error(refused)["code"] == "InvalidCursor"


@in_memory
def test_a_redelivery_takes_the_place_of_the_failure(busy: MailScenario) -> None:
    busy.services.roll_up_history()
    key = find_key(busy, "Nobody knows me")
    redeliver(busy.mailbox, busy.deliveries, key, None)
    assert ("Nobody knows me", "waiting") in list_mails(busy)
    busy.run()
    for _ in range(2):
        found = [one for one in ask(busy, "mails")["value"] if one["key"] == key]
        assert [(one["state"], len(one["tickets"])) for one in found] == [("delivered", 1)]
        assert ("Nobody knows me", "quarantined") not in list_mails(busy, state="quarantined")
        [own] = ask(busy, "mail-history")["value"]
        assert own["totals"] == TOTALS | {"delivered": 3}
        busy.services.roll_up_history()


def read_rows(scenario: MailScenario) -> dict[str, dict[str, Any]]:
    found = Table(scenario.storage, "mails").query(PARTITION, start="", end="~")
    times = ("seen_at", "pruned_until")
    return {row.row_key: {name: value for name, value in row.values.items() if name not in times} for row in found}


@in_memory
@pytest.mark.parametrize("lines", [2, 500])
def test_dying_at_any_step_of_the_roll_up_changes_nothing(
    lines: int, busy: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll_up, "MOST_LINES", lines)
    monkeypatch.setattr(roll_up, "_PIECE", 2)
    steps, whole = [(Table, "transact"), (Ledger, "feed"), (Ledger, "outcomes_after")], KillSwitch()
    with whole.watching(steps, also_after=True):
        busy.services.roll_up_history()
    rows = read_rows(busy)
    assert len(whole.steps) > 10
    for at in range(1, len(whole.steps) + 1):
        for row_key in read_rows(busy):
            remove(busy, row_key)
        switch = KillSwitch(at)
        with switch.watching(steps, also_after=True), pytest.raises(Killed):
            busy.services.roll_up_history()
        check_answers(busy)
        busy.services.roll_up_history()
        assert read_rows(busy) == rows, f"died at {at}: {whole.steps[at - 1]}"


def remove(scenario: MailScenario, row_key: str) -> None:
    entity = {"PartitionKey": PARTITION, "RowKey": row_key}
    Table(scenario.storage, "mails").transact([Operation("delete", entity)])


@in_memory
def test_of_two_that_roll_up_at_the_same_time_one_stops(busy: MailScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    read_news = news.read_news

    def read_while_another_one_works(*args: Any, **options: Any) -> Any:
        found = read_news(*args, **options)
        monkeypatch.setattr(roll_up, "read_news", read_news)
        busy.services.roll_up_history()
        return found

    monkeypatch.setattr(roll_up, "read_news", read_while_another_one_works)
    busy.services.roll_up_history()
    check_answers(busy)


@in_memory
def test_what_an_older_version_has_written_is_taken_in(busy: MailScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its outcomes say nothing of mails and deliveries, and its open work no subject."""
    table = Table(busy.storage, "mails")
    for row in table.query(busy.name, start="", end="~"):
        kept = {name: one for name, one in row.values.items() if name not in ("summary", "ended", "again", "mail")}
        table.upsert(kept)
    check_answers(busy)
    monkeypatch.setattr(searching, "read_news", partial(news.read_news, limit=1))
    assert ask(busy, "mails")["isComplete"] is False
    busy.services.roll_up_history()
    check_answers(busy)


@in_memory
def test_counters_that_polls_of_an_older_version_lost_are_found_again(busy: MailScenario) -> None:
    table = Table(busy.storage, "mails")
    lost = {"PartitionKey": busy.name, "RowKey": "s|state", "new": 0, "delivered": 0}
    table.transact([Operation("merge", lost)])
    busy.services.roll_up_history()
    [shown] = ask(busy, "mailboxes")["value"]
    assert (shown["received"], shown["delivered"]) == (5, 1)
    busy.run()
    [shown] = ask(busy, "mailboxes")["value"]
    assert (shown["received"], shown["delivered"]) == (5, 1)
    busy.services.roll_up_history()
    [shown] = ask(busy, "mailboxes")["value"]
    assert (shown["received"], shown["delivered"]) == (5, 2)


@in_memory
def test_a_mailbox_in_which_nothing_happens_is_looked_at_no_more(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = open_scenario()
    scenario.receive(subject="One")
    scenario.run()
    scenario.poll()
    looks: list[str] = []
    feed = Ledger.feed

    def look(self: Ledger, after: int, limit: int) -> Any:
        looks.append(self.mailbox)
        return feed(self, after, limit)

    monkeypatch.setattr(Ledger, "feed", look)
    for _ in range(2):
        scenario.services.roll_up_history()
    assert looks == [scenario.name] * 2, "a poll that has begun may still find something"
    monkeypatch.setattr(roll_up, "_LONGEST_RUN", timedelta())
    for _ in range(3):
        scenario.services.roll_up_history()
        assert ask(scenario, "mail-history")["value"][0]["totals"]["delivered"] == 1
    assert looks == [scenario.name] * 2
    scenario.receive(subject="Two")
    scenario.run()
    assert ask(scenario, "mail-history")["value"][0]["totals"]["delivered"] == 2
    scenario.services.roll_up_history()
    assert len(looks) == 4


@in_memory
def test_days_beyond_the_longest_plot_are_removed(busy: MailScenario) -> None:
    busy.services.roll_up_history()
    old = (datetime.now(UTC) - timedelta(days=40)).date()
    Table(busy.storage, "mails").transact([write_day(old, busy.name, {})])
    remove(busy, "place")
    head = {"PartitionKey": PARTITION, "RowKey": "place", "segment": 1, "pruned_until": str(old)}
    Table(busy.storage, "mails").transact([Operation("create", head)])
    busy.services.roll_up_history()
    rows = read_rows(busy)
    assert f"day|{old}|{busy.name}" not in rows
    assert sum(name.startswith("day|") for name in rows) in (1, 2)
    check_answers(busy)


@in_memory
@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("mail-history", {"period": "year"}, "InvalidChoice"),
        ("mail-history", {"mailbox": "nowhere"}, "UnknownMailbox"),
        ("mails", {"mailbox": "nowhere"}, "UnknownMailbox"),
        ("mails", {"state": "lost"}, "InvalidChoice"),
        ("mails", {"limit": "101"}, "InvalidNumber"),
        ("mails", {"start": "yesterday"}, "InvalidDate"),
        ("mails", {"start": "2026-05-06", "end": "2026-05-05"}, "EndBeforeStart"),
        ("mails", {"search": "x" * 201}, "InvalidParameter"),
        ("mails", {"cursor": "AAAA"}, "InvalidCursor"),
        ("mails", {"q": "x"}, "UnknownParameter"),
    ],
)
def test_wrong_parameters_are_refused(path: str, query: dict[str, Any], code: str, scenario: MailScenario) -> None:
    answer = scenario.gateway.get(path, **query)
    assert (answer.status_code, read_error(answer)["code"]) in ((400, code), (404, code))
