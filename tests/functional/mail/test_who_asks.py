"""Who asks: From, Sender and Reply-To are shown; the policy of the mailbox chooses the requestor."""

from typing import Any

import pytest

from inbound_mail.sinks.protocol import PreparedMail
from shared.errors import Rejected
from tests.field_mails import load_field_mail
from tests.functional.mail.at_the_sinks import make_ticket, send_event
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.mail.deliveries import record
from twin.mail.contents import Item
from twin.seeds import service_desks
from twin.seeds.mails import SUPPORT

pytestmark = [pytest.mark.usefixtures("rows_in_memory"), pytest.mark.slow(reason="delivers to every sink")]

FORM, LEE, MEGAN = "forms@contoso.com", "lee.gu@contoso.com", "megan.bowen@contoso.com"
ADELE = "adele.vance@contoso.com"
POLICY = {"reply_to_from": [FORM, SUPPORT, "@forms.example"], "forwarded_by": [LEE]}
UNREAD = "The author of the forwarded mail cannot be read, so the ticket is for who forwarded it."


@pytest.fixture
def listing(open_scenario: OpenScenario) -> MailScenario:
    """A scenario whose mailbox lists authors in its policy."""
    return open_scenario(requestor=POLICY)


def take(scenario: MailScenario, **mail: Any) -> PreparedMail:
    scenario.receive(**mail)
    scenario.run()
    return scenario.sink.received[-1]


def assert_asks(scenario: MailScenario, prepared: PreparedMail, address: str, basis: str, *words: str) -> None:
    """Both EasyVista and the webhook see this requestor, and the ticket's text has the words."""
    ticket, event = make_ticket(scenario, prepared), send_event(scenario, prepared)
    assert ticket.requestor_mail == address
    assert (event["requestor"]["address"], event["requestor"]["basis"]) == (address, basis)
    for word in words:
        assert word in ticket.description


def test_s1_a_web_form_asks_for_whom_reply_to_names(listing: MailScenario) -> None:
    prepared = take(listing, **load_field_mail("s1-contact-form-own-address.eml"))
    assert_asks(listing, prepared, ADELE, "reply-to", f"From: Web form ({SUPPORT})", f"Reply-To: {ADELE}")
    assert f"Requestor: Adele Vance ({ADELE}), Reply-To of the mail" in make_ticket(listing, prepared).description


def test_t7_sender_and_author_are_both_shown(scenario: MailScenario) -> None:
    mail = scenario.receive(**load_field_mail("t7-on-behalf.eml"))
    scenario.run()
    prepared = scenario.sink.received[0]
    assert_asks(scenario, prepared, "grady.archie@contoso.com", "from", f"Sender: {ADELE}")
    assert send_event(scenario, prepared)["sender"] == ADELE
    assert scenario.describe(mail.id)["sender"] == ADELE


def test_t8_a_technician_asks_for_whose_mail_was_forwarded(listing: MailScenario) -> None:
    prepared = take(listing, **load_field_mail("t8-forwarded-by-technician.eml"))
    words = (f"From: Lee Gu ({LEE})", f"Requestor: Megan Bowen ({MEGAN}), author of the forwarded mail")
    assert_asks(listing, prepared, MEGAN, "forwarded", *words)


REPLY_TO = {
    "a domain, German": {"sender": "karten@forms.example", "reply_to": ["Adele Vance <adele.vance@contoso.com>"]},
    "several, the first of them ours": {"sender": FORM, "reply_to": [SUPPORT, ADELE, MEGAN]},
    "capitals": {"sender": FORM.upper(), "reply_to": [ADELE.upper()]},
}
NOT_REPLY_TO = {
    "a stranger": {"sender": "eve@fabrikam.example", "reply_to": [MEGAN]},
    "a subdomain": {"sender": "x@a.forms.example", "reply_to": [MEGAN]},
    "a technician, who is listed for forwards only": {"sender": LEE, "reply_to": [MEGAN]},
}


@pytest.mark.parametrize("mail", REPLY_TO.values(), ids=REPLY_TO)
def test_reply_to_of_listed_authors_is_the_requestor(listing: MailScenario, mail: dict[str, Any]) -> None:
    assert_asks(listing, take(listing, subject="Form", text="x", **mail), ADELE, "reply-to")


@pytest.mark.parametrize("mail", NOT_REPLY_TO.values(), ids=NOT_REPLY_TO)
def test_reply_to_of_others_is_shown_and_never_the_requestor(listing: MailScenario, mail: dict[str, Any]) -> None:
    received = listing.receive(subject="Form", text="x", **mail)
    listing.run()
    prepared = listing.sink.received[-1]
    ticket, event = make_ticket(listing, prepared), send_event(listing, prepared)
    assert event["requestor"]["address"] == mail["sender"]
    assert ticket.requestor_mail != MEGAN
    assert event["replyTo"] == listing.describe(received.id)["replyTo"] == [MEGAN]
    assert f"Reply-To: {MEGAN}" in ticket.description


def test_a_forged_form_names_nobody(listing: MailScenario) -> None:
    forged = {"Authentication-Results": "spf=fail; dmarc=fail action=none header.from=contoso.com"}
    prepared = take(listing, subject="Form", text="x", sender=FORM, reply_to=[MEGAN], headers=forged)
    assert prepared.who_asks.address == FORM
    assert "failed DMARC" in send_event(listing, prepared)["requestor"]["note"]


def test_a_form_without_reply_to_asks_itself_and_the_ticket_says_so(listing: MailScenario) -> None:
    prepared = take(listing, subject="Form", text="x", sender=FORM)
    assert "Note: The mail has no Reply-To of somebody else" in make_ticket(listing, prepared).description


