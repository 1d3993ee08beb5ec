"""Lists of messages and folders: order, filters, pages that shift, counts."""

from datetime import timedelta
from typing import Any

import pytest

from tests.functional.twin.conftest import MakeClient
from tests.functional.twin.one_mailbox import BOX, INBOX, MAIL_WRITE, read_error
from twin import Simulator
from twin.client import RawGraphClient
from twin.mail.contents import File
from twin.mail.mailbox import Mailbox

LIST = f"{INBOX}/messages"


@pytest.fixture
def graph(make_client: MakeClient) -> RawGraphClient:
    return make_client(MAIL_WRITE)


@pytest.fixture
def filled(sim: Simulator, box: Mailbox) -> Mailbox:
    """Receive thirteen mails, an hour apart; the newest is number 0."""
    for hours in range(13):
        made = box.receive(
            subject=f"Mail {hours}",
            sender=f"{'robin' if hours % 2 else 'lee'}@example.com",
            received=sim.world.clock.now() - timedelta(hours=hours),
            is_read=hours % 3 == 0,
            message_id=f"<{hours}@x>",
        )
        made.change({"categories": ["It's red"] if hours == 4 else []})
    return box


def subjects(items: list[dict[str, Any]]) -> list[str]:
    return [item["subject"] for item in items]


@pytest.mark.usefixtures("filled")
def test_a_list_begins_with_the_newest_ten(graph: RawGraphClient) -> None:
    first = graph.get(LIST).json()

    assert subjects(first["value"]) == [f"Mail {hours}" for hours in range(10)]
    assert "$skip=10" in first["@odata.nextLink"]
    assert subjects(graph.pages(LIST)) == [f"Mail {hours}" for hours in range(13)]


@pytest.mark.usefixtures("filled")
def test_top_and_select_are_kept_in_the_link(graph: RawGraphClient) -> None:
    path = f"{LIST}?$top=5&$select=subject&$filter=receivedDateTime ge 2000-01-01T00:00:00Z&$count=true"

    answer = graph.get(path).json()

    assert answer["@odata.count"] == 13
    assert len(answer["value"]) == 5
    assert set(answer["value"][0]) == {"@odata.etag", "id", "subject"}
    assert len(graph.pages(path)) == 13
    for wrong in ("$top=0", "$top=1001", "$top=-1"):
        assert graph.get(f"{LIST}?{wrong}").status_code == 400


def test_marking_mails_read_shifts_an_unread_list(filled: Mailbox, graph: RawGraphClient) -> None:
    first = graph.get(f"{LIST}?$filter=isRead eq false&$top=4").json()
    for item in first["value"]:
        filled.message(item["id"]).mark_read()

    second = graph.get(first["@odata.nextLink"]).json()["value"]

    assert subjects(first["value"]) == ["Mail 1", "Mail 2", "Mail 4", "Mail 5"]
    assert subjects(second) == []  # four are left, and all of them are skipped


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("isRead eq true", [0, 3, 6, 9, 12]),
        ("hasAttachments eq true", []),
        ("importance ne 'high' and isRead eq true", [0, 3, 6, 9, 12]),
        ("internetMessageId eq '<4@x>'", [4]),
        ("subject eq 'mail 4'", [4]),
        ("startswith(subject,'Mail 1')", [1, 10, 11, 12]),
        ("categories/any(c:c eq 'It''s red')", [4]),
        ("from/emailAddress/address eq 'Robin@example.com' and isRead eq true", [3, 9]),
    ],
)
@pytest.mark.usefixtures("filled")
def test_filters_that_are_known(graph: RawGraphClient, clause: str, expected: list[int]) -> None:
    assert subjects(graph.pages(f"{LIST}?$filter={clause}")) == [f"Mail {number}" for number in expected]


