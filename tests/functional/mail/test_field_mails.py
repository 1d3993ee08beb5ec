"""All mails of the field, at once and in the order of their conversations, to one EasyVista: each has one outcome.

Two mailboxes share the service desk. Nothing is lost and nothing doubled; the table says what becomes of each mail.
The ticket that some of them name is open until the last mail comes, which says thanks for it.
"""

import json
import uuid
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from composition import services
from shared.storage.account import Storage
from tests.field_mails import NAMES, load_field_mail
from tests.functional.conftest import Gateway
from tests.functional.mail.conftest import EASYVISTA, MailScenario
from tests.functional.storage import storage_in_memory
from twin.easyvista.records import Ticket
from twin.seeds import service_desks, tiny
from twin.seeds.mails import SECOND, SUPPORT

pytestmark = pytest.mark.slow(reason="delivers 72 mails to EasyVista", seconds=15)

SIBLINGS = {"t3a-reply-with-cc.eml", "t3b-other-branch.eml"}  # two answers to a mail that never came here
EVERY = timedelta(minutes=5)  # so that no author writes too much within an hour
OPEN, LAST = service_desks.OPEN_TICKET, "k1-thank-you-on-closed.eml"


# A web form sends from the mailbox, and a technician forwards to it.
POLICY = {"reply_to_from": [SUPPORT], "forwarded_by": ["lee.gu@contoso.com"]}


@dataclass(frozen=True)
class Outcome:
    """What becomes of a mail.

    `kind`: a new ticket; a comment or a note on the ticket `of` an earlier mail, or on one that was there before; set
    aside as automatic, or with another cause. `files`: how many files the new ticket has in the end. `says`: what is in
    the text. `asks`: the requestor, where that is not the author.
    """

    kind: str
    of: str = ""
    files: int = 0
    says: tuple[str, ...] = ()
    asks: str = ""


def ticket(*says: str, files: int = 0, asks: str = "") -> Outcome:
    return Outcome("ticket", files=files, says=says, asks=asks)


def comment(of: str, *says: str) -> Outcome:
    return Outcome("comment", of, says=says)


def note(of: str, *says: str) -> Outcome:
    return Outcome("note", of, says=says)


ASIDE = Outcome("aside")
HISTORY = ("THE HP ON FLOOR 3", "SINCE FRIDAY")  # answers that stand in the quoted text

