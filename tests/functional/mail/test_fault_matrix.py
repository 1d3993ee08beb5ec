"""Every known fault of Graph, at every kind of call: which mails wait, which go on, and that none is lost."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from composition import services
from inbound_mail.intake.polling import Polled
from shared.storage.account import Storage
from tests.functional.conftest import Gateway
from tests.functional.mail.conftest import EASYVISTA, MailScenario, OpenScenario
from twin import Answer
from twin.core.faults import Drop, Fault, Garble
from twin.entra.state import Entra
from twin.mail.contents import File, Item
from twin.seeds import tiny
from twin.seeds.mails import SECOND, SUPPORT
from twin.seeds.sample import CLIENT_ID

pytestmark = [
    pytest.mark.usefixtures("impatient", "rows_in_memory"),
    pytest.mark.slow(reason="breaks every kind of call in every way"),
]

LETTER = b"From: kim@example.com\r\nSubject: The original\r\n\r\nHello.\r\n"
GRAPH = "graph.microsoft.com"

WHERE = {
    "delta": ("GET", r"support@contoso\.com/.*/messages/delta$"),
    "message": ("GET", r"support@contoso\.com/messages/[^/]+$"),
    "attachments": ("GET", r"support@contoso\.com/messages/[^/]+/attachments$"),
    "value": ("GET", r"support@contoso\.com/.*/\$value$"),
    "patch": ("PATCH", r"support@contoso\.com/messages/[^/]+$"),
    "move": ("POST", r"support@contoso\.com/messages/[^/]+/move$"),
}

BOX = [
    (403, "ErrorAccessDenied"),
    (404, "MailboxNotEnabledForRESTAPI"),
    (404, "ErrorInvalidUser"),
    (424, "FailedDependency"),
    (429, "ApplicationThrottled"),
    (429, "ErrorTooManyObjectsOpened"),
    (503, "ErrorMailboxMoveInProgress"),
    (503, "ErrorMailboxStoreUnavailable"),
    (503, "ErrorServerBusy"),
    (503, "serviceNotAvailable"),
    (507, "ErrorQuotaExceeded"),
    (509, "BandwidthLimitExceeded"),
]
# These differ only in their codes, which the gateway ignores: long tests use one of each status.
KIN = [
    (404, "ErrorInvalidUser"),
    (429, "ErrorTooManyObjectsOpened"),
    (503, "ErrorMailboxMoveInProgress"),
    (503, "ErrorMailboxStoreUnavailable"),
    (503, "serviceNotAvailable"),
]
READING = [
    *BOX,
    (400, "InefficientFilter"),
    (400, "ErrorInvalidIdMalformed"),
    (404, "ErrorItemNotFound"),
    (403, "extensionError"),
    (500, "ErrorInternalServerError"),
    (502, "BadGateway"),
    (504, "UnknownError"),
]


def strike(scenario: MailScenario, where: str, status: int, code: str, **more: Any) -> Fault:
    """Let one kind of call fail, always by default."""
    method, path = WHERE[where]
    body = {"error": {"code": code, "message": "", "innerError": {"code": code}}}
    answer = Answer(status, {}, body)
    return scenario.gateway.sim.faults.add(
        answer, **({"api": "mail", "method": method, "path": path, "times": None} | more)
    )


def relent(scenario: MailScenario) -> None:
    assert all(fault.fired for fault in scenario.gateway.sim.faults.all()), "nothing was struck"
    scenario.gateway.sim.faults.clear()


def state(scenario: MailScenario) -> dict[str, Any]:
    return scenario.mailbox.ledger.state().values


@pytest.fixture
def scenarios(gateway_process: Gateway) -> Callable[..., tuple[MailScenario, MailScenario]]:
    """A function that opens two mailboxes of one connection."""

    def open_them(**mailbox: Any) -> tuple[MailScenario, MailScenario]:
        suffix = uuid.uuid4().hex[:10]
        names = [f"a{suffix}", f"b{suffix}"]
        given = [
            {"name": name, "address": address, "sinks": [f"sink-{name}"]} | mailbox
            for name, address in zip(names, (SUPPORT, SECOND), strict=True)
        ]
        sinks = {f"sink-{name}": EASYVISTA for name in names}
        gateway_process.begin(
            tiny.seed, BOOKINGS_BUSINESSES=tiny.BUSINESS, MAILBOXES=json.dumps(given), SINKS=json.dumps(sinks)
        )
        built = services.services()
        storage = Storage(built.settings.storage, built.authenticator.identity)
        one, other = (MailScenario(gateway_process, built.mail, storage, name, (f"sink-{name}",)) for name in names)
        return one, other

    return open_them


@pytest.fixture
def pair(scenarios: Callable[..., tuple[MailScenario, MailScenario]]) -> tuple[MailScenario, MailScenario]:
    """Two scenarios with the usual settings."""
    return scenarios()


@pytest.mark.parametrize(("status", "code"), READING)
def test_a_mailbox_that_cannot_be_read_rests_and_the_others_go_on(
    pair: tuple[MailScenario, MailScenario], status: int, code: str
) -> None:
    scenario, other = pair
    scenario.receive(subject="Here already")
    scenario.poll()
    scenario.receive(subject="Not seen yet")
    other.receive(subject="Elsewhere")
    strike(scenario, "delta", status, code)
    assert scenario.poll() is Polled.FAILED
    assert scenario.poll(at_once=False) is Polled.PAUSED
    assert other.poll() is Polled.DONE
    assert state(scenario)["failures"] == 1
    assert state(scenario)["last_error"]
    assert state(scenario)["paused_until"] > datetime.now(UTC)
    assert state(other)["failures"] == 0
    scenario.deliver()
    assert len(scenario.sink.tickets) == 1, "what was here must be delivered all the same"
    relent(scenario)
    scenario.run()
    assert sorted(mail["subject"] for mail in scenario.mails()) == ["Here already", "Not seen yet"]
    assert len(scenario.sink.tickets) == 2


@pytest.mark.parametrize(("status", "code"), [*(row for row in BOX if row not in KIN), (401, "TokenExpired")])
def test_attachments_that_a_mailbox_denies_cost_no_mail_its_tries(
    scenario: MailScenario, status: int, code: str
) -> None:
    mails = [scenario.receive(subject=f"{number}", attachments=[File("a.txt", data=b"a")]) for number in range(2)]
    plain = scenario.receive(subject="Plain")
    strike(scenario, "attachments", status, code)
    for _ in range(3):
        assert scenario.poll() is Polled.FAILED
    scenario.deliver()
    assert scenario.describe(plain.id)["state"] == "delivered"
    assert [scenario.describe(mail.id)["state"] for mail in mails] == ["seen", "seen"]
    assert state(scenario).get("gone", 0) == 0
    relent(scenario)
    scenario.run()
    assert [scenario.describe(mail.id)["state"] for mail in mails] == ["delivered", "delivered"]
    assert all(
        len(prepared.mail.attachments) == 1 for prepared in scenario.sink.received if prepared.mail.graph_id != plain.id
    )


@pytest.mark.parametrize("answer", [Answer(500), Answer(502), Answer(504), Answer(404), Answer(401), Drop(), Garble()])
def test_an_outage_of_all_of_graph_sets_no_mail_aside(scenario: MailScenario, answer: Any) -> None:
    mail = scenario.receive(attachments=[File("a.txt", data=b"a")])
    strike(scenario, "attachments", 503, "ErrorServerBusy")
    scenario.poll()
    relent(scenario)
    scenario.gateway.sim.faults.add(answer, host=GRAPH, times=None)
    for _ in range(5):
        assert scenario.poll() is Polled.FAILED
    relent(scenario)
    assert scenario.describe(mail.id)["state"] == "seen"
    scenario.run()
    assert scenario.describe(mail.id)["state"] == "delivered"


def test_one_mail_whose_attachments_are_barred_does_not_bar_those_of_a_long_queue(scenario: MailScenario) -> None:
    mails = [scenario.receive(subject=f"{number}", attachments=[File("a.txt", data=b"a")]) for number in range(45)]
    barred = min(mails, key=lambda mail: scenario.mailbox.key(mail.id))  # the first in the queue
    strike(scenario, "attachments", 403, "ErrorAccessDenied", path=rf"/{barred.id}/attachments$")
    for _ in range(3):
        assert scenario.poll() is Polled.DONE
    scenario.deliver()
    assert len(scenario.sink.tickets) == 44
    [set_aside] = scenario.describe(barred.id)["deliveries"]
    assert (set_aside["state"], set_aside["cause"]) == ("quarantined", "AttachmentsUnreadable")


def test_attachments_that_are_barred_everywhere_are_the_matter_of_the_mailbox(scenario: MailScenario) -> None:
    mails = [scenario.receive(subject=f"{number}", attachments=[File("a.txt", data=b"a")]) for number in range(3)]
    strike(scenario, "attachments", 403, "ErrorAccessDenied")
    for _ in range(4):
        assert scenario.poll() is Polled.FAILED
    assert [scenario.describe(mail.id)["state"] for mail in mails] == ["seen"] * 3
    relent(scenario)
    scenario.run()
    assert [scenario.describe(mail.id)["state"] for mail in mails] == ["delivered"] * 3


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (405, "ErrorInvalidRequest", "at once"),
        (404, "ErrorItemNotFound", "at once"),
        (500, "ErrorContentConversionFailed", "third"),
        (500, "ErrorInternalServerError", "third"),
        (503, "ErrorServerBusy", "never"),
        (403, "ErrorAccessDenied", "never"),
        (509, "BandwidthLimitExceeded", "never"),
    ],
)
def test_bytes_that_do_not_come_are_left_out_at_once_later_or_waited_for(
    scenario: MailScenario, status: int, code: str, outcome: str
) -> None:
    mail = scenario.receive(attachments=[Item(LETTER)])
    strike(scenario, "value", status, code)
    polls = []
    for _ in range(4):
        polls.append(scenario.poll())
        scenario.deliver()
    omitted = scenario.sink.received[0].mail.attachments[0].omitted if scenario.sink.received else None
    assert omitted == (None if outcome == "never" else "Unreadable")
    assert polls == [Polled.FAILED if outcome == "never" else Polled.DONE] * 4
    relent(scenario)
    scenario.run()
    assert scenario.describe(mail.id)["state"] == "delivered"


def lose_arrival(scenario: MailScenario, mail: Any) -> None:
    """Remove a mail's arrival from the delta, so that it shows only a change of an unknown mail."""
    scenario.gateway.sim.run(lambda: scenario.twin_mailbox.change(mail, {"isRead": True}))
    scenario.gateway.sim.run(lambda: scenario.twin_mailbox.folder("inbox").log.pop(-2))


