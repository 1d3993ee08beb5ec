"""Signed mails are unpacked; of encrypted, protected and PGP mails the ticket says what they are and who opens them."""

from typing import Any

import pytest

from inbound_mail.sinks.protocol import PreparedMail
from tests.field_mails import load_field_mail
from tests.functional.mail.at_the_sinks import make_ticket, send_event
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.signed_mails import INNER, encrypt, sign, stream_signed, write_clear, write_opaque
from twin.mail.contents import File

pytestmark = pytest.mark.usefixtures("rows_in_memory")

UNPACKED = "This mail is signed with S/MIME. Its text and files were taken out of it. The gateway did not verify"


def take(scenario: MailScenario, **mail: Any) -> PreparedMail:
    scenario.receive(**mail)
    scenario.run()
    [prepared] = scenario.sink.received
    return prepared


def wrap(data: bytes) -> bytes:
    """Return an opaque structure as an entity of its own, as inside another one."""
    head, _, content = write_opaque(data).partition(b"Content-Type: ")
    assert head
    return b"Content-Type: " + content


SIGNED = {
    "clear": write_clear(),
    "opaque": write_opaque(sign()),
    "opaque, streamed": write_opaque(stream_signed()),
    "opaque, older type": write_opaque(sign(), media_type="application/x-pkcs7-mime"),
    "opaque, named only": write_opaque(sign(), media_type="application/octet-stream"),
    "signed twice": write_opaque(sign(wrap(stream_signed()))),
}


@pytest.mark.parametrize("eml", SIGNED.values(), ids=SIGNED)
def test_text_and_files_of_a_signed_mail_are_in_its_ticket(scenario: MailScenario, eml: bytes) -> None:
    prepared = take(scenario, eml=eml)
    ticket, event = make_ticket(scenario, prepared), send_event(scenario, prepared, body="html")
    for text in (ticket.description, event["bodyText"]):
        assert UNPACKED in text
        assert "The card is lost, été." in text
    assert sorted(one.name for one in ticket.documents) == ["Kärten.csv", "photo.png"]
    assert next(one.data for one in ticket.documents if one.name == "Kärten.csv") == b"1;2"
    assert "Not attached: smime.p7m (signed, and unpacked: its text and files are here)" in ticket.description
    assert [(one["name"], "contentBase64" in one) for one in event["attachments"]] == [
        ("smime.p7m", False),
        ("photo.png", True),
        ("Kärten.csv", True),
    ]
    assert "cid:photo" in event["bodyHtml"]


def test_exchange_may_show_no_text_of_a_signed_mail(scenario: MailScenario) -> None:
    scenario.gateway.sim.mail.switches.shows_signed_text = False
    assert "The card is lost" in take(scenario, eml=write_clear()).rendering.text


def test_routes_show_what_was_unpacked(scenario: MailScenario) -> None:
    mail = scenario.receive(eml=write_opaque(sign()))
    scenario.run()
    key = scenario.mailbox.key(mail.id)
    shown = scenario.gateway.get(f"mailboxes/{scenario.name}/mails/{key}").json()
    assert "The card is lost, été." in shown["text"]
    assert [one["number"] for one in shown["attachments"]] == [1, 2, 3]
    file = scenario.gateway.get(f"mailboxes/{scenario.name}/mails/{key}/attachments/3")
    assert (file.status_code, file.content) == (200, b"1;2")


