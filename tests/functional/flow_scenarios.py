"""An event for each sample flow, made to happen in the app and the twin, as the flow's trigger brings it."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

from devkit.flow_engine import Backend
from devkit.flow_runs.connections import App
from devkit.flow_runs.doubles.sharepoint import Item
from devkit.flow_runs.failure_table import Case, Trial
from devkit.flow_runs.records import Record
from devkit.flow_runs.triggers import begin_runs
from devkit.flow_runs.world import FlowWorld, Thing
from devkit.flows.sources import FLOWS, Flow, load_flow
from shared.errors import Rejected
from tests.functional.changes.conftest import Page
from tests.functional.conftest import Gateway, ahead
from tests.functional.flow_trigger import FlowTrigger
from tests.functional.mail.conftest import open_mail_scenario
from twin.bookings.book import Appointment
from twin.mail.contents import File, Reference
from twin.seeds import tiny

ANSWER = {"questionId": tiny.QUESTION, "question": "Asset tag?", "answer": "LT-0042 <b>", "isRequired": False}
CUSTOMER = {
    "@odata.type": "#microsoft.graph.bookingCustomerInformation",
    "name": "Cleo O'Neil & Sons <b>",
    "emailAddress": "cleo.o'neil@example.com",
    "phone": "+44 20 7946 0000",
    "notes": "Please bring\na ladder.",
    "customQuestionAnswers": [ANSWER],
}
CSV, JSON, PNG = "Name;Straße\r\nMüller;1\r\n".encode("cp1252"), b'{ "a":1,  "b": [ ] }', b"\x89PNG\r\n\x1a\n\x00\xff"


class Scenarios:
    """Makes the cases of each sample flow, one after the other, each in a world of its own."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def cases(self, name: str) -> Iterator[Case]:
        """Yield the cases of a flow."""
        flow = load_flow(FLOWS / f"{name}.json")
        makers: Mapping[str, Callable[[Flow], Iterator[Case]]] = {
            "new-appointment-ticket": partial(self._appointments, happen=_book),
            "appointment-cancelled": partial(self._appointments, happen=_cancel, has_tickets=True),
            "appointment-reminder": partial(self._appointments, happen=_book_soon),
            "appointment-rescheduled": partial(self._appointments, happen=_move),
            "appointment-reassigned": partial(self._appointments, happen=_reassign),
            "daily-agenda": self._lists_of_appointments,
            "error-catcher": self._lists_of_appointments,
            "free-slot-answer": self._form,
            "book-appointment": self._requests,
            "new-appointment-without-connector": self._plain_http,
            "support-mail-ticket": self._mails,
            "support-mail-failed": self._failed_mail,
        }
        yield from makers[name](flow)

    # -- appointments -----------------------------------------------------------------------------------------------

    def _open_page(self) -> tuple[Page, dict[str, Any]]:
        page = Page(self.gateway, BOOKINGS_WRITES="on")
        return page, {"BookingPage": page.name, "Service": tiny.VISIT}

    def _appointments(
        self, flow: Flow, *, happen: Callable[[Page, str], str], has_tickets: bool = False
    ) -> Iterator[Case]:
        page, settings = self._open_page()
        booked = page.book(ahead(hours=30), customers=[CUSTOMER])
        page.ask()  # the first look only says where to go on
        turned_on = self._switch_on(flow, settings)
        appointment = happen(page, booked)
        page.ask()
        [trigger] = turned_on.begin()
        yield self._make(flow, "an event", trigger, settings)
        if has_tickets:
            yield self._make(flow, "a ticket is there", trigger, settings, lambda: _open_tickets(appointment))

    def _lists_of_appointments(self, flow: Flow) -> Iterator[Case]:
        page, settings = self._open_page()
        noon = datetime.combine(datetime.now(UTC), time(12), UTC)
        for days in (0, 1):
            page.book(noon + timedelta(days=days), customers=[CUSTOMER])
        [trigger] = begin_runs(flow, None, noon, {})
        yield self._make(flow, "two days", trigger, settings, now=noon)

    def _form(self, flow: Flow) -> Iterator[Case]:
        _, settings = self._open_page()
        day = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
        body = {"value": [{"eventType": "responseAdded", "resourceData": {"responseId": 7}}]}
        [trigger] = begin_runs(flow, body, datetime.now(UTC), {})
        response = {"responder": "robin@contoso.com", "r1": day, "submitDate": "7/31/2026 3:54:34 PM"}
        yield self._make(flow, "a response", trigger, settings, lambda: FlowWorld(responses={7: response}))

    def _requests(self, flow: Flow) -> Iterator[Case]:
        page, settings = self._open_page()
        noon = datetime.combine(datetime.now(UTC), time(12), UTC)
        made = page.book(noon + timedelta(days=2), customers=[CUSTOMER])
        start = f"{noon + timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
        asked = {"start": start, "requestKey": "", "service": tiny.VISIT}
        who = {"name": "Robin O'Neil", "emailAddress": "robin@example.com", "phone": "", "notes": ""}

        def list_all() -> list[Appointment]:
            return page.gateway.sim.run(lambda: list(page.simulated.appointments.all()))

        def count() -> Counter[Thing]:
            return Counter(Thing("appointment", f"{one.start:%d %H:%M}") for one in list_all())

        def clean_up() -> None:
            for one in list_all():
                if one.id != made:
                    page.cancel(one.id)
            page.move(made, noon + timedelta(days=2))

        def clean_up_with_key(body: dict[str, Any]) -> None:
            clean_up()
            body["requestKey"] = uuid.uuid4().hex

        make = partial(self._make, flow, settings=settings, count_more=count)
        for name, body in (("book", asked | who), ("move", asked | {"appointmentId": made})):
            [trigger] = begin_runs(flow, body, noon, {})
            yield make(f"{name} without key", trigger, clean_up=clean_up)
            clean_up_with_key(body)
            yield make(name, trigger, clean_up=partial(clean_up_with_key, body))

    def _plain_http(self, flow: Flow) -> Iterator[Case]:
        page, settings = self._open_page()
        settings |= {"GatewayAddress": self.gateway.base_url, "GatewayKey": self.gateway.key}
        page.ask()
        [trigger] = begin_runs(flow, None, datetime.now(UTC), {})
        first = self._make(flow, "first run", trigger, settings)
        yield first
        trial = Trial(first)
        trial.run()
        [state] = trial.world.state.items.values()
        for hours in (30, 32):
            page.book(ahead(hours=hours), customers=[CUSTOMER])
        page.ask()
        yield self._make(flow, "later", trigger, settings, lambda: _open_state(state))

    # -- mails ------------------------------------------------------------------------------------------------------

    def _mails(self, flow: Flow) -> Iterator[Case]:
        scenario = open_mail_scenario(self.gateway, attachment_mb=1)
        settings = {"SupportMailbox": scenario.name}
        turned_on = self._switch_on(flow, settings)
        scenario.receive(
            subject="Printer <b> o'clock",
            html="<p>On <b>fire</b></p><img src='cid:shot'>",
            attachments=[
                File('M"ü*<l>|l\\e:r?/.csv', "text/csv; charset=windows-1252", CSV),
                File("data.json", "application/json", JSON),
                File("shot.png", "image/png", PNG, inline=True, content_id="shot"),
                Reference("Plan.docx", "https://contoso-my.example/plan?a=1&b=2"),
            ],
        )
        scenario.run()
        [trigger] = turned_on.begin()
        yield self._make(flow, "a mail with files", trigger, settings)
        first = scenario.receive(subject="Scanner", message_id="scanner@x")
        headers = {"In-Reply-To": "<scanner@x>"}
        scenario.receive(subject="RE: Scanner", headers=headers, attachments=[File("a.json", "application/json", JSON)])
        scenario.run()
        begun = scenario.describe(first.id)
        [_, trigger] = turned_on.begin()
        yield self._make(flow, "a reply with a file", trigger, settings, lambda: _open_thread(begun))

    def _failed_mail(self, flow: Flow) -> Iterator[Case]:
        scenario = open_mail_scenario(self.gateway)
        settings = {"SupportMailbox": scenario.name}
        turned_on = self._switch_on(flow, settings)

        def refuse() -> None:
            raise Rejected("The desk knows no such category.", code="TicketRefused")

        scenario.sink.before = refuse
        scenario.receive(subject="Printer <b>")
        scenario.run()
        [trigger] = turned_on.begin()
        yield self._make(flow, "a mail in quarantine", trigger, settings)

    # -- triggers ---------------------------------------------------------------------------------------------------

    @property
    def _backend(self) -> Backend:
        return Backend(self.gateway.base_url, self.gateway.key)

    def _switch_on(self, flow: Flow, settings: Mapping[str, Any]) -> FlowTrigger:
        """Return the flow's trigger, turned on."""
        return FlowTrigger(self.gateway, flow, self._make(flow, "", {}, settings).parameters)

    def _make(
        self, flow: Flow, name: str, trigger: Record, settings: Mapping[str, Any],
        open_world: Callable[[], FlowWorld] = FlowWorld, *, now: datetime | None = None, **more: Any,
    ) -> Case:  # fmt: skip
        app = App(self._backend, self.gateway.http, remembers=True)
        return Case(flow, name, trigger, app, now or datetime.now(UTC), settings, open_world, **more)


