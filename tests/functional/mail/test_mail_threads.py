"""A mail says to which thread of its mailbox it belongs, whom a ticket is for, and to whom a confirmation may go."""

from typing import Any

import pytest

from inbound_mail.reports import mail_threads
from tests.functional.mail.conftest import MailScenario, OpenScenario
from twin.seeds.mails import SUPPORT

pytestmark = pytest.mark.usefixtures("rows_in_memory")

LEE, MEGAN, EVE = "lee.gu@contoso.com", "megan.bowen@contoso.com", "eve@fabrikam.example"
FORM, ADELE = "forms@contoso.com", "adele.vance@contoso.com"


def read(scenario: MailScenario, mail: Any) -> Any:
    """The mail as the route answers it."""
    return scenario.gateway.get(f"mailboxes/{scenario.name}/mails/{scenario.mailbox.key(mail.id)}").json()


def answer(mail: Any, *more: Any) -> dict[str, str]:
    """The headers of an answer to mails, the last of them just before it."""
    ids = [one.message_id if hasattr(one, "message_id") else one for one in (mail, *more)]
    return {"In-Reply-To": f"<{ids[-1]}>", "References": " ".join(f"<{one}>" for one in ids)}


def test_an_answer_of_a_participant_goes_on_from_the_first_mail(scenario: MailScenario) -> None:
    first = scenario.receive(sender=LEE, cc=[MEGAN], subject="Printer", message_id="first@x")
    second = scenario.receive(sender=MEGAN, subject="RE: Printer", message_id="second@x", headers=answer("first@x"))
    third = scenario.receive(
        sender=LEE, subject="AW: RE: Printer", headers=answer("first@x", "sent-by-us@x", "second@x")
    )
    scenario.poll()
    begun = read(scenario, first)
    assert begun["thread"] == {"reference": begun["reference"], "isReply": False, "proof": None, "notes": []}
    for mail in (second, third):
        thread = {"reference": begun["reference"], "isReply": True, "proof": "answer", "notes": []}
        assert read(scenario, mail)["thread"] == thread


def test_an_answer_to_what_the_agents_sent_goes_on_by_what_it_names_besides(scenario: MailScenario) -> None:
    first = scenario.receive(sender=LEE, subject="Printer", message_id="first@x")
    reply = scenario.receive(sender=LEE, subject="RE: Printer", headers=answer("first@x", "sent-by-us@x"))
    scenario.poll()
    assert read(scenario, reply)["thread"]["reference"] == read(scenario, first)["reference"]


@pytest.mark.parametrize(
    ("mail", "note"),
    [
        ({"sender": EVE, "subject": "RE: Printer"}, "its author does not take part in it"),
        ({"sender": LEE, "subject": "Holiday of next year"}, "it has a new subject"),
        (
            {
                "sender": LEE, "subject": "RE: Printer",
                "headers": {"Authentication-Results": "dmarc=fail header.from=contoso.com"},
            },
            "its author is not proven",
        ),
    ],
)  # fmt: skip
def test_who_proves_nothing_begins_a_thread_and_the_reason_is_given(
    scenario: MailScenario, mail: dict[str, Any], note: str
) -> None:
    scenario.receive(sender=LEE, subject="Printer", message_id="first@x")
    other = scenario.receive(**mail | {"headers": answer("first@x") | mail.get("headers", {})})
    scenario.poll()
    shown = read(scenario, other)
    assert (shown["thread"]["reference"], shown["thread"]["isReply"]) == (shown["reference"], False)
    assert any(note in one for one in shown["thread"]["notes"]), shown["thread"]


def test_a_conversation_alone_and_a_message_id_that_is_used_again_prove_nothing(scenario: MailScenario) -> None:
    first = scenario.receive(sender=LEE, subject="Printer", message_id="first@x")
    scenario.poll()
    same = scenario.receive(sender=EVE, subject="Printer")
    forged = scenario.receive(sender=EVE, subject="Printer", text="Other words", message_id="first@x")
    reply = scenario.receive(sender=EVE, subject="RE: Printer", headers=answer("first@x"))
    scenario.poll()
    assert not any(read(scenario, mail)["thread"]["isReply"] for mail in (same, forged, reply))
    assert read(scenario, reply)["thread"]["reference"] != read(scenario, first)["reference"]