@pytest.mark.parametrize(("status", "code"), [(500, "ErrorInternalServerError"), (400, "ErrorInvalidRequest")])
def test_a_mail_that_cannot_be_read_by_itself_blocks_nobody_and_is_asked_for_again(
    scenario: MailScenario, status: int, code: str
) -> None:
    scenario.poll()
    mail = scenario.receive(subject="Hard to read")
    lose_arrival(scenario, mail)
    scenario.receive(subject="Easy to read")
    strike(scenario, "message", status, code)
    for _ in range(3):
        assert scenario.poll() is Polled.DONE
    assert [one["subject"] for one in scenario.mails()] == ["Easy to read"]
    relent(scenario)
    scenario.run()
    assert [one["subject"] for one in scenario.mails()] == ["Easy to read", "Hard to read"]
    assert len(scenario.sink.tickets) == 2


@pytest.mark.parametrize(("status", "code"), [(403, "ErrorAccessDenied"), (404, "MailboxNotEnabledForRESTAPI")])
def test_a_mail_that_the_mailbox_denies_is_read_when_it_relents(scenario: MailScenario, status: int, code: str) -> None:
    scenario.poll()
    mail = scenario.receive(subject="Denied")
    lose_arrival(scenario, mail)
    strike(scenario, "message", status, code)
    assert scenario.poll() is Polled.FAILED
    relent(scenario)
    scenario.run()
    assert [one["subject"] for one in scenario.mails()] == ["Denied"]


