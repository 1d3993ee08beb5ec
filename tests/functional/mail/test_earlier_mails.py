"""An answer waits for the mail that it answers while that one is on its way, and for nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.delivery.delivery import DeliveryOutcome
from shared.errors import Rejected, Unavailable
from tests.functional.mail.conftest import MailScenario
from tests.functional.mail.deliveries import change, deliver, failing, taken_in
from twin import Answer
from twin.mail.contents import File

pytestmark = pytest.mark.usefixtures("rows_in_memory")

NOW = datetime.now(UTC).replace(microsecond=0)
EARLIER = NOW - timedelta(minutes=10)


def take_in_both(scenario: MailScenario, **more: Any) -> tuple[Any, Any]:
    """Take in a mail and an answer to it; nothing is delivered."""
    first = taken_in(scenario, subject="Printer", message_id="<first@example.com>", received=EARLIER, **more)
    answer = taken_in(
        scenario,
        subject="AW: Printer",
        message_id="<answer@example.com>",
        received=NOW,
        in_reply_to="<first@example.com>",
    )
    return first, answer


def test_an_answer_that_is_delivered_first_waits_and_then_finds_the_ticket(scenario: MailScenario) -> None:
    first, answer = take_in_both(scenario)
    assert deliver(scenario, answer) is DeliveryOutcome.WAITING
    assert scenario.sink.received == []
    assert scenario.describe(answer.id)["deliveries"][0]["lastError"] == "EarlierMailUnderway"

    assert deliver(scenario, first) is DeliveryOutcome.DELIVERED
    assert deliver(scenario, answer) is DeliveryOutcome.DELIVERED
    [found] = scenario.sink.received[-1].threads.find_all(["first@example.com"])
    assert found.ticket == "T-1"


def test_it_waits_through_an_outage_of_the_sink(scenario: MailScenario) -> None:
    first, answer = take_in_both(scenario)
    scenario.sink.before = failing(Unavailable("away"), times=1)
    assert deliver(scenario, first) is DeliveryOutcome.WAITING
    assert deliver(scenario, answer) is DeliveryOutcome.WAITING
    assert deliver(scenario, first) is DeliveryOutcome.DELIVERED
    assert deliver(scenario, answer) is DeliveryOutcome.DELIVERED


@pytest.mark.usefixtures("impatient")
def test_it_waits_while_the_files_of_the_earlier_mail_are_not_fetched(scenario: MailScenario) -> None:
    faults = scenario.gateway.sim.faults
    faults.add(Answer(503), api="mail", path=r"/attachments$", times=None)
    log = File("log.txt", "text/plain", b"x")
    first, answer = take_in_both(scenario, attachments=[log])
    assert deliver(scenario, answer) is DeliveryOutcome.WAITING
    faults.clear()
    scenario.poll()
    assert deliver(scenario, first) is DeliveryOutcome.DELIVERED
    assert deliver(scenario, answer) is DeliveryOutcome.DELIVERED


def test_a_mail_in_quarantine_holds_no_answer(scenario: MailScenario) -> None:
    first, answer = take_in_both(scenario)
    scenario.sink.before = failing(Rejected("no"), times=1)
    assert deliver(scenario, first) is DeliveryOutcome.QUARANTINED
    assert deliver(scenario, answer) is DeliveryOutcome.DELIVERED


@pytest.mark.parametrize("trouble", ["refusals", "faults"])
def test_a_mail_that_has_trouble_of_its_own_holds_no_answer(scenario: MailScenario, trouble: str) -> None:
    first, answer = take_in_both(scenario)
    change(scenario, first, **{trouble: 1})
    assert deliver(scenario, answer) is DeliveryOutcome.DELIVERED


def test_an_answer_to_a_mail_that_nobody_knows_waits_for_nothing(scenario: MailScenario) -> None:
    answer = taken_in(scenario, subject="AW: Printer", in_reply_to="<unknown@example.com>")
    assert deliver(scenario, answer) is DeliveryOutcome.DELIVERED


def test_an_answer_of_the_same_second_waits_as_well(scenario: MailScenario) -> None:
    first = taken_in(scenario, subject="Printer", message_id="<first@example.com>", received=NOW)
    answer = taken_in(scenario, subject="AW: Printer", received=NOW, in_reply_to="<first@example.com>")
    assert deliver(scenario, answer) is DeliveryOutcome.WAITING
    assert deliver(scenario, first) is DeliveryOutcome.DELIVERED
    assert deliver(scenario, answer) is DeliveryOutcome.DELIVERED


def test_mails_of_one_second_that_answer_each_other_are_both_delivered(scenario: MailScenario) -> None:
    both = [
        taken_in(
            scenario, subject=name, message_id=f"<{name}@x.example>", received=NOW, in_reply_to=f"<{other}@x.example>"
        )
        for name, other in (("a", "b"), ("b", "a"))
    ]
    assert [deliver(scenario, mail) for mail in both] == [DeliveryOutcome.DELIVERED] * 2


def test_mails_that_answer_each_other_or_themselves_are_both_delivered(scenario: MailScenario) -> None:
    first, answer = take_in_both(scenario, in_reply_to="<answer@example.com>")
    itself = taken_in(scenario, subject="Loop", message_id="<self@example.com>", in_reply_to="<self@example.com>")
    for mail in (first, answer, itself):
        assert deliver(scenario, mail) is DeliveryOutcome.DELIVERED


@pytest.mark.parametrize(
    ("subject", "headers"),
    [
        ("Automatic reply: Printer", {"Auto-Submitted": "auto-replied"}),
        ("Abwesend: Printer", {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"}),
        ("Réponse automatique : Printer", {"X-Autoreply": "yes"}),
        ("Undeliverable: Printer", {"X-Failed-Recipients": "kim@example.com", "Return-Path": "<>"}),
    ],
)
def test_an_automatic_mail_waits_too_instead_of_being_set_aside(
    scenario: MailScenario, subject: str, headers: dict[str, str]
) -> None:
    first = taken_in(scenario, subject="Printer", message_id="<first@example.com>", received=EARLIER)
    note = taken_in(scenario, subject=subject, in_reply_to="<first@example.com>", headers=headers, received=NOW)
    assert deliver(scenario, note) is DeliveryOutcome.WAITING
    assert deliver(scenario, first) is DeliveryOutcome.DELIVERED
    assert deliver(scenario, note) is DeliveryOutcome.DELIVERED
    assert scenario.sink.received[-1].is_note
