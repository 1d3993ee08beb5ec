"""Write-back: after its delivery a mail is marked as read, gets a category and is moved, whatever fails."""

from collections import Counter
from typing import Any

import pytest

from inbound_mail.delivery.delivery import DeliveryOutcome
from inbound_mail.delivery.redelivery import redeliver
from inbound_mail.intake.polling import Polled
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.sinks.protocol import Receipt
from shared.errors import Rejected
from tests.functional.kill_switch import Killed
from tests.functional.mail.conftest import MailScenario, OpenScenario, RecordingSink
from twin import Answer
from twin.core.faults import Drop
from twin.entra.state import Entra
from twin.mail.permissions import READ
from twin.seeds.sample import CLIENT_ID

pytestmark = [
    pytest.mark.usefixtures("impatient", "rows_in_memory"),
    pytest.mark.slow(reason="many polls with long outages"),
]

ALL = {"read": True, "category": "Ticket {ticket}", "move_to": "archive"}
BATCH = r"/\$batch$"


@pytest.fixture
def marking(open_scenario: OpenScenario) -> MailScenario:
    """A scenario whose mailbox has every kind of write-back."""
    return open_scenario(write_back=ALL)


def delivered(scenario: MailScenario, count: int = 1, **mail: Any) -> list[Any]:
    """Receive and deliver mails, without write-back yet."""
    mails = [scenario.receive(subject=f"Mail {number}", **mail) for number in range(count)]
    scenario.poll()
    assert scenario.deliver() == [DeliveryOutcome.DELIVERED] * count
    return mails


def writes(scenario: MailScenario) -> Counter[str]:
    return Counter(one for one in scenario.requests() if one.startswith("PATCH") or one.endswith("/move"))


def refuse(scenario: MailScenario, status: int, mail: Any, action: str, **more: Any) -> Any:
    """Let writes to one mail fail: "move", or "" for the PATCH."""
    method, path = ("POST", rf"/{mail.id}/move$") if action else ("PATCH", rf"/{mail.id}$")
    answer = Answer(status, {"retry-after": "0"} if status == 429 else {}, more.pop("body", None))
    return scenario.gateway.sim.faults.add(answer, api="mail", method=method, path=path, **more)


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith(name)]


def is_open(scenario: MailScenario) -> bool:
    return bool(list(scenario.mailbox.ledger.open_mails()))


def test_nothing_but_read_state_and_categories_is_ever_changed(marking: MailScenario) -> None:
    delivered(marking, 2)
    marking.run()
    parts = [
        part for seen in marking.calls() if seen.path.endswith("/$batch") for part in seen.request_json["requests"]
    ]
    changed = [set(part["body"]) for part in parts if part["method"] == "PATCH"]
    assert changed == [{"isRead", "categories"}] * 2
    assert {seen.method for seen in marking.calls()} == {"GET", "POST"}


def test_a_delivered_mail_is_read_named_and_moved_and_then_left_alone(marking: MailScenario) -> None:
    [mail] = delivered(marking)
    assert (mail.is_read, mail.categories, mail.folder) == (False, [], "inbox")
    marking.run()
    assert (mail.is_read, mail.categories, mail.folder) == (True, ["Ticket T-1"], "archive")
    assert not is_open(marking)
    before = writes(marking)
    marking.run()
    assert writes(marking) == before == Counter(dict.fromkeys(before, 1))
    assert marking.describe(mail.id)["state"] == "delivered"


def test_nothing_is_written_where_nothing_is_wished(scenario: MailScenario) -> None:
    [mail] = delivered(scenario)
    scenario.run()
    assert writes(scenario).total() == 0
    assert not mail.is_read


def test_forty_five_mails_are_three_batches_for_each_kind_of_write(marking: MailScenario) -> None:
    mails = delivered(marking, 45)
    marking.gateway.forget()
    assert marking.poll() is Polled.DONE
    batches = [seen for seen in marking.calls() if seen.path.endswith("$batch")]
    assert len(batches) == 9  # looked at, marked, moved
    assert all(mail.is_read and mail.folder == "archive" for mail in mails)
    assert {mail.categories[0] for mail in mails} == {f"Ticket T-{number}" for number in range(1, 46)}


def test_the_category_is_added_to_those_that_are_there(marking: MailScenario) -> None:
    mail = marking.receive(subject="Coloured")
    marking.gateway.sim.run(lambda: mail.change({"categories": ["Red", "VIP"]}))
    marking.run()
    assert mail.categories == ["Red", "VIP", "Ticket T-1"]


def test_a_category_that_a_colleague_sets_meanwhile_survives(marking: MailScenario) -> None:
    [mail] = delivered(marking)
    marking.gateway.sim.run(lambda: mail.change({"categories": ["Mine"]}))
    marking.run()
    assert mail.categories == ["Mine", "Ticket T-1"]


