"""Which ticket a mail belongs to: what proves it, what does not, and what attackers get, with the real sinks."""

import base64
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from composition import services
from inbound_mail.delivery.threads import TABLE, KnownThreads
from shared.storage.account import Storage
from shared.storage.tables import Operation, Table
from tests.field_mails import load_field_mail
from tests.functional.conftest import Gateway
from tests.functional.mail.conftest import EASYVISTA, MailScenario
from twin.easyvista.records import Ticket
from twin.mail.message import Message
from twin.seeds import service_desks, tiny
from twin.seeds.mails import SUPPORT
from twin.webhook.apis import HOOKS_HOST

pytestmark = [
    pytest.mark.usefixtures("rows_in_memory"),
    pytest.mark.slow(reason="each test delivers several mails to four sinks"),
]

LEE, ADELE, NESTOR, MEGAN = (f"{name}@contoso.com" for name in ("lee.gu", "adele.vance", "nestor.wilke", "megan.bowen"))
MALLORY = "mallory@attacker.example"
VICTIM = "<victim@contoso.com>"
COMMENTS = {"comment_action_type_id": service_desks.PUBLIC_COMMENT, "comment_group_mail": service_desks.GROUP}
RECEIVED, REPLY, BOUNCED = "mail.received.v1", "mail.reply.v1", "ticket.notificationBounced.v1"


class ServiceDesk:
    """A mailbox with a sink of each kind: EasyVista, a webhook, a flow of Power Automate, and a queue."""

    def __init__(self, scenario: MailScenario) -> None:
        self.scenario = scenario
        self.easyvista, self.webhook, self.flow, self.queue = scenario.sinks
        self._messages: list[dict[str, Any]] = []

    def take(self, **mail: Any) -> Message:
        """Receive a mail and bring it to its end."""
        message: Message = self.scenario.receive(**mail)
        self.scenario.run()
        return message

    def delivery(self, message: Message, sink: str = "") -> dict[str, Any]:
        """Return the delivery of a mail, to EasyVista or another sink, as the gateway describes it."""
        found: list[dict[str, Any]] = self.scenario.describe(message.id)["deliveries"]
        return next(one for one in found if one["sink"] == (sink or self.easyvista))

    def ticket(self, message: Message) -> Ticket:
        return self.scenario.gateway.sim.easyvista.ticket(self.delivery(message)["ticket"])

    def event(self, message: Message, sink: str = "") -> dict[str, Any]:
        """Return the event of a mail, that of the webhook or of another sink."""
        reference = self.scenario.describe(message.id)["reference"]
        sink = sink or self.webhook
        found: dict[str, Any] = next(one for one in self._list_events(sink) if one["id"] == reference)
        return found

    def _list_events(self, sink: str) -> list[dict[str, Any]]:
        if sink == self.queue:
            for message in self.scenario.storage.open_queue(sink).receive_messages(max_messages=32):
                self._messages.append(json.loads(base64.b64decode(message.content)))
            return self._messages
        path = "/flow" if sink == self.flow else "/mail"
        return [one.json for one in self.scenario.gateway.sim.webhooks.deliveries if one.path == path]

    def list_joined(self, message: Message, first: Message) -> set[str]:
        """Return the kinds of sinks in which a mail was added to the ticket of another one."""
        found = set()
        if self.delivery(message).get("ticket") == self.delivery(first)["ticket"]:
            found.add("easyvista")
        for kind in ("webhook", "flow", "queue"):
            event = self.event(message, getattr(self, kind))
            is_reply = event["type"] == REPLY
            assert event["data"]["authorIsParticipant"] is is_reply
            assert ("subject" in event) is is_reply
            if is_reply and event["subject"] == self.delivery(first, getattr(self, kind))["ticket"]:
                found.add(kind)
        return found

    def name_no_tickets(self) -> None:
        """Let the receivers answer without a ticket's number from now on, as they do if they know the ticket."""
        self.scenario.gateway.sim.webhooks.forget_answers()

    def participants(self, message: Message) -> frozenset[str]:
        known = KnownThreads(Table(self.scenario.storage, TABLE), self.easyvista)
        found = known.find_ticket(self.delivery(message)["ticket"])
        return found.participants if found else frozenset()


# A queue names no tickets, so nothing is known of them.
ALL, NONE = {"easyvista", "webhook", "flow"}, set[str]()


