"""Mails that are too large to be read, or that Graph does not send: they are set aside, and the others pass."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.intake import message_reader
from inbound_mail.intake.polling import Polled
from shared import transport
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.mail.deliveries import ask_again, causes
from twin import Answer
from twin.mail.contents import File, Synthetic

pytestmark = [pytest.mark.usefixtures("impatient"), pytest.mark.slow(reason="many polls until a mail is set aside")]

KIB = 1024
TOO_LARGE = Synthetic(300 * KIB)


@pytest.fixture
def small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway reads answers of 256 KiB at most."""
    monkeypatch.setattr(transport, "_LARGEST_BODY", 256 * KIB)
    monkeypatch.setattr(message_reader, "_MOST_BYTES_AT_ONCE", 128 * KIB)


def receive_some(scenario: MailScenario, count: int) -> list[Any]:
    return [scenario.receive(subject=f"{number}", text="Hello.") for number in range(count)]


def states(scenario: MailScenario, mails: list[Any]) -> set[str]:
    return {scenario.describe(mail.id)["state"] for mail in mails}


def is_slim(scenario: MailScenario) -> bool:
    deltas = [dict(call.query) for call in scenario.calls() if call.path.endswith("/delta")]
    return "body" not in [query["$select"] for query in deltas if "$select" in query][-1].split(",")


