"""The history of mails: plots and searches, before and after the roll-up, and wherever the roll-up dies."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.ledger.decisions import Decision
from shared.errors import Rejected
from tests.functional.mail.conftest import MailScenario, OpenScenario
from twin.mail.contents import File

pytestmark = pytest.mark.usefixtures("rows_in_memory")


def ask(scenario: MailScenario, path: str, **query: Any) -> Any:
    answer = scenario.gateway.get(path, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refuse() -> None:
    raise Rejected("No such customer.", code="NoCustomer")


@pytest.fixture
def busy(open_scenario: OpenScenario) -> MailScenario:
    """A mailbox with a ticket, a failure, an automatic mail, a copy, one set aside by hand, and one on its way."""
    scenario = open_scenario(sinks=("desk",))
    hour = datetime.now(UTC) - timedelta(hours=1)
    scenario.receive(subject="Printer ÄÖ on fire", sender="Kim@Example.com", received=hour, message_id="<1@a>")
    scenario.run()
    scenario.receive(subject="Printer ÄÖ on fire", sender="Kim@Example.com", received=hour, message_id="<1@a>")
    scenario.receive(subject="Away", headers={"Auto-Submitted": "auto-replied"}, received=hour + timedelta(minutes=1))
    scenario.run()
    scenario.sink.before = refuse
    scenario.receive(
        subject="Nobody knows me", received=hour + timedelta(minutes=2), attachments=[File("a", data=b"a")]
    )
    scenario.receive(subject="Set aside", received=hour + timedelta(minutes=3))
    scenario.run()
    [aside] = [one["key"] for one in scenario.mails() if one["subject"] == "Set aside"]
    scenario.by_hand.set_aside(scenario.mailbox, aside, None, Decision("Anna", "a robot"))
    scenario.run()
    scenario.sink.before = lambda: None
    scenario.receive(subject="Still waiting", received=hour + timedelta(minutes=4))
    scenario.poll()
    return scenario


def list_mails(scenario: MailScenario, **query: Any) -> list[tuple[str, str]]:
    return [(one["subject"], one["state"]) for one in ask(scenario, "mails", **query)["value"]]


EVERYTHING = [
    ("Still waiting", "waiting"), ("Set aside", "skipped"), ("Nobody knows me", "quarantined"),
    ("Away", "quarantined"), ("Printer ÄÖ on fire", "delivered"), ("Printer ÄÖ on fire", "skipped"),
]  # fmt: skip


def check_answers(scenario: MailScenario) -> None:
    assert sorted(list_mails(scenario)) == sorted(EVERYTHING)
    assert list_mails(scenario)[:4] == EVERYTHING[:4]
    history = ask(scenario, "mail-history", period="day")
    assert (history["period"], history["stepSeconds"], history["isComplete"]) == ("day", 3600, True)
    [own] = history["value"]
    assert (own["mailbox"], len(own["points"])) == (scenario.name, 24)
    assert own["totals"] == {"received": 5, "delivered": 1, "failed": 2, "setAside": 3}
    assert sum(one["tickets"] for one in own["points"]) == 1
    [delay] = {one["delaySecondsMedian"] for one in own["points"]} - {None}
    assert 3520 < delay < 3700
    month = ask(scenario, "mail-history", period="month", mailbox=scenario.name)
    assert (month["stepSeconds"], len(month["value"][0]["points"])) == (86400, 30)
    assert month["value"][0]["totals"] == own["totals"]


def test_answers_are_the_same_before_and_after_the_roll_up(busy: MailScenario) -> None:
    check_answers(busy)
    busy.services.roll_up_history()
    check_answers(busy)
    busy.services.roll_up_history()
    check_answers(busy)
