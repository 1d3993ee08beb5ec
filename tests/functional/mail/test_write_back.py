"""What people see in the mailbox once a mail is delivered: read, a category, another folder; what may come between."""

from collections import Counter
from typing import Any

import pytest

from inbound_mail.delivery.delivery import Outcome
from inbound_mail.intake.polling import Polled
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.reports.mails import redeliver
from inbound_mail.sinks.protocol import Receipt
from shared.errors import Rejected
from tests.functional.mail.conftest import Office, OpenOffice, RecordingSink
from twin import Answer
from twin.core.faults import Drop
from twin.entra.state import Entra
from twin.mail.permissions import READ, WRITE
from twin.seeds.sample import CLIENT_ID

pytestmark = pytest.mark.usefixtures("impatient")

ALL = {"read": True, "category": "Ticket {ticket}", "move_to": "archive"}
BATCH = r"/\$batch$"


class Killed(BaseException):
    """The process dies here."""


@pytest.fixture
def desk(open_office: OpenOffice) -> Office:
    """A desk that writes back all there is."""
    return open_office(write_back=ALL)


def delivered(office: Office, count: int = 1, **mail: Any) -> list[Any]:
    """Let mails come in and be delivered, but not yet written back."""
    mails = [office.receive(subject=f"Mail {number}", **mail) for number in range(count)]
    office.poll()
    assert office.deliver() == [Outcome.DELIVERED] * count
    return mails


def writes(office: Office) -> Counter[str]:
    return Counter(one for one in office.requests() if one.startswith("PATCH") or one.endswith("/move"))


def refuse(office: Office, status: int, mail: Any, action: str, **more: Any) -> Any:
    """Let writes to one mail fail: "move", or "" for the PATCH."""
    method, path = ("POST", rf"/{mail.id}/move$") if action else ("PATCH", rf"/{mail.id}$")
    answer = Answer(status, {"retry-after": "0"} if status == 429 else {}, more.pop("body", None))
    return office.stage.sim.faults.add(answer, room="mail", method=method, path=path, **more)


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith(name)]


def is_open(office: Office) -> bool:
    return bool(list(office.desk.ledger.open_mails()))


def test_a_delivered_mail_is_read_named_and_moved_and_then_left_alone(desk: Office) -> None:
    [mail] = delivered(desk)
    assert (mail.is_read, mail.categories, mail.folder) == (False, [], "inbox")
    desk.run()
    assert (mail.is_read, mail.categories, mail.folder) == (True, ["Ticket T-1"], "archive")
    assert not is_open(desk)
    before = writes(desk)
    desk.run()
    assert writes(desk) == before == Counter(dict.fromkeys(before, 1))
    assert desk.describe(mail.id)["state"] == "delivered"


def test_nothing_is_written_where_nothing_is_wished(office: Office) -> None:
    [mail] = delivered(office)
    office.run()
    assert writes(office).total() == 0
    assert not mail.is_read


def test_forty_five_mails_are_three_batches_for_each_kind_of_write(desk: Office) -> None:
    mails = delivered(desk, 45)
    desk.stage.forget()
    assert desk.poll() is Polled.DONE
    batches = [seen for seen in desk.calls() if seen.path.endswith("$batch")]
    assert len(batches) == 9  # looked at, marked, moved
    assert all(mail.is_read and mail.folder == "archive" for mail in mails)
    assert {mail.categories[0] for mail in mails} == {f"Ticket T-{number}" for number in range(1, 46)}


def test_the_category_is_added_to_those_that_are_there(desk: Office) -> None:
    mail = desk.receive(subject="Coloured")
    desk.stage.sim.run(lambda: mail.change({"categories": ["Red", "VIP"]}))
    desk.run()
    assert mail.categories == ["Red", "VIP", "Ticket T-1"]


def test_a_category_that_a_colleague_sets_meanwhile_survives(desk: Office) -> None:
    [mail] = delivered(desk)
    desk.stage.sim.run(lambda: mail.change({"categories": ["Mine"]}))
    desk.run()
    assert mail.categories == ["Mine", "Ticket T-1"]


