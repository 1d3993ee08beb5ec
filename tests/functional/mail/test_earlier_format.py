"""Mails that a version of before 2026-12 entered come to their end, also while its instances still run.

That version kept each open delivery at `d|`, and repeated its status in columns of the open work. It is played here by
what it writes: every one of its writes is a transaction of the delivery's row and the open work.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.delivery.by_hand import Wish
from inbound_mail.delivery.delivery import DeliveryOutcome
from inbound_mail.intake.polling import Polled
from inbound_mail.ledger.ledger import TABLE
from inbound_mail.ledger.records import DeliveryState
from shared.errors import Conflict, Rejected
from shared.storage.tables import Operation, Row, Table
from tests.functional.kill_switch import Killed, KillSwitch
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.mail.deliveries import failing
from tests.functional.mail.test_crashes import STEPS, work


class EarlierVersion:
    """What an instance of the earlier version writes."""

    def __init__(self, scenario: MailScenario) -> None:
        self._scenario = scenario
        self._table = Table(scenario.storage, TABLE)

    def keep_open_mails(self) -> None:
        """Bring all open mails into the form in which the earlier version entered and delivered them."""
        for mail in self._scenario.mailbox.ledger.open_mails():
            if not mail.deliveries:
                continue
            kept = {name: value for name, value in mail.row.values.items() if not name.startswith(("asked_", "mail"))}
            operations = []
            for one in mail.deliveries:
                column = one.sink.replace("-", "_")
                kept |= {f"state_{column}": one.state, f"due_{column}": one.due}
                kept |= {f"ticket_{column}": one.ticket} if one.ticket else {}
                values = {name: value for name, value in one.values.items() if name != "mail"}
                operations += [
                    Operation("delete", _id(one.row)),
                    Operation("create", values | {"RowKey": f"d|{one.key}|{one.sink}"}),
                ]
            kept["enqueued"] = bool(mail.asked)
            self._table.transact([Operation("replace", kept), *operations])

    def claim(self, key: str, sink: str, *, until: datetime) -> Row:
        """Claim a delivery; return its row as it is then."""
        row = self._find(key, sink)
        assert row is not None
        return self._change(row, sink, state=DeliveryState.CLAIMED, due=until, attempts=1, first_at=datetime.now(UTC))

    def complete(self, row: Row, sink: str, ticket: str) -> None:
        """End a claim. Raises Conflict if the row has changed."""
        done = {"finished_at": datetime.now(UTC), "ticket": ticket, "is_reply": False, "notes": "[]"}
        self._change(row, sink, state=DeliveryState.DELIVERED, **done)

    def sees_delivery(self, key: str, sink: str) -> bool:
        """Return whether the earlier version finds a delivery: else its worker drops the message."""
        return self._find(key, sink) is not None

    def note_enqueued(self, key: str) -> None:
        """Write what the earlier poll does to open work that is not marked as enqueued."""
        row = self._table.get(self._scenario.name, f"o|{key}")
        assert row is not None
        if not row.values["enqueued"]:
            self._table.transact([Operation("merge", _id(row) | {"enqueued": True})])

    def _find(self, key: str, sink: str) -> Row | None:
        return self._table.get(self._scenario.name, f"d|{key}|{sink}")

    def _change(self, row: Row, sink: str, **values: Any) -> Row:
        column, key = sink.replace("-", "_"), row.row_key.split("|")[1]
        changed = row.values | values
        status = {f"state_{column}": changed["state"], f"due_{column}": changed["due"]}
        status |= {f"ticket_{column}": changed["ticket"]} if changed.get("ticket") else {}
        open_work = {"PartitionKey": self._scenario.name, "RowKey": f"o|{key}"}
        etags = self._table.transact([Operation("replace", changed, row.etag), Operation("merge", open_work | status)])
        return Row(changed, etags[0])


def _id(row: Row) -> dict[str, Any]:
    return {name: row.values[name] for name in ("PartitionKey", "RowKey")}


def begin(open_scenario: OpenScenario, *, mails: int = 1, **settings: Any) -> tuple[MailScenario, EarlierVersion]:
    """Return a scenario in which an instance of the earlier version has read mails and asked for their deliveries."""
    scenario = open_scenario(**settings)
    for number in range(mails):
        scenario.receive(subject=f"Mail {number}")
    scenario.poll()
    earlier = EarlierVersion(scenario)
    earlier.keep_open_mails()
    return scenario, earlier


def take_message(scenario: MailScenario) -> tuple[str, str]:
    [(message, _)] = scenario.queue.take()
    return str(message["key"]), str(message["sink"])


def check_ended(scenario: MailScenario, *tickets: str) -> None:
    assert sorted(scenario.sink.tickets.values()) == sorted(tickets)
    assert list(scenario.mailbox.ledger.open_mails()) == []
    assert {one["state"] for one in scenario.mails()} == {"delivered"}


def test_its_open_mails_are_delivered_by_its_messages(open_scenario: OpenScenario) -> None:
    scenario, _ = begin(open_scenario, mails=3)
    assert [one["state"] for one in scenario.mails()] == ["waiting"] * 3
    assert scenario.deliver() == [DeliveryOutcome.DELIVERED] * 3
    scenario.run()
    check_ended(scenario, "T-1", "T-2", "T-3")


def test_its_open_mails_are_converted_by_a_poll(open_scenario: OpenScenario) -> None:
    scenario, earlier = begin(open_scenario)
    key, sink = take_message(scenario)
    assert scenario.poll() is Polled.DONE
    assert scenario.queue.messages == []  # it was asked for before
    assert not earlier.sees_delivery(key, sink)
    earlier.note_enqueued(key)
    assert scenario.deliverer().deliver(scenario.mailbox, key, sink) is DeliveryOutcome.DELIVERED
    scenario.run()
    check_ended(scenario, "T-1")


def test_a_mail_that_its_poll_did_not_hand_on_is_handed_on(open_scenario: OpenScenario) -> None:
    scenario = open_scenario()
    scenario.receive()
    kill_switch = KillSwitch()
    with kill_switch.watching(((type(scenario.queue), "put"),)):
        kill_switch.at = 1
        with pytest.raises(Killed):
            scenario.poll()
        kill_switch.revive()
        EarlierVersion(scenario).keep_open_mails()
        scenario.run()
    check_ended(scenario, "T-1")


def test_what_its_worker_holds_is_left_to_it(open_scenario: OpenScenario) -> None:
    scenario, earlier = begin(open_scenario)
    key, sink = take_message(scenario)
    held = earlier.claim(key, sink, until=datetime.now(UTC) + timedelta(minutes=1))
    assert scenario.poll() is Polled.DONE
    assert scenario.deliverer().deliver(scenario.mailbox, key, sink) is DeliveryOutcome.WAITING
    assert len(scenario.queue.take()) == 1
    assert scenario.sink.received == []
    earlier.complete(held, sink, "T-0")
    scenario.run()
    check_ended(scenario)
    [delivery] = scenario.mails()[0]["deliveries"]
    assert delivery["ticket"] == "T-0"


def test_a_claim_of_its_worker_that_ran_out_is_taken_over_and_it_can_write_nothing_more(
    open_scenario: OpenScenario,
) -> None:
    scenario, earlier = begin(open_scenario)
    key, sink = take_message(scenario)
    held = earlier.claim(key, sink, until=datetime.now(UTC) - timedelta(minutes=1))
    [reference] = [one["reference"] for one in scenario.mails()]
    scenario.sink.tickets[reference] = "T-0"  # written, and not recorded
    assert scenario.poll() is Polled.DONE
    with pytest.raises(Conflict):
        earlier.complete(held, sink, "T-0")
    scenario.run()
    check_ended(scenario, "T-0")
    assert scenario.sink.looks == 1


@pytest.mark.parametrize("closed", [False, True])
def test_people_decide_about_its_mails(open_scenario: OpenScenario, *, closed: bool) -> None:
    scenario, earlier = begin(open_scenario, sinks=("one", "two"))
    first, second = scenario.sinks
    key = str(scenario.queue.messages[0][0]["key"])
    scenario.sinks[first].before = failing(Rejected("No."), times=1)
    scenario.deliver()
    if closed:
        scenario.poll()
    else:
        earlier.keep_open_mails()
    scenario.by_hand.deliver(scenario.mailbox, key, Wish(sink=first))
    scenario.run()
    assert [list(scenario.sinks[name].tickets.values()) for name in (first, second)] == [["T-1"], ["T-1"]]
    assert scenario.mails()[0]["state"] == "delivered"
    assert list(scenario.mailbox.ledger.open_mails()) == []


def check_all(scenario: MailScenario) -> None:
    assert list(scenario.mailbox.ledger.open_mails()) == []
    for one in scenario.sinks.values():
        assert sorted(one.tickets.values()) == ["T-1", "T-2"]


@pytest.mark.slow(reason="dies at every step", seconds=5)
@pytest.mark.usefixtures("rows_in_memory")
@pytest.mark.parametrize("go_on", [work])
def test_dying_at_any_step_of_the_conversion_loses_nothing_and_doubles_nothing(
    go_on: Callable[[MailScenario], None], open_scenario: OpenScenario
) -> None:
    whole = KillSwitch()
    scenario, _ = begin(open_scenario, mails=2, sinks=("one", "two"))
    with whole.watching(STEPS):
        go_on(scenario)
    check_all(scenario)
    assert len(whole.steps) > 15
    for at in range(1, len(whole.steps) + 1):
        scenario, _ = begin(open_scenario, mails=2, sinks=("one", "two"))
        kill_switch = KillSwitch()
        with kill_switch.watching(STEPS):
            kill_switch.at = at
            with pytest.raises(Killed):
                go_on(scenario)
            kill_switch.revive()
            scenario.age_claims()
            go_on(scenario)
        check_all(scenario)