def test_a_category_set_between_the_look_and_the_write_survives(
    marking: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    [mail] = delivered(marking)
    look = marking.mailbox.graph.read_marks

    def look_and_change(graph_ids: Any) -> Any:
        found = look(graph_ids)
        if "Late" not in mail.categories:
            marking.gateway.sim.run(lambda: mail.change({"categories": ["Late"]}))
        return found

    monkeypatch.setattr(marking.mailbox.graph, "read_marks", look_and_change)
    assert marking.poll() is Polled.DONE
    assert mail.categories == ["Late"]
    marking.run()
    assert mail.categories == ["Late", "Ticket T-1"]
    assert mail.folder == "archive"


def test_a_category_without_a_ticket_in_it_is_set_once(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(write_back={"category": "Taken"})
    mail = scenario.receive(subject="Taken before")
    scenario.gateway.sim.run(lambda: mail.change({"categories": ["Taken"]}))
    scenario.run()
    assert mail.categories == ["Taken"]
    assert writes(scenario).total() == 0


def test_a_sink_that_names_no_ticket_gives_no_empty_category(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = open_scenario(write_back={"category": "{ticket}", "read": True})
    monkeypatch.setattr(RecordingSink, "deliver", lambda *_: Receipt())
    mail = scenario.receive()
    scenario.run()
    assert (mail.is_read, mail.categories) == (True, [])


def test_all_tickets_of_a_mail_are_named(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(sinks=("one", "two"), write_back={"category": "Tickets: {ticket}"})
    list(scenario.sinks.values())[1].tickets["earlier"] = "T-0"
    mail = scenario.receive()
    scenario.run()
    assert mail.categories == ["Tickets: T-1, T-2"]


def test_a_mail_in_quarantine_is_not_touched_until_it_is_delivered_after_all(marking: MailScenario) -> None:
    def refuse_it() -> None:
        raise Rejected("No such customer.", code="NoCustomer")

    marking.sink.before = refuse_it
    mail = marking.receive()
    marking.run()
    marking.run()
    assert marking.describe(mail.id)["state"] == "quarantined"
    assert not is_open(marking)
    assert (writes(marking).total(), mail.is_read, mail.folder) == (0, False, "inbox")
    marking.sink.before = lambda: None
    redeliver(marking.mailbox, marking.deliveries, marking.mailbox.key(mail.id), None)
    marking.run()
    assert (mail.is_read, mail.categories, mail.folder) == (True, ["Ticket T-1"], "archive")


def test_a_mail_that_one_of_two_sinks_refuses_is_not_touched_though_the_other_is_asked_again(
    open_scenario: OpenScenario,
) -> None:
    scenario = open_scenario(sinks=("one", "two"), write_back=ALL)

    def refuse_it() -> None:
        raise Rejected("No.", code="No")

    one, two = scenario.sinks.values()
    one.before = two.before = refuse_it
    mail = scenario.receive()
    scenario.run()
    one.before = lambda: None
    key = scenario.mailbox.key(mail.id)
    redeliver(scenario.mailbox, scenario.deliveries, key, next(iter(scenario.sinks)))
    scenario.run()
    assert len(one.tickets) == 1
    assert (mail.is_read, mail.folder, scenario.describe(mail.id)["state"]) == (False, "inbox", "quarantined")
    two.before = lambda: None
    redeliver(scenario.mailbox, scenario.deliveries, key, None)
    scenario.run()
    assert (mail.folder, mail.categories) == ("archive", ["Ticket T-1, T-1"])


def test_an_app_that_may_only_read_goes_on_without_writing_and_says_so(
    open_scenario: OpenScenario, caplog: pytest.LogCaptureFixture
) -> None:
    scenario = open_scenario(write_back=ALL)
    principal = scenario.gateway.sim.world.state(Entra).tenant("contoso.com").principals[CLIENT_ID]
    principal.exchange_roles = frozenset({READ})
    [mail] = delivered(scenario)
    assert scenario.poll() is Polled.DONE
    assert not is_open(scenario)
    assert (mail.is_read, mail.folder) == (False, "inbox")
    assert scenario.describe(mail.id)["state"] == "delivered"
    assert len(events(caplog, "WriteBackDenied")) == 1


def test_a_mail_that_is_gone_needs_nothing_more(marking: MailScenario) -> None:
    mails = delivered(marking, 2)
    marking.gateway.sim.run(lambda: marking.twin_mailbox.delete(mails[0], forever=True))
    assert marking.poll() is Polled.DONE
    assert not is_open(marking)
    assert mails[1].folder == "archive"
    assert marking.describe(mails[0].id)["state"] == "delivered"


def test_a_folder_that_is_not_there_keeps_nobody_from_closing(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(write_back={"read": True, "move_to": "clutter"})
    [mail] = delivered(scenario)
    assert scenario.poll() in (Polled.DONE, Polled.FAILED)
    for _ in range(12):
        scenario.poll()
    assert not is_open(scenario)
    assert (mail.is_read, mail.folder) == (True, "inbox")


@pytest.mark.parametrize("status", [409, 412])
@pytest.mark.parametrize("action", ["", "move"])
def test_a_mail_changed_meanwhile_waits_for_the_next_poll_alone(
    marking: MailScenario, status: int, action: str
) -> None:
    one, other = delivered(marking, 2)
    fault = refuse(marking, status, one, action)
    assert marking.poll() is Polled.DONE
    assert fault.fired == 1
    assert other.folder == "archive"
    assert one.folder == "inbox"
    assert [mail.graph_id for mail in marking.mailbox.ledger.open_mails()] == [one.id]
    marking.run()
    assert (one.is_read, one.categories, one.folder) == (True, [f"Ticket {_ticket(marking, one)}"], "archive")


def _ticket(scenario: MailScenario, mail: Any) -> str:
    [delivery] = scenario.describe(mail.id)["deliveries"]
    return str(delivery["ticket"])


def test_parts_that_were_throttled_are_sent_again_and_no_others(marking: MailScenario) -> None:
    mails = delivered(marking, 6)
    for mail in mails[:2]:
        refuse(marking, 429, mail, "")
        refuse(marking, 429, mail, "move")
    assert marking.poll() is Polled.DONE
    sent = writes(marking)
    for number, mail in enumerate(mails):
        times = 2 if number in (0, 1) else 1
        assert {count for path, count in sent.items() if mail.id in path} == {times}
    assert all(mail.folder == "archive" for mail in mails)


def test_one_mail_that_cannot_be_written_does_not_make_the_mailbox_rest(marking: MailScenario) -> None:
    one, other = delivered(marking, 2)
    refuse(marking, 500, one, "", times=None)
    for _ in range(9):
        assert marking.poll() is Polled.DONE
        assert [mail.graph_id for mail in marking.mailbox.ledger.open_mails()] == [one.id]
    assert other.folder == "archive"
    assert marking.poll() is Polled.DONE
    assert not is_open(marking)
    assert marking.describe(one.id)["state"] == "delivered"


@pytest.mark.parametrize("answer", [Answer(503), Answer(502), Answer(401)])
def test_an_outage_however_long_does_not_use_up_the_tries(marking: MailScenario, answer: Answer) -> None:
    [mail] = delivered(marking)
    for _ in range(13):
        marking.gateway.sim.faults.add(answer, host="graph.microsoft.com", times=None)
        assert marking.poll() is Polled.FAILED
    assert is_open(marking)
    marking.gateway.sim.faults.clear()
    marking.run()
    assert (mail.is_read, mail.folder) == (True, "archive")


@pytest.mark.parametrize("fault", [Drop(), Answer(504), Answer(500)])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_move_of_unclear_outcome_is_looked_at_and_done_once(
    open_scenario: OpenScenario, fault: Any, when: str
) -> None:
    scenario = open_scenario(write_back={"move_to": "archive"})
    mails = delivered(scenario, 3)
    struck = scenario.gateway.sim.faults.add(fault, api="graph", path=BATCH, when=when)
    scenario.poll()
    assert struck.fired == 1
    moved = [mail.mutable_id for mail in mails]
    scenario.poll()
    assert not is_open(scenario)
    assert all(mail.folder == "archive" for mail in mails)
    if when == "after":
        assert [mail.mutable_id for mail in mails] == moved


def test_a_mail_that_a_colleague_put_elsewhere_after_an_unclear_move_stays_there(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(write_back={"move_to": "archive"})
    [mail] = delivered(scenario)
    scenario.gateway.sim.faults.add(Drop(), api="graph", path=BATCH, when="after")
    scenario.poll()
    scenario.gateway.sim.run(lambda: mail.move("deleteditems"))
    scenario.run()
    assert mail.folder == "deleteditems"
    assert not is_open(scenario)


def test_death_between_the_writes_and_the_ledger_does_no_harm(
    marking: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = delivered(marking, 3)
    close = Ledger.close

    def die(*_: Any, **__: Any) -> int:
        monkeypatch.setattr(Ledger, "close", close)
        raise Killed

    monkeypatch.setattr(Ledger, "close", lambda ledger, some, **more: die() if some else close(ledger, some, **more))
    with pytest.raises(Killed):
        marking.poll()
    assert all(mail.folder == "archive" for mail in mails)
    where = [mail.mutable_id for mail in mails]
    marking.run()
    assert [mail.mutable_id for mail in mails] == where
    assert [mail.categories for mail in mails] == [[f"Ticket {_ticket(marking, mail)}"] for mail in mails]
    assert not is_open(marking)
    assert len(marking.sink.tickets) == 3


def test_a_mailbox_that_vanished_is_no_reason_to_close_its_mails(marking: MailScenario) -> None:
    [mail] = delivered(marking)
    body = {"error": {"code": "MailboxNotEnabledForRESTAPI", "message": ""}}
    marking.gateway.sim.faults.add(Answer(404, body=body), api="mail", times=None)
    assert marking.poll() is Polled.FAILED
    assert is_open(marking)
    marking.gateway.sim.faults.clear()
    marking.run()
    assert mail.folder == "archive"
