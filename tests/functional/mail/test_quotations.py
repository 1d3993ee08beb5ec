# ruff: noqa: RUF001 - mails of the world bring their own letters

"""Quoted history: left out only if it is the text of an earlier mail that is stored; everything else stays."""

import pytest

from inbound_mail.ledger.ledger import Ledger
from inbound_mail.sinks.protocol import PreparedMail
from shared.errors import Unavailable
from tests.field_mails import NAMES, load_field_mail
from tests.functional.mail.conftest import MailScenario, OpenScenario

pytestmark = [
    pytest.mark.usefixtures("rows_in_memory"),
    pytest.mark.slow(reason="delivers each conversation of the field"),
]

REQUEST = "q0-request.eml"
# Answers to q0, and to q6a, whose text is not the text of these mails: each says something that no other mail says.
WHOLE = [name for name in NAMES if name.startswith("q") and name not in (REQUEST, "q6a-request.eml")]

OLD = "The printer does nothing."
OUTLOOK = "________________________________\nFrom: Lee Gu <lee.gu@contoso.com>\nSent: Monday, 23 November 2026 09:00\n"
OPENINGS = {
    "Outlook": f"{OUTLOOK}To: support@contoso.com\nSubject: Printer questions\n\n",
    "Outlook, German": "Von: Lee Gu <lee.gu@contoso.com>\nGesendet: Mo\nAn: S\nBetreff: AW: Printer questions\n\n",
    "Outlook, Japanese": "差出人: lee.gu@contoso.com\n送信日時: 月\n宛先: S\n件名: RE: Printer questions\n\n",
    "Lotus Notes": "From:\tLee Gu/Contoso\nTo:\tSupport\nDate:\t23-11-2026\nSubject:\tPrinter questions\n\n",
    "Gmail": "On Mon, Nov 23, 2026 at 9:00 AM Lee Gu <lee.gu@contoso.com> wrote:\n\n> ",
    "Apple Mail": "Am 23.11.2026 um 09:00 schrieb Lee Gu <lee.gu@contoso.com>:\n\n> ",
    "Thunderbird": "On 23.11.2026 10:00, Lee Gu wrote:\n> ",
}
VENDOR = {
    "Danish": ("VS", "Fra: Vendor <v@example.com>\nSendt: i dag\nTil: Lee\nEmne: RMA 4711"),
    "Swedish": ("VB", "Från: Vendor <v@example.com>\nSkickat: idag\nTill: Lee\nÄmne: RMA 4711"),
    "French": ("TR", "De : Vendor <v@example.com>\nEnvoyé : lundi\nÀ : Lee\nObjet : RMA 4711"),
    "Polish": ("PD", "Od: Vendor <v@example.com>\nWysłano: dziś\nDo: Lee\nTemat: RMA 4711"),
    "Hebrew": ("הועבר", "מאת: Vendor <v@example.com>\nנשלח: היום\nאל: Lee\nנושא: RMA 4711"),
    "a subject of its own": ("Your part", "On 23 Nov 2026, at 9:00, Vendor <v@example.com> wrote:\n"),
    "a reply's prefix": ("RE", "From: Vendor <v@example.com>\nSent: today\nTo: Lee\nSubject: RMA 4711"),
}


