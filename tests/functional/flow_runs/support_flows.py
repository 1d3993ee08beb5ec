"""The sample flows of support mails, run by the engine against the app; lists, mails and messages are doubles."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from devkit.flow_engine import Backend
from devkit.flow_runs.connections import App, Connections
from devkit.flow_runs.doubles.outlook import Outlook
from devkit.flow_runs.doubles.sharepoint import Item, SharePoint, SharePointList
from devkit.flow_runs.doubles.teams import Teams
from devkit.flow_runs.engine import Beginning, Run, run_flow
from devkit.flow_runs.faults import FaultyHost
from devkit.flow_runs.host import Answer, Call
from devkit.flow_runs.records import Record
from devkit.flows.sources import FLOWS, load_flow
from tests.functional.flow_trigger import FlowTrigger
from tests.functional.mail.conftest import MailScenario

SITE = "https://example.com/sites/helpdesk"
ADDRESS, RECIPIENTS = "support@example.com", "charge@example.com"
CHANNEL = "https://teams.microsoft.com/l/channel/19%3Aabc%40thread.tacv2/Alarms?groupId=7e00-01&tenantId=7e00-02"
BOTH_READINGS = [
    pytest.param(True, id="eager-if"),
    pytest.param(False, id="lazy-if", marks=pytest.mark.slow(reason="what fails lazily fails eagerly, too")),
]


class SupportConnections(Connections):
    """Connections that can show a mail's files as larger than they are."""

    shown_size: int | None = None

    def call(self, call: Call) -> Answer:
        answer = super().call(call)
        if call.operation != "GetMail" or self.shown_size is None:
            return answer
        files = [file | {"size": self.shown_size} for file in answer.body["attachments"]]
        return replace(answer, body=answer.body | {"attachments": files})


class SupportFlow:
    """One flow with its trigger and the connections that it was given."""

    def __init__(self, scenario: MailScenario, name: str, *, reads_both_branches: bool = False) -> None:
        self.scenario = scenario
        self._flow = load_flow(FLOWS / f"{name}.json")
        self._reads_both_branches = reads_both_branches
        self.outlook, self.teams = Outlook(), Teams()
        one_line = frozenset({"Title", "Requester", "EventId", "ThreadId", "AppointmentId", "TicketId", "Confirmed"})
        self._list, self._comments = (
            SharePointList(one_line - more, frozenset({"Description", "Notes"}) - more)
            for more in (frozenset({"TicketId"}), frozenset({"AppointmentId", "Confirmed", "Notes"}))
        )
        app = Backend(scenario.gateway.base_url, scenario.gateway.key)
        lists = {"Tickets": self._list, "Ticket comments": self._comments}
        doubles = [SharePoint(SITE, lists), self.outlook, self.teams]
        self.connections = SupportConnections(App(app, scenario.gateway.http), doubles)
        self.host = FaultyHost(self.connections)
        chosen = {"SharePointSite": SITE, "TicketList": "Tickets", "CommentList": "Ticket comments",
                  "SupportMailbox": scenario.name, "ChannelLink": CHANNEL, "SupportAddress": ADDRESS,
                  "Recipients": RECIPIENTS}  # fmt: skip
        self._parameters: dict[str, Any] = {
            name: chosen[setting.short_name] for name, setting in self._flow.settings.items()
        } | {"$authentication": {}}
        self._triggers: dict[int, Record] = {}
        self._trigger = FlowTrigger(scenario.gateway, self._flow, self._parameters)

    @property
    def tickets(self) -> list[Item]:
        """The tickets, in order."""
        return list(self._list.items.values())

    @property
    def comments(self) -> list[Item]:
        """The comments on tickets, in order."""
        return list(self._comments.items.values())

    def receive(self, **mail: Any) -> list[Run]:
        """Receive one mail, let the gateway work on it, and return the runs that the trigger starts."""
        self.scenario.receive(**mail)
        self.scenario.run()
        now = datetime.now(UTC)
        begun = self._trigger.begin()
        runs = [self._run(trigger, now) for trigger in begun]
        self._triggers |= {id(run): trigger for run, trigger in zip(runs, begun, strict=True)}
        return runs

    def run_again(self, run: Run) -> Run:
        """Resubmit a run: another run with the same trigger."""
        return self._run(self._triggers[id(run)], datetime.now(UTC))

    def _run(self, trigger: Record, now: datetime) -> Run:
        beginning = Beginning(trigger, self._parameters, now, reads_both_branches=self._reads_both_branches)
        return run_flow(self._flow, beginning, self.host)


def only(runs: list[Run]) -> Run:
    """Return the one run, in which no step failed."""
    [run] = runs
    assert [record for record in run.history if record["status"] in ("Failed", "TimedOut")] == []
    assert run.status == "Succeeded"
    return run
