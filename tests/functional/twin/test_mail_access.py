"""Permissions and scopes of mailboxes."""

import pytest

from tests.functional.twin.conftest import MakeClient
from tests.functional.twin.one_mailbox import BOX, INBOX, read_error, send_batch
from twin import Simulator
from twin.mail.mailbox import Mailbox
from twin.mail.permissions import BASIC, READ, SEND, WRITE
from twin.seeds.mails import SECOND, SUPPORT
from twin.seeds.sample import CLIENT_ID, PARTNER_CLIENT_ID, PARTNER_TENANT_ID, SERVICE_USER, TENANT_ID


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        (BASIC, {"delta", "list", "folders", "folder", "get"}),
        (READ, {"delta", "list", "folders", "folder", "get", "mime", "attachments"}),
        (WRITE, {"delta", "list", "folders", "folder", "get", "mime", "attachments", "patch", "move", "delete"}),
        (SEND, set()),
    ],
)
def test_each_permission_allows_its_operations(
    box: Mailbox, make_client: MakeClient, permission: str, allowed: set[str]
) -> None:
    message = f"{BOX}/messages/{box.receive(subject='Printer').id}"
    asked = {
        "delta": ("GET", f"{INBOX}/messages/delta", None),
        "list": ("GET", f"{INBOX}/messages", None),
        "folders": ("GET", f"{BOX}/mailFolders", None),
        "folder": ("GET", INBOX, None),
        "get": ("GET", message, None),
        "mime": ("GET", f"{message}/$value", None),
        "attachments": ("GET", f"{message}/attachments", None),
        "patch": ("PATCH", message, {"isRead": True}),
        "move": ("POST", f"{message}/move", {"destinationId": "archive"}),
        "delete": ("DELETE", message, None),
    }
    graph = make_client(permission)

    answers = {name: graph.request(method, path, json=body) for name, (method, path, body) in asked.items()}

    assert {name for name, answer in answers.items() if answer.ok} == allowed
    assert {read_error(answer) for answer in answers.values() if not answer.ok} <= {(403, "ErrorAccessDenied")}


def test_taken_by_the_letter_read_write_does_not_read_attachments(
    sim: Simulator, box: Mailbox, make_client: MakeClient
) -> None:
    message = f"{BOX}/messages/{box.receive(subject='Printer').id}"
    sim.mail.switches.readwrite_reads = False

    assert read_error(make_client(WRITE).get(f"{message}/attachments")) == (403, "ErrorAccessDenied")
    assert make_client(WRITE, READ).get(f"{message}/attachments").ok


def test_an_app_can_be_kept_out_of_a_mailbox(sim: Simulator, make_client: MakeClient) -> None:
    graph = make_client(WRITE)
    second = f"/users/{SECOND}/mailFolders/inbox"
    sim.mail.restrict(CLIENT_ID, TENANT_ID, [SUPPORT])

    assert graph.get(INBOX).ok
    refused = graph.get(second)
    assert read_error(refused) == (403, "ErrorAccessDenied")
    assert "Access to OData is disabled" in refused.json()["error"]["message"]
    parts = send_batch(graph, {"url": INBOX}, {"url": second})
    assert [parts["0"]["status"], parts["1"]["status"]] == [200, 403]

    sim.mail.restrict(CLIENT_ID, TENANT_ID, None)
    assert graph.get(second).ok


def test_mailboxes_are_found_by_address_and_by_object_id(box: Mailbox, make_client: MakeClient) -> None:
    graph = make_client(READ)

    for name in (SUPPORT.upper(), box.object_id):
        assert graph.get(f"/users/{name}/mailFolders/inbox").json()["id"] == box.folder("inbox").id


def test_a_user_without_a_mailbox_and_an_unknown_user(make_client: MakeClient) -> None:
    graph = make_client(READ)

    assert read_error(graph.get(f"/users/{SERVICE_USER}/mailFolders/inbox")) == (404, "MailboxNotEnabledForRESTAPI")
    assert read_error(graph.get("/users/nobody@contoso.com/mailFolders/inbox")) == (404, "ErrorInvalidUser")


def test_mailboxes_of_other_tenants_are_out_of_reach(make_client: MakeClient) -> None:
    partner = make_client(WRITE, tenant_id=PARTNER_TENANT_ID, app_id=PARTNER_CLIENT_ID)

    assert partner.get(INBOX).status_code == 404


def test_a_user_reads_their_own_mailbox_only(sim: Simulator, make_client: MakeClient) -> None:
    sim.mail.add_mailbox(SERVICE_USER, TENANT_ID, shared=False)
    user = make_client(READ, user=SERVICE_USER)

    assert user.get(f"/users/{SERVICE_USER}/mailFolders/inbox").ok
    assert read_error(user.get(INBOX)) == (403, "ErrorAccessDenied")


def test_paths_that_do_not_exist_are_named(make_client: MakeClient) -> None:
    graph = make_client(WRITE)

    assert "'mailfolder'" in graph.get(f"{BOX}/mailfolder").json()["error"]["message"]
    assert graph.request("PUT", INBOX, json={}).status_code == 405