@pytest.mark.usefixtures("small_answers")
def test_a_mail_that_is_too_large_is_passed_over_in_one_poll(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(page_size=20)
    before = receive_some(scenario, 6)
    large = scenario.receive(subject="Large", text=TOO_LARGE, attachments=[File("a.txt", data=b"a")])
    after = receive_some(scenario, 6)
    assert scenario.poll() is Polled.DONE
    scenario.deliver()
    assert states(scenario, before + after) == {"delivered"}
    [described] = scenario.describe(large.id)["deliveries"]
    assert (described["state"], described["cause"]) == ("quarantined", "MailTooLarge")
    assert f"GET mailboxes/{scenario.name}/mails/{scenario.mailbox.key(large.id)}/eml" in described["message"]
    assert scenario.describe(large.id)["subject"] == "Large"
    stored = scenario.mailbox.store.load(scenario.mailbox.key(large.id))
    assert stored is not None
    assert [one.name for one in stored.attachments] == ["a.txt"]

    later = receive_some(scenario, 3)
    assert scenario.poll() is Polled.DONE
    scenario.deliver()
    assert states(scenario, later) == {"delivered"}
    assert len(scenario.sink.tickets) == 15


@pytest.mark.usefixtures("small_answers")
def test_the_whole_mail_is_where_the_message_says(scenario: MailScenario, caplog: pytest.LogCaptureFixture) -> None:
    large = scenario.receive(subject="Large", text=TOO_LARGE)
    scenario.run()
    assert causes(scenario, large) == ["MailTooLarge"]
    assert sum(one.getMessage().startswith("MailQuarantined") for one in caplog.records) == 1
    key = scenario.mailbox.key(large.id)
    whole = scenario.gateway.get(f"mailboxes/{scenario.name}/mails/{key}/eml")
    assert (whole.status_code, whole.headers["content-type"]) == (200, "application/octet-stream")
    assert len(whole.content) > 400 * KIB

    ask_again(scenario, large)
    scenario.run()
    [prepared] = scenario.sink.received
    assert f"mailboxes/{scenario.name}/mails/{key}/eml" in prepared.rendering.text


@pytest.mark.usefixtures("small_answers")
@pytest.mark.parametrize("count", [1, 30])
@pytest.mark.usefixtures("rows_in_memory")
def test_several_that_are_too_large_together_only_are_all_read(open_scenario: OpenScenario, count: int) -> None:
    scenario = open_scenario(page_size=40)
    mails = [scenario.receive(subject=f"{number}", text=Synthetic(120 * KIB)) for number in range(5)]
    mails += receive_some(scenario, count)
    assert scenario.poll() is Polled.DONE
    scenario.deliver()
    assert states(scenario, mails) == {"delivered"}
    assert not is_slim(scenario)


@pytest.mark.usefixtures("small_answers")
@pytest.mark.usefixtures("rows_in_memory")
def test_pages_shrink_to_a_single_mail(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(page_size=20)
    receive_some(scenario, 3)
    scenario.receive(text=TOO_LARGE)
    scenario.poll()
    sizes = [call.request_headers["prefer"].rpartition("=")[2] for call in scenario.calls() if "/delta" in call.path]
    assert sizes[:4] == ["20", "10", "5", "1"]
    assert is_slim(scenario)


@pytest.mark.usefixtures("rows_in_memory")
def test_a_mail_for_which_graph_needs_too_long_stops_the_folder_for_two_polls(scenario: MailScenario) -> None:
    scenario.gateway.sim.mail.switches.set({"slow_bytes": 200 * KIB})
    slow = scenario.receive(subject="Slow", text=TOO_LARGE)
    others = receive_some(scenario, 4)
    assert [scenario.poll() for _ in range(3)] == [Polled.FAILED, Polled.FAILED, Polled.DONE]
    scenario.deliver()
    assert states(scenario, others) == {"delivered"}
    for _ in range(3):
        assert scenario.poll() is Polled.DONE
    assert causes(scenario, slow) == ["MailUnreadable"]
    assert "/eml" in scenario.describe(slow.id)["deliveries"][0]["message"]


@pytest.mark.usefixtures("rows_in_memory")
def test_an_outage_of_two_polls_changes_nothing_in_how_a_folder_is_read(scenario: MailScenario) -> None:
    mails = receive_some(scenario, 3)
    scenario.gateway.sim.faults.add(Answer(500), api="mail", path="/delta$", times=None)
    assert [scenario.poll() for _ in range(2)] == [Polled.FAILED] * 2
    scenario.gateway.sim.faults.clear()
    scenario.run()
    assert states(scenario, mails) == {"delivered"}
    scenario.gateway.sim.faults.add(Answer(500), api="mail", path="/delta$", times=None)
    assert [scenario.poll() for _ in range(2)] == [Polled.FAILED] * 2
    scenario.gateway.sim.faults.clear()
    assert scenario.poll() is Polled.DONE
    assert not is_slim(scenario)


def leave(scenario: MailScenario, mail: Any) -> None:
    scenario.gateway.sim.run(lambda: mail.move("archive"))


@pytest.mark.usefixtures("small_answers")
@pytest.mark.parametrize(("what", "slim"), [(leave, False), (lambda *_: None, True)])
@pytest.mark.usefixtures("rows_in_memory")
def test_a_lost_link_begins_a_round_with_bodies_again(
    scenario: MailScenario, what: Callable[[MailScenario, Any], None], *, slim: bool
) -> None:
    mails = receive_some(scenario, 3)
    large = scenario.receive(text=TOO_LARGE)
    scenario.run()
    what(scenario, large)
    sim = scenario.gateway.sim
    sim.run(lambda: sim.mail.expire_cursors(scenario.twin_mailbox))
    scenario.receive(subject="Later")
    scenario.run()
    assert is_slim(scenario) is slim
    assert states(scenario, mails) == {"delivered"}
    assert len(scenario.sink.tickets) == 4
    assert causes(scenario, large) == ["MailTooLarge"]


@pytest.mark.usefixtures("small_answers")
@pytest.mark.usefixtures("rows_in_memory")
def test_the_sweep_passes_over_large_mails_as_well(scenario: MailScenario) -> None:
    scenario.poll()
    scenario.gateway.sim.mail.switches.set({"delta_delay_seconds": 86_400.0})
    large, other = scenario.receive(text=TOO_LARGE), scenario.receive(subject="Other")
    cursor = scenario.mailbox.ledger.cursor("inbox")
    known = {name: cursor[name] for name in ("link", "query", "later")}
    scenario.mailbox.ledger.put_cursor("inbox", **known, swept_at=datetime.now(UTC) - timedelta(hours=2))
    assert scenario.poll() is Polled.DONE
    scenario.deliver()
    assert causes(scenario, large) == ["MailTooLarge"]
    assert scenario.describe(other.id)["state"] == "delivered"


@pytest.mark.usefixtures("small_answers")
@pytest.mark.usefixtures("rows_in_memory")
def test_reading_without_bodies_takes_one_call_for_twenty_mails(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(page_size=20)
    scenario.receive(text=TOO_LARGE)
    scenario.run()
    scenario.gateway.forget()
    receive_some(scenario, 45)
    scenario.poll()
    assert len(scenario.calls()) == 1 + 3
    scenario.deliver()
    assert len(scenario.sink.tickets) == 45
