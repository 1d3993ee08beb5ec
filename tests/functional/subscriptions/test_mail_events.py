"""Events of support mailboxes: what comes in, what becomes a ticket, what is set aside or fails."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from composition.mail_requests import poll_as_asked
from inbound_mail.ledger import rows
from inbound_mail.messages import PollRequest
from inbound_mail.reports.mail_events import MAIL_EVENTS, RecordedMails, WantedMails
from shared.errors import Refused
from shared.storage.tables import Operation
from shared.time_zones.zones import utc_text
from tests.functional.conftest import Gateway, read_error
from tests.functional.mail.conftest import MailScenario, open_mail_scenario
from tests.functional.mail.test_quarantine import bounce_of
from tests.functional.subscriptions.conftest import HOST, URL, Clock, Engine


@pytest.fixture
def scenario(gateway_process: Gateway) -> MailScenario:
    return open_mail_scenario(gateway_process, settings={"EVENT_TARGET_HOSTS": HOST})


@pytest.fixture
def engine(scenario: MailScenario, moved: Clock) -> Iterator[Engine]:
    made = Engine(scenario.gateway, moved)
    yield made
    made.clear()


def subscribe(engine: Engine, scenario: MailScenario, *events: str, **more: object) -> dict[str, object]:
    target = {"kind": "https", "url": URL}
    body = {"events": list(events), "mailbox": scenario.name, "target": target} | more
    answer = engine.gateway.post("subscriptions", body)
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.json()
    return made


def events(engine: Engine) -> list[tuple[str, str]]:
    return [(one.json["type"], one.json["data"]["subject"]) for one in engine.sent]


def test_a_mail_gives_its_events_in_order(engine: Engine, scenario: MailScenario) -> None:
    subscribe(engine, scenario, *MAIL_EVENTS)
    scenario.receive(subject="Printer on fire")
    scenario.run()
    engine.sweep()
    engine.pump()
    kinds = ["mail.arrived", "mail.delivered", "ticket.created"]
    assert events(engine) == [(kind, "Printer on fire") for kind in kinds]
    arrived, delivered, ticket = (one.json for one in engine.sent)
    assert arrived["source"] == f"/gateway/mailboxes/{scenario.name}"
    assert arrived["subject"] == delivered["subject"] == ticket["subject"] == arrived["data"]["key"]
    assert ticket["data"]["ticket"] == "T-1"
    assert len({one.id for one in engine.sent}) == 3
    engine.sweep()
    engine.pump()
    assert len(engine.sent) == 3


def test_what_is_set_aside_or_fails_or_bounces_has_events_of_its_own(engine: Engine, scenario: MailScenario) -> None:
    subscribe(engine, scenario, "mail.setAside", "mail.failed", "mail.bounced")
    scenario.receive(subject="Out of office", headers={"Auto-Submitted": "auto-replied"})
    scenario.run()
    scenario.receive(**bounce_of("<stranger@example.com>"))
    scenario.run()
    twice = {"subject": "Plain", "text": "T", "message_id": "<plain@example.com>", "received": datetime.now(UTC)}
    scenario.receive(**twice)
    scenario.receive(**twice)
    scenario.run()

    def refuse() -> None:
        raise Refused("The desk refuses it. Correct it.", code="Nope")

    scenario.sink.before = refuse
    scenario.receive(subject="Refused")
    scenario.run()
    scenario.sink.before = lambda: None
    aside = scenario.receive(subject="By hand")
    scenario.poll()
    scenario.queue.take()
    by_hand = engine.gateway.post(
        f"mailboxes/{scenario.name}/mails/{scenario.mailbox.key(aside.id)}/set-aside",
        {"reason": "known", "by": "Megan"},
    )
    assert by_hand.status_code == 200, by_hand.text
    scenario.run()
    engine.sweep()
    engine.pump()
    assert events(engine) == [
        ("mail.bounced", "Undeliverable"),
        ("mail.setAside", "Out of office"),
        ("mail.setAside", "Undeliverable"),
        ("mail.setAside", "Plain"),
        ("mail.failed", "Refused"),
        ("mail.setAside", "By hand"),
    ]
    assert engine.sent[4].json["data"]["cause"] == "Nope"


def test_the_poll_wakes_the_subscriptions_of_its_mailbox(engine: Engine, scenario: MailScenario) -> None:
    subscribe(engine, scenario, "mail.arrived")
    scenario.receive(subject="Printer on fire")
    poll_as_asked(PollRequest(scenario.name, at_once=True))
    engine.pump()
    assert events(engine) == [("mail.arrived", "Printer on fire")]
    poll_as_asked(PollRequest(scenario.name, at_once=True))
    assert engine.queue.messages == [], "nothing grew"


def test_filters_and_replay(engine: Engine, scenario: MailScenario) -> None:
    scenario.receive(subject="Early")
    scenario.run()
    began = datetime.now(UTC) - timedelta(minutes=5)
    for name, column in ((rows.feed_row(1), "stored_at"), (rows.outcome_row(1), "at")):
        row = {"PartitionKey": scenario.name, "RowKey": name, column: began - timedelta(minutes=5)}
        scenario.services.table.transact([Operation("merge", row)])
    scenario.receive(subject="Late")
    scenario.run()
    [sink] = scenario.sinks
    made = subscribe(
        engine, scenario, "mail.arrived", "ticket.created", folder="inbox", sink=sink, since=utc_text(began)
    )
    engine.pump()
    assert events(engine) == [("mail.arrived", "Late"), ("ticket.created", "Late")]
    subscribe(engine, scenario, "mail.arrived", folder="elsewhere", since=utc_text(began - timedelta(days=1)))
    engine.pump()
    assert len(engine.sent) == 2
    engine.act(made, "replay", since=utc_text(began - timedelta(days=1)))
    engine.pump()
    assert [name for _, name in events(engine)[2:]] == ["Early", "Late", "Early", "Late"]


def test_a_failure_between_two_events_of_one_mail_repeats_neither(engine: Engine, scenario: MailScenario) -> None:
    subscribe(engine, scenario, *MAIL_EVENTS)
    scenario.receive(subject="Printer on fire")
    scenario.run()
    webhooks = engine.gateway.sim.webhooks
    for status in (204, 204, 503):
        webhooks.answer(status, times=1)
    engine.sweep()
    engine.pump()
    engine.clock.pass_by(hours=1)
    engine.pump()
    assert [one.json["type"] for one in webhooks.accepted] == ["mail.arrived", "mail.delivered", "ticket.created"]
    assert webhooks.duplicates() == {}


def test_pages_of_events_leave_nothing_out(scenario: MailScenario) -> None:
    for number in range(3):
        scenario.receive(subject=f"Mail {number}")
    scenario.run()
    wanted, place, found = WantedMails(MAIL_EVENTS), [0, 0, ""], []
    while True:
        page = RecordedMails(scenario.mailbox).read(place, wanted, 1)
        found += [event.id for event, _ in page.events]
        place = page.place
        if not page.has_more:
            break
    whole = RecordedMails(scenario.mailbox).read([0, 0, ""], wanted, 100)
    assert found == [event.id for event, _ in whole.events]
    assert len(set(found)) == 9
    for number, (_, at) in enumerate(whole.events):
        rest = RecordedMails(scenario.mailbox).read(at, wanted, 100)
        assert [event.id for event, _ in rest.events] == found[number + 1 :]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"mailbox": "unknown"}, 404, "UnknownMailbox"),
        ({"sink": "unknown"}, 400, "UnknownSink"),
        ({"business": "desk@contoso.com"}, 400, "Contradiction"),
        ({"events": ["mail.arrived", "appointment.created"]}, 400, "Contradiction"),
    ],
)
def test_what_cannot_be_wanted_is_refused(
    engine: Engine, scenario: MailScenario, change: dict[str, object], status: int, code: str
) -> None:
    body = {"events": ["mail.arrived"], "mailbox": scenario.name, "target": {"kind": "https", "url": URL}} | change
    refused = read_error(engine.gateway.post("subscriptions", body))
    assert (refused["status"], refused["code"]) == (status, code)