def write_answer(text: str, *, subject: str = "RE: Printer questions", answers: str = "<q0@field.example>") -> bytes:
    """Return a reply of another participant to the request q0."""
    return (
        "From: Adele Vance <adele@contoso.com>\r\nTo: support@contoso.com\r\nMessage-ID: <answer@field.example>\r\n"
        f"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nIn-Reply-To: {answers}\r\nSubject: {subject}\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    ).encode() + text.encode()


def deliver_after_request(scenario: MailScenario, eml: bytes) -> PreparedMail:
    """Return what the sink got for a mail that came after the request q0."""
    scenario.receive(**load_field_mail(REQUEST))
    scenario.run()
    scenario.receive(eml=eml)
    scenario.run()
    return scenario.sink.received[-1]


@pytest.mark.parametrize("name", WHOLE)
def test_the_field_mails_are_delivered_whole(scenario: MailScenario, name: str) -> None:
    for earlier in (REQUEST, "q6a-request.eml"):
        scenario.receive(**load_field_mail(earlier))
    scenario.run()
    scenario.receive(**load_field_mail(name))
    scenario.run()
    rendering = scenario.sink.received[-1].rendering
    assert (rendering.new_text, rendering.was_cut, rendering.is_truncated) == (rendering.text, False, False)


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_a_quoted_mail_of_the_ticket_is_left_out(scenario: MailScenario, opening: str) -> None:
    prepared = deliver_after_request(scenario, write_answer(f"It works again.\n\n{opening}{OLD}\n"))
    assert prepared.rendering.was_cut
    assert prepared.rendering.new_text.startswith("It works again.")
    assert OLD not in prepared.rendering.new_text
    assert OLD in prepared.rendering.text
    assert prepared.history_in == "T-1"


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
@pytest.mark.parametrize(
    "answer", ["\nTHE HP ON FLOOR 3\n", " DEPUIS VENDREDI\n", "\n\n> Since when?\n\nSEIT FREITAG\n"]
)
def test_an_answer_inside_the_quoted_mail_is_kept(scenario: MailScenario, opening: str, answer: str) -> None:
    prepared = deliver_after_request(scenario, write_answer(f"Answers below.\n\n{opening}{OLD}{answer}"))
    assert not prepared.rendering.was_cut
    assert answer.rsplit(maxsplit=1)[-1] in prepared.rendering.new_text


@pytest.mark.parametrize(("prefix", "header"), VENDOR.values(), ids=VENDOR)
def test_the_mail_of_somebody_else_is_kept(scenario: MailScenario, prefix: str, header: str) -> None:
    eml = write_answer(f"See below.\n\n{header}\n\nThe part is on its way.\n", subject=f"{prefix}: Printer questions")
    prepared = deliver_after_request(scenario, eml)
    assert not prepared.rendering.was_cut
    assert "The part is on its way." in prepared.rendering.new_text


@pytest.mark.parametrize(
    "quoted", ["> E112: tray 2 is empty", "> The printer does nothing.", "C:\\> dir\n> The printer does nothing."]
)
def test_lines_that_the_author_quotes_are_kept(scenario: MailScenario, quoted: str) -> None:
    prepared = deliver_after_request(scenario, write_answer(f"The console says:\n{quoted}\n"))
    assert not prepared.rendering.was_cut


def test_the_decision_of_the_first_attempt_holds(scenario: MailScenario) -> None:
    def fail() -> None:
        raise Unavailable("The service desk is closed.")

    scenario.receive(eml=write_answer(f"It works again.\n\n{OPENINGS['Outlook']}{OLD}\n"))
    scenario.poll()
    scenario.sink.before = fail
    scenario.deliver()
    scenario.receive(**load_field_mail(REQUEST))
    scenario.sink.before = lambda: None
    scenario.run()
    first, *_ = scenario.sink.received
    again = [one for one in scenario.sink.received if one.reference == first.reference]
    assert len(again) > 1
    assert {one.rendering.new_text for one in again} == {first.rendering.text}


def test_another_sink_has_its_own_tickets(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(sinks=("one", "two"))
    one, two = scenario.sinks.values()
    two.tickets["earlier"] = "T-1"
    deliver_after_request(scenario, write_answer(f"It works again.\n\n{OPENINGS['Gmail']}{OLD}\n"))
    assert [sink.received[-1].history_in for sink in (one, two)] == ["T-1", "T-2"]


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("It works again.", 5),
        (f"It works.\n\n{OPENINGS['Gmail']}other words", 10),
    ],  # five are looked for to wait for them
    ids=["new", "reply"],
)
def test_few_earlier_mails_are_looked_for(
    scenario: MailScenario, text: str, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    real = Ledger.find_key

    def find_key(ledger: Ledger, message_id: str) -> str | None:
        looked.append(message_id)
        return real(ledger, message_id)

    monkeypatch.setattr(Ledger, "find_key", find_key)
    many = " ".join(f"<id{number}@field.example>" for number in range(50))
    deliver_after_request(scenario, write_answer(text, answers=many))
    assert len(looked) == looks