@pytest.fixture
def open_service_desk(gateway_process: Gateway) -> Callable[..., ServiceDesk]:
    """A function that opens one; its options are those of the EasyVista sink."""

    def open_it(**options: Any) -> ServiceDesk:
        suffix = uuid.uuid4().hex[:10]
        unknown = {"unknown_sender": "default_recipient", "default_recipient": service_desks.CATCH_ALL}
        webhook = {
            "kind": "webhook", "url": service_desks.HOOK_URL, "ticket_pointer": "/ticket",
            "signing_keys": [service_desks.WEBHOOK_KEY_NAME],
        }  # fmt: skip
        sinks = {
            f"tickets-{suffix}": EASYVISTA | COMMENTS | unknown | options,
            f"webhook-{suffix}": webhook,
            f"flow-{suffix}": webhook | {"preset": "power-automate", "url": f"https://{HOOKS_HOST}/flow"},
            f"queue-{suffix}": {"kind": "storage-queue", "queue": f"queue-{suffix}"},
        }
        box = {"name": f"m{suffix}", "address": SUPPORT, "sinks": list(sinks)}
        gateway_process.begin(
            tiny.seed, BOOKINGS_BUSINESSES=tiny.BUSINESS, MAILBOXES=json.dumps([box]), SINKS=json.dumps(sinks)
        )
        used = services.services()
        gateway_process.sim.webhooks.answer(200, {"ticket": "T-{number}"})
        storage = Storage(used.settings.storage, used.authenticator.identity)
        scenario = MailScenario(gateway_process, used.mail, storage, f"m{suffix}", ())
        scenario.sinks = {name: used.mail.sinks[name] for name in sinks}  # type: ignore[misc]  # the real ones
        return ServiceDesk(scenario)

    return open_it


@pytest.fixture
def service_desk(open_service_desk: Callable[..., ServiceDesk]) -> ServiceDesk:
    """A service desk with the usual options."""
    return open_service_desk()


def victim(service_desk: ServiceDesk, **more: Any) -> Message:
    values = {"subject": "Salary of Lee", "message_id": VICTIM, "sender": ADELE, "cc": [LEE]}
    return service_desk.take(**(values | {"text": "Confidential."} | more))


def answer(service_desk: ServiceDesk, author: str, **more: Any) -> Message:
    values: dict[str, Any] = {"subject": "RE: Salary of Lee", "sender": author, "in_reply_to": VICTIM, "text": "I see."}
    return service_desk.take(**(values | more))


# -- attacks: each against every sink


@pytest.mark.parametrize(
    "attack",
    [
        {"message_id": VICTIM, "in_reply_to": "", "sender": NESTOR, "cc": [ADELE, LEE]},
        {"message_id": VICTIM, "sender": NESTOR, "cc": [ADELE, LEE]},
        {"cc": [ADELE, LEE]},
        {"cc": [f"a{number:03}@attacker.example" for number in range(120)]},
        {"headers": {"X-Failed-Recipients": LEE}},
        {"headers": {"X-Failed-Recipients": LEE, "Return-Path": "<>"}},
        {"headers": {"Auto-Submitted": "auto-replied"}},
        {"sender": LEE, "headers": {"Authentication-Results": "spf=fail; dmarc=fail action=none "}},
    ],
    ids=["same id", "answers itself", "answer", "crowd", "bounce", "bounce from nobody", "automatic", "failed DMARC"],
)  # fmt: skip
def test_after_an_attack_answers_still_go_to_the_ticket_and_the_attacker_into_none(
    service_desk: ServiceDesk, attack: dict[str, Any]
) -> None:
    first = victim(service_desk, sender="zoe@partner.example", cc=[LEE])
    before = service_desk.participants(first)
    mail = answer(
        service_desk, MALLORY, **{"message_id": "<own@attacker.example>", "text": "Pay to this account."} | attack
    )
    assert "Pay" not in "".join(one.description for one in service_desk.ticket(first).tasks)
    assert service_desk.ticket(first).file_names == []
    assert service_desk.participants(first) == before
    for sink in (service_desk.webhook, service_desk.flow, service_desk.queue):
        if service_desk.delivery(mail, sink)["state"] == "delivered":
            event = service_desk.event(mail, sink)
            assert event["type"] in (RECEIVED, BOUNCED)
            assert event["data"]["authorIsParticipant"] is False
            assert event["type"] == RECEIVED or "Pay" not in json.dumps(event)
    later = service_desk.take(subject="RE: Salary of Lee", sender=MALLORY, in_reply_to="<own@attacker.example>")
    assert service_desk.list_joined(later, first) == NONE
    reply = answer(service_desk, LEE, text="Between us.")
    assert service_desk.list_joined(reply, first) == ALL
    assert service_desk.list_joined(answer(service_desk, "zoe@partner.example"), first) == ALL