@pytest.mark.usefixtures("filled")
def test_a_window_of_time(sim: Simulator, graph: RawGraphClient) -> None:
    bound = f"{sim.world.clock.now() - timedelta(hours=2, minutes=1):%Y-%m-%dT%H:%M:%SZ}"

    assert subjects(graph.pages(f"{LIST}?$filter=receivedDateTime ge {bound}")) == ["Mail 0", "Mail 1", "Mail 2"]
    assert subjects(graph.pages(f"{LIST}?$filter=receivedDateTime lt {bound}&$orderby=receivedDateTime asc"))[0] == (
        "Mail 12"
    )


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("$filter=size gt 5", "ErrorInvalidUrlQueryFilter"),
        ("$filter=isRead eq 'true'", "ErrorInvalidUrlQueryFilter"),
        ("$filter=isRead", "ErrorInvalidUrlQueryFilter"),
        ("$filter=isRead eq false&$orderby=receivedDateTime desc", "InefficientFilter"),
        ("$filter=receivedDateTime ge 2026-01-01T00:00:00Z and isRead eq true&$orderby=isRead", "InefficientFilter"),
        ("$orderby=colour", "RequestBroker--ParseUri"),
        ("$select=subject,colour", "RequestBroker--ParseUri"),
        ("$search=printer", "BadRequest"),
    ],
)
def test_what_a_list_does_not_take(graph: RawGraphClient, query: str, code: str) -> None:
    assert read_error(graph.get(f"{LIST}?{query}")) == (400, code)


@pytest.mark.usefixtures("filled")
def test_the_ordered_property_must_be_first_in_the_filter(graph: RawGraphClient) -> None:
    query = "$filter=receivedDateTime ge 2000-01-01T00:00:00Z and isRead eq true&$orderby=receivedDateTime desc"

    assert subjects(graph.get(f"{LIST}?{query}").json()["value"]) == [f"Mail {number}" for number in (0, 3, 6, 9, 12)]


def test_attachments_expand_in_lists(box: Mailbox, graph: RawGraphClient) -> None:
    box.receive(subject="x", attachments=[File("a.txt", "text/plain", b"ABC")])

    assert graph.get(f"{LIST}?$expand=attachments").json()["value"][0]["attachments"][0]["contentBytes"] == "QUJD"


def test_the_whole_mailbox_includes_what_was_deleted(filled: Mailbox, graph: RawGraphClient) -> None:
    filled.messages()[0].delete()

    assert len(graph.pages(f"{BOX}/messages?$top=100")) == 13
    assert len(graph.pages(f"{LIST}?$top=100")) == 12


def test_folders_count_their_mails(filled: Mailbox, graph: RawGraphClient) -> None:
    inner = filled.add_folder("Done", "inbox")

    inbox = graph.get(f"{BOX}/mailFolders/Inbox").json()

    assert (inbox["totalItemCount"], inbox["unreadItemCount"], inbox["childFolderCount"]) == (13, 8, 1)
    assert graph.get(f"{BOX}/mailFolders/{inbox['id']}").json() == inbox
    assert graph.get(f"{BOX}/mailFolders/{inner.id}?$select=displayName").json()["displayName"] == "Done"
    assert [one["id"] for one in graph.pages(f"{BOX}/mailFolders/inbox/childFolders")] == [inner.id]
    assert read_error(graph.get(f"{BOX}/mailFolders/Done")) == (400, "ErrorInvalidIdMalformed")


def test_a_folder_is_found_by_its_name(box: Mailbox, graph: RawGraphClient) -> None:
    made = box.add_folder("Robin's")

    assert [one["id"] for one in graph.pages(f"{BOX}/mailFolders?$filter=displayName eq 'robin''s'")] == [made.id]
    assert graph.get(f"{BOX}/mailFolders?$filter=unreadItemCount gt 1").status_code == 400


def test_hidden_folders_are_listed_on_demand(graph: RawGraphClient) -> None:
    shown = graph.pages(f"{BOX}/mailFolders?$top=50")
    every = graph.pages(f"{BOX}/mailFolders?includeHiddenFolders=true")

    assert "Inbox" in {one["displayName"] for one in shown}
    assert {one["displayName"] for one in every} - {one["displayName"] for one in shown} == {
        "Deletions", "Sync Issues",
    }  # fmt: skip
    assert graph.get(f"{BOX}/mailFolders/msgfolderroot").json()["displayName"] == "Top of Information Store"
