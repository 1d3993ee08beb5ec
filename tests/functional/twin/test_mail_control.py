"""The control path of mailboxes, as another process uses it."""

from typing import Any

import pytest
import requests

from tests.functional.twin.conftest import MakeClient
from tests.functional.twin.one_mailbox import INBOX, MAIL_WRITE, walk
from twin import Simulator
from twin.client import RawGraphClient
from twin.seeds.mails import SECOND, SUPPORT
from twin.seeds.sample import CLIENT_ID

MESSAGES = f"mailboxes/{SUPPORT}/messages"


@pytest.fixture
def graph(make_client: MakeClient) -> RawGraphClient:
    return make_client(MAIL_WRITE)


def control(sim: Simulator, method: str, path: str, status: int = 200, **how: Any) -> Any:
    answer = requests.request(method, f"{sim.control_url}/mail{path and '/'}{path}", timeout=10, **how)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def test_mime_is_dropped_as_it_is(sim: Simulator, graph: RawGraphClient) -> None:
    raw = b"Subject: From outside\r\nMessage-ID: <1@x>\r\n\r\nHello"

    made = control(sim, "POST", MESSAGES, 201, data=raw, headers={"Content-Type": "message/rfc822"})
    control(sim, "POST", f"{MESSAGES}?folder=archive", 201, data=raw, headers={"Content-Type": "message/rfc822"})

    assert (made["subject"], made["internetMessageId"], made["folder"]) == ("From outside", "<1@x>", "inbox")
    assert [item["id"] for item in walk(graph).items] == [made["id"]]


def test_a_mail_is_made_from_json(sim: Simulator) -> None:
    made = control(
        sim,
        "POST",
        MESSAGES,
        201,
        json={
            "subject": "Printer",
            "from": "Robin <robin@example.com>",
            "html": "<p>On fire",
            "headers": {"X-Loop": "yes"},
            "receivedDateTime": "2026-01-02T03:04:05+01:00",
            "attachments": [
                {"name": "log.txt", "contentType": "text/plain", "text": "abc"},
                {"name": "big", "size": 150_000_000},
                {"mail": "Subject: Inner\n\nx"},
                {"name": "plan", "url": "https://example.com"},
            ],
        },
    )

    assert made["from"]["emailAddress"] == {"name": "Robin", "address": "robin@example.com"}
    assert made["receivedDateTime"] == "2026-01-02T02:04:05Z"
    assert [(one["name"], one["kind"], one["size"]) for one in made["attachments"]] == [
        ("log.txt", "file", 3), ("big", "file", 150_000_000), ("Inner", "item", 17), ("plan", "reference", 0),
    ]  # fmt: skip


def test_messages_are_listed_with_what_became_of_them(sim: Simulator, graph: RawGraphClient) -> None:
    made = control(sim, "POST", MESSAGES, 201, json={"subject": "Printer"})
    path = f"/users/{SUPPORT}/messages/{made['id']}"
    graph.request("PATCH", path, json={"isRead": True, "categories": ["Ticket"]})
    graph.request("POST", f"{path}/move", json={"destinationId": "archive"})

    assert control(sim, "GET", f"{MESSAGES}?folder=inbox")["messages"] == []
    (seen,) = control(sim, "GET", MESSAGES)["messages"]
    assert (seen["isRead"], seen["categories"], seen["folder"]) == (True, ["Ticket"], "archive")


def test_a_message_is_changed_and_deleted_from_outside(sim: Simulator, graph: RawGraphClient) -> None:
    made = control(sim, "POST", MESSAGES, 201, json={"subject": "Printer"})
    wish = {"isRead": True, "folder": "archive", "unrenderable": True}

    changed = control(sim, "PATCH", f"{MESSAGES}?id={made['id']}", json=wish)

    assert (changed["isRead"], changed["folder"]) == (True, "archive")
    assert graph.get(f"/users/{SUPPORT}/messages/{made['id']}/$value").status_code == 500
    control(sim, "DELETE", f"{MESSAGES}?id={made['id']}&forever=true", 204)
    assert control(sim, "GET", MESSAGES)["messages"] == []


def test_mailboxes_and_folders_come_and_go(sim: Simulator, graph: RawGraphClient) -> None:
    wish = {"address": "hr@contoso.com", "tenant": "contoso.com", "displayName": "HR"}

    made = control(sim, "POST", "mailboxes", 201, json=wish)
    folder = control(sim, "POST", "mailboxes/hr@contoso.com/folders", 201, json={"displayName": "Done"})

    assert graph.get(f"/users/{made['objectId']}/mailFolders/{folder['id']}").json()["displayName"] == "Done"
    listed = {one["address"] for one in control(sim, "GET", "")["mailboxes"]}
    assert listed == {SUPPORT, SECOND, "hr@contoso.com"}
    control(sim, "DELETE", "mailboxes/hr@contoso.com", 204)
    assert graph.get("/users/hr@contoso.com/mailFolders/inbox").status_code == 404


def test_cursors_are_lost_on_demand(sim: Simulator, graph: RawGraphClient) -> None:
    link = walk(graph).link
    wish = {"mailbox": SUPPORT, "status": 410, "code": "resyncRequired", "location": True}

    assert control(sim, "POST", "cursors/expire", json=wish) == {"expired": 1}

    refused = graph.get(link)
    assert (refused.status_code, refused.json()["error"]["code"]) == (410, "resyncRequired")
    assert refused.headers["location"].endswith("/messages/delta")


def test_a_replay_is_reported_again(sim: Simulator, graph: RawGraphClient) -> None:
    control(sim, "POST", MESSAGES, 201, json={"subject": "Printer"})
    link = walk(graph).link

    control(sim, "POST", f"mailboxes/{SUPPORT}/replay", 204, json={"count": 1})

    assert walk(graph, link).subjects == {"Printer"}


def test_an_app_is_kept_out_and_let_in(sim: Simulator, graph: RawGraphClient) -> None:
    scope = f"scopes/{CLIENT_ID}"
    control(sim, "PUT", scope, 204, json={"tenant": "contoso.com", "mailboxes": [SECOND]})
    assert graph.get(INBOX).status_code == 403
    assert control(sim, "GET", "")["scopes"][0]["mailboxes"] == [SECOND]
    control(sim, "PUT", scope, 204, json={"tenant": "contoso.com", "mailboxes": None})
    assert graph.get(INBOX).status_code == 200


def test_switches_are_turned_by_name(sim: Simulator, graph: RawGraphClient) -> None:
    assert control(sim, "PATCH", "switches", json={"delta_empty_pages": 1})["delta_empty_pages"] == 1
    assert walk(graph).pages == [[], []]
    assert control(sim, "GET", "switches")["delta_page_size"] == 10


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", "switches", {"colour": 1}, 400),
        ("PATCH", "switches", {"delta_page_size": "many"}, 400),
        ("POST", MESSAGES, {"title": "x"}, 400),
        ("POST", MESSAGES, {"receivedDateTime": "2026-01-01T00:00:00"}, 400),
        ("POST", MESSAGES, {"folder": "nowhere"}, 404),
        ("POST", "mailboxes/nobody@contoso.com/messages", {}, 404),
        ("PATCH", MESSAGES, {}, 400),
        ("PATCH", f"{MESSAGES}?id=unknown", {}, 404),
        ("POST", "cursors/expire", {"reason": "x"}, 404),
        ("POST", "mailboxes", {"address": "x@contoso.com"}, 404),
    ],
)
def test_mistakes_are_explained(sim: Simulator, method: str, path: str, body: Any, status: int) -> None:
    assert "error" in control(sim, method, path, status, json=body)