@pytest.mark.parametrize(
    "sign", ["X-Failed-Recipients", "X-MS-Exchange-Message-Is-Ndr", "multipart/report; report-type=delivery-status"]
)
@pytest.mark.parametrize("is_from_nobody", [False, True])
def test_a_forged_report_is_set_aside_or_a_note_in_our_own_words(
    service_desk: ServiceDesk, sign: str, is_from_nobody: bool
) -> None:
    first = victim(service_desk)
    headers = {"Content-Type": sign} if "/" in sign else {sign: "pay.to.mallory@attacker.example"}
    headers |= {"Return-Path": "<>"} if is_from_nobody else {}
    forged = answer(service_desk, f"Pay to me <{MALLORY}>", subject="Pay", text="Pay to this account.", headers=headers)
    tasks = service_desk.ticket(first).tasks
    assert len(tasks) == int(is_from_nobody)
    for sink in (service_desk.easyvista, service_desk.webhook, service_desk.flow):
        delivery = service_desk.delivery(forged, sink)
        assert (delivery["state"], delivery.get("cause")) == (
            ("delivered", None) if is_from_nobody else ("quarantined", "AutomaticMail")
        )
    if is_from_nobody:
        assert "Note: A mail of this ticket could not be delivered to somebody outside of it." in tasks[0].description
        assert "pay" not in tasks[0].description.lower()
        event = service_desk.event(forged)
        assert (event["type"], event["subject"]) == (
            BOUNCED,
            service_desk.delivery(first, service_desk.webhook)["ticket"],
        )
        assert "pay" not in json.dumps(event["data"]).lower()
        assert event["data"]["wholeMail"].startswith("mailboxes/")


def test_an_event_says_which_ticket_a_stranger_names_and_why_it_is_not_his(service_desk: ServiceDesk) -> None:
    first = victim(service_desk)
    ticket = service_desk.delivery(first, service_desk.flow)["ticket"]
    data = service_desk.event(answer(service_desk, MALLORY), service_desk.flow)["data"]
    assert data["relatedTickets"] == [ticket]
    assert data["notes"] == [f"The mail names ticket {ticket}, but its author does not take part in it."]


def test_many_copies_push_nobody_out_of_a_ticket(service_desk: ServiceDesk) -> None:
    first = victim(service_desk, sender="zoe@partner.example", cc=[LEE, "boss@partner.example"])
    answer(service_desk, LEE, cc=[f"a{number:03}@partner.example" for number in range(120)])
    kept = service_desk.participants(first)
    assert {"zoe@partner.example", LEE, "boss@partner.example", "a000@partner.example"} <= kept
    for turn in range(3):
        answer(service_desk, LEE, cc=[f"b{turn}{number:03}@partner.example" for number in range(120)])
    kept = service_desk.participants(first)
    assert len(kept) == 100
    assert {"zoe@partner.example", LEE, "b2000@partner.example"} <= kept
    assert service_desk.list_joined(answer(service_desk, "zoe@partner.example"), first) == ALL


def test_an_author_who_is_not_proven_proves_nothing(service_desk: ServiceDesk) -> None:
    first = victim(service_desk)
    failed = {"Authentication-Results": "spf=fail smtp.mailfrom=x.example; dkim=none; dmarc=fail action=none"}
    forged = answer(service_desk, LEE, headers=failed, text="Send it to me.")
    assert service_desk.list_joined(forged, first) == NONE
    assert service_desk.ticket(first).tasks == []
    description = service_desk.ticket(forged).description
    assert "Note: The author is not proven: the mail failed DMARC." in description
    number = service_desk.ticket(first).rfc
    assert f"Note: The mail names ticket {number}, but its author is not proven." in description
    for sink in (service_desk.webhook, service_desk.flow, service_desk.queue):
        assert "failed DMARC" in service_desk.event(forged, sink)["data"]["notes"][0]


@pytest.mark.parametrize(("result", "joins"), [("fail", False), ("none", False), ("pass", True), ("internal", True)])
def test_what_exchange_found_out_counts_and_not_what_the_sender_wrote(
    service_desk: ServiceDesk, result: str, joins: bool
) -> None:
    first = victim(service_desk)
    service_desk.scenario.gateway.sim.mail.switches.set({"checks_authors": result})
    opposite = "fail" if joins else "pass"
    forged = {
        "Authentication-Results": f"spf={opposite}; dmarc={opposite} action=none",
        "X-MS-Exchange-Organization-AuthAs": "Anonymous" if joins else "Internal",
    }
    assert service_desk.list_joined(answer(service_desk, LEE, headers=forged), first) == (ALL if joins else NONE)