FORWARDS = {
    "Outlook, German": "Von: Bowen, Megan <megan.bowen@contoso.com>\nGesendet: Mo\nAn: Lee\nBetreff: X\n\nHallo",
    "Outlook, Japanese": "差出人: Megan <megan.bowen@contoso.com>\n送信日時: 月\n宛先: Lee\n件名: X\n\nこんにちは",
    "Outlook on the web, French": (
        "________________________________\nDe : Megan <megan.bowen@contoso.com>\nEnvoyé : lundi\nÀ : Lee\nObjet : X\n\n"
        "Bonjour"
    ),
    "Gmail": (
        "---------- Forwarded message ---------\nFrom: Megan Bowen <megan.bowen@contoso.com>\nDate: Mon\nSubject: X\n"
        "To: Lee"
    ),
    "Apple Mail": "Begin forwarded message:\n\nFrom: megan.bowen@contoso.com\nSubject: X\nDate: Mon\nTo: Lee",
    "Thunderbird, Italian": (
        "-------- Messaggio Inoltrato --------\nOggetto: \tX\nData: \tlun\n"
        "Mittente: \tMegan <megan.bowen@contoso.com>\nA: \tLee <lee.gu@contoso.com>\n\nCiao"
    ),
    "a mail address as a link": "From: Megan Bowen [mailto:megan.bowen@contoso.com]\nSent: Mon\nTo: Lee\nSubject: X",
    "an unknown language": "Ikiki: Megan <megan.bowen@contoso.com>\nAbc: Mon\nDef: Lee\nGhi: X\n\nJklm",
    "forwarded twice": (
        "From: Megan <megan.bowen@contoso.com>\nSent: Mon\nTo: Lee\nSubject: FW: X\n\nSee below.\n\n"
        "From: Vendor <v@example.com>\nSent: Sun\nTo: Megan\nSubject: X\n\nHi"
    ),
}
UNREADABLE = {
    "a name without address": "From: Megan Bowen\nSent: Monday\nTo: alex.wilber@contoso.com\nSubject: X\n\nHi",
    "no header": "Megan says that the printer is dead.",
    "a mail of our own": f"From: Support <{SUPPORT}>\nSent: Monday\nTo: Lee\nSubject: X\n\nHi",
}


@pytest.mark.parametrize("text", FORWARDS.values(), ids=FORWARDS)
@pytest.mark.parametrize("form", ["text", "html"])
def test_the_author_of_a_forward_is_read(listing: MailScenario, text: str, form: str) -> None:
    shown = text if form == "text" else text.replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>")
    prepared = take(listing, subject="WG: X", sender=LEE, **{form: f"Bitte.\n\n{shown}" if form == "text" else shown})
    assert prepared.who_asks.address == MEGAN
    assert (prepared.who_asks.name, prepared.who_asks.basis) == (prepared.who_asks.name.strip(), "forwarded")


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_forward_is_the_technicians_and_the_ticket_says_so(listing: MailScenario, text: str) -> None:
    prepared = take(listing, subject="FW: X", sender=LEE, text=text)
    assert_asks(listing, prepared, LEE, "from", f"Note: {UNREAD}")


def test_a_mail_forwarded_as_an_attachment_is_read(listing: MailScenario) -> None:
    original = Item(b"From: Megan Bowen <Megan.Bowen@contoso.com>\r\nSubject: Cannot print\r\n\r\nDead.")
    prepared = take(listing, subject="VS: Cannot print", sender=LEE, text="See the mail.", attachments=[original])
    assert_asks(listing, prepared, MEGAN, "forwarded")


@pytest.mark.parametrize("sender", ["eve@fabrikam.example", ADELE])
def test_forwards_of_others_are_theirs(listing: MailScenario, sender: str) -> None:
    prepared = take(listing, subject="FW: X", sender=sender, text=FORWARDS["Gmail"])
    assert (prepared.who_asks.address, prepared.who_asks.note) == (sender, "")


def test_a_technicians_own_mail_is_not_a_forward(listing: MailScenario) -> None:
    prepared = take(listing, subject="My printer", sender=LEE, text="It is dead.")
    assert (prepared.who_asks.address, prepared.who_asks.note) == (LEE, "")


def test_an_unknown_requestor_is_treated_like_an_unknown_author(listing: MailScenario) -> None:
    prepared = take(listing, subject="Form", text="x", sender=FORM, reply_to=["guest@fabrikam.example"])
    with pytest.raises(Rejected, match="does not know the requestor"):
        make_ticket(listing, prepared, unknown_sender="quarantine")
    assert make_ticket(listing, prepared).requestor_mail == service_desks.CATCH_ALL


def test_a_rule_chooses_the_policy(open_scenario: OpenScenario) -> None:
    rule = {"name": "cards", "all": [{"from": "cards@fabrikam.example"}], "requestor": "reply-to"}
    scenario = open_scenario(rules=[rule])
    for sender in ("cards@fabrikam.example", "eve@fabrikam.example"):
        prepared = take(scenario, subject="Card", text="x", sender=sender, reply_to=[ADELE])
        assert prepared.who_asks.address == (ADELE if sender.startswith("cards") else sender)


def test_the_first_attempt_decides_and_who_asks_is_no_participant(listing: MailScenario) -> None:
    mail = listing.receive(subject="Form", text="x", sender=FORM, reply_to=[ADELE])
    listing.run()
    assert '"basis": "reply-to"' in record(listing, mail)["progress"]
    thread = listing.sink.received[0].threads.find_ticket("T-1")
    assert thread is not None
    assert ADELE not in thread.participants
