"""Mailboxes of the sample tenant: three with a dozen mails each, among them every difficult kind; and empty ones."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from twin.entra.state import Entra
from twin.mail.contents import File, Item, Reference
from twin.mail.mailbox import Mailbox
from twin.mail.state import Mail
from twin.seeds.pictures import make_pdf, make_png
from twin.seeds.service_desks import OPEN_TICKET, OPEN_TICKET_REQUESTOR, OPEN_TICKET_TITLE, address_of
from twin.world import World

SUPPORT, FACILITIES, SECURITY = "support@contoso.com", "facilities@contoso.com", "security@contoso.com"
SECOND = "second@contoso.com"
_DOMAIN = "contoso.com"
_SIGNATURE = '<p>Best regards<br><img src="cid:logo@contoso" width="60" height="20" alt="Contoso"></p>'


@dataclass(frozen=True)
class Theme:
    """What people of the sample tenant write to one mailbox; `reported`, `asked`, `urgent` are subjects with texts."""

    address: str
    name: str
    object_id: str
    reported: tuple[str, str]
    asked: tuple[str, str]
    urgent: tuple[str, str]
    document: str
    newsletter: str
    names: tuple[str, str, str]

    @property
    def people(self) -> tuple[tuple[str, str], ...]:
        """Names with their addresses."""
        return tuple((name, address_of(name)) for name in self.names)


THEMES = (
    Theme(
        SUPPORT,
        "IT Support",
        "ab0c0000-7777-4aaa-8bbb-000000000001",
        ("Printer on the 3rd floor prints blank pages", "Since this morning every page is blank. It is an M507."),
        ("VPN drops every ten minutes", "I work from home today and the VPN disconnects about every ten minutes."),
        ("URGENT: nobody at the Leeds office can sign in", "All of us see 'something went wrong' after the password."),
        "error-report.pdf",
        "Ten shortcuts you did not know",
        ("Adele Vance", "Lee Gu", "Megan Bowen"),
    ),
    Theme(
        FACILITIES,
        "Facilities",
        "ab0c0000-7777-4aaa-8bbb-000000000002",
        ("Light flickers in meeting api Oslo", "The left lamp over the table flickers when the blinds move."),
        ("Parking card for a visitor on Thursday", "We expect Ms Ito at 10:00 and need one place near the entrance."),
        ("Water on the floor of the archive", "It comes from the ceiling beside rack 4; boxes are getting wet."),
        "floor-plan.pdf",
        "Office furniture: autumn offers",
        ("Diego Siciliani", "Lynne Robbins", "Henrietta Mueller"),
    ),
    Theme(
        SECURITY,
        "Security Desk",
        "ab0c0000-7777-4aaa-8bbb-000000000003",
        ("Strange mail about a parcel", "I did not order anything. I have not clicked on the link."),
        ("May I use this USB stick?", "A customer gave it to me with the drawings. Is there a way to have it checked?"),
        ("Laptop stolen on the train", "My laptop was taken between York and London. It was locked, not switched off."),
        "police-report.pdf",
        "This week's advisories",
        ("Grady Archie", "Patti Fernandez", "Joni Sherman"),
    ),
)  # fmt: skip


def seed(world: World) -> list[Mailbox]:
    """Add the three mailboxes with their mails of the last days."""
    mail, tenant = world.state(Mail), world.state(Entra).tenant(_DOMAIN)
    return [_seed_one(mail, tenant.id, theme) for theme in THEMES]


def seed_tiny(world: World) -> list[Mailbox]:
    """Add two empty mailboxes."""
    mail, tenant = world.state(Mail), world.state(Entra).tenant(_DOMAIN)
    return [
        mail.add_mailbox(SUPPORT, tenant.id, name="IT Support"),
        mail.add_mailbox(SECOND, tenant.id, name="Second"),
    ]


def make_demo() -> Iterator[dict[str, Any]]:
    """Make three mails for the control path: plain, an answer to the open ticket, one with attachments."""
    asker, other = address_of("Adele Vance"), address_of("Lee Gu")
    yield {
        "subject": "My screen stays dark",
        "from": f"Adele Vance <{asker}>",
        "text": "Hello,\r\n\r\nsince the update my second screen stays dark.\r\n\r\nAdele\r\n",
    }
    answer = make_answer()
    yield {
        "subject": answer["subject"],
        "from": f"Alex Wilber <{OPEN_TICKET_REQUESTOR}>",
        "html": answer["html"],
        "inReplyTo": answer["in_reply_to"],
    }
    picture, paper = base64.b64encode(make_png(240, 90)).decode(), base64.b64encode(make_pdf("Invoice 4711")).decode()
    yield {
        "subject": "Strange message when I print the invoice",
        "from": f"Lee Gu <{other}>",
        "html": '<p>This is what I see:</p><p><img src="cid:screen@contoso"></p><p>Invoice and log are attached.</p>',
        "attachments": [
            {"name": "screen.png", "contentType": "image/png", "base64": picture, "inline": True,
             "contentId": "screen@contoso"},
            {"name": "invoice.pdf", "contentType": "application/pdf", "base64": paper},
            {"name": "print.log", "contentType": "text/plain", "text": "09:41:07 E112 tray 2 is empty\n"},
        ],
    }  # fmt: skip


def _seed_one(mail: Mail, tenant_id: str, theme: Theme) -> Mailbox:
    box = mail.add_mailbox(theme.address, tenant_id, name=theme.name, object_id=theme.object_id)
    now = mail.world.clock.now()
    for number, wish in enumerate(make_mails(theme)):
        # the first ones came days ago, the last one an hour ago
        hours = 1 + (11 - number) * 7
        box.receive(wish.pop("eml", None), received=now - timedelta(hours=hours, minutes=number * 4), **wish)
    return box


def make_mails(theme: Theme) -> Iterator[dict[str, Any]]:
    """Make one mail of every kind, as keywords of `Mailbox.receive`."""
    yield from _make_plain_ones(theme)
    yield from _make_laden_ones(theme)
    yield from _make_automatic_ones(theme)
    yield from _make_answers()


def _make_plain_ones(theme: Theme) -> Iterator[dict[str, Any]]:
    first, second, third = theme.people
    subject, text = theme.reported
    yield {"subject": subject, "sender": first, "text": f"Hello,\r\n\r\n{text}\r\n\r\nThanks\r\n{first[0]}\r\n"}
    subject, text = theme.asked
    yield {"subject": subject, "sender": second, "html": f"<p>Hi,</p><p>{text}</p>{_sign(second)}", "is_read": True}
    subject, text = theme.urgent
    yield {
        "subject": subject,
        "sender": third,
        "html": f"<p><b>{text}</b></p>{_sign(third)}",
        "importance": "high",
        "cc": [first],
    }


def _make_laden_ones(theme: Theme) -> Iterator[dict[str, Any]]:
    first, second, third = theme.people
    logo = File("image001.png", "image/png", make_png(60, 20), inline=True, content_id="logo@contoso")
    yield {
        "subject": "Short question",
        "sender": third,
        "html": f"<p>Who is on duty over the holidays?</p>{_SIGNATURE}",
        "attachments": [logo],
    }
    yield {
        "subject": f"Documents: {theme.document}",
        "sender": first,
        "html": f"<p>As discussed, see the attachment.</p>{_SIGNATURE}",
        "attachments": [logo, File(theme.document, "application/pdf", make_pdf(theme.document))],
    }
    inner = (
        f"From: Somebody Else <somebody@example.net>\r\nTo: {second[1]}\r\nSubject: Please have a look\r\n"
        "Date: Thu, 19 Nov 2026 08:15:00 +0000\r\nMessage-ID: <look@example.net>\r\n\r\nThis is what I meant.\r\n"
    )
    yield {
        "subject": "FW: Please have a look",
        "sender": second,
        "text": "See the mail attached.",
        "attachments": [Item(inner.encode())],
    }
    yield {
        "subject": "Screen recording",
        "sender": second,
        "html": "<p>Too large to attach, so here is a link.</p>",
        "attachments": [Reference("Recording.mp4", "https://contoso-my.sharepoint.example/Recording.mp4")],
    }


def _make_automatic_ones(theme: Theme) -> Iterator[dict[str, Any]]:
    first = theme.people[0]
    yield {
        "subject": f"Automatic reply: {theme.asked[0]}",
        "sender": first,
        "text": "I am out of the office until Monday.",
        "headers": {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"},
    }
    yield {"eml": _make_bounce(theme)}
    yield {
        "subject": theme.newsletter,
        "sender": ("Newsletter", "news@example.org"),
        "html": '<h1>News</h1><p>Read on.</p><p><a href="https://example.org/leave">Unsubscribe</a></p>',
        "headers": {
            "List-Id": "<news.example.org>",
            "List-Unsubscribe": "<mailto:leave@example.org>",
            "Precedence": "bulk",
        },
    }


def make_answer() -> dict[str, Any]:
    """Make an answer to the open ticket of the sample, from the person who opened it."""
    return {
        "subject": f"RE: [{OPEN_TICKET}] {OPEN_TICKET_TITLE}",
        "sender": ("Alex Wilber", OPEN_TICKET_REQUESTOR),
        "html": (
            '<p>It charges again with the new power supply, thank you.</p><div id="divRplyFwdMsg"><hr>'
            "<b>From:</b> Service Desk<br><b>Sent:</b> Friday, 20 November 2026 15:10<br>"
            f"<b>To:</b> Alex Wilber<br><b>Subject:</b> [{OPEN_TICKET}] {OPEN_TICKET_TITLE}</div>"
            "<p>Please try another power supply.</p>"
        ),
        "in_reply_to": f"<{OPEN_TICKET}@contoso.com>",
    }


def _make_answers() -> Iterator[dict[str, Any]]:
    yield make_answer()
    yield {
        "subject": "Scan from the copier",
        "sender": ("Copier 2", "copier2@contoso.com"),
        "text": "Number of pages: 1",
        "attachments": [File("scan0001.pdf", "application/pdf", make_pdf("scan0001"))],
        "without_message_id": True,
    }


def _make_bounce(theme: Theme) -> bytes:
    return (
        "Return-Path: <>\r\n"
        "From: Mail Delivery System <MAILER-DAEMON@mail.example.com>\r\n"
        f"To: {theme.address}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\n"
        f"Message-ID: <bounce-{theme.address}>\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="bounce-boundary-1"\r\n\r\n'
        "--bounce-boundary-1\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
        "I could not deliver your message to gone@example.com: user unknown.\r\n"
        "--bounce-boundary-1\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mail.example.com\r\n\r\n"
        "Final-Recipient: rfc822; gone@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        "--bounce-boundary-1\r\nContent-Type: message/rfc822\r\n\r\n"
        f"From: {theme.address}\r\nTo: gone@example.com\r\nSubject: Your request [{OPEN_TICKET}]\r\n"
        f"Message-ID: <{OPEN_TICKET}@contoso.com>\r\n\r\nWe have received your request.\r\n"
        "--bounce-boundary-1--\r\n"
    ).encode()


def _sign(person: tuple[str, str]) -> str:
    return f"<p>{person[0]}<br>Contoso Ltd</p>"