OUTCOMES = {
    "a1-apple-inline-pdf.eml": ticket("Please see both files.", files=2),
    "a2-iphone-text-photo.eml": ticket("See the picture.", files=1),
    "a3-apple-html-photo-no-cid.eml": ticket("This is the screen:", files=2),
    "a4-small-screenshot.eml": ticket("I get this:", files=1),
    "c1-alert-same-subject-1.eml": ticket("srv-files-01"),
    "c1-alert-same-subject-2.eml": ticket("srv-sql-07"),
    "c2-user-same-subject-1.eml": ticket("no toner"),
    "c2-user-same-subject-2.eml": ticket(),
    "c4-reused-id-no-date-1.eml": ticket("Fax, 1 page", files=1),
    "c4-reused-id-no-date-2.eml": ticket("Fax, 1 page", files=1),
    "e1-pgp-mime.eml": ticket("This mail is encrypted with PGP.", files=2),
    "e2-smime-enveloped.eml": ticket("This mail is encrypted with S/MIME.", files=1),
    "e4-rpmsg-protected.json": ticket("This mail is protected by Microsoft Purview", files=1),
    "k1-thank-you-on-closed.eml": Outcome("ThanksOnly"),
    "m1-meeting-request.eml": ticket("2026-12-01", "09:00"),
    "o1-ooo-auto-generated-ar.eml": ASIDE,
    "o1-ooo-auto-generated-de-urlaub.eml": ASIDE,
    "o1-ooo-auto-generated-hu.eml": ASIDE,
    "o1-ooo-auto-generated-ja.eml": ASIDE,
    "o1-ooo-auto-generated-lv.eml": ASIDE,
    "o1-ooo-auto-generated-no-colon.eml": ASIDE,
    "o1-ooo-auto-generated-ro.eml": ASIDE,
    "o1-ooo-auto-generated-ru.eml": ASIDE,
    "o1-ooo-auto-generated-sk.eml": ASIDE,
    "o1-ooo-auto-generated-sv2.eml": ASIDE,
    "o1-ooo-auto-generated-tr.eml": ASIDE,
    "o1-ooo-auto-generated-zh-tw.eml": ASIDE,
    "o2-ooo-no-header-de.eml": ASIDE,
    "o2-ooo-no-header-en.eml": ASIDE,
    "o3a-request.eml": ticket("The dock is dead."),
    "o3b-ooo-on-known-ticket.eml": note("o3a-request.eml", "my deputy is Adele Vance"),
    "o4-ndr-of-ticket-notification.eml": note(OPEN, "could not be delivered", "alex.wilber@contoso.com"),
    "o5a-request.eml": ticket("The second screen is dark."),
    "o5b-ndr-attached-original.eml": note("o5a-request.eml", "could not be delivered"),
    "o6-ooo-exchange-2010.eml": ASIDE,
    "o8-bounce-from-nobody.eml": ASIDE,
    "o9-postmaster-no-return-path.eml": ASIDE,
    "p1-permission-gone.eml": ticket("Hello"),
    "q0-request.eml": ticket("The printer does nothing."),
    "q1-answers-in-history-01.eml": comment("q0-request.eml", "Answers below.", *HISTORY),
    "q1-answers-in-history-02.eml": comment("q0-request.eml", *HISTORY),
    "q1-answers-in-history-04.eml": comment("q0-request.eml", *HISTORY),
    "q1-answers-in-history-06.eml": comment("q0-request.eml", *HISTORY),
    "q1-answers-in-history-08.eml": comment("q0-request.eml", *HISTORY),
    "q2-forward-danish.eml": comment("q0-request.eml", "RMA number 4711"),
    "q3-quoted-error-at-end.eml": comment("q0-request.eml", "> E112: tray 2 is empty"),
    "q5-xml-in-text.eml": ticket('&lt;add key="a" value="b"/>'),
    "q6a-request.eml": ticket(files=1),  # that of q7
    "q6b-thunderbird-inline.eml": comment("q6a-request.eml", "The HP.", "Since Friday."),
    "q7-picture-of-history.eml": comment("q6a-request.eml", "Thanks.", "Attachments: plan.png"),
    "s1-contact-form-own-address.eml": ticket(
        "My card does not open the door of the lab since Monday.",
        "Reply-To: adele.vance@contoso.com",
        asks="adele.vance@contoso.com",
    ),
    "s2-handed-over-by-other-team.eml": ticket(),
    "s3-mailbox-almost-full.eml": ticket(),
    "s4-gateway-alert-of-postmaster.eml": ticket(),
    "s6-mail-of-an-alias.eml": ticket(f"The mail names ticket {OPEN}, but its author does not take part in it."),
    "t1-number-by-stranger.eml": ticket(
        "I have the same.", f"The mail names ticket {OPEN}, but its author does not take part in it."
    ),
    "t10-future-date.eml": ticket("Clock is wrong."),
    "t11-no-date.eml": ticket("No date."),
    "t13-plus-address.eml": ticket("support+printer@contoso.com"),
    "t14-ooo-as-reply-typed-by-person.eml": ticket("Thanks, I will wait until you are back."),
    "t2a-request.eml": ticket("No sound."),
    "t2b-new-issue-by-answering-an-old-mail.eml": ticket("we need a laptop", "but it has a new subject"),
    "t3a-reply-with-cc.eml": ticket("please give Lee access"),
    "t3b-other-branch.eml": comment("t3a-reply-with-cc.eml", "Read-only is enough."),
    "t4-same-id-footer-1.eml": ticket("The scanner is offline."),
    "t4-same-id-footer-2.eml": ticket("This mail came through the list"),
    "t5-two-mailboxes.eml": ticket("Neither works."),
    "t5b-two-mailboxes-one-desk.eml": ticket("Neither works."),
    "t7-on-behalf.eml": ticket("Please order.", "Sender: adele.vance@contoso.com"),
    "t8-forwarded-by-technician.eml": ticket("Hi Lee, my printer is dead.", asks="megan.bowen@contoso.com"),
    "z1-big-attachments.json": ticket("Not attached: dump.zip", "Not attached: medium.zip", files=1),
    "z2-cloud-link.json": ticket("Recording.mp4 (a link to a file in the cloud"),
}