def test_a_mail_that_the_sweep_cannot_read_does_not_stop_the_sweep(scenario: MailScenario) -> None:
    scenario.poll()
    scenario.gateway.sim.mail.switches.set({"delta_delay_seconds": 86_400.0})
    hard, easy = scenario.receive(subject="Hard"), scenario.receive(subject="Easy")
    strike(scenario, "message", 500, "ErrorInternalServerError", path=rf"/{hard.id}$")
    for _ in range(2):
        cursor = scenario.mailbox.ledger.cursor("inbox")
        known = {name: cursor[name] for name in ("link", "query", "later")}
        scenario.mailbox.ledger.put_cursor("inbox", **known, swept_at=datetime.now(UTC) - timedelta(hours=2))
        assert scenario.poll() is Polled.DONE
        scenario.gateway.sim.faults.clear()
    scenario.deliver()
    assert {scenario.describe(mail.id)["state"] for mail in (hard, easy)} == {"delivered"}


@pytest.mark.parametrize("where", ["patch", "move"])
@pytest.mark.parametrize(("status", "code"), [row for row in BOX if row[0] not in (403, 404) and row not in KIN])
def test_a_mailbox_that_takes_no_writes_is_written_to_later(
    open_scenario: OpenScenario, where: str, status: int, code: str
) -> None:
    scenario = open_scenario(write_back={"read": True, "move_to": "archive"})
    mails = [scenario.receive(subject=f"{number}") for number in range(2)]
    scenario.poll()
    scenario.deliver()
    strike(scenario, where, status, code)
    late = scenario.receive(subject="Late")
    assert scenario.poll() is Polled.FAILED
    scenario.deliver()
    assert scenario.describe(late.id)["state"] == "delivered", "reading does not wait for writing"
    assert [mail.folder for mail in mails] == ["inbox", "inbox"]
    relent(scenario)
    scenario.run()
    assert [(mail.is_read, mail.folder) for mail in (*mails, late)] == [(True, "archive")] * 3


