"""Mails as they come in: odd ones, broken ones, and two collections."""

from typing import Any

import pytest

from tests.field_mails import NAMES, load_field_mail
from tests.functional.twin.conftest import MakeClient
from tests.functional.twin.one_mailbox import BOX, MAIL_WRITE, safe, walk
from tests.originals import find_mails
from twin.client import RawGraphClient
from twin.mail.mailbox import Mailbox


@pytest.fixture
def graph(make_client: MakeClient) -> RawGraphClient:
    return make_client(MAIL_WRITE)


def read_in_every_way(box: Mailbox, graph: RawGraphClient, mails: dict[str, dict[str, Any]]) -> None:
    """Receive mails, given as arguments of `receive` by name, and read each with all its parts through Graph."""
    made = {box.receive(**arguments).id: name for name, arguments in mails.items()}
    found = walk(
        graph, f"{BOX}/mailFolders/inbox/messages/delta?$select=subject,body,internetMessageHeaders,from"
    ).items

    assert {made[item["id"]] for item in found} == set(mails)
    assert len(made) == len(mails)
    for message_id, name in made.items():
        path = f"{BOX}/messages/{message_id}"
        assert graph.get(path).status_code == 200, name
        assert graph.get(f"{path}/$value").status_code == 200, name
        for one in graph.get(f"{path}/attachments").json()["value"]:
            if "reference" in one["@odata.type"]:
                continue  # a link to a file elsewhere has no content of its own
            assert graph.get(f"{path}/attachments/{safe(one['id'])}/$value").status_code == 200, name


def test_every_mail_from_the_field_can_be_received_and_read_in_every_way(box: Mailbox, graph: RawGraphClient) -> None:
    assert len(NAMES) > 70
    read_in_every_way(box, graph, {name: load_field_mail(name) for name in NAMES if not name.startswith("z1-")})


def test_attachments_of_a_mail_from_the_field_may_be_larger_than_any_file_here(box: Mailbox) -> None:
    made = box.receive(**load_field_mail("z1-big-attachments.json"))

    assert [one.content.size for one in made.attachments] == [160_000_000, 27_000_000, 2]


def test_every_sample_mail_of_others_can_be_read_in_every_way(box: Mailbox, graph: RawGraphClient) -> None:
    read_in_every_way(box, graph, {path.name: {"eml": path.read_bytes()} for path in find_mails()})


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"\x00\xff\xfe\x80" * 50,
        b"Subject: =?utf-99?Q?What=3F?=\nFrom: <<>>,,;:\nDate: yesterday\nTo: \xff\xfe\n\nbody",
        b'Content-Type: text/html; charset="no such"\n\n<p>\xe4\xf6\xfc</p>',
        b"Content-Type: multipart/mixed\n\nno boundary",
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\n\n\n--x--",
        b"Content-Type: application/pdf; name*=utf-8''%ff\nContent-Transfer-Encoding: base64\n\n!!!",
        b"Content-Type: text/plain; charset=utf-7\n\n+2AA-",
        b"Subject: =?wi\xffows?Q?x?=\n\nx",
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: image/\xff\x01png; name=a\n\nx\n--x--",
        b"Content-Type: multipart/mixed; boundary=x\n" * 2 + b"\n" + b"--x\nContent-Type: multipart/mixed\n\n" * 150,
    ],
    ids=range(12),
)
def test_broken_mails_come_in_all_the_same(box: Mailbox, graph: RawGraphClient, raw: bytes) -> None:
    made = box.receive(raw)
    path = f"{BOX}/messages/{made.id}"

    assert graph.get(path).status_code == 200
    assert graph.get(f"{path}?$select=internetMessageHeaders,uniqueBody").status_code == 200
    assert graph.get(f"{path}/$value").status_code == 200
    for one in graph.get(f"{path}/attachments").json()["value"]:
        assert graph.get(f"{path}/attachments/{safe(one['id'])}/$value").status_code == 200


def test_deep_nesting_is_survived(box: Mailbox) -> None:
    raw = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) for level in range(1500))

    assert box.receive(raw).exists


def test_encoded_words_and_odd_charsets_are_decoded(box: Mailbox) -> None:
    made = box.receive(
        b"Subject: =?iso-8859-1?Q?Gr=FC=DFe?= =?utf-8?B?4pyT?=\n"
        b"From: =?utf-8?Q?J=C3=B6rg?= <joerg@example.com>\n"
        b"To: a@example.com, =?utf-8?B?QsO2?= <b@example.com>\n"
        b"Date: Fri, 20 Nov 2026 10:00:00 +0200\n"
        b"Importance: High\n"
        b"Content-Type: text/plain; charset=windows-1252\n\n\x80 5"
    )
    values = made.draft.values

    assert made.subject == "Grüße✓"
    assert values["from"]["emailAddress"] == {"name": "Jörg", "address": "joerg@example.com"}
    assert [one["emailAddress"]["name"] for one in values["toRecipients"]] == ["a@example.com", "Bö"]
    assert (values["sentDateTime"], values["importance"]) == ("2026-11-20T08:00:00Z", "high")
    assert values["body"]["content"] == "€ 5"


def test_bodies_and_attachments_are_distinguished(box: Mailbox) -> None:
    made = box.receive(
        b"Content-Type: multipart/mixed; boundary=m\n\n"
        b"--m\nContent-Type: multipart/alternative; boundary=a\n\n"
        b"--a\nContent-Type: text/plain\n\nplain\n"
        b"--a\nContent-Type: multipart/related; boundary=r\n\n"
        b"--r\nContent-Type: text/html\n\n<img src=cid:pic>\n"
        b"--r\nContent-Type: image/png\nContent-ID: <pic>\nContent-Transfer-Encoding: base64\n\nQUJD\n--r--\n--a--\n"
        b"--m\nContent-Type: text/plain\nContent-Disposition: attachment; filename=log.txt\n\nlog\n"
        b"--m\nContent-Type: message/rfc822\n\nSubject: inner\n\nhello\n"
        b"--m--\n"
    )

    assert made.draft.values["body"]["contentType"] == "html"
    assert [(one.kind, one.name, one.is_inline, one.content_id) for one in made.attachments] == [
        ("file", "ATT00001.dat", True, "pic"),
        ("file", "log.txt", False, None),
        ("item", "inner", False, None),
    ]
    assert made.has_attachments


def test_a_report_keeps_its_parts(box: Mailbox) -> None:
    made = box.receive(
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=m\n\n"
        b"--m\nContent-Type: text/plain\n\nCould not be delivered\n"
        b"--m\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
        b"Final-Recipient: rfc822; y@example.com\n"
        b"--m\nContent-Type: message/rfc822\n\nSubject: the original\n\nhello\n--m--\n"
    )

    assert made.draft.values["body"]["content"].strip() == "Could not be delivered"
    assert [(one.kind, one.content_type) for one in made.attachments] == [
        ("file", "message/delivery-status"),
        ("item", None),
    ]
    assert b"Final-Recipient: rfc822; y@example.com" in made.attachments[0].content.whole()


def test_headers_keep_their_order_and_repetitions(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(b"Received: one\r\n\tfolded\nX-Loop: yes\nReceived: two\nSubject: x\n\n")

    headers = graph.get(f"{BOX}/messages/{made.id}?$select=internetMessageHeaders").json()["internetMessageHeaders"]

    assert [(line["name"], line["value"]) for line in headers] == [
        ("Received", "one folded"), ("X-Loop", "yes"), ("Received", "two"), ("Subject", "x"),
    ]  # fmt: skip