def _book(page: Page, _: str) -> str:
    return page.book(ahead(hours=33), customers=[CUSTOMER], serviceName="Visit " + "x" * 300)


def _book_soon(page: Page, _: str) -> str:
    return page.book(ahead(minutes=40), customers=[CUSTOMER], staffMemberIds=[tiny.ANNE, tiny.BOB])


def _cancel(page: Page, booked: str) -> str:
    page.cancel(booked)
    return booked


def _move(page: Page, booked: str) -> str:
    return page.move(booked, ahead(hours=31))


def _reassign(page: Page, booked: str) -> str:
    return page.change(booked, staffMemberIds=[tiny.BOB])


def _open_tickets(appointment: str) -> FlowWorld:
    world = FlowWorld()
    world.tickets.add(Title="Visit: Cleo", EventId="e-1", AppointmentId=appointment, Notes="Called back.")
    world.tickets.add(Title="Another", EventId="e-2", AppointmentId="other")
    return world


def _open_thread(mail: Mapping[str, Any]) -> FlowWorld:
    world = FlowWorld()
    world.tickets.add(Title=mail["subject"], EventId=mail["key"], ThreadId=mail["reference"], Confirmed="yes")
    return world


def _open_state(state: Item) -> FlowWorld:
    world = FlowWorld()
    world.state.add(**state.values)
    return world
