"""Attachments of a message, their bytes, and the message as MIME."""

import base64
import tracemalloc
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from tests.functional.twin.conftest import MakeClient
from tests.functional.twin.one_mailbox import BOX, IMMUTABLE, MAIL_WRITE, read_error, safe, send_batch
from twin import Cut, Simulator
from twin.client import RawGraphClient
from twin.mail.contents import File, Item, Reference, Synthetic, make_bytes
from twin.mail.mailbox import Mailbox
from twin.mail.message import Message

INNER = b"Subject: Inner\r\nFrom: lee@example.com\r\nTo: robin@example.com\r\n\r\nHello\r\n"
LARGE = 150 * 1024 * 1024


@pytest.fixture
def graph(make_client: MakeClient) -> RawGraphClient:
    return make_client(MAIL_WRITE)


@pytest.fixture
def laden(box: Mailbox) -> Message:
    return box.receive(
        subject="Laden",
        html='<img src="cid:logo">',
        attachments=[
            File("logo.png", "image/png", b"\x89PNG", inline=True, content_id="logo"),
            File("Bericht Ü.pdf", "application/pdf", b"%PDF"),
            Item(INNER),
            Reference("Plan.docx", "https://contoso.example/plan"),
        ],
    )


def open_mime(data: bytes) -> EmailMessage:
    mail = message_from_bytes(data, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def test_the_list_has_the_bytes_of_files(laden: Message, graph: RawGraphClient) -> None:
    logo, report, item, link = graph.get(f"{BOX}/messages/{laden.id}/attachments").json()["value"]

    assert [one["@odata.type"].rpartition(".")[2] for one in (logo, report, item, link)] == [
        "fileAttachment", "fileAttachment", "itemAttachment", "referenceAttachment",
    ]  # fmt: skip
    assert base64.b64decode(report["contentBytes"]) == b"%PDF"
    assert (logo["isInline"], logo["contentId"], logo["contentType"]) == (True, "logo", "image/png")
    assert (report["isInline"], report["contentId"], report["name"]) == (False, None, "Bericht Ü.pdf")
    assert report["size"] > 4
    assert item["name"] == "Inner"
    assert not {"contentBytes", "item"} & set(item)
    assert set(link) == {"@odata.type", "id", "lastModifiedDateTime", "name", "contentType", "size", "isInline"}


def test_a_selection_leaves_the_bytes_out(laden: Message, graph: RawGraphClient) -> None:
    path = f"{BOX}/messages/{laden.id}/attachments?$select=id,name,contentType,size,isInline"

    for one in graph.get(path).json()["value"]:
        names = {name for name in one if not name.startswith("@")}
        assert names == {"id", "name", "contentType", "size", "isInline"}
    assert graph.get(f"{BOX}/messages/{laden.id}/attachments?$select=colour").status_code == 400


def test_an_attached_item_comes_when_expanded(laden: Message, graph: RawGraphClient) -> None:
    items = graph.get(f"{BOX}/messages/{laden.id}/attachments?$expand=microsoft.graph.itemattachment/item").json()

    inner = items["value"][2]["item"]
    assert (inner["subject"], inner["body"]["content"].strip()) == ("Inner", "Hello")
    assert "internetMessageHeaders" not in inner


def test_each_attachment_can_be_read_alone(laden: Message, graph: RawGraphClient) -> None:
    root = f"{BOX}/messages/{laden.id}/attachments"
    ids = [safe(one["id"]) for one in graph.get(root).json()["value"]]

    values = [graph.get(f"{root}/{one}/$value") for one in ids]

    assert graph.get(f"{root}/{ids[1]}").json()["contentBytes"] == base64.b64encode(b"%PDF").decode()
    assert [answer.status_code for answer in values] == [200, 200, 200, 405]
    assert [answer.content for answer in values[:3]] == [b"\x89PNG", b"%PDF", INNER]
    assert [answer.headers["content-type"] for answer in values[:3]] == [
        "image/png", "application/pdf", "message/rfc822",
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "content_type"), [("event", "text/calendar"), ("contact", "text/vcard")])
def test_events_and_contacts_have_their_own_format(
    box: Mailbox, graph: RawGraphClient, kind: str, content_type: str
) -> None:
    item = Item(b"BEGIN:X", "Thing", "event" if kind == "event" else "contact")
    made = box.receive(attachments=[item])
    attachment = graph.get(f"{BOX}/messages/{made.id}/attachments", prefer=IMMUTABLE).json()["value"][0]["id"]

    answer = graph.get(f"{BOX}/messages/{made.id}/attachments/{attachment}/$value")

    assert (answer.headers["content-type"], answer.content) == (content_type, b"BEGIN:X")


def test_attachment_ids_come_in_both_kinds(laden: Message, graph: RawGraphClient) -> None:
    root = f"{BOX}/messages/{laden.id}/attachments"
    mutable = graph.get(root).json()["value"][1]["id"]
    immutable = graph.get(root, prefer=IMMUTABLE).json()["value"][1]["id"]
    laden.move("archive")

    assert mutable != immutable
    assert read_error(graph.get(f"{root}/{safe(mutable)}")) == (404, "ErrorItemNotFound")
    assert graph.get(f"{root}/{immutable}").status_code == 200
    assert read_error(graph.get(f"{root}/short")) == (400, "ErrorInvalidIdMalformed")


