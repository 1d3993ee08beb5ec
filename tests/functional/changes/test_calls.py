"""How many calls to Graph each question costs, as docs/architecture.md says."""

import re
from datetime import timedelta
from typing import Any

import pytest

from devkit.bootstrap import ROOT
from tests.functional.changes.conftest import CLEO, Page
from tests.functional.changes.test_triggers import flow, recur
from tests.functional.conftest import ahead
from twin.seeds import tiny

pytestmark = pytest.mark.slow(reason="asks every question twice, and restarts in between")

GROUP: dict[str, Any] = {"serviceId": tiny.GROUP, "maximumAttendeesCount": 12, "staffMemberIds": [tiny.BOB]}


def documented() -> dict[str, tuple[int, int]]:
    """Return the table: question -> calls of an instance that knows nothing yet, and of one that was asked before."""
    text = (ROOT / "docs/architecture.md").read_text().partition("## Calls to Graph")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \|$", text, flags=re.MULTILINE)
    return {question: (int(first), int(later)) for question, first, later in rows}


class Counted:
    """Counts the calls of each question twice: after a restart of the app, and right after that."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.found: dict[str, tuple[int, int]] = {}

    def ask(self, question: str, path: str, **query: Any) -> None:
        self.page.restart()
        self.found[question] = self._ask(path, query), self._ask(path, query)

    def _ask(self, path: str, query: Any) -> int:
        self.page.gateway.forget()
        of_page = not path.startswith("connector/")
        answer = self.page.gateway.get(f"bookings/businesses/{self.page.name}{path}" if of_page else path, **query)
        assert answer.status_code == 200, answer.text
        return len(self.page.gateway.graph_calls())

    def poll(self, question: str, kind: str, **query: Any) -> None:
        """Switch a flow on, let something happen, poll; and the same for one more flow."""
        self.page.restart()
        costs = [self._begin(kind, query) for _ in range(2)]
        self.found[f"{question}: switched on"] = costs[0][0], costs[1][0]
        self.found[f"{question}: nothing new"] = costs[0][1], costs[1][1]
        self.found[f"{question}: two changes"] = costs[0][2], costs[1][2]

    def _begin(self, kind: str, query: Any) -> tuple[int, int, int]:
        if self.page.state().row:
            self.page.age()
        self.page.gateway.forget()
        one = flow(self.page, kind, **query)
        begun = len(self.page.gateway.graph_calls())
        self.page.gateway.forget()
        assert recur(self.page, one) == []
        idle = len(self.page.gateway.graph_calls())
        for service in ({}, GROUP):
            self.page.book(ahead(days=5), customers=[CLEO], **service)
        self.page.gateway.forget()
        assert recur(self.page, one)
        return begun, idle, len(self.page.gateway.graph_calls())


def test_questions_cost_as_many_calls_as_the_documents_say(page: Page) -> None:
    start = ahead(days=1)
    span = {"start": start.date().isoformat(), "end": (start + timedelta(days=7)).date().isoformat()}
    ids = [page.book(ahead(days=2, hours=number), customers=[CLEO]) for number in range(4)]
    page.book(ahead(days=3), customers=[CLEO], **GROUP)
    counted = Counted(page)
    counted.ask("slots of a service, a month at most", "/slots", service=tiny.VISIT, **span)
    both = f"{tiny.VISIT},{tiny.GROUP}"
    counted.ask("slots of several services, a month at most", "/slots", service=both, **span)
    counted.ask("the overview of a page, with slots of all its services", "/overview")
    counted.ask("the agenda of a day", "/agenda", date=ahead(days=3).date().isoformat())
    counted.ask("the appointments of a month at most", "/appointments", **span)
    counted.ask("the same with details, for five of them", "/appointments", details="true", **span)
    counted.ask("the same for an unknown customer", "/appointments", customer="nobody@example.com", **span)
    counted.ask("one appointment", "/appointment", id=ids[0])
    counted.ask("a designer's list of coming appointments", "connector/appointments", business=page.name)
    counted.ask("a designer's list of customers, for each page of Graph", "connector/customers", business=page.name)
    counted.poll("trigger `created`", "created")
    counted.poll("trigger `created` of one service and staff member", "created", service=tiny.VISIT, staff=tiny.ANNE)
    counted.poll("trigger `registered`", "registered")
    counted.poll("trigger `any` with details", "any", details="true")
    assert counted.found == documented()