def test_answers_written_from_the_mailbox_join_but_not_what_forms_send_from_it(service_desk: ServiceDesk) -> None:
    first = victim(service_desk)
    service_desk.name_no_tickets()
    written = answer(service_desk, SUPPORT, cc=["vendor@partner.example"], message_id="<ours@contoso.com>")
    assert service_desk.list_joined(written, first) == ALL
    vendor = answer(service_desk, "vendor@partner.example", in_reply_to="<ours@contoso.com>")
    assert service_desk.list_joined(vendor, first) == ALL
    assert SUPPORT not in service_desk.participants(first)
    form = answer(service_desk, SUPPORT, reply_to=[MALLORY])
    assert service_desk.list_joined(form, first) == NONE
    number = service_desk.take(sender=SUPPORT, subject=f"{service_desk.ticket(first).rfc} Pay", reply_to=[MALLORY])
    assert service_desk.list_joined(number, first) == NONE


def test_a_mail_that_a_person_has_delivered_to_another_ticket_takes_its_answers_along(
    service_desk: ServiceDesk,
) -> None:
    known = KnownThreads(Table(service_desk.scenario.storage, TABLE), service_desk.easyvista)
    first = victim(service_desk)
    mail = service_desk.scenario.mailbox.store.load(service_desk.scenario.mailbox.key(first.id))
    assert mail is not None
    known.remember(mail, "I991231_00001", joins=False, adds_people=True)
    [found] = known.find_all(["victim@contoso.com"])
    assert found.ticket == "I991231_00001"
    assert found.participants == {ADELE, LEE}


def test_rows_of_earlier_versions_are_read_and_never_led_elsewhere(service_desk: ServiceDesk) -> None:
    first = victim(service_desk)
    table = Table(service_desk.scenario.storage, TABLE)
    for sink in (service_desk.easyvista, service_desk.webhook, service_desk.flow):
        for row in list(table.query(sink, start="", end="~")):
            if row.row_key.startswith("m|"):
                old = {"participants": json.dumps([ADELE, LEE]), "ticket": row.values["ticket"]}
                table.upsert({"PartitionKey": sink, "RowKey": row.row_key, **old})
            elif row.row_key.startswith("w|"):
                table.transact([Operation("delete", row.values, row.etag)])
    attack = victim(service_desk, sender=NESTOR, cc=[ADELE, LEE], text="Let us talk here.")
    assert service_desk.list_joined(attack, first) == NONE
    assert service_desk.list_joined(answer(service_desk, LEE, subject="Anything"), first) == ALL
    assert service_desk.list_joined(answer(service_desk, NESTOR), first) == NONE


# -- conversations and subjects


@pytest.mark.parametrize(
    "names",
    [
        ("c1-alert-same-subject-1.eml", "c1-alert-same-subject-2.eml"),
        ("c2-user-same-subject-1.eml", "c2-user-same-subject-2.eml"),
    ],
)
def test_different_mails_of_one_subject_are_different_tickets(
    service_desk: ServiceDesk, names: tuple[str, str]
) -> None:
    service_desk.scenario.gateway.sim.mail.switches.set({"conversations_join_subjects": True})
    first, second = (service_desk.take(**load_field_mail(name)) for name in names)
    assert first.conversation_id == second.conversation_id
    assert service_desk.ticket(second) is not service_desk.ticket(first)
    assert f"conversation of ticket {service_desk.ticket(first).rfc}" in service_desk.ticket(second).description
    assert service_desk.event(second)["data"]["relatedTickets"] == [
        service_desk.delivery(first, service_desk.webhook)["ticket"]
    ]


def test_a_subject_alone_proves_nothing_in_any_language(service_desk: ServiceDesk) -> None:
    service_desk.scenario.gateway.sim.mail.switches.set({"conversations_join_subjects": True})
    for subject in ("Imprimante", "プリンター"):
        first = service_desk.take(subject=subject, sender=LEE, text="1")
        assert service_desk.list_joined(service_desk.take(subject=subject, sender=LEE, text="2"), first) == NONE
        assert service_desk.list_joined(service_desk.take(subject=f"RE: {subject}", sender=LEE), first) == NONE


