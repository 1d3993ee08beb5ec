"""What programs that watch the gateway get: whether it is well as a whole, apart from whether this instance is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from composition import services
from inbound_mail.reports.watched import TimerRuns
from shared.settings.timers import TIMERS
from tests.functional.conftest import Gateway, note_timers
from tests.functional.mail.conftest import MailScenario
from tests.functional.storage import storage_in_memory
from twin.seeds import sample, tiny


def ready(gateway: Gateway, **query: Any) -> requests.Response:
    return gateway.get("health/ready", **query)


def failed(answer: requests.Response) -> list[tuple[str, str]]:
    """Return the checks that failed; of each it is said what happened and what to do."""
    found = [one for one in answer.json()["checks"] if one["state"] == "failed"]
    assert all(one["code"] and one["message"].count(". ") for one in found)
    return [(one["name"], one["about"]) for one in found]


def critical(verdict: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["code"], one["about"]) for one in verdict["issues"] if one["level"] == "critical"]


@pytest.mark.usefixtures("rows_in_memory")
def test_a_dead_mailbox_is_for_monitors_and_no_reason_to_replace_an_instance(scenario: MailScenario) -> None:
    gateway = scenario.gateway
    scenario.poll()
    well = ready(gateway)
    assert (well.status_code, well.json()["healthy"], well.json()["level"]) == (200, True, "ok")
    assert well.json()["message"] == "The mailbox is read, no mail waits."
    assert {("mailbox", scenario.name, "ok"), ("timer", "watch_mailboxes", "ok")} <= {
        (one["name"], one["about"], one["state"]) for one in well.json()["checks"]
    }
    last = datetime.now(UTC) - timedelta(minutes=45, seconds=1)
    scenario.mailbox.ledger.put_state(last_success=last)
    scenario.mailbox.ledger.plan.put(scenario.name, last, began=last, is_quiet=False, reads="")
    dead = ready(gateway)
    assert (dead.status_code, dead.json()["status"], dead.json()["healthy"]) == (503, "notReady", False)
    assert dead.headers["Retry-After"]
    assert failed(dead) == [("mailbox", scenario.name)]
    assert critical(dead.json()) == [("MailboxSilent", scenario.name)]
    assert dead.json()["message"] == f"The mailbox {scenario.name} has had no successful poll for 45 minutes."
    assert ready(gateway, scope="instance").status_code == 200
    assert gateway.get("health", key="").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("schedule", "level"),
    [("soon", "critical"), ("", "critical"), ("0 0 7 * * 7", "critical"), ("*/5 * * * *", "warning")],
)
def test_a_wrong_schedule_is_an_alarm_at_once(gateway: Gateway, schedule: str, level: str) -> None:
    with storage_in_memory():
        gateway.begin(tiny.seed, MAILBOX_POLL_SCHEDULE=schedule)
        note_timers(services.services())
        answer = ready(gateway)
        [issue] = answer.json()["issues"]
        assert (issue["code"], issue["about"], issue["level"]) == ("ScheduleRefused", "MAILBOX_POLL_SCHEDULE", level)
        assert '"MAILBOX_POLL_SCHEDULE=0 * * * * *"' in issue["remedy"]
        health = gateway.get("health", key="").json()
        if level == "critical":
            assert (answer.status_code, failed(answer)) == (503, [("schedule", "MAILBOX_POLL_SCHEDULE")])
            assert health == {"status": "degraded", "schedulesRefused": ["MAILBOX_POLL_SCHEDULE"]}
        else:  # the platform takes five fields, though they mean something else than six
            assert (answer.status_code, answer.json()["healthy"], health) == (200, True, {"status": "ok"})


@pytest.mark.parametrize("timer", TIMERS)
def test_a_timer_that_does_not_run_is_missed_whether_it_has_ever_run_or_not(gateway: Gateway, timer: str) -> None:
    with storage_in_memory():
        gateway.begin(tiny.seed)
        table, now = services.services().mail.table, datetime.now(UTC)
        for one in TIMERS:
            TimerRuns(table).note(one, now - timedelta(minutes=30) if one == timer else now)
        silent = ready(gateway)
        assert (silent.status_code, failed(silent)) == (503, [("timer", timer)])
        assert silent.json()["message"] == f"The timer {timer} has not run for 30 minutes."
        TimerRuns(table).note(timer, now)
        assert ready(gateway).status_code == 200
        table.upsert({"PartitionKey": "watch", "RowKey": f"timer|{timer}", "since": now - timedelta(minutes=5)})
        assert ready(gateway).status_code == 200, "an app that has just begun"
        table.upsert({"PartitionKey": "watch", "RowKey": f"timer|{timer}", "since": now - timedelta(minutes=30)})
        assert failed(ready(gateway)) == [("timer", timer)]
        assert critical(gateway.get("status").json()["verdict"]) == [("TimerSilent", timer)]


def test_the_timers_note_that_they_run(gateway: Gateway) -> None:
    with storage_in_memory():
        gateway.begin(tiny.seed)
        table = services.services().mail.table
        for timer in TIMERS:
            gateway.host.fire(timer).result(60)
        rows = {row.row_key: row.values for row in table.query("watch", start="timer|", end="timer}")}
        assert set(rows) == {f"timer|{timer}" for timer in TIMERS}
        assert all("ran_at" in values for values in rows.values())


def test_a_timer_writes_no_more_than_one_row_in_four_minutes(gateway: Gateway) -> None:
    with storage_in_memory():
        gateway.begin(tiny.seed)
        table, now = services.services().mail.table, datetime.now(UTC)
        runs = TimerRuns(table)
        versions = set()
        for minute in range(9):
            runs.note("refresh_changes", now + timedelta(minutes=minute))
            row = table.get("watch", "timer|refresh_changes")
            assert row is not None
            versions.add(row.values["ran_at"])
        assert len(versions) == 3


def test_storage_that_is_gone_is_critical_within_seconds(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = "".join(f"{kind}Endpoint=http://127.0.0.1:1/a;" for kind in ("Blob", "Queue", "Table"))
    monkeypatch.setenv("AzureWebJobsStorage", f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;{parts}")
    gateway.begin(tiny.seed)
    gone = ready(gateway)
    assert (gone.status_code, gone.json()["healthy"]) == (503, False)
    assert failed(gone) == [("storage", "")]
    assert critical(gone.json()) == [("StorageFails", "")]
    assert gone.json()["message"].startswith("The storage account fails: ")


def test_wrong_settings_are_named_as_issues_and_nothing_in_them_is(gateway: Gateway) -> None:
    gateway.configure(**sample.settings(gateway.sim) | {"GRAPH_CONCURRENCY": "acme", "GRAPH_CLOUD": "acme"})
    wrong = ready(gateway)
    assert (wrong.status_code, wrong.json()["healthy"]) == (503, False)
    assert critical(wrong.json()) == [("SettingsWrong", "GRAPH_CLOUD"), ("SettingsWrong", "GRAPH_CONCURRENCY")]
    assert wrong.json()["message"] == "2 settings are wrong, so the gateway answers nothing."
    assert "acme" not in wrong.text
    assert gateway.refused("health/ready", scope="mailbox")["code"] == "InvalidChoice"
