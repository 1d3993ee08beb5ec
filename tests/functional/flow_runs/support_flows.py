"""The sample flow of support mails, run by the engine against the app; its lists and mails are doubles."""

from datetime import UTC, datetime
from typing import Any

from devkit.flow_engine import Backend
from devkit.flow_engine import Flow as PollingFlow
from devkit.flow_runs.connections import Connections
from devkit.flow_runs.doubles.outlook import Outlook
from devkit.flow_runs.doubles.sharepoint import Item, SharePoint, SharePointList
from devkit.flow_runs.engine import Beginning, Run, run_flow
from devkit.flow_runs.records import Record
from devkit.flow_runs.triggers import begin_runs
from devkit.flows.sources import FLOWS, load_flow
from tests.functional.mail.conftest import MailScenario

SITE = "https://example.com/sites/helpdesk"


class SupportFlow:
    """The flow that makes tickets, with its polling trigger and the connections that it was given."""

    def __init__(self, scenario: MailScenario, *, reads_both_branches: bool) -> None:
        self.scenario = scenario
        self._flow = load_flow(FLOWS / "support-mail-ticket.json")
        self._reads_both_branches = reads_both_branches
        self.outlook = Outlook()
        self._list = SharePointList(
            frozenset({"Title", "Requester", "EventId", "AppointmentId"}), frozenset({"Description", "Notes"})
        )
        sharepoint = SharePoint(SITE, {"Tickets": self._list})
        app = Backend(scenario.gateway.base_url, scenario.gateway.key)
        self._connections = Connections(app, [sharepoint, self.outlook], scenario.gateway.http)
        self._trigger = PollingFlow(
            app, "triggers/mails/arrived", {"mailbox": scenario.name}, http=scenario.gateway.http
        )
        self._parameters = {name: setting.default for name, setting in self._flow.settings.items()} | {
            "Support mailbox (ggw_SupportMailbox)": scenario.name,
            "$authentication": {},
        }
        self._triggers: dict[int, Record] = {}
        assert self._trigger.recur() == []

    @property
    def tickets(self) -> list[Item]:
        """The tickets, in order."""
        return list(self._list.items.values())

    def receive(self, **mail: Any) -> list[Run]:
        """Receive one mail, let the gateway read it, and return the runs that the trigger starts."""
        self.scenario.receive(**mail)
        self.scenario.run()
        now = datetime.now(UTC)
        begun = begin_runs(self._flow, {"value": self._trigger.recur()}, now, self._parameters)
        runs = [self._run(trigger, now) for trigger in begun]
        self._triggers |= {id(run): trigger for run, trigger in zip(runs, begun, strict=True)}
        return runs

    def run_again(self, run: Run) -> Run:
        """Resubmit a run: another run with the same trigger."""
        return self._run(self._triggers[id(run)], datetime.now(UTC))

    def _run(self, trigger: Record, now: datetime) -> Run:
        beginning = Beginning(trigger, self._parameters, now, reads_both_branches=self._reads_both_branches)
        return run_flow(self._flow, beginning, self._connections)