def test_whoever_answers_a_stranger_is_in_the_strangers_thread(scenario: MailScenario) -> None:
    scenario.receive(sender=LEE, subject="Printer", message_id="first@x")
    eve = scenario.receive(sender=EVE, cc=[MEGAN], subject="RE: Printer", message_id="eve@x", headers=answer("first@x"))
    reply = scenario.receive(sender=MEGAN, subject="RE: Printer", headers=answer("first@x", "eve@x"))
    scenario.poll()
    assert read(scenario, reply)["thread"]["reference"] == read(scenario, eve)["reference"]


def test_mails_that_name_each_other_and_long_chains_come_to_an_end(
    scenario: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_threads, "_DEEPEST", 3)
    ring = [
        scenario.receive(sender=LEE, subject="Ring", message_id=f"ring{one}@x", headers=answer(f"ring{other}@x"))
        for one, other in ((1, 2), (2, 1))
    ]
    chain = [scenario.receive(sender=LEE, subject="Chain", message_id="chain0@x")]
    chain += [
        scenario.receive(
            sender=LEE,
            subject="RE: Chain",
            message_id=f"chain{number}@x",
            headers={"In-Reply-To": f"<chain{number - 1}@x>", "References": f"<chain0@x> <chain{number - 1}@x>"},
        )
        for number in range(1, 8)
    ]
    scenario.poll()
    assert all(read(scenario, mail)["thread"]["reference"] for mail in ring)
    assert read(scenario, chain[-1])["thread"]["reference"] == read(scenario, chain[0])["reference"]


def test_many_mails_that_name_many_others_cost_no_more_than_a_bound(
    scenario: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_threads, "_MOST_MAILS", 3)
    names = [f"many{number}@x" for number in range(8)]
    mails = [
        scenario.receive(sender=f"p{number}@fabrikam.example", subject="Many", message_id=name,
                         headers=answer(*names[:number]) if number else {})
        for number, name in enumerate(names)
    ]  # fmt: skip
    scenario.poll()
    looked: list[str] = []
    load = mail_threads._Finder._decide

    def decide(finder: Any, record: Any, *more: Any) -> Any:
        looked.append(record.key)
        return load(finder, record, *more)

    monkeypatch.setattr(mail_threads._Finder, "_decide", decide)
    assert not read(scenario, mails[-1])["thread"]["isReply"]
    assert len(looked) == 3


def test_an_automatic_answer_belongs_to_the_thread_and_adds_nobody(scenario: MailScenario) -> None:
    first = scenario.receive(sender=LEE, subject="Printer", message_id="first@x")
    away = scenario.receive(
        sender=LEE, cc=[EVE], subject="Automatic reply: Printer", message_id="away@x",
        headers=answer("first@x") | {"Auto-Submitted": "auto-replied"},
    )  # fmt: skip
    eve = scenario.receive(sender=EVE, subject="RE: Printer", headers=answer("first@x", "away@x"))
    scenario.poll()
    assert read(scenario, away)["thread"]["reference"] == read(scenario, first)["reference"]
    assert not read(scenario, eve)["thread"]["isReply"]


def test_a_confirmation_may_go_to_a_person_who_asks(scenario: MailScenario) -> None:
    mail = scenario.receive(sender=LEE, subject="Printer", reply_to=[EVE])
    scenario.poll()
    shown = read(scenario, mail)
    assert shown["confirmation"] == {"to": LEE, "reason": None}
    assert (shown["requestor"]["address"], shown["requestor"]["basis"]) == (LEE, "from")


def test_a_confirmation_goes_to_whom_a_trusted_form_names(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(requestor={"reply_to_from": [FORM]})
    mail = scenario.receive(sender=FORM, subject="Printer", reply_to=[ADELE])
    scenario.poll()
    shown = read(scenario, mail)
    assert shown["confirmation"] == {"to": ADELE, "reason": None}
    assert (shown["requestor"]["address"], shown["requestor"]["basis"]) == (ADELE, "reply-to")


@pytest.mark.parametrize(
    ("mail", "reason"),
    [
        ({"sender": LEE, "headers": {"Auto-Submitted": "auto-generated"}}, "No automatic answer may be sent: Auto-Sub"),
        ({"sender": LEE, "headers": {"Authentication-Results": "dmarc=fail"}}, "The author is not proven"),
        ({"sender": SUPPORT}, "No automatic answer may be sent: From: one of our own mailboxes"),
    ],
)
def test_a_confirmation_goes_to_nobody_with_a_reason(scenario: MailScenario, mail: dict[str, Any], reason: str) -> None:
    received = scenario.receive(subject="Printer", **mail)
    scenario.poll()
    confirmation = read(scenario, received)["confirmation"]
    assert confirmation["to"] is None
    assert confirmation["reason"].startswith(reason)