def test_files_beyond_the_bound_of_the_mailbox_are_named(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(attachment_mb=1)
    name = b"Content-Type: application/zip; name=large.zip\r\n\r\n"
    prepared = take(scenario, eml=write_clear(name + b"x" * 1_200_000))
    assert [one.omitted for one in prepared.mail.attachments] == ["TooLarge"]  # the container itself
    ticket = make_ticket(scenario, prepared)
    assert "Not attached: smime.p7m (1.1 MiB, more than the gateway reads" in ticket.description
    assert "the gateway cannot unpack it" in ticket.description


def sentence(what: str, how: str) -> str:
    return f"This mail is {what}. Only its recipients can open it, {how}"


CERTIFICATE = "with their certificate: support@contoso.com"
SEALED = {
    "encrypted": ({"eml": write_opaque(encrypt(), "enveloped-data")}, sentence("encrypted with S/MIME", CERTIFICATE)),
    "encrypted, without parameters": (
        {"eml": write_opaque(encrypt(), "x")},
        f"{sentence('encrypted with S/MIME', CERTIFICATE)}, adele.vance@contoso.com.",
    ),
    "encrypted, and signed around it": ({"eml": write_opaque(sign(wrap(encrypt())))}, "encrypted with S/MIME."),
    "e2 of the field": (load_field_mail("e2-smime-enveloped.eml"), sentence("encrypted with S/MIME", CERTIFICATE)),
    "e4 of the field": (load_field_mail("e4-rpmsg-protected.json"), "protected by Microsoft Purview"),
    "Outlook's own rights management": (
        {"subject": "X", "text": "", "attachments": [File("message.rpmsg", "application/x-microsoft-rpmsg-message")]},
        "by signing in, in Outlook or by the link in the mail",
    ),
    "e1 of the field": (load_field_mail("e1-pgp-mime.eml"), sentence("encrypted with PGP", "with their key: support@")),
    "PGP in the text": (
        {"text": "Hallo,\n\n-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----"},
        "Text of this mail is encrypted with PGP. Only its recipients can open it",
    ),
    "PGP in HTML": (
        {"html": "<div>-----BEGIN PGP MESSAGE-----<br>hQEMA</div>"},
        "Text of this mail is encrypted with PGP.",
    ),
    "PGP signature": (
        {"text": "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nThe card is lost."},
        "This mail is signed with PGP. The gateway did not verify the signature.",
    ),
    "broken": (
        {"eml": write_opaque(b"\x30\x80" * 9)},
        "signed or encrypted with S/MIME, and the gateway cannot unpack",
    ),
    "signed four times": (
        {"eml": write_opaque(sign(wrap(sign(wrap(sign(wrap(sign())))))))},
        "and the gateway cannot unpack",
    ),
    "a signature without its text": ({"eml": write_opaque(sign(b"")[:50])}, "and the gateway cannot unpack"),
}


@pytest.mark.parametrize(("mail", "words"), SEALED.values(), ids=SEALED)
def test_what_cannot_be_unpacked_is_said_in_a_sentence(
    scenario: MailScenario, mail: dict[str, Any], words: str
) -> None:
    prepared = take(scenario, **mail)
    ticket, event = make_ticket(scenario, prepared), send_event(scenario, prepared)
    assert words in ticket.description
    assert words in event["bodyText"]
    files = [one for one in prepared.mail.attachments if one.blob]
    assert len(ticket.documents) == len(files)  # those who have the key can open them


@pytest.mark.parametrize("name", ["fattura.pdf.p7m", "contract.p7m"])
def test_a_signed_file_of_a_usual_mail_is_a_file(scenario: MailScenario, name: str) -> None:
    files = [File(name, "application/octet-stream", sign()), File("a.txt", "text/plain", b"a")]
    prepared = take(scenario, subject="Invoice", text="See the files", attachments=files)
    assert prepared.rendering.text == "See the files"
    assert sorted(one.name for one in make_ticket(scenario, prepared).documents) == ["a.txt", name]


def test_hostile_parts_are_bounded(scenario: MailScenario) -> None:
    many = b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n' + b"--m\r\n\r\nx\r\n" * 5000 + b"--m--\r\n"
    prepared = take(scenario, eml=write_clear(many))
    assert [one.name for one in prepared.mail.attachments] == ["smime.p7m"]
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(900)
    )
    scenario.sink.received.clear()
    assert take(scenario, eml=write_opaque(sign(deep)).replace(b"sealed@", b"deep@")).mail.attachments
    assert INNER not in deep
