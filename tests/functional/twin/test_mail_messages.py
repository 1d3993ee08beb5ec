"""Single messages: ids, properties, changes, moves, deletion."""

from typing import Any

import pytest
import requests

from tests.field_mails import load_field_mail
from tests.functional.twin.conftest import MakeClient
from tests.functional.twin.one_mailbox import BOX, IMMUTABLE, INBOX, MAIL_WRITE, read_error, safe, walk
from twin import Simulator
from twin.client import RawGraphClient
from twin.mail.contents import File
from twin.mail.mailbox import Mailbox
from twin.seeds.mails import SUPPORT

TAG = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name ticketRef"


@pytest.fixture
def graph(make_client: MakeClient) -> RawGraphClient:
    return make_client(MAIL_WRITE)


def patch(graph: RawGraphClient, message_id: str, body: dict[str, Any], **headers: str) -> requests.Response:
    return graph.request("PATCH", f"{BOX}/messages/{message_id}", json=body, headers=headers)


def move(graph: RawGraphClient, message_id: str, target: str, **headers: str) -> requests.Response:
    path = f"{BOX}/messages/{message_id}/move"
    return graph.request("POST", path, json={"destinationId": target}, headers=headers)


def test_a_message_shows_what_it_was_made_of(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(
        subject="Printer",
        sender=("Robin Åkesson", "robin@example.com"),
        cc=["Lee <lee@example.com>"],
        reply_to=["desk@example.com"],
        html="<p>On <b>fire</b></p>",
        message_id="<1@example.com>",
        importance="high",
    )

    shown = graph.get(f"{BOX}/messages/{made.id}").json()

    assert shown["from"] == {"emailAddress": {"name": "Robin Åkesson", "address": "robin@example.com"}}
    assert shown["sender"] == shown["from"]
    assert shown["toRecipients"] == [{"emailAddress": {"name": "IT Support", "address": SUPPORT}}]
    assert shown["ccRecipients"] == [{"emailAddress": {"name": "Lee", "address": "lee@example.com"}}]
    assert shown["replyTo"] == [{"emailAddress": {"name": "desk@example.com", "address": "desk@example.com"}}]
    assert (shown["subject"], shown["internetMessageId"], shown["importance"]) == ("Printer", "<1@example.com>", "high")
    assert shown["bodyPreview"] == "On fire"
    assert shown["receivedDateTime"].endswith("Z")
    assert (shown["isRead"], shown["hasAttachments"], shown["categories"]) == (False, False, [])
    assert shown["parentFolderId"] == box.folder("inbox").id
    assert "internetMessageHeaders" not in shown
    assert "uniqueBody" not in shown


def test_both_kinds_of_id_find_a_message_and_the_header_chooses_what_is_shown(
    sim: Simulator, box: Mailbox, graph: RawGraphClient
) -> None:
    sim.mail.switches.slash_share = 1
    made = box.receive(subject="Printer")

    assert {"/", "+"} <= set(made.mutable_id)
    for spelling in (made.id, safe(made.mutable_id), made.mutable_id.replace("/", "-")):
        assert graph.get(f"{BOX}/messages/{spelling}").json()["id"] == made.mutable_id
        assert graph.get(f"{BOX}/messages/{spelling}", prefer=IMMUTABLE).json()["id"] == made.id
    assert graph.get(f"{BOX}/messages/{made.id.swapcase()}").status_code == 404


@pytest.mark.parametrize(("wrong", "expected"), [
    ("A" * 120, (404, "ErrorItemNotFound")),
    ("short", (400, "ErrorInvalidIdMalformed")),
    ("A" * 60 + "!", (400, "ErrorInvalidIdMalformed")),
])  # fmt: skip
def test_ids_that_lead_nowhere(graph: RawGraphClient, wrong: str, expected: tuple[int, str]) -> None:
    for answer in (
        graph.get(f"{BOX}/messages/{wrong}"),
        graph.get(f"{BOX}/messages/{wrong}/attachments"),
        patch(graph, wrong, {"isRead": True}),
        move(graph, wrong, "archive"),
        graph.get(f"{BOX}/mailFolders/{wrong}"),
    ):
        assert read_error(answer) == expected


def test_headers_and_the_new_part_come_when_selected(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(html="<p>New</p><blockquote>Old</blockquote>", headers={"Received": ["from a", "from b"]})

    shown = graph.get(f"{BOX}/messages/{made.id}?$select=internetMessageHeaders,uniqueBody").json()

    assert [line["value"] for line in shown["internetMessageHeaders"] if line["name"] == "Received"][1:] == [
        "from a",
        "from b",
    ]
    assert "<p>New</p>" in shown["uniqueBody"]["content"]
    assert "Old" not in shown["uniqueBody"]["content"]


def test_text_is_sent_on_preference_and_confirmed(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(
        html="<html><head><style>p {}</style></head><body><p>One</p><p>Two &amp; three</p></body></html>"
    )
    path = f"{BOX}/messages/{made.id}?$select=body"

    plain = graph.get(path, prefer=f'{IMMUTABLE}, outlook.body-content-type="text"')

    assert plain.json()["body"] == {"contentType": "text", "content": "One\r\nTwo & three"}
    assert plain.headers["preference-applied"] == 'outlook.body-content-type="text"'
    assert graph.get(path).json()["body"]["contentType"] == "html"


def test_scripts_are_taken_out_unless_asked_for(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(html='<p onclick="go()">Hi</p><script>steal()</script>')
    path = f"{BOX}/messages/{made.id}?$select=body"

    assert "<body><p>Hi</p></body>" in graph.get(path).json()["body"]["content"]
    assert "steal" in graph.get(path, prefer="outlook.allow-unsafe-html").json()["body"]["content"]


def test_a_piece_of_html_comes_as_a_whole_document(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    piece, whole = box.receive(html="<p>Hi</p>"), box.receive(html="<html><body bgcolor=red>Hi</body></html>")

    def read(message_id: str) -> str:
        return str(graph.get(f"{BOX}/messages/{message_id}?$select=body").json()["body"]["content"])

    assert read(piece.id).startswith("<html><head>")
    assert read(whole.id) == "<html><body bgcolor=red>Hi</body></html>"
    sim.mail.switches.html_documents = False
    assert read(piece.id) == "<p>Hi</p>"


def test_a_mail_in_plain_text_stays_text_or_becomes_html(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    path = f"{BOX}/messages/{box.receive(text='1 < 2').id}?$select=body"

    assert graph.get(path).json()["body"] == {"contentType": "text", "content": "1 < 2"}
    sim.mail.switches.text_bodies = "html"
    body = graph.get(path).json()["body"]
    assert body["contentType"] == "html"
    assert "1 &lt; 2" in body["content"]


def test_inline_pictures_are_no_attachments(box: Mailbox, graph: RawGraphClient) -> None:
    logo = File("logo.png", "image/png", b"x", inline=True, content_id="logo")
    inline = box.receive(html='<img src="cid:logo">', attachments=[logo])
    real = box.receive(html="", attachments=[logo, File("a.pdf")])

    assert graph.get(f"{BOX}/messages/{inline.id}").json()["hasAttachments"] is False
    assert graph.get(f"{BOX}/messages/{real.id}").json()["hasAttachments"] is True


def test_a_switch_lets_inline_files_count_as_attachments(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    path = f"{BOX}/messages/{box.receive(**load_field_mail('a1-apple-inline-pdf.eml')).id}"
    assert graph.get(path).json()["hasAttachments"] is False
    sim.mail.switches.set({"inline_hides_files": False})
    assert graph.get(path).json()["hasAttachments"] is True


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("a1-apple-inline-pdf.eml", True),
        ("a2-iphone-text-photo.eml", True),
        ("a4-small-screenshot.eml", False),
        ("q7-picture-of-history.eml", False),
    ],
)
def test_a_switch_limits_inline_files_to_those_with_a_content_id(
    sim: Simulator, box: Mailbox, name: str, *, counts: bool
) -> None:
    assert not box.receive(**load_field_mail(name)).has_attachments
    sim.mail.switches.set({"inline_files": "content-id"})
    assert box.receive(**load_field_mail(name)).has_attachments is counts


@pytest.mark.parametrize(
    ("mail", "kind"),
    [
        ({"text": "T"}, "text/plain"),
        ({"html": "<p>"}, "text/html"),
        ({"html": "<p>", "text": "T"}, "multipart/alternative"),
        ({"html": "<p>", "attachments": [File("a.png", "image/png", b"x", inline=True)]}, "multipart/related"),
        ({"text": "T", "attachments": [File("a.pdf")]}, "multipart/mixed"),
        ({"text": "T", "headers": {"content-type": "application/ms-tnef"}}, "application/ms-tnef"),
    ],
)
def test_a_mail_of_keywords_says_of_what_type_it_is(box: Mailbox, mail: dict[str, Any], kind: str) -> None:
    headers = box.receive(**mail).draft.headers or []
    assert [line["value"].partition(";")[0] for line in headers if line["name"].lower() == "content-type"] == [kind]


def test_answers_share_the_conversation_of_what_they_answer(box: Mailbox) -> None:
    first = box.receive(subject="Printer", message_id="<1@x>")
    answer = box.receive(subject="RE: Printer", in_reply_to="<1@x>")
    later = box.receive(b"Subject: AW: Printer\nReferences: <0@x> <1@x>\n\nStill")
    other = box.receive(subject="Printer")

    assert first.conversation_id == answer.conversation_id == later.conversation_id != other.conversation_id


def test_each_mailbox_names_the_conversation_of_a_mail_itself(sim: Simulator, box: Mailbox) -> None:
    other = sim.mail.add_mailbox("facilities@contoso.com", box.tenant_id)
    first, copy = (one.receive(subject="Door", message_id="<1@x>") for one in (box, other))
    answers = [one.receive(subject="RE: Door", in_reply_to="<1@x>") for one in (box, other)]

    assert first.conversation_id != copy.conversation_id
    assert [one.conversation_id for one in answers] == [first.conversation_id, copy.conversation_id]


@pytest.mark.parametrize("subject", ["Disk space low", "RE: Disk space low", "disk space LOW"])
def test_mails_of_one_subject_may_share_a_conversation(sim: Simulator, box: Mailbox, subject: str) -> None:
    sim.mail.switches.set({"conversations_join_subjects": True})
    first = box.receive(subject="Disk space low")

    assert box.receive(subject=subject).conversation_id == first.conversation_id
    assert box.receive(subject="Disk space high").conversation_id != first.conversation_id
    sim.mail.switches.set({"conversations_join_subjects": False})
    assert box.receive(subject=subject).conversation_id != first.conversation_id


@pytest.mark.parametrize("stamped", [("fail", "spf=fail", "Anonymous"), ("internal", "dmarc=pass", "Internal")])
def test_exchange_may_say_what_it_found_out_about_an_author(
    sim: Simulator, box: Mailbox, graph: RawGraphClient, stamped: tuple[str, str, str]
) -> None:
    result, first, auth_as = stamped
    sim.mail.switches.set({"checks_authors": result})
    made = box.receive(
        headers={"Authentication-Results": "dmarc=pass", "X-MS-Exchange-Organization-AuthAs": "Internal", "X-Own": "x"}
    )
    shown = graph.get(f"{BOX}/messages/{made.id}?$select=internetMessageHeaders").json()["internetMessageHeaders"]
    assert next(one["value"] for one in shown if one["name"] == "Authentication-Results").startswith(first)
    written = [one["value"] for one in shown if one["name"] == "X-MS-Exchange-Organization-AuthAs"]
    assert written == [auth_as]
    assert "X-Own" in {one["name"] for one in shown}
    assert box.receive(b"Subject: x\n\nx").draft.headers


def test_a_mail_may_lack_its_message_id(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(subject="Old fax", without_message_id=True)
    shown = graph.get(f"{BOX}/messages/{made.id}?$select=internetMessageId,internetMessageHeaders").json()

    assert shown["internetMessageId"] is None
    assert "Message-ID" not in {line["name"] for line in shown["internetMessageHeaders"]}
    sim.mail.switches.stamps_message_id = True
    assert str(box.receive(b"Subject: x\n\nx").internet_message_id).startswith("<")


def test_a_change_is_kept_and_shown(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(subject="Printer")
    made.change({"categories": ["Old"]})

    answer = patch(
        graph,
        made.id,
        {"isRead": True, "categories": ["Red", "Ticket 1"], "importance": "low", "flag": {"flagStatus": "flagged"}},
        prefer=IMMUTABLE,
    )

    assert answer.status_code == 200
    assert answer.json()["id"] == made.id
    assert answer.json()["categories"] == ["Red", "Ticket 1"]
    assert (made.is_read, made.categories, made.importance) == (True, ["Red", "Ticket 1"], "low")
    assert made.flag == {"flagStatus": "flagged"}


def test_a_change_may_answer_without_the_message(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(subject="Printer")

    answer = patch(graph, made.id, {"isRead": True}, prefer=f"{IMMUTABLE}, return=minimal")

    assert (answer.status_code, answer.content, made.is_read) == (204, b"", True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"receivedDateTime": "2026-01-01T00:00:00Z"}, "ErrorInvalidPropertySet"),
        ({"colour": "red"}, "RequestBodyRead"),
        ({"isRead": "yes"}, "RequestBodyRead"),
        ({"categories": "Red"}, "RequestBodyRead"),
        ({"flag": {"flagStatus": "raised"}}, "RequestBodyRead"),
        ({"importance": "urgent"}, "RequestBodyRead"),
        ({"singleValueExtendedProperties": [{"id": "ticket", "value": "1"}]}, "ErrorInvalidProperty"),
        ({"singleValueExtendedProperties": [{"id": TAG}]}, "RequestBodyRead"),
    ],
)
def test_what_cannot_be_changed_on_a_received_mail(
    box: Mailbox, graph: RawGraphClient, body: dict[str, Any], code: str
) -> None:
    made = box.receive(subject="Printer")

    assert read_error(patch(graph, made.id, {"isRead": True} | body)) == (400, code)


@pytest.mark.parametrize(
    ("name", "value"), [("subject", "New"), ("body", {"contentType": "text", "content": ""}), ("toRecipients", [])]
)
def test_the_content_of_a_received_mail_is_guarded_unless_a_switch_says_otherwise(
    sim: Simulator, box: Mailbox, graph: RawGraphClient, name: str, value: Any
) -> None:
    made = box.receive(subject="Printer")

    assert read_error(patch(graph, made.id, {"isRead": True, name: value})) == (403, "ErrorAccessDenied")
    assert not made.is_read

    sim.mail.switches.guards_content = False
    assert patch(graph, made.id, {name: value}).json()[name] == value
    assert made.is_read is False


def test_the_subject_of_a_draft_can_be_changed(box: Mailbox, graph: RawGraphClient) -> None:
    draft = box.receive(subject="Old", folder="drafts")

    assert patch(graph, draft.id, {"subject": "New"}).json()["subject"] == "New"


def test_a_change_to_an_older_state_is_refused(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(subject="Printer")
    etag = graph.get(f"{BOX}/messages/{made.id}").json()["@odata.etag"]

    assert patch(graph, made.id, {"isRead": True}, **{"If-Match": etag}).status_code == 200
    stale = patch(graph, made.id, {"isRead": False}, **{"If-Match": etag})
    assert read_error(stale) == (412, "ErrorIrresolvableConflict")


def test_an_extended_property_is_kept_and_not_shown_by_a_delta(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(subject="Printer")
    box.receive(subject="Other")
    link = walk(graph).link

    patch(graph, made.id, {"singleValueExtendedProperties": [{"id": TAG, "value": "I261120_00012"}]})

    tags = f"$expand=singleValueExtendedProperties($filter=id eq '{TAG}')"
    assert graph.get(f"{BOX}/messages/{made.id}?{tags}").json()["singleValueExtendedProperties"] == [
        {"id": TAG, "value": "I261120_00012"}
    ]
    clause = f"singleValueExtendedProperties/Any(ep: ep/id eq '{TAG}' and ep/value eq 'i261120_00012')"
    found = graph.get(f"{INBOX}/messages?$filter={clause}").json()["value"]
    assert [one["subject"] for one in found] == ["Printer"]
    assert walk(graph, link).items == []


def test_the_size_can_be_asked_for_before_the_bytes(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(b"Subject: big\n\n" + b"x" * 9000)

    asked = "$expand=singleValueExtendedProperties($filter=id eq 'LONG 0x0E08')"
    shown = graph.get(f"{BOX}/messages/{made.id}?{asked}").json()

    assert shown["singleValueExtendedProperties"] == [{"id": "Long 0xe08", "value": "9014"}]


def test_a_move_makes_a_new_mutable_id_and_keeps_the_other(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(subject="Printer", attachments=[File("a.txt")])
    before = made.mutable_id
    attachment = graph.get(f"{BOX}/messages/{made.id}/attachments", prefer=IMMUTABLE).json()["value"][0]["id"]

    answer = move(graph, made.id, "archive")

    assert answer.status_code == 201
    assert answer.json()["id"] == made.mutable_id != before
    assert answer.json()["parentFolderId"] == box.folder("archive").id
    assert made.folder == "archive"
    assert graph.get(f"{BOX}/messages/{made.id}").status_code == 200
    assert graph.get(f"{BOX}/messages/{made.id}/attachments/{attachment}/$value").status_code == 200
    assert read_error(graph.get(f"{BOX}/messages/{safe(before)}")) == (404, "ErrorItemNotFound")


def test_a_move_is_not_idempotent_by_the_mutable_id(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(subject="Printer")
    path = safe(made.mutable_id)

    assert move(graph, path, "archive").status_code == 201
    assert read_error(move(graph, path, "archive")) == (404, "ErrorItemNotFound")
    assert move(graph, made.id, "archive").status_code == 201


def test_a_move_shows_in_both_folders(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(subject="Printer")
    source, target = walk(graph), walk(graph, f"{BOX}/mailFolders/archive/messages/delta?$select=subject")

    move(graph, made.id, box.folder("archive").id)

    assert [item.get("@removed") for item in walk(graph, source.link).items] == [{"reason": "changed"}]
    assert walk(graph, target.link).subjects == {"Printer"}


@pytest.mark.parametrize("body", [{}, {"destinationId": 1}, {"destinationId": "archive", "more": 1}])
def test_a_move_needs_its_destination_and_nothing_else(
    box: Mailbox, graph: RawGraphClient, body: dict[str, Any]
) -> None:
    made = box.receive(subject="Printer")

    assert graph.request("POST", f"{BOX}/messages/{made.id}/move", json=body).status_code == 400
    assert made.folder == "inbox"


def test_a_deleted_mail_goes_to_deleted_items_first(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.receive(subject="Printer")
    path = f"{BOX}/messages/{made.id}"

    assert graph.request("DELETE", path).status_code == 204
    assert made.folder == "deleteditems"
    assert graph.request("DELETE", path).status_code == 204
    assert graph.get(path).status_code == 404
    assert not made.exists