def test_a_new_request_that_answers_an_old_mail_is_a_new_ticket(service_desk: ServiceDesk) -> None:
    first = service_desk.take(**load_field_mail("t2a-request.eml"))
    second = service_desk.take(**load_field_mail("t2b-new-issue-by-answering-an-old-mail.eml"))
    assert service_desk.ticket(second) is not service_desk.ticket(first)
    note = f"The mail names ticket {service_desk.ticket(first).rfc}, but it has a new subject."
    assert f"Note: {note}" in service_desk.ticket(second).description
    assert service_desk.event(second)["type"] == "mail.received.v1"


def test_an_answer_joins_if_its_subject_is_that_of_before(service_desk: ServiceDesk) -> None:
    first = service_desk.take(subject="Kein Ton", sender=LEE, message_id="<1@contoso.com>")
    for subject, joins in (
        ("AW: Neuer Laptop", NONE),
        ("新しいPC", NONE),
        ("[EXTERNAL] Odgovor: Kein Ton", ALL),
        ("", ALL),
    ):
        mail = service_desk.take(subject=subject, sender=LEE, in_reply_to="<1@contoso.com>")
        assert service_desk.list_joined(mail, first) == joins


def test_two_answers_to_one_mail_that_we_never_got_are_one_ticket(service_desk: ServiceDesk) -> None:
    first = service_desk.take(**load_field_mail("t3a-reply-with-cc.eml"))
    other = service_desk.take(**load_field_mail("t3b-other-branch.eml"))
    assert service_desk.list_joined(other, first) == ALL
    root = {"subject": "SV: Access to the ERP test system", "headers": {"References": "<t3-root@field.example> <x@y>"}}
    assert service_desk.list_joined(service_desk.take(sender=ADELE, **root), first) == ALL
    assert service_desk.list_joined(service_desk.take(sender=LEE, **root), first) == NONE  # it did not go to Adele
    assert service_desk.list_joined(service_desk.take(sender=MALLORY, cc=[ADELE], **root), first) == NONE
    new = root | {"subject": "New laptop"}
    assert service_desk.list_joined(service_desk.take(sender=LEE, cc=[ADELE], **new), first) == NONE


def test_who_answers_a_mail_first_gets_no_answers_that_went_to_others(service_desk: ServiceDesk) -> None:
    claim = answer(service_desk, NESTOR, cc=[ADELE, LEE])
    confidential = answer(service_desk, LEE, cc=[ADELE], text="Between us.")
    assert service_desk.list_joined(confidential, claim) == NONE


def test_all_ticket_numbers_of_a_subject_are_tried(service_desk: ServiceDesk) -> None:
    own = service_desk.take(subject="Own", sender=LEE)
    subject = f"RE: I991231_00001 {service_desks.OPEN_TICKET} and {service_desk.ticket(own).rfc}"
    assert service_desk.ticket(service_desk.take(subject=subject, sender=LEE)) is service_desk.ticket(own)
    stranger = service_desk.take(subject=subject, sender=MEGAN)
    text = service_desk.ticket(stranger).description
    for number in (service_desks.OPEN_TICKET, service_desk.ticket(own).rfc):
        assert f"The mail names ticket {number}, but its author does not take part in it." in text


def test_taking_part_is_earned_by_joining(service_desk: ServiceDesk) -> None:
    first = victim(service_desk)
    assert service_desk.list_joined(answer(service_desk, MEGAN), first) == NONE
    service_desk.name_no_tickets()
    answer(service_desk, LEE, cc=[MEGAN], message_id="<joined@contoso.com>")
    last = answer(service_desk, MEGAN, in_reply_to="<joined@contoso.com>")
    assert service_desk.list_joined(last, first) == ALL


def test_thanks_on_a_closed_ticket_are_set_aside_in_a_list(service_desk: ServiceDesk) -> None:
    scenario = service_desk.scenario
    scenario.gateway.sim.easyvista.close(service_desks.OPEN_TICKET)
    mail = service_desk.take(**load_field_mail("k1-thank-you-on-closed.eml"))
    delivery = service_desk.delivery(mail)
    assert (delivery["cause"], delivery["ticket"]) == ("ThanksOnly", service_desks.OPEN_TICKET)
    listed = scenario.gateway.get(f"mailboxes/{scenario.name}/mails", state="thanks").json()["value"]
    assert [one["key"] for one in listed] == [scenario.mailbox.key(mail.id)]
    shown = scenario.gateway.get(f"mailboxes/{scenario.name}").json()
    assert (shown["onlyThanks"], shown["automatic"]) == (1, 0)
    assert service_desk.event(mail)["type"] == RECEIVED  # the other sinks know no ticket of this number
