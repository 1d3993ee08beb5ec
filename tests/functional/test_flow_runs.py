"""Each sample flow, run from its trigger to its end against the app and doubles of other connectors."""

import re

import pytest

from devkit.flow_runs.failure_table import Judge, Trial
from devkit.flow_runs.records import HIDDEN
from devkit.flows.sources import FLOWS
from tests.functional.conftest import Gateway
from tests.functional.flow_scenarios import CSV, JSON, PNG, Scenarios

pytestmark = pytest.mark.usefixtures("rows_in_memory")

_FOREIGN_MARKUP = re.compile("(?:Sons|0042|Printer) <b>")  # what the scenarios let customers and senders write
_ESCAPED_MARKUP = re.compile("(?:Sons|0042|Printer) &lt;b")
NAMES = sorted(path.stem for path in FLOWS.glob("*.json"))


@pytest.fixture
def scenarios(gateway_process: Gateway) -> Scenarios:
    return Scenarios(gateway_process)


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_does_its_work_in_both_readings_of_if(scenarios: Scenarios, name: str) -> None:
    for case in scenarios.cases(name):
        lazy, eager = Judge(case), Judge(case, reads_both_branches=True)
        assert lazy.wanted == eager.wanted
        assert lazy.wanted or lazy.good.runs[0].response, f"{case.name}: nothing was done"


def test_every_file_of_a_mail_reaches_its_ticket_byte_for_byte(scenarios: Scenarios) -> None:
    trial = Trial(next(scenarios.cases("support-mail-ticket")))
    trial.run()
    [ticket] = trial.world.tickets.items.values()
    assert sorted(ticket.attachments.values()) == sorted([CSV, JSON, PNG])
    assert "<li>Plan.docx (" in str(ticket.values["Description"])


@pytest.mark.slow(reason="runs every flow")
def test_what_others_wrote_is_text_in_mails_messages_and_descriptions(scenarios: Scenarios) -> None:
    escaped = set()
    for name in NAMES:
        for case in scenarios.cases(name):
            trial = Trial(case)
            trial.run()
            world = trial.world
            shown = [mail.body for mail in world.outlook.mails] + [message.body for message in world.teams.messages]
            shown += [str(ticket.values["Description"]) for ticket in world.tickets.items.values()]
            for text in shown:
                assert not _FOREIGN_MARKUP.search(text), f"{name}, {case.name}: {text}"
            escaped |= {name for text in shown if _ESCAPED_MARKUP.search(text)}
    assert len(escaped) > len(NAMES) / 2


def test_a_key_is_in_no_history(scenarios: Scenarios) -> None:
    trial = Trial(next(scenarios.cases("new-appointment-without-connector")))
    run = trial.run()
    assert trial.case.settings["GatewayKey"] not in str(run.history)
    assert HIDDEN in str(run.history)
