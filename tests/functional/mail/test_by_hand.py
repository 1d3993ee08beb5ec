"""Mails by hand: delivered now, to another sink or to a ticket, or set aside; nothing twice, and the history stays."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.delivery.by_hand import Wish
from inbound_mail.delivery.delivery import DeliveryOutcome
from inbound_mail.ledger.claims import claim
from inbound_mail.ledger.decisions import Decision
from inbound_mail.ledger.delivery_history import add_to_history, read_history
from inbound_mail.reports.mails import list_set_aside, read_mail
from inbound_mail.reports.trigger_items import find_tickets
from inbound_mail.sinks.protocol import Look
from shared.errors import Conflict, GatewayError, InProgress, Invalid, NotFound, OutcomeUnknown, Rejected, Unavailable
from shared.json_text import Json
from tests.functional.conftest import read_error
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.mail.deliveries import ask_again, change, deliver, failing, taken_in
from tests.functional.prepared_mails import Vault, make_prepared_mail, make_sink
from twin.mail.contents import File

pytestmark = [
    pytest.mark.usefixtures("rows_in_memory"),
    pytest.mark.slow(reason="delivers and decides again, for each state of a mail"),
]

ANNA = Decision("Anna", "the robot is known")
REFUSED = Rejected("No such customer.", code="NoCustomer")


def by_hand(scenario: MailScenario, mail: Any, **wish: Any) -> list[str]:
    return scenario.by_hand.deliver(scenario.mailbox, scenario.mailbox.key(mail.id), Wish(**{"decision": ANNA} | wish))


def set_aside(scenario: MailScenario, mail: Any, sink: str | None = None) -> list[str]:
    return scenario.by_hand.set_aside(scenario.mailbox, scenario.mailbox.key(mail.id), sink, ANNA)


def refused(scenario: MailScenario, mail: Any, **wish: Any) -> str:
    with pytest.raises(GatewayError) as error:
        by_hand(scenario, mail, **wish)
    assert scenario.queue.messages == [], "a refused wish leaves no message"
    return error.value.code


def open_two(open_scenario: OpenScenario) -> tuple[MailScenario, str, str]:
    """A mailbox with one sink, another sink, and their names."""
    scenario = open_scenario(sinks=("one",), rule_sinks=("two",))
    one, two = scenario.sinks
    return scenario, one, two


def states(scenario: MailScenario, mail: Any) -> dict[str, str]:
    return {one["sink"].partition("-")[0]: one["state"] for one in scenario.describe(mail.id)["deliveries"]}


def histories(scenario: MailScenario, mail: Any) -> dict[str, list[Json]]:
    shown = read_mail(scenario.mailbox, scenario.mailbox.key(mail.id))
    return {one["sink"].partition("-")[0]: one["history"] for one in shown["deliveries"]}


def outline(entries: Sequence[Json]) -> list[str]:
    return [f"{one['what']} {one.get('outcome') or one.get('by')}" for one in entries]


# -- now


def test_a_waiting_mail_is_delivered_now(scenario: MailScenario) -> None:
    mail = taken_in(scenario)
    scenario.sink.before = failing(Unavailable("Away."), 1)
    deliver(scenario, mail)
    change(scenario, mail, due=datetime.now(UTC) + timedelta(minutes=15))
    scenario.queue.take()
    for _ in range(2):
        assert by_hand(scenario, mail) == list(scenario.sinks)
    deliverer = scenario.deliverer()
    outcomes = [deliverer.deliver(scenario.mailbox, one["key"], one["sink"]) for one, _ in scenario.queue.take()]
    assert outcomes == [DeliveryOutcome.DELIVERED, DeliveryOutcome.NOTHING_TO_DO]
    assert len(scenario.sink.tickets) == 1
    [entries] = histories(scenario, mail).values()
    assert outline(entries) == ["attempt waiting", "deliver Anna", "attempt delivered"]
    assert entries[0]["cause"] == "UpstreamUnavailable"


def test_the_history_survives_redeliveries_with_who_when_and_what(scenario: MailScenario) -> None:
    mail = taken_in(scenario)
    scenario.sink.before = failing(REFUSED, 2)
    deliver(scenario, mail)
    ask_again(scenario, mail)
    deliver(scenario, mail)
    by_hand(scenario, mail)
    scenario.run()
    [entries] = histories(scenario, mail).values()
    assert outline(entries) == [
        "attempt quarantined", "deliver None", "attempt quarantined", "deliver Anna", "attempt delivered",
    ]  # fmt: skip
    assert entries[3] | {"dateTime": "", "requestId": ""} == {
        "dateTime": "", "requestId": "", "what": "deliver", "by": "Anna", "reason": "the robot is known",
        "earlierState": "quarantined", "cause": "NoCustomer", "message": "No such customer.", "attempts": 1,
    }  # fmt: skip


def test_an_automatic_mail_that_a_person_wants_becomes_a_ticket(scenario: MailScenario) -> None:
    mail = taken_in(scenario, subject="Automatic reply: away", headers={"Auto-Submitted": "auto-replied"})
    deliver(scenario, mail)
    by_hand(scenario, mail)
    scenario.run()
    assert scenario.describe(mail.id)["state"] == "delivered"


def test_a_delivered_mail_and_one_that_a_worker_holds_are_left_alone(open_scenario: OpenScenario) -> None:
    scenario, one, two = open_two(open_scenario)
    mail = taken_in(scenario)
    held = claim(scenario.mailbox.ledger, scenario.mailbox.key(mail.id), one, 60)
    assert held
    for wish in ({}, {"sink": one}, {"sink": two}, {"ticket": "T-9"}):
        with pytest.raises(InProgress) as error:
            by_hand(scenario, mail, **wish)
        assert 0 < error.value.retry_after <= 61
    with pytest.raises(InProgress):
        set_aside(scenario, mail)
    held.complete(scenario.sink.deliver(*_prepared(scenario, mail, held)))
    for wish in ({}, {"sink": one}, {"sink": two}, {"sink": two, "instead_of": one}):
        assert refused(scenario, mail, **wish) == "AlreadyDelivered"
    with pytest.raises(Conflict) as again:
        set_aside(scenario, mail)
    assert again.value.code == "AlreadyDelivered"


def _prepared(scenario: MailScenario, mail: Any, held: Any) -> tuple[Any, Any]:
    record = scenario.mailbox.ledger.find_mail(scenario.mailbox.key(mail.id))
    return make_prepared_mail(reference=record.reference), held


# -- another sink


def test_a_mail_goes_to_another_sink_instead(open_scenario: OpenScenario) -> None:
    scenario, one, two = open_two(open_scenario)
    scenario.sinks[one].before = failing(REFUSED)
    mail = scenario.receive()
    scenario.run()
    for _ in range(2):
        assert by_hand(scenario, mail, sink=two) == [two]
    scenario.queue.put({"mailbox": scenario.name, "key": scenario.mailbox.key(mail.id), "sink": one})
    scenario.sinks[one].before = lambda: None
    scenario.run()
    assert states(scenario, mail) == {"one": "set-aside", "two": "delivered"}
    assert [len(sink.tickets) for sink in scenario.sinks.values()] == [0, 1]
    assert scenario.describe(mail.id)["state"] == "delivered"
    assert len(list(scenario.mailbox.ledger.quarantined())) == 0
    assert list(scenario.mailbox.ledger.open_mails()) == []
    [first, second] = histories(scenario, mail).values()
    assert (first[-1]["movedTo"], second[0]["insteadOf"]) == (two, one)
    created = find_tickets(scenario.mailbox, 0, 10, None, scenario.services.workers).items
    assert [(item["sink"], item["ticket"]) for item in created] == [(two, "T-1")]
    assert refused(scenario, mail, sink=one) == "AlreadyDelivered"


def test_a_mail_that_was_moved_comes_back(open_scenario: OpenScenario) -> None:
    scenario, one, two = open_two(open_scenario)
    mail = taken_in(scenario)
    by_hand(scenario, mail, sink=two)
    by_hand(scenario, mail, sink=one)
    scenario.run()
    assert states(scenario, mail) == {"one": "delivered", "two": "set-aside"}
    assert sum(len(sink.tickets) for sink in scenario.sinks.values()) == 1


@pytest.mark.parametrize("is_written", [True, False])
def test_an_unknown_outcome_is_looked_for_before_another_sink_gets_the_mail(
    open_scenario: OpenScenario, is_written: bool
) -> None:
    scenario, one, two = open_two(open_scenario)
    mail = taken_in(scenario)
    hook = "after" if is_written else "before"
    setattr(scenario.sinks[one], hook, failing(OutcomeUnknown("Lost."), 1))
    assert deliver(scenario, mail) is DeliveryOutcome.WAITING
    scenario.queue.take()
    if is_written:
        with pytest.raises(Conflict) as error:
            by_hand(scenario, mail, sink=two)
        assert (error.value.code, "T-1" in error.value.message) == ("TicketExists", True)
        assert by_hand(scenario, mail) == [one]
    else:
        assert by_hand(scenario, mail, sink=two) == [two]
    assert scenario.sinks[one].searches == 1
    scenario.run()
    assert sum(len(sink.tickets) for sink in scenario.sinks.values()) == 1


def test_a_sink_that_cannot_be_asked_needs_a_person_who_looked(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario, one, two = open_two(open_scenario)
    mail = taken_in(scenario)
    scenario.sinks[one].before = failing(OutcomeUnknown("Lost."), 1)
    deliver(scenario, mail)
    scenario.queue.take()
    monkeypatch.setattr(scenario.sinks[one], "find_mail", lambda *_, **__: Look(is_there=None))
    assert refused(scenario, mail, sink=two) == "OutcomeUnknown"
    monkeypatch.setattr(scenario.sinks[one], "find_mail", _raise_unavailable)
    assert refused(scenario, mail, sink=two) == "UpstreamUnavailable"
    assert by_hand(scenario, mail, sink=two, is_not_there=True) == [two]
    scenario.run()
    assert [len(sink.tickets) for sink in scenario.sinks.values()] == [0, 1]


def _raise_unavailable(*_: Any, **__: Any) -> Look:
    raise Unavailable("Away.")


def test_a_sink_that_the_settings_lost_is_replaced(open_scenario: OpenScenario) -> None:
    scenario, one, two = open_two(open_scenario)
    mail = taken_in(scenario)
    del scenario.sinks[one]
    assert refused(scenario, mail) == "UnknownSink"
    assert by_hand(scenario, mail, sink=two) == [two]
    scenario.run()
    assert states(scenario, mail) == {"one": "set-aside", "two": "delivered"}


def test_of_several_sinks_one_is_named(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(sinks=("one", "two"), rule_sinks=("three",))
    one, two, three = scenario.sinks
    mail = taken_in(scenario)
    assert refused(scenario, mail) == "MissingParameter"
    assert refused(scenario, mail, sink=three) == "MissingParameter"
    assert refused(scenario, mail, sink=three, instead_of="four") == "UnknownSink"
    assert refused(scenario, mail, sink="four") == "UnknownSink"
    by_hand(scenario, mail, sink=three, instead_of=two)
    scenario.queue.put({"mailbox": scenario.name, "key": scenario.mailbox.key(mail.id), "sink": one})
    scenario.run()
    assert states(scenario, mail) == {"one": "delivered", "two": "set-aside", "three": "delivered"}


# -- a ticket


def test_a_mail_is_joined_to_a_ticket(scenario: MailScenario) -> None:
    scenario.sink.known = frozenset({"T-9"})
    scenario.sink.before = failing(REFUSED, 1)
    mail = scenario.receive()
    scenario.run()
    assert refused(scenario, mail, ticket="T-8") == "TicketNotFound"
    for _ in range(2):
        by_hand(scenario, mail, ticket="T-9")
    scenario.run()
    [delivery] = scenario.describe(mail.id)["deliveries"]
    assert (delivery["state"], delivery["ticket"], delivery["isReply"]) == ("delivered", "T-9", True)
    assert (len(scenario.sink.tickets), len(scenario.sink.comments["T-9"])) == (0, 1)
    assert refused(scenario, mail, ticket="T-9") == "AlreadyDelivered"


def test_a_comment_whose_outcome_is_unknown_is_looked_for_before_another_ticket_gets_it(
    scenario: MailScenario,
) -> None:
    scenario.sink.known = frozenset({"T-8", "T-9"})
    mail = taken_in(scenario)
    by_hand(scenario, mail, ticket="T-8")
    scenario.queue.take()
    scenario.sink.after = failing(OutcomeUnknown("Lost."), 1)
    assert deliver(scenario, mail) is DeliveryOutcome.WAITING
    scenario.queue.take()
    assert refused(scenario, mail, ticket="T-9") == "TicketExists"
    assert by_hand(scenario, mail, ticket="T-8") == list(scenario.sinks)
    scenario.run()
    assert {name: len(found) for name, found in scenario.sink.comments.items()} == {"T-8": 1}


def test_a_mail_is_joined_in_another_sink(open_scenario: OpenScenario) -> None:
    scenario, one, two = open_two(open_scenario)
    scenario.sinks[two].known = frozenset({"T-9"})
    mail = taken_in(scenario)
    assert refused(scenario, mail, ticket="T-9") == "TicketNotFound"
    by_hand(scenario, mail, sink=two, ticket="T-9")
    scenario.run()
    assert scenario.sinks[two].comments.keys() == {"T-9"}
    assert scenario.sinks[one].tickets == scenario.sinks[two].tickets == {}


# -- aside


def test_a_mail_is_set_aside_for_good_with_a_reason(scenario: MailScenario) -> None:
    scenario.sink.before = failing(REFUSED, 1)
    mail = scenario.receive()
    scenario.run()
    for _ in range(2):
        assert set_aside(scenario, mail) == list(scenario.sinks)
    scenario.run()
    shown = scenario.describe(mail.id)
    assert (shown["state"], shown["reason"]) == ("skipped", "by-hand")
    [delivery] = shown["deliveries"]
    assert (delivery["state"], delivery["cause"], delivery["message"]) == (
        "set-aside", "SetAsideByHand", "the robot is known",
    )  # fmt: skip
    assert len(list(scenario.mailbox.ledger.quarantined())) == 0
    listed = list_set_aside(scenario.mailbox, "by-hand", 10, scenario.services.workers)
    assert [one["key"] for one in listed] == [scenario.mailbox.key(mail.id)]
    assert list(scenario.mailbox.ledger.open_mails()) == []
    by_hand(scenario, mail)
    scenario.run()
    assert scenario.describe(mail.id)["state"] == "delivered"
    assert "reason" not in scenario.describe(mail.id)
    assert list_set_aside(scenario.mailbox, "by-hand", 10, scenario.services.workers) == []
    [entries] = histories(scenario, mail).values()
    assert outline(entries) == ["attempt quarantined", "set-aside Anna", "deliver Anna", "attempt delivered"]


def test_what_is_set_aside_stays_so_whatever_comes(scenario: MailScenario) -> None:
    mail = taken_in(scenario)
    scenario.sink.before = failing(Unavailable("Away."), 1)
    deliver(scenario, mail)
    set_aside(scenario, mail)
    scenario.deliver()
    scenario.run()
    scenario.poll()
    assert (scenario.sink.tickets, scenario.describe(mail.id)["state"]) == ({}, "skipped")


def test_one_delivery_of_a_mail_is_set_aside_and_the_other_goes_on(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(sinks=("one", "two"), write_back={"read": True})
    one, _ = scenario.sinks
    mail = scenario.receive()
    scenario.poll()
    assert set_aside(scenario, mail, one) == [one]
    scenario.deliver()
    scenario.run()
    assert states(scenario, mail) == {"one": "set-aside", "two": "delivered"}
    assert scenario.describe(mail.id)["state"] == "delivered"
    assert [message.is_read for message in scenario.twin_mailbox.messages()] == [True]


# -- what was skipped


@pytest.mark.parametrize("files", [[], [File("scan.pdf", data=b"1")]])
def test_a_copy_can_be_delivered_all_the_same(scenario: MailScenario, files: list[File]) -> None:
    same = {"subject": "Fax", "text": "T", "message_id": "<f@x>", "received": datetime(2026, 11, 23, 9, tzinfo=UTC)}
    for _ in range(2):
        scenario.receive(**same, attachments=files)
    scenario.run()
    [copy] = [mail for mail in scenario.twin_mailbox.messages() if scenario.describe(mail.id)["state"] == "skipped"]
    with pytest.raises(Conflict) as aside:
        set_aside(scenario, copy)
    assert aside.value.code == "AlreadySetAside"
    assert by_hand(scenario, copy) == list(scenario.sinks)
    assert refused_while_fetched(scenario, copy) == "MailIncomplete"
    scenario.run()
    shown = scenario.describe(copy.id)
    assert shown["state"] == "delivered"
    assert "reason" not in shown
    assert "copyOf" not in shown
    assert sorted(scenario.sink.tickets.values()) == ["T-1", "T-2"]
    assert list(scenario.mailbox.ledger.skipped("copy")) == []
    stored = scenario.mailbox.store.load(scenario.mailbox.key(copy.id))
    assert stored
    assert [one.name for one in stored.attachments] == [one.name for one in files]
    [entries] = histories(scenario, copy).values()
    assert (outline(entries), entries[0]["cause"]) == (["deliver Anna", "attempt delivered"], "copy")


def refused_while_fetched(scenario: MailScenario, mail: Any) -> str:
    scenario.queue.take()
    return refused(scenario, mail)


def test_an_older_mail_goes_to_another_sink_and_ticket(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(rule_sinks=("two",), since="2026-01-01T00:00:00Z")
    two = list(scenario.sinks)[1]
    scenario.sinks[two].known = frozenset({"T-9"})
    mail = scenario.receive(received=datetime(2025, 12, 1, tzinfo=UTC))
    scenario.run()
    assert scenario.describe(mail.id)["reason"] == "before-cutover"
    by_hand(scenario, mail, sink=two, ticket="T-9")
    scenario.run()
    assert states(scenario, mail) == {"two": "delivered"}
    assert list(scenario.sinks[two].comments) == ["T-9"]


def test_a_skipped_mail_that_left_the_mailbox_is_lost(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(since="2026-01-01T00:00:00Z")
    mail = scenario.receive(received=datetime(2025, 12, 1, tzinfo=UTC))
    scenario.run()
    scenario.gateway.sim.run(lambda: scenario.twin_mailbox.delete(mail, forever=True))
    assert refused(scenario, mail) == "MailLost"


# -- settings, races, routes


def test_a_decision_survives_a_change_of_the_settings(open_scenario: OpenScenario) -> None:
    scenario, one, two = open_two(open_scenario)
    mail = taken_in(scenario)
    by_hand(scenario, mail, sink=two)
    scenario.queue.take()
    kept = scenario.sinks.pop(two)
    assert deliver(scenario, mail, two) is DeliveryOutcome.QUARANTINED
    scenario.sinks[two] = kept
    ask_again(scenario, mail, two)
    scenario.run()
    assert states(scenario, mail) == {"one": "set-aside", "two": "delivered"}
    assert scenario.sinks[one].tickets == {}


def test_a_worker_that_claims_the_delivery_meanwhile_wins(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario, one, two = open_two(open_scenario)
    mail = taken_in(scenario)
    key = scenario.mailbox.key(mail.id)
    load = scenario.mailbox.store.load

    def claim_and_load(wanted: str) -> Any:
        assert claim(scenario.mailbox.ledger, key, one, 60)
        return load(wanted)

    with monkeypatch.context() as patched:
        patched.setattr("inbound_mail.ledger.mail_store.MailStore.load", lambda _, wanted: claim_and_load(wanted))
        with pytest.raises(InProgress):
            by_hand(scenario, mail, sink=two)
    assert states(scenario, mail) == {"one": "claimed"}


def test_a_worker_whose_delivery_was_moved_meanwhile_has_nothing_to_do(open_scenario: OpenScenario) -> None:
    scenario, one, two = open_two(open_scenario)
    scenario.receive()
    scenario.poll()
    [mail] = scenario.twin_mailbox.messages()
    by_hand(scenario, mail, sink=two)
    assert sorted(scenario.deliver()) == ["delivered", "nothing-to-do"]
    assert [len(scenario.sinks[name].tickets) for name in (one, two)] == [0, 1]


def test_a_redelivery_of_an_open_mail_does_not_hide_the_tickets_of_other_sinks(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(sinks=("good", "refusing", "slow"))
    good, refusing, slow = scenario.sinks.values()
    refusing.before, slow.before = failing(REFUSED, 1), failing(Unavailable("Later."), 1)
    mail = scenario.receive()
    scenario.poll()
    scenario.deliver()
    ask_again(scenario, mail)
    scenario.run()
    created = find_tickets(scenario.mailbox, 0, 10, None, scenario.services.workers).items
    assert len(created) == len(good.tickets) + len(refusing.tickets) + len(slow.tickets) == 3


def test_the_routes_deliver_and_set_aside(open_scenario: OpenScenario) -> None:
    scenario, one, two = open_two(open_scenario)
    first, second = taken_in(scenario, subject="First"), taken_in(scenario, subject="Second")
    keys = [scenario.mailbox.key(mail.id) for mail in (first, second)]
    paths = [f"mailboxes/{scenario.name}/mails/{key}" for key in keys]
    answer = scenario.gateway.post(f"{paths[0]}/deliver", body={"sink": two, "by": "Anna", "reason": "other team"})
    assert (answer.status_code, answer.json()) == (200, {"key": keys[0], "sinks": [two], "status": "queued"})
    shown = scenario.gateway.get(paths[0]).json()
    assert [entry["by"] for one in shown["deliveries"] for entry in one["history"]] == ["Anna", "Anna"]
    assert all(one["history"][0]["requestId"] for one in shown["deliveries"])
    aside = scenario.gateway.post(f"{paths[1]}/set-aside", body={"reason": "known robot"})
    assert (aside.status_code, aside.json()) == (200, {"key": keys[1], "sinks": [one], "status": "set-aside"})
    scenario.poll()
    listed = scenario.gateway.get(f"mailboxes/{scenario.name}/mails", state="by-hand").json()["value"]
    assert [mail["subject"] for mail in listed] == ["Second"]


@pytest.mark.parametrize(
    ("route", "body", "status", "code"),
    [
        ("set-aside", {}, 400, "MissingParameter"),
        ("set-aside", {"reason": "r" * 501}, 400, "InvalidParameter"),
        ("set-aside", {"reason": "r", "who": "x"}, 400, "UnknownParameter"),
        ("deliver", {"by": "b" * 101}, 400, "InvalidParameter"),
        ("deliver", {"sink": "nowhere"}, 400, "UnknownSink"),
        ("deliver", {"ticket": "I261120_00012"}, 409, "CommentsNotSetUp"),
        ("deliver", {"isNotThere": "yes"}, 400, "WrongType"),
    ],
)
def test_wrong_wishes_are_refused_with_a_code(
    scenario: MailScenario, route: str, body: dict[str, Any], status: int, code: str
) -> None:
    mail = taken_in(scenario)
    path = f"mailboxes/{scenario.name}/mails/{scenario.mailbox.key(mail.id)}/{route}"
    error = read_error(scenario.gateway.post(path, body=body))
    assert (error["status"], error["code"]) == (status, code)
    assert scenario.describe(mail.id)["state"] == "waiting"


def test_a_mail_that_is_not_known_is_not_found(scenario: MailScenario) -> None:
    with pytest.raises(NotFound):
        scenario.by_hand.deliver(scenario.mailbox, "0" * 40, Wish())
    with pytest.raises(NotFound):
        scenario.by_hand.set_aside(scenario.mailbox, "0" * 40, None, ANNA)


def test_a_long_history_loses_its_middle_and_says_so() -> None:
    values: dict[str, Any] = {}
    for number in range(100):
        values |= add_to_history(values, "attempt", cause=f"{number}" + "x" * 100)
    entries = read_history(values)
    assert len(entries) == 61
    assert entries[10] == {"what": "omitted", "number": 40}
    assert (entries[9]["cause"][:2], entries[11]["cause"][:2], entries[-1]["cause"][:2]) == ("9x", "50", "99")
    for _ in range(60):
        values |= add_to_history(values, "set-aside", reason="\u95e8" * 500)
    assert len(values["history"]) <= 30_000


def test_sinks_without_tickets_cannot_join() -> None:
    sink = make_sink("webhook", {"url": "https://hook.example/", "preset": "power-automate"}, Vault())
    with pytest.raises(Invalid) as error:
        sink.check_ticket("T-1")
    assert error.value.code == "TicketsUnknown"


@pytest.mark.parametrize(
    ("begun", "is_interrupted", "look"),
    [
        ({}, False, Look(is_there=False)),
        ({"answers": None}, True, Look(is_there=None)),
        ({"answers": None, "sent": True, "ticket": "T-1"}, False, Look(is_there=True, ticket="T-1")),
    ],
)
def test_a_webhook_says_what_it_knows_of_a_mail(begun: dict[str, Any], is_interrupted: bool, look: Look) -> None:
    sink = make_sink("webhook", {"url": "https://hook.example/", "preset": "power-automate"}, Vault())
    assert sink.find_mail("mail-1", begun, interrupted=is_interrupted) == look