class Field:
    """Two mailboxes with one EasyVista, and what became of the mails."""

    def __init__(self, gateway: Gateway) -> None:
        suffix = uuid.uuid4().hex[:10]
        tickets = f"tickets-{suffix}"
        sink: dict[str, Any] = EASYVISTA | {
            "comment_action_type_id": service_desks.PUBLIC_COMMENT,
            "comment_group_mail": service_desks.GROUP,
            "unknown_sender": "default_recipient",
            "default_recipient": service_desks.CATCH_ALL,
        }
        usual = {"sinks": [tickets], "brakes": {"tickets_per_hour": 100}}  # one author wrote most of the mails
        boxes: list[dict[str, Any]] = [
            {"name": f"m{suffix}", "address": SUPPORT, "requestor": POLICY} | usual,
            {"name": f"n{suffix}", "address": SECOND} | usual,
        ]
        gateway.begin(
            tiny.seed,
            BOOKINGS_BUSINESSES=tiny.BUSINESS,
            MAILBOXES=json.dumps(boxes),
            SINKS=json.dumps({tickets: sink}),
        )
        used = services.services()
        storage = Storage(used.settings.storage, used.authenticator.identity)
        self.boxes = [MailScenario(gateway, used.mail, storage, str(box["name"]), ()) for box in boxes]
        for box in self.boxes:
            box.sinks = {tickets: used.mail.sinks[tickets]}  # type: ignore[dict-item]  # the real one
            box.addresses = [SUPPORT, SECOND]
            box.others = [one for one in self.boxes if one is not box]
        self.easyvista = gateway.sim.easyvista
        self.beginning = datetime.now(UTC).replace(microsecond=0) - EVERY * len(NAMES)
        self.messages: dict[str, Any] = {}
        self.others: dict[str, Any] = {}

    def receive(self, name: str) -> None:
        received = self.beginning + EVERY * len(self.messages)
        keywords = load_field_mail(name) | {"received": received}
        self.messages[name] = self.boxes[0].receive(**keywords)
        if name.startswith("t5"):
            self.others[name] = self.boxes[1].receive(**keywords)

    def work_on(self, name: str) -> None:
        """Read and deliver one mail."""
        for box in self.boxes[: 1 + name.startswith("t5")]:
            box.poll()
            box.deliver()

    def run(self) -> None:
        """Work until nothing is left to do."""
        for box in self.boxes:
            box.run()

    def describe(self, name: str) -> Outcome:
        """Return what became of a mail, with its whole text under `says`."""
        described = self.boxes[0].describe(self.messages[name].id)
        [delivery] = described["deliveries"]
        if delivery["state"] == "quarantined":
            return Outcome("aside" if delivery["cause"] == "AutomaticMail" else delivery["cause"])
        found = self.easyvista.ticket(delivery["ticket"])
        reference = described["reference"]
        if not delivery["isReply"]:
            asks = found.requestor_mail or ""
            is_other = asks not in (described["from"], service_desks.CATCH_ALL)  # unknown authors have that person
            return Outcome(
                "ticket", files=len(found.documents), says=(found.description,), asks=asks if is_other else ""
            )
        [text] = [text for text in _list_comments(found) if reference in text]
        kind = "comment" if described["screening"]["makesTicket"] else "note"
        return Outcome(kind, self.name_owner(delivery["ticket"]), says=(text,))

    @property
    def tickets(self) -> list[Ticket]:
        """The tickets that came by mail."""
        return [one for one in self.easyvista.tickets if one.reference]

    def describe_others(self) -> dict[str, str]:
        """Return the beginning of the note about each mail of the second mailbox."""
        found = {}
        for name, message in self.others.items():
            [delivery] = self.boxes[1].describe(message.id)["deliveries"]
            [own] = self.boxes[0].describe(self.messages[name].id)["deliveries"]
            assert delivery["ticket"] == own["ticket"]
            notes = [*delivery["notes"], *own["notes"]]
            found[name] = notes[0][: len("The same mail came into the mailbox")]
        return found

    def name_owner(self, number: str) -> str:
        """Return the mail that became this ticket, or the ticket's number if it was there before."""
        for name, message in self.messages.items():
            for one in self.boxes[0].describe(message.id)["deliveries"]:
                if one.get("ticket") == number and one.get("isReply") is False:
                    return name
        return number


def _list_comments(found: Ticket) -> list[str]:
    return [one.text for one in found.tasks]


def test_the_table_has_every_mail() -> None:
    assert set(OUTCOMES) == set(NAMES)


@pytest.mark.parametrize("at_once", [False, True])
def test_each_mail_has_its_outcome(gateway_process: Gateway, at_once: bool) -> None:
    with nullcontext() if at_once else storage_in_memory():  # once with the emulator: the rows are the same
        deliver_all(gateway_process, at_once=at_once)


def deliver_all(gateway: Gateway, *, at_once: bool) -> None:
    """Receive all mails, at once or one after the other, and compare what became of each."""
    field = Field(gateway)
    for name in NAMES:
        if name != LAST:
            field.receive(name)
            if not at_once:
                field.work_on(name)
    field.run()
    field.easyvista.close(OPEN)
    field.receive(LAST)
    field.run()
    wrong = []
    outcomes = {name: field.describe(name) for name in NAMES}
    for name, expected in OUTCOMES.items():
        found = outcomes[name]
        if at_once and name in SIBLINGS:  # neither waits for the other, so either may be first, or both
            assert found.kind == "ticket" or (found.kind, {found.of, name}) == ("comment", SIBLINGS)
            found = replace(found, kind=expected.kind, of=expected.of)
        missing = [one for one in expected.says if one not in "".join(found.says)]
        if missing or replace(found, says=()) != replace(expected, says=()):
            wrong.append((name, expected, found, missing))
    assert wrong == []
    references = [one.reference for one in field.tickets]
    assert len(set(references)) == len(references) == sum(one.kind == "ticket" for one in outcomes.values())
    assert field.describe_others() == {
        "t5-two-mailboxes.eml": "The same mail came into the mailbox",
        "t5b-two-mailboxes-one-desk.eml": "The same mail came into the mailbox",
    }