def test_a_category_set_between_the_look_and_the_write_survives(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    [mail] = delivered(desk)
    look = desk.desk.graph.read_marks

    def look_and_change(graph_ids: Any) -> Any:
        found = look(graph_ids)
        if "Late" not in mail.categories:
            desk.stage.sim.run(lambda: mail.change({"categories": ["Late"]}))
        return found

    monkeypatch.setattr(desk.desk.graph, "read_marks", look_and_change)
    assert desk.poll() is Polled.DONE
    assert mail.categories == ["Late"]
    desk.run()
    assert mail.categories == ["Late", "Ticket T-1"]
    assert mail.folder == "archive"


def test_a_category_without_a_ticket_in_it_is_set_once(open_office: OpenOffice) -> None:
    office = open_office(write_back={"category": "Taken"})
    mail = office.receive(subject="Taken before")
    office.stage.sim.run(lambda: mail.change({"categories": ["Taken"]}))
    office.run()
    assert mail.categories == ["Taken"]
    assert writes(office).total() == 0


def test_a_sink_that_names_no_ticket_gives_no_empty_category(
    open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = open_office(write_back={"category": "{ticket}", "read": True})
    monkeypatch.setattr(RecordingSink, "deliver", lambda *_: Receipt())
    mail = office.receive()
    office.run()
    assert (mail.is_read, mail.categories) == (True, [])


def test_all_tickets_of_a_mail_are_named(open_office: OpenOffice) -> None:
    office = open_office(sinks=("one", "two"), write_back={"category": "Tickets: {ticket}"})
    list(office.sinks.values())[1].tickets["earlier"] = "T-0"
    mail = office.receive()
    office.run()
    assert mail.categories == ["Tickets: T-1, T-2"]


def test_a_mail_in_quarantine_is_not_touched_until_it_is_delivered_after_all(desk: Office) -> None:
    def refuse_it() -> None:
        raise Rejected("No such customer.", code="NoCustomer")

    desk.sink.before = refuse_it
    mail = desk.receive()
    desk.run()
    desk.run()
    assert desk.describe(mail.id)["state"] == "quarantined"
    assert not is_open(desk)
    assert (writes(desk).total(), mail.is_read, mail.folder) == (0, False, "inbox")
    desk.sink.before = lambda: None
    redeliver(desk.desk, desk.queue, desk.desk.key(mail.id), None)  # type: ignore[arg-type]  # stands in for the queue
    desk.run()
    assert (mail.is_read, mail.categories, mail.folder) == (True, ["Ticket T-1"], "archive")


def test_a_mail_that_one_of_two_sinks_refuses_is_not_touched_though_the_other_is_asked_again(
    open_office: OpenOffice,
) -> None:
    office = open_office(sinks=("one", "two"), write_back=ALL)

    def refuse_it() -> None:
        raise Rejected("No.", code="No")

    one, two = office.sinks.values()
    one.before = two.before = refuse_it
    mail = office.receive()
    office.run()
    one.before = lambda: None
    key = office.desk.key(mail.id)
    redeliver(office.desk, office.queue, key, next(iter(office.sinks)))  # type: ignore[arg-type]  # stands in for the queue
    office.run()
    assert len(one.tickets) == 1
    assert (mail.is_read, mail.folder, office.describe(mail.id)["state"]) == (False, "inbox", "quarantined")
    two.before = lambda: None
    redeliver(office.desk, office.queue, key, None)  # type: ignore[arg-type]  # stands in for the queue
    office.run()
    assert (mail.folder, mail.categories) == ("archive", ["Ticket T-1, T-1"])


def test_an_app_that_may_only_read_goes_on_without_writing_and_says_so(
    open_office: OpenOffice, caplog: pytest.LogCaptureFixture
) -> None:
    office = open_office(write_back=ALL)
    principal = office.stage.sim.world.room(Entra).tenant("contoso.com").principals[CLIENT_ID]
    office.stage.sim.run(lambda: principal.revoke_roles(WRITE))
    office.stage.sim.run(lambda: principal.grant_roles(READ))
    [mail] = delivered(office)
    assert office.poll() is Polled.DONE
    assert not is_open(office)
    assert (mail.is_read, mail.folder) == (False, "inbox")
    assert office.describe(mail.id)["state"] == "delivered"
    assert len(events(caplog, "WriteBackDenied")) == 1


def test_a_mail_that_is_gone_needs_nothing_more(desk: Office) -> None:
    mails = delivered(desk, 2)
    desk.stage.sim.run(lambda: desk.mailbox.delete(mails[0], forever=True))
    assert desk.poll() is Polled.DONE
    assert not is_open(desk)
    assert mails[1].folder == "archive"
    assert desk.describe(mails[0].id)["state"] == "delivered"


def test_a_folder_that_is_not_there_keeps_nobody_from_closing(open_office: OpenOffice) -> None:
    office = open_office(write_back={"read": True, "move_to": "clutter"})
    [mail] = delivered(office)
    assert office.poll() in (Polled.DONE, Polled.FAILED)
    for _ in range(12):
        office.poll()
    assert not is_open(office)
    assert (mail.is_read, mail.folder) == (True, "inbox")


@pytest.mark.parametrize("status", [409, 412])
@pytest.mark.parametrize("action", ["", "move"])
def test_a_mail_changed_meanwhile_waits_for_the_next_poll_alone(desk: Office, status: int, action: str) -> None:
    one, other = delivered(desk, 2)
    fault = refuse(desk, status, one, action)
    assert desk.poll() is Polled.DONE
    assert fault.fired == 1
    assert other.folder == "archive"
    assert one.folder == "inbox"
    assert [mail.graph_id for mail in desk.desk.ledger.open_mails()] == [one.id]
    desk.run()
    assert (one.is_read, one.categories, one.folder) == (True, [f"Ticket {_ticket(desk, one)}"], "archive")


def _ticket(office: Office, mail: Any) -> str:
    [delivery] = office.describe(mail.id)["deliveries"]
    return str(delivery["ticket"])


def test_parts_that_were_told_to_slow_down_are_sent_again_and_no_others(desk: Office) -> None:
    mails = delivered(desk, 6)
    for mail in mails[:2]:
        refuse(desk, 429, mail, "")
        refuse(desk, 429, mail, "move")
    assert desk.poll() is Polled.DONE
    sent = writes(desk)
    for number, mail in enumerate(mails):
        times = 2 if number in (0, 1) else 1
        assert {count for path, count in sent.items() if mail.id in path} == {times}
    assert all(mail.folder == "archive" for mail in mails)


def test_one_mail_that_cannot_be_written_does_not_make_the_mailbox_rest(desk: Office) -> None:
    one, other = delivered(desk, 2)
    refuse(desk, 500, one, "", times=None)
    for _ in range(9):
        assert desk.poll() is Polled.DONE
        assert [mail.graph_id for mail in desk.desk.ledger.open_mails()] == [one.id]
    assert other.folder == "archive"
    assert desk.poll() is Polled.DONE
    assert not is_open(desk)
    assert desk.describe(one.id)["state"] == "delivered"


@pytest.mark.parametrize("answer", [Answer(503), Answer(502), Answer(401)])
def test_an_outage_however_long_does_not_use_up_the_tries(desk: Office, answer: Answer) -> None:
    [mail] = delivered(desk)
    for _ in range(13):
        desk.stage.sim.faults.add(answer, host="graph.microsoft.com", times=None)
        assert desk.poll() is Polled.FAILED
    assert is_open(desk)
    desk.stage.sim.faults.clear()
    desk.run()
    assert (mail.is_read, mail.folder) == (True, "archive")


@pytest.mark.parametrize("fault", [Drop(), Answer(504), Answer(500)])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_move_of_unclear_outcome_is_looked_at_and_done_once(open_office: OpenOffice, fault: Any, when: str) -> None:
    office = open_office(write_back={"move_to": "archive"})
    mails = delivered(office, 3)
    struck = office.stage.sim.faults.add(fault, room="graph", path=BATCH, when=when)
    office.poll()
    assert struck.fired == 1
    moved = [mail.mutable_id for mail in mails]
    office.poll()
    assert not is_open(office)
    assert all(mail.folder == "archive" for mail in mails)
    if when == "after":
        assert [mail.mutable_id for mail in mails] == moved


def test_a_mail_that_a_colleague_put_elsewhere_after_an_unclear_move_stays_there(open_office: OpenOffice) -> None:
    office = open_office(write_back={"move_to": "archive"})
    [mail] = delivered(office)
    office.stage.sim.faults.add(Drop(), room="graph", path=BATCH, when="after")
    office.poll()
    office.stage.sim.run(lambda: mail.move("deleteditems"))
    office.run()
    assert mail.folder == "deleteditems"
    assert not is_open(office)


def test_death_between_the_writes_and_the_ledger_does_no_harm(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    mails = delivered(desk, 3)
    close = Ledger.close

    def die(*_: Any, **__: Any) -> int:
        monkeypatch.setattr(Ledger, "close", close)
        raise Killed

    monkeypatch.setattr(Ledger, "close", lambda ledger, some, **more: die() if some else close(ledger, some, **more))
    with pytest.raises(Killed):
        desk.poll()
    assert all(mail.folder == "archive" for mail in mails)
    where = [mail.mutable_id for mail in mails]
    desk.run()
    assert [mail.mutable_id for mail in mails] == where
    assert [mail.categories for mail in mails] == [[f"Ticket {_ticket(desk, mail)}"] for mail in mails]
    assert not is_open(desk)
    assert len(desk.sink.tickets) == 3


def test_a_mailbox_that_vanished_is_no_reason_to_close_its_mails(desk: Office) -> None:
    [mail] = delivered(desk)
    body = {"error": {"code": "MailboxNotEnabledForRESTAPI", "message": ""}}
    desk.stage.sim.faults.add(Answer(404, body=body), room="mail", times=None)
    assert desk.poll() is Polled.FAILED
    assert is_open(desk)
    desk.stage.sim.faults.clear()
    desk.run()
    assert mail.folder == "archive"
