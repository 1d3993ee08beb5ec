"""The story of one mail: every event in its order, right after crashes and redeliveries, and links to tickets."""

import inspect
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.delivery.by_hand import Wish
from inbound_mail.ledger.claims import claim
from inbound_mail.ledger.decisions import Decision
from inbound_mail.ledger.delivery_history import COLUMN, add_to_history
from inbound_mail.ledger.records import MailRecord, MailState
from inbound_mail.reports.mail_story import EVENTS, make_mail_story
from inbound_mail.sinks import check_sink, link_ticket
from shared.errors import Rejected, Unavailable
from shared.json_text import Json
from shared.settings.mail_settings import SinkSettings
from tests.functional.mail import conftest
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.mail.deliveries import change, deliver, failing, record, taken_in
from twin.mail.contents import File

pytestmark = pytest.mark.usefixtures("rows_in_memory")

REFUSED = Rejected("No such customer.", code="NoCustomer")
TEMPLATE = "https://desk.example.com/?ticket={ticket}"


def read(scenario: MailScenario, mail: Any) -> Json:
    answer = scenario.gateway.get(f"mailboxes/{scenario.name}/mails/{scenario.mailbox.key(mail.id)}")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    times = [one["dateTime"] for one in found["story"] if one["dateTime"]]
    assert times[1:] == sorted(times[1:]), "the first is Exchange's time"
    for one in found["story"]:
        assert one["event"] in EVENTS
        assert one["text"][0].isupper()
        assert one["text"].endswith("."), one["text"]
    return found


def outline(events: Sequence[Json], *names: str) -> list[Any]:
    """Return the events as their names and these members."""
    return [(one["event"], *(one[name] for name in names)) if names else one["event"] for one in events]


def ask(scenario: MailScenario, mail: Any, action: str, **body: Any) -> None:
    path = f"mailboxes/{scenario.name}/mails/{scenario.mailbox.key(mail.id)}/{action}"
    answer = scenario.gateway.post(path, body)
    assert answer.status_code == 200, answer.text


def texts(found: Json, event: str) -> list[str]:
    """Return the sentences of an event, with the sinks' names as they are in this module."""
    return [re.sub(r"-[0-9a-f]{10}\b", "", one["text"]) for one in found["story"] if one["event"] == event]


def test_a_mail_that_a_rule_sends_to_a_sink_is_followed_into_the_mailbox(open_scenario: OpenScenario) -> None:
    rule = {"name": "vpn", "any": [{"subject": "vpn"}], "sink": "network", "urgency": 2}
    scenario = open_scenario(rule_sinks=("network",), rules=(rule,), write_back={"read": True})
    mail = scenario.receive(subject="VPN down", text="the secret words", attachments=[File("a.txt", data=b"a")])
    scenario.run()
    found = read(scenario, mail)
    assert outline(found["story"][:1]) == ["received"]
    assert sorted(outline(found["story"])) == sorted(
        ["received", "screened", "rule", "stored", "delivered", "writtenBack"]
    )
    assert all(one["dateTime"] for one in found["story"])
    assert [(one["sink"], one["by"]) for one in found["story"] if one["sink"]] == [
        (found["deliveries"][0]["sink"], None)
    ]
    assert texts(found, "stored") == ["The gateway read it in inbox and stored it with 1 file."]
    assert texts(found, "rule") == ["The rule vpn matched: sink network, urgency 2."]
    assert texts(found, "delivered") == ["The mail became ticket T-1 of network."]
    assert texts(found, "writtenBack") == ["The mail was changed in the mailbox as the mailbox's write_back says."]
    assert "secret words" not in str(found["story"])


def test_a_redelivery_keeps_the_attempts_and_the_quarantine_before_it(scenario: MailScenario) -> None:
    mail = taken_in(scenario)
    scenario.sink.before = failing(Unavailable("Away."), 1)
    deliver(scenario, mail)
    waits = read(scenario, mail)
    assert outline(waits["story"])[-2:] == ["attempted", "waiting"]
    assert texts(waits, "attempted") == ["An attempt to deliver it to tickets did not succeed (UpstreamUnavailable)."]
    assert texts(waits, "waiting")[0].startswith("The next attempt to deliver it to tickets is due at 2")
    scenario.sink.before = failing(REFUSED, 1)
    deliver(scenario, mail)
    scenario.run()
    assert outline(read(scenario, mail)["story"])[-1] == "quarantined"
    ask(scenario, mail, "redeliver", by="Anna", reason="known now.")
    deliver(scenario, mail)
    found = read(scenario, mail)
    assert found["deliveries"][0]["attempts"] == 1, "of this delivery, since it began again"
    assert outline(found["story"])[-4:] == ["attempted", "quarantined", "redelivered", "delivered"]
    assert texts(found, "quarantined") == [
        "The delivery to tickets waits in quarantine for a person. NoCustomer: No such customer."
    ]
    assert texts(found, "redelivered") == [
        "Anna asked to deliver the mail again to tickets. Before, it was in quarantine (NoCustomer). Reason: known now."
    ]
    assert [one["by"] for one in found["story"] if one["by"]] == ["Anna"]