@pytest.mark.parametrize(("status", "asked", "kept"), [(429, 700, 700), (503, 9_999_999, 3600)])
def test_the_time_that_graph_asks_for_is_kept(scenario: MailScenario, status: int, asked: int, kept: int) -> None:
    scenario.gateway.sim.faults.add(Answer(status, {"retry-after": str(asked)}), api="mail", path="/delta$")
    before = datetime.now(UTC)
    assert scenario.poll() is Polled.FAILED
    assert timedelta(seconds=kept - 1) < state(scenario)["paused_until"] - before < timedelta(seconds=kept + 60)

    services.replace_services(None)  # another process, and a person who wants a poll at once
    scenario.gateway.sim.exchanges.clear()
    assert scenario.poll(at_once=True) is Polled.FAILED
    assert not [seen for seen in scenario.gateway.sim.exchanges.all() if seen.api in ("graph", "mail")]
    assert state(scenario)["last_error"] == "Throttled"


def test_rests_grow_and_end_with_the_first_success(scenario: MailScenario) -> None:
    strike(scenario, "delta", 403, "ErrorAccessDenied")
    rests = []
    for _ in range(7):
        before = datetime.now(UTC)
        scenario.poll()
        rests.append(round((state(scenario)["paused_until"] - before).total_seconds() / 10) * 10)
    assert rests == [30, 60, 120, 240, 480, 600, 600]
    relent(scenario)
    assert scenario.poll() is Polled.DONE
    assert state(scenario)["paused_until"] <= datetime.now(UTC)


@pytest.mark.parametrize("where", ["delta", "attachments", "value"])
def test_a_token_that_expired_is_replaced_once(scenario: MailScenario, where: str) -> None:
    scenario.receive(attachments=[Item(LETTER)])
    fault = strike(scenario, where, 401, "InvalidAuthenticationToken", times=1)
    if where == "attachments":  # the batch as a whole is refused
        scenario.gateway.sim.faults.clear()
        fault = scenario.gateway.sim.faults.add(Answer(401), api="graph", path=r"\$batch$")
    assert scenario.poll() is Polled.DONE
    assert fault.fired == 1
    scenario.deliver()
    assert len(scenario.sink.tickets) == 1
    assert scenario.sink.received[0].mail.attachments[0].omitted is None


def test_a_secret_that_expired_stops_all_mailboxes_of_the_connection_and_nothing_else(
    scenarios: Callable[..., tuple[MailScenario, MailScenario]],
) -> None:
    pair = scenarios(write_back={"read": True, "move_to": "archive"})
    for scenario in pair:
        scenario.receive(subject="Here already")
        scenario.poll()
    app = pair[0].gateway.sim.world.state(Entra).apps[CLIENT_ID]
    app.force(7000222)
    services.replace_services(None)
    for scenario in pair:
        scenario.services = services.services().mail
        scenario.receive(subject="Later")
        for _ in range(11):
            assert scenario.poll() is Polled.FAILED
        assert state(scenario)["failures"] == 11
        scenario.deliver()
        assert len(scenario.sink.tickets) == 1
    app.relent()
    services.replace_services(None)
    for scenario in pair:
        scenario.services = services.services().mail
        scenario.run()
        assert len(scenario.sink.tickets) == 2
        assert {mail.folder for mail in scenario.twin_mailbox.messages()} == {"archive"}


def test_a_strange_item_in_a_page_does_not_keep_stored_mails_from_their_tickets(
    scenario: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario.receive(subject="Here")
    page = scenario.mailbox.graph.read_delta

    def spoil(*given: Any) -> Any:
        found = page(*given)
        if found.delta_link and not state(scenario):
            return found
        found.items.append({"receivedDateTime": "2026-01-01T00:00:00Z"})
        return found

    scenario.poll()
    monkeypatch.setattr(scenario.mailbox.graph, "read_delta", spoil)
    assert scenario.poll() is Polled.FAILED
    assert state(scenario)["last_error"] == "Internal"
    scenario.deliver()
    assert len(scenario.sink.tickets) == 1
