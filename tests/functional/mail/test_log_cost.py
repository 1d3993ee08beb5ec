"""What the platform's host forwards to the log for an idle poll and for a delivered mail: a few short lines."""

import json
import logging
from collections.abc import Iterator

import pytest

from devkit.host.logs import InvocationFilter
from devkit.host.settings import HostSettings
from inbound_mail.messages import DeliveryRequest, PollRequest
from tests.functional.mail.conftest import MailScenario
from tests.house.source import ROOT


class WorkersHandler(logging.Handler):
    """What the worker adds to the root logger; it keeps what the host lets through at the levels of host.json."""

    def __init__(self, scenario: MailScenario) -> None:
        super().__init__()
        levels = HostSettings.load(ROOT, None, {}).log_levels
        self.addFilter(InvocationFilter(levels, scenario.gateway.host.worker.find_function_name))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def take(self) -> tuple[int, int]:
        """Return the number of lines and bytes since the last time."""
        taken, self.lines = self.lines, []
        return len(taken), sum(len(line.encode()) for line in taken)


@pytest.fixture
def forwarded(scenario: MailScenario) -> Iterator[WorkersHandler]:
    """The root logger as the worker leaves it: level INFO, and its handler."""
    root, handler = logging.getLogger(), WorkersHandler(scenario)
    before = root.level
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


def run(scenario: MailScenario, function: str, message: PollRequest | DeliveryRequest) -> None:
    assert scenario.gateway.host.fire(function, json.dumps(message.to_json())).result(60).ok


def test_a_quiet_mailbox_and_a_delivered_mail_write_a_few_short_lines(
    scenario: MailScenario, forwarded: WorkersHandler
) -> None:
    poll = PollRequest(scenario.name)
    run(scenario, "poll_mailbox", poll)  # signs in, makes tables
    forwarded.take()
    run(scenario, "poll_mailbox", poll)
    lines, size = forwarded.take()
    assert lines <= 1
    assert size <= 150

    mail = scenario.receive(subject="Printer", sender=("Lee Gu", "lee.gu@contoso.com"))
    key, [sink] = scenario.mailbox.key(mail.id), scenario.sinks
    run(scenario, "poll_mailbox", poll)
    run(scenario, "deliver_mail", DeliveryRequest(scenario.name, key, sink))
    run(scenario, "poll_mailbox", poll)
    assert scenario.describe(mail.id)["state"] == "delivered"
    lines, size = forwarded.take()
    assert 1 <= lines <= 3
    assert size <= 600


@pytest.mark.usefixtures("forwarded")
def test_only_the_libraries_reports_of_every_call_are_silent() -> None:
    for name in ("azure.core.pipeline.policies", "azure.identity", "msal.token_cache", "urllib3.connectionpool"):
        assert logging.getLogger(name).getEffectiveLevel() == logging.WARNING
    assert logging.getLogger("azure.functions").getEffectiveLevel() == logging.INFO  # the worker's own