def test_a_message_as_mime_holds_everything(laden: Message, graph: RawGraphClient) -> None:
    answer = graph.get(f"{BOX}/messages/{laden.id}/$value")

    assert answer.headers["content-type"] == "text/plain"
    mail = open_mime(answer.content)
    assert mail["subject"] == "Laden"
    assert mail["message-id"] == laden.internet_message_id
    parts = {part.get_filename(): part for part in mail.walk() if part.get_filename()}
    assert parts["Bericht Ü.pdf"].get_payload(decode=True) == b"%PDF"
    assert parts["logo.png"]["content-id"] == "<logo>"
    inner = parts["Inner"].get_payload(0)
    assert isinstance(inner, EmailMessage)
    assert inner["subject"] == "Inner"


def test_mime_is_made_anew_each_time(box: Mailbox, graph: RawGraphClient) -> None:
    raw = (
        b'Subject: x\nContent-Type: multipart/mixed; boundary="----=_Part_0815_abc"\n\n'
        b"------=_Part_0815_abc\nContent-Type: text/plain\n\nBody\n------=_Part_0815_abc--\n"
    )
    path = f"{BOX}/messages/{box.receive(raw).id}/$value"

    first, second = graph.get(path).content, graph.get(path).content

    assert first != second
    assert open_mime(first).get_body().get_content() == "Body"  # type: ignore[union-attr]
    assert b"\r\n" in first


def test_a_mail_that_cannot_be_rendered_still_reads_as_json(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(subject="Corrupt")
    made.unrenderable = True

    assert read_error(graph.get(f"{BOX}/messages/{made.id}/$value")) == (500, "ErrorContentConversionFailed")
    assert graph.get(f"{BOX}/messages/{made.id}").json()["subject"] == "Corrupt"


def test_bytes_come_as_base64_in_a_batch(laden: Message, graph: RawGraphClient) -> None:
    attachment = graph.get(f"{BOX}/messages/{laden.id}/attachments", prefer=IMMUTABLE).json()["value"][1]["id"]

    part = send_batch(graph, {"url": f"{BOX}/messages/{laden.id}/attachments/{attachment}/$value"})["0"]

    assert (part["status"], base64.b64decode(part["body"])) == (200, b"%PDF")
    assert part["headers"]["content-type"] == "application/pdf"


def test_a_batch_lists_attachments_with_their_bytes(laden: Message, graph: RawGraphClient) -> None:
    part = send_batch(graph, {"url": f"{BOX}/messages/{laden.id}/attachments", "headers": {"Prefer": IMMUTABLE}})["0"]

    assert [base64.b64decode(one["contentBytes"]) for one in part["body"]["value"][:2]] == [b"\x89PNG", b"%PDF"]
    assert part["body"]["value"][0]["id"].startswith(laden.id.rstrip("="))


def test_a_large_file_passes_in_pieces_and_in_no_copy(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(subject="Large", attachments=[Synthetic(LARGE, "film.mp4", "video/mp4", seed=7)])
    shown = graph.get(f"{BOX}/messages/{made.id}/attachments?$select=size", prefer=IMMUTABLE).json()["value"][0]
    assert shown["size"] > LARGE

    tracemalloc.start()
    with graph.session.get(
        f"https://graph.microsoft.com/v1.0{BOX}/messages/{made.id}/attachments/{shown['id']}/$value",
        stream=True,
        timeout=60,
    ) as answer:
        assert int(answer.headers["content-length"]) == LARGE
        sizes = [len(piece) for piece in answer.iter_content(1024 * 1024)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert sum(sizes) == LARGE
    assert peak < 32 * 1024 * 1024


def test_made_up_bytes_are_the_same_each_time(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(attachments=[Synthetic(700_001, seed=3), Synthetic(700_001, seed=4)])
    one, other = graph.get(f"{BOX}/messages/{made.id}/attachments", prefer=IMMUTABLE).json()["value"]
    path = f"{BOX}/messages/{made.id}/attachments/{one['id']}/$value"

    content = graph.get(path).content

    assert content == graph.get(path).content == make_bytes(700_001, 3).whole()
    assert base64.b64decode(one["contentBytes"]) == content != base64.b64decode(other["contentBytes"])
    mime = open_mime(graph.get(f"{BOX}/messages/{made.id}/$value").content)
    assert next(mime.iter_attachments()).get_payload(decode=True) == content


def test_a_large_file_does_not_push_out_other_exchanges(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(attachments=[Synthetic(40 * 1024 * 1024)])
    attachment = graph.get(f"{BOX}/messages/{made.id}/attachments?$select=id", prefer=IMMUTABLE).json()["value"][0]
    before = len(sim.exchanges.all(api="mail"))

    graph.get(f"{BOX}/messages/{made.id}/attachments/{attachment['id']}/$value")

    seen = sim.exchanges.all(api="mail")
    assert len(seen) == before + 1
    assert (seen[-1].status, seen[-1].outcome) == (200, "answered")
    assert "omitted" in seen[-1].response_json


def test_a_stream_can_be_cut(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(attachments=[Synthetic(1_000_000)])
    attachment = graph.get(f"{BOX}/messages/{made.id}/attachments?$select=id", prefer=IMMUTABLE).json()["value"][0]
    sim.faults.add(Cut(0.25), api="mail", path=r"/\$value$", when="after")

    with graph.session.get(
        f"https://graph.microsoft.com/v1.0{BOX}/messages/{made.id}/attachments/{attachment['id']}/$value",
        stream=True,
        timeout=20,
    ) as answer:
        got = answer.raw.read(900_000, decode_content=False) if answer.ok else b""

    assert len(got) <= 250_000
    assert sim.exchanges.all(api="mail")[-1].outcome == "cut"
