"""What the status says of mailboxes: the verdict at once, errors only while they last, and few requests."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.delivery.circuit_breaker import CircuitBreaker
from inbound_mail.ledger import rows
from shared.errors import ConfigurationError, Rejected, Unavailable
from shared.version import VERSION
from tests.functional.blob_settings import recorded_requests
from tests.functional.mail.conftest import MailScenario, OpenScenario
from twin import Answer


def ask(scenario: MailScenario) -> dict[str, Any]:
    answer = scenario.gateway.get("status")
    assert answer.status_code == 200, answer.text
    status: dict[str, Any] = answer.json()
    return status


def find_issues(status: dict[str, Any], *codes: str) -> list[dict[str, Any]]:
    """Return the issues with these codes, after asserting that there is no other."""
    issues: list[dict[str, Any]] = status["verdict"]["issues"]
    assert {one["code"] for one in issues} == set(codes), issues
    return issues


IN_MEMORY = pytest.mark.usefixtures("rows_in_memory")
"""Nothing is raised, and no queue stalled, that another test has left."""


@IN_MEMORY
def test_a_gateway_with_which_all_is_well_says_so(scenario: MailScenario) -> None:
    fresh = ask(scenario)
    assert fresh["verdict"]["sentence"] == "Nothing is wrong. The mailbox waits for its first poll."
    scenario.poll()
    status = ask(scenario)
    assert status["verdict"] == {"level": "ok", "sentence": "The mailbox is read, no mail waits.", "issues": []}
    assert (status["version"], status["alarms"]) == (VERSION, [])
    assert abs(datetime.fromisoformat(status["asOfDateTime"]) - datetime.now(UTC)) < timedelta(minutes=1)
    [mailbox] = status["mailboxes"]
    assert (mailbox["level"], mailbox["alarmMinutes"], mailbox["oldestWaitingSeconds"]) == ("ok", 30, None)
    assert mailbox["nextPollDateTime"]
    scenario.receive(subject="Printer")
    scenario.poll()
    assert ask(scenario)["verdict"]["sentence"] == "The mailbox is read, 1 mail on the way."
    assert ask(scenario)["mailboxes"][0]["oldestWaitingSeconds"] >= 0


@IN_MEMORY
def test_an_error_is_shown_while_it_lasts(scenario: MailScenario) -> None:
    scenario.poll()
    fault = scenario.gateway.sim.faults.add(Answer(403), api="mail", times=None)
    scenario.poll()
    once = ask(scenario)
    assert once["mailboxes"][0]["lastError"]["code"]
    assert find_issues(once) == [], "one poll that fails is no reason to run"
    scenario.poll()
    [issue] = find_issues(ask(scenario), "PollsFail")
    assert (issue["level"], issue["about"]) == ("warning", scenario.name)
    assert issue["message"].startswith(f"The last 2 polls of the mailbox {scenario.name} failed: ")
    assert f"mailboxes/{scenario.name}/poll" in issue["remedy"]
    scenario.gateway.sim.faults.remove(fault.id)
    scenario.poll()
    healed = ask(scenario)
    assert "lastError" not in healed["mailboxes"][0]
    assert find_issues(healed) == []


@IN_MEMORY
def test_a_dead_mailbox_is_an_alarm_at_once_without_any_timer(scenario: MailScenario) -> None:
    scenario.poll()
    last = datetime.now(UTC) - timedelta(minutes=40, seconds=1)
    scenario.mailbox.ledger.put_state(last_success=last)
    scenario.mailbox.ledger.plan.put(scenario.name, last, began=last, is_quiet=False, reads="")
    status = ask(scenario)
    [issue] = find_issues(status, "MailboxSilent")
    sentence = f"The mailbox {scenario.name} has had no successful poll for 40 minutes."
    assert (status["verdict"]["level"], status["verdict"]["sentence"]) == ("critical", sentence)
    assert (issue["level"], datetime.fromisoformat(issue["sinceDateTime"])) == (
        "critical", last.replace(microsecond=0),
    )  # fmt: skip
    assert [one["event"] for one in status["alarms"]] == ["MailboxSilent"]
    assert status["mailboxes"][0]["level"] == "critical"
    scenario.poll()
    assert find_issues(ask(scenario)) == [], "it is over at once, too"


@IN_MEMORY
def test_a_mailbox_that_never_had_a_success_is_dead_after_its_alarm_time(scenario: MailScenario) -> None:
    assert find_issues(ask(scenario)) == []
    row = {"PartitionKey": "watch", "RowKey": scenario.name, "since": datetime.now(UTC) - timedelta(minutes=31)}
    assert scenario.services.table.get("watch", scenario.name), "whoever asks first begins to watch it"
    scenario.services.table.upsert(row)
    [issue] = find_issues(ask(scenario), "MailboxSilent")
    assert issue["message"].endswith("for 31 minutes.")


@IN_MEMORY
def test_an_open_circuit_is_critical_while_mails_wait_for_it(scenario: MailScenario) -> None:
    scenario.poll()
    sink = next(iter(scenario.sinks))
    CircuitBreaker(scenario.services.table, sink).open(ConfigurationError("The desk refuses the token."))
    idle = ask(scenario)
    assert [(one["level"], one["about"]) for one in find_issues(idle, "CircuitOpen")] == [("warning", sink)]
    assert idle["mailboxes"][0]["level"] == "ok"
    for number in range(3):
        scenario.receive(subject=f"Printer {number}")
    scenario.poll()
    status = ask(scenario)
    [issue] = find_issues(status, "CircuitOpen")
    assert issue["level"] == "critical"
    assert status["verdict"]["sentence"] == f"The sink {sink} refuses the gateway, with 3 mails waiting for it."
    assert status["mailboxes"][0]["level"] == "critical"
    [alarm] = status["alarms"]
    assert (alarm["event"], alarm["waiting"]) == ("CircuitOpen", 3)


@IN_MEMORY
def test_mails_that_wait_for_long_and_mails_for_a_person_are_warnings(scenario: MailScenario) -> None:
    def refuse() -> None:
        raise Rejected("No.", code="TicketRefused")

    def be_away() -> None:
        raise Unavailable("Try again later.")

    scenario.sink.before = refuse
    scenario.receive(subject="Bad")
    scenario.run()
    scenario.sink.before = be_away
    mail = scenario.receive(subject="Slow")
    scenario.poll()
    scenario.deliver()
    find_issues(ask(scenario), "QuarantineGrew")
    row = scenario.services.table.get(scenario.name, rows.open_row(scenario.mailbox.key(mail.id)))
    assert row is not None
    scenario.services.table.upsert(dict(row.values) | {"since": datetime.now(UTC) - timedelta(minutes=35)})
    status = ask(scenario)
    waits, _ = find_issues(status, "MailsWait", "QuarantineGrew")
    assert waits["message"] == f"The mailbox {scenario.name} has 1 mail waiting, the oldest for 35 minutes."
    assert (status["verdict"]["level"], status["verdict"]["sentence"][-18:]) == ("warning", " And 1 more issue.")
    assert status["mailboxes"][0]["level"] == "warning"


def test_a_refresh_costs_two_requests_for_each_mailbox(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    for has_second in (False, True):
        opened = open_scenario(has_second=has_second)
        for one in (opened, *opened.others):
            one.receive(subject="Printer")
            one.poll()
            one.deliver()
        ask(opened)
        with recorded_requests(monkeypatch) as requests:
            assert len(ask(opened)["mailboxes"]) == 1 + has_second
        asked.append(len(requests))
    assert asked[1] - asked[0] == 2, asked
    assert asked[0] <= 2 + 9, (
        "all that is asked for once: plan, history, watched things, circuits, alarms, queues, subscriptions"
    )