def test_a_worker_that_died_is_seen_before_and_after_the_next_attempt(scenario: MailScenario) -> None:
    mail = taken_in(scenario)
    held = claim(scenario.mailbox.ledger, scenario.mailbox.key(mail.id), next(iter(scenario.sinks)), 60)
    assert held
    assert texts(read(scenario, mail), "waiting") == ["An attempt to deliver it to tickets is under way."]
    scenario.age_claims()
    died = (
        "The worker of an attempt to deliver it to tickets ended without a result: its outcome is unknown; the next "
        "attempt looks for the mail before it writes."
    )
    assert texts(read(scenario, mail), "waiting") == [died]
    assert deliver(scenario, mail) == "delivered"
    found = read(scenario, mail)
    assert outline(found["story"])[-2:] == ["attempted", "delivered"]
    assert texts(found, "attempted") == [died]
    assert scenario.sink.looks == 1


def test_decisions_by_hand_say_who_and_why_on_both_sinks(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(sinks=("one",), rule_sinks=("two",))
    one, two = scenario.sinks
    scenario.sinks[two].known = frozenset({"T-9"})
    moved, aside = taken_in(scenario), taken_in(scenario, subject="Robot")
    scenario.sinks[one].before = failing(REFUSED)
    deliver(scenario, moved)
    wish = Wish(two, "T-9", decision=Decision("Anna", "for the network"))
    scenario.by_hand.deliver(scenario.mailbox, scenario.mailbox.key(moved.id), wish)
    ask(scenario, aside, "set-aside", by="Ben", reason="the robot is known")
    scenario.run()
    found = read(scenario, moved)
    assert outline(found["story"], "sink", "by")[-4:] == [
        ("quarantined", one, None),
        ("setAside", one, "Anna"),
        ("deliveredByHand", two, "Anna"),
        ("delivered", two, None),
    ]
    assert texts(found, "setAside") == ["Anna sent the mail to two instead of one. Reason: for the network."]
    assert texts(found, "deliveredByHand") == [
        "Anna asked to deliver the mail to ticket T-9 of two instead of one. Reason: for the network."
    ]
    assert texts(found, "delivered") == ["The mail was added to ticket T-9 of two."]
    assert texts(read(scenario, aside), "setAside") == [
        "Ben set the mail aside, so that it is not delivered to one. Reason: the robot is known."
    ]


def test_mails_that_became_nothing_say_why(open_scenario: OpenScenario) -> None:
    news = {"name": "news", "all": [{"header": "List-Id"}], "set_aside": "A newsletter."}
    since = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")
    scenario = open_scenario(rules=(news,), since=since)
    robot = scenario.receive(subject="Automatic reply: away", headers={"Auto-Submitted": "auto-replied"})
    letter = scenario.receive(subject="News", headers={"List-Id": "<news.example.com>"})
    old = scenario.receive(subject="Old", received=datetime.now(UTC) - timedelta(days=2))
    first, copy = (scenario.receive(subject="Twice", text="T", message_id="<t@example.com>") for _ in range(2))
    scenario.run()
    assert texts(read(scenario, robot), "screened")[0].startswith(
        "Screening: an automatic mail, which makes no ticket of its own."
    )
    assert texts(read(scenario, robot), "setAside")[0].startswith("It is not delivered to tickets. AutomaticMail: ")
    assert texts(read(scenario, letter), "setAside")[0].startswith("It is not delivered to tickets. SetAsideByRule: ")
    assert texts(read(scenario, letter), "rule") == ["The rule news set it aside: A newsletter."]
    assert texts(read(scenario, old), "setAside") == [
        "The mail is older than the time from which this mailbox is read. It is set aside."
    ]
    said = [texts(read(scenario, one), "setAside") for one in (first, copy)]
    assert sorted(said) == [[], ["The mail is a copy of a mail that the gateway has already. It is set aside."]]


def test_a_long_history_says_how_much_is_gone_and_earlier_versions_are_read_too(scenario: MailScenario) -> None:
    mail = taken_in(scenario)
    row: dict[str, Any] = {}
    for _ in range(100):
        row |= add_to_history(row, "attempt", outcome="waiting", cause="TimedOut")
    change(scenario, mail, **row)
    found = read(scenario, mail)
    assert texts(found, "omitted") == ["Of this long history, 40 events are no longer kept here."]
    assert len(found["story"]) < 70
    deliver(scenario, mail)
    change(scenario, mail, **{COLUMN: None})
    ended = read(scenario, mail)
    assert texts(ended, "delivered") == ["The mail became ticket T-1 of tickets."]
    assert ended["story"][-1]["dateTime"] == ended["deliveries"][0]["finishedDateTime"]
    assert "history" not in record(scenario, mail)


@pytest.mark.parametrize(
    ("known", "event", "sentence"),
    [
        ({"state": MailState.GONE}, "gone", "The mail was removed from the mailbox before it could be stored."),
        ({"state": MailState.SEEN}, "stored", "The gateway read it in inbox; its files are still being fetched."),
        ({"written_back": "denied"}, "writtenBack", "The app has no right to change the mailbox, so the mail was left"),
        ({"written_back": "missing"}, "writtenBack", "The mail was no longer in the mailbox, so nothing was changed"),
        ({"written_back": "failed"}, "writtenBack", "Changing the mail in the mailbox failed again and again, so it"),
        ({"state": MailState.SKIPPED, "reason": "later-reason"}, "setAside", "The mail is set aside (later-reason)."),
        ({"screening": {"makesTicket": False, "evidence": ["A header.", "Another"]}}, "screened",
         "Screening: an automatic mail, which makes no ticket of its own. A header; Another."),
        ({"rule": {"name": "vpn"}}, "rule", "The rule vpn matched."),
    ],
)  # fmt: skip
def test_each_way_of_a_mail_has_its_sentence(known: dict[str, Any], event: str, sentence: str) -> None:
    texts_of = ("graph_id", "reference", "message_id", "conversation_id", "subject", "sender")
    record = MailRecord(
        **{"key": "k", "state": MailState.STORED, "received": "", "folder": "inbox", **dict.fromkeys(texts_of, "")}
        | known
    )
    found = make_mail_story(record, (), (), {}, set_aside=())
    assert found[0] == {
        "dateTime": None, "event": "received", "sink": None, "by": None, "text": "Exchange received the mail.",
    }  # fmt: skip
    [said] = found[1:]
    assert (said["event"], said["text"][: len(sentence)]) == (event, sentence)
    assert {one["dateTime"] for one in found} == {None}, "older versions noted no times"


def test_events_need_no_row_that_the_answer_did_not_need() -> None:
    """It gets records and asks for nothing: no table, no store, no mailbox."""
    assert list(inspect.signature(make_mail_story).parameters) == ["mail", "deliveries", "files", "thread", "set_aside"]


def test_a_ticket_has_a_link_by_the_sinks_template(
    monkeypatch: pytest.MonkeyPatch, open_scenario: OpenScenario
) -> None:
    monkeypatch.setitem(conftest.EASYVISTA, "ticket_url", TEMPLATE)
    scenario = open_scenario()
    mail = scenario.receive()
    scenario.run()
    [delivery] = read(scenario, mail)["deliveries"]
    assert delivery["ticketUrl"] == "https://desk.example.com/?ticket=T-1"
    [listed] = scenario.gateway.get("mails", mailbox=scenario.name).json()["value"]
    assert [one["ticketUrl"] for one in listed["tickets"]] == [delivery["ticketUrl"]]
    change_url = {"ticket_url": "https://desk.example.com/t/1"}
    change(scenario, mail, **change_url)
    assert read(scenario, mail)["deliveries"][0]["ticketUrl"] == "https://desk.example.com/t/1", "the target's own"


def test_without_a_template_a_ticket_has_no_link(scenario: MailScenario) -> None:
    mail = scenario.receive()
    scenario.run()
    assert read(scenario, mail)["deliveries"][0]["ticketUrl"] is None


@pytest.mark.parametrize(
    ("template", "ticket", "link"),
    [
        (TEMPLATE, "I261130_00001", "https://desk.example.com/?ticket=I261130_00001"),
        (TEMPLATE, "a&b=c/../#?é ", "https://desk.example.com/?ticket=a%26b%3Dc%2F..%2F%23%3F%C3%A9%20"),
        ("https://desk.example.com/t/{ticket}", "..", None),
        ("https://desk.example.com/#ticket/zoom/{ticket}", "12", "https://desk.example.com/#ticket/zoom/12"),
        (TEMPLATE, None, None),
        (None, "T-1", None),
    ],
)
def test_no_ticket_leaves_its_place_in_a_link(template: str | None, ticket: str | None, link: str | None) -> None:
    assert link_ticket(template, ticket) == link


@pytest.mark.parametrize(
    "template",
    [
        "http://desk.example.com/{ticket}", "https://{ticket}.example.com/", "https://desk.example.com/ticket",
        "https://u:p@desk.example.com/{ticket}", "javascript:alert({ticket})", "https://desk.example.com/{ticket}/{id}",
        "https://desk.example.com/?key=a&t={ticket}", "https://desk.example.com/ {ticket}",
        "https://desk.example.com/{ticket}{ticket}",
    ],
)  # fmt: skip
def test_a_template_that_makes_no_plain_https_link_is_refused(template: str) -> None:
    for kind, others in (
        ("easyvista", conftest.EASYVISTA),
        ("webhook", {"url": "https://h.example", "signing_keys": ["k"]}),
    ):
        options = {name: value for name, value in others.items() if name != "kind"} | {"ticket_url": template}
        [(option, sentence)] = list(check_sink(SinkSettings("sink", kind, options)))
        assert option == "ticket_url"
        assert "https" in sentence
