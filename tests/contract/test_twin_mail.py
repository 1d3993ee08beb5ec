"""The simulated mailboxes against the metadata of Graph v1.0: names, permissions, answers."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.openapi import Contract, Operation, load_contract
from twin import Answer, Simulator
from twin.client import RawGraphClient
from twin.mail import properties
from twin.mail.contents import File, Item, Reference, Synthetic
from twin.mail.mailbox import Mailbox
from twin.mail.permissions import RULES, SEND, WRITE
from twin.seeds import mails, tiny
from twin.seeds.sample import CLIENT_ID, TENANT_ID

BOX = f"/users/{mails.SUPPORT}"
INBOX = f"{BOX}/mailFolders/inbox"
IMMUTABLE = 'IdType="ImmutableId"'
TAG = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name ticketRef"
UNKNOWN = "A" * 120

NOT_PLAYED = {"POST /users/{user-id}/messages/{message-id}/reply", "POST /users/{user-id}/sendMail"}
"""Sending is no business of the gateway."""


def write_meeting(method: str, more: str = "") -> bytes:
    """Return a mail with nothing but a calendar."""
    return (
        f"Subject: Swap\r\nContent-Type: text/calendar; method={method}\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:{method}\r\n"
        "BEGIN:VEVENT\r\nDTSTART;TZID=Europe/Paris:20261201T100000\r\nDTEND:20261201T093000Z\r\nLOCATION:Lab\r\n"
        f"{more}END:VEVENT\r\nEND:VCALENDAR\r\n"
    ).encode()


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract("mail")


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(tiny.build(), latency=0).running() as sim:
        yield sim


@pytest.fixture
def sim(running: Simulator) -> Simulator:
    running.reset()
    return running


@pytest.fixture
def box(sim: Simulator) -> Mailbox:
    found = sim.mail.mailbox(mails.SUPPORT)
    logo = File("logo.png", "image/png", b"PNG", inline=True, content_id="logo")
    found.receive(subject="Plain", text="Hello", without_message_id=True)
    found.receive(
        subject="Laden",
        html='<img src="cid:logo">',
        cc=["lee@example.com"],
        reply_to=["desk@example.com"],
        attachments=[logo, File("a.pdf"), Item(b"Subject: in\n\nx"), Reference("b"), Synthetic(9)],
        headers={"X-Loop": "yes"},
        importance="high",
    )
    for method, more in (("REQUEST", "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=3\r\n"), ("CANCEL", ""), ("COUNTER", "")):
        found.receive(write_meeting(method, more))
    found.receive(b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nx")
    found.receive(b"")
    found.receive(b"Subject: =?x?\nFrom: <<>\nDate: never\n\n\xff")
    return found


@pytest.fixture
def app(sim: Simulator) -> Iterator[RawGraphClient]:
    with RawGraphClient(sim, WRITE, tenant_id=TENANT_ID, app_id=CLIENT_ID) as client:
        yield client


def ask(app: RawGraphClient, method: str, path: str, status: int, body: Any = None, **headers: str) -> Any:
    answer = app.request(method, path, json=body, headers=headers)
    assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.headers.get("content-type", "").startswith("application/json") else None


def walk_delta(app: RawGraphClient, path: str, **headers: str) -> str:
    """Follow a round to its delta link."""
    link = path
    while True:
        page = ask(app, "GET", link, 200, **headers)
        if "@odata.deltaLink" in page:
            return str(page["@odata.deltaLink"])
        link = page["@odata.nextLink"]


def walk_deltas(app: RawGraphClient, box: Mailbox) -> None:
    """Read every kind of round and item."""
    everything = f"{INBOX}/messages/delta?$expand=attachments"
    chosen = f"{INBOX}/messages/delta?$select={','.join(sorted(properties.MESSAGE))}"
    links = [
        walk_delta(app, everything, prefer="odata.maxpagesize=2"),
        walk_delta(app, chosen, prefer=IMMUTABLE),
        walk_delta(app, f"{INBOX}/messages/delta()?changeType=created&$orderby=receivedDateTime desc&$top=3"),
        walk_delta(app, f"{INBOX}/messages/delta?$filter=receivedDateTime ge 2000-01-01T00:00:00Z"),
    ]
    changed, moved, deleted = (box.receive(subject=name) for name in ("changed", "moved", "deleted"))
    links = [walk_delta(app, link) for link in links]
    changed.change({"isRead": True, "categories": ["Red"], "flag": {"flagStatus": "flagged"}})
    moved.move("archive")
    deleted.delete()
    for link in links:
        walk_delta(app, link, prefer=f'{IMMUTABLE}, outlook.body-content-type="text"')


def walk_lists(app: RawGraphClient) -> None:
    """Read lists of messages and folders."""
    app.pages(f"{INBOX}/messages?$top=2&$count=true")
    app.pages(f"{INBOX}/messages?$filter=isRead eq false&$select=subject,internetMessageHeaders&$expand=attachments")
    app.pages(f"{BOX}/messages?$orderby=subject")
    for folder in app.pages(f"{BOX}/mailFolders?includeHiddenFolders=true&$top=3"):
        ask(app, "GET", f"{BOX}/mailFolders/{folder['id']}", 200)
    ask(app, "GET", f"{INBOX}?$select=displayName,totalItemCount", 200)


def walk_messages(app: RawGraphClient, box: Mailbox) -> None:
    """Read every message with its attachments; change and move messages."""
    tags = f"singleValueExtendedProperties($filter=id eq '{TAG}')"
    for message in box.messages():
        path = f"{BOX}/messages/{message.id}"
        changes = {"isRead": True, "categories": ["Red"], "importance": "low", "flag": {"flagStatus": "complete"}}
        tagged = {"singleValueExtendedProperties": [{"id": TAG, "value": "1"}]}
        ask(app, "PATCH", path, 200, changes | tagged)
        ask(app, "PATCH", path, 204, {"isRead": False}, prefer="return=minimal")
        ask(app, "GET", f"{path}?$expand=attachments,{tags}", 200)
        ask(app, "GET", f"{path}?$select=uniqueBody,internetMessageHeaders,conversationIndex", 200)
        ask(app, "GET", f"{path}/$value", 200)
        ask(app, "GET", f"{path}/attachments?$expand=microsoft.graph.itemattachment/item", 200)
        for one in ask(app, "GET", f"{path}/attachments?$select=id,name,size", 200, prefer=IMMUTABLE)["value"]:
            ask(app, "GET", f"{path}/attachments/{one['id']}", 200)
            status = 405 if "reference" in one["@odata.type"] else 200
            ask(app, "GET", f"{path}/attachments/{one['id']}/$value", status)
        ask(app, "POST", f"{path}/move", 201, {"DestinationId": "archive"})


def walk_refusals(app: RawGraphClient, box: Mailbox) -> None:
    """Cause every kind of error."""
    message = f"{BOX}/messages/{box.receive(subject='x').id}"
    box.receive(subject="corrupt").unrenderable = True
    corrupt = f"{BOX}/messages/{box.messages('inbox')[-1].id}"
    for method, path, status, body in (
        ("GET", f"{BOX}/messages/{UNKNOWN}", 404, None),
        ("GET", f"{BOX}/messages/short", 400, None),
        ("GET", "/users/nobody@contoso.com/mailFolders", 404, None),
        ("GET", f"{INBOX}/messages?$search=x", 400, None),
        ("GET", f"{INBOX}/messages?$filter=isRead eq true&$orderby=subject", 400, None),
        ("GET", f"{INBOX}/messages/delta?$select=colour", 400, None),
        ("GET", f"{INBOX}/messages/delta?$expand=extensions", 500, None),
        ("PATCH", message, 403, {"subject": "x"}),
        ("PATCH", message, 400, {"receivedDateTime": "2026-01-01T00:00:00Z"}),
        ("PUT", message, 405, {}),
        ("POST", f"{message}/move", 404, {"DestinationId": UNKNOWN}),
        ("GET", f"{corrupt}/$value", 500, None),
    ):
        ask(app, method, path, status, body)
    link = walk_delta(app, f"{INBOX}/messages/delta")
    app.sim.mail.expire_cursors(status=410, inner_code="syncStateNotFound", location=True)
    ask(app, "GET", link, 410)
    app.sim.mail.restrict(CLIENT_ID, TENANT_ID, [])
    ask(app, "GET", INBOX, 403)
    app.sim.mail.restrict(CLIENT_ID, TENANT_ID, None)
    for status in (404, 410, 412, 429, 500, 503, 504, 507, 509):
        app.sim.faults.add(Answer(status), api="mail")
        ask(app, "GET", message, status)
    app.sim.graph_limits.throttle_for(60)
    ask(app, "GET", INBOX, 429)
    app.sim.graph_limits.relent()


def test_every_documented_operation_answers_as_the_metadata_say(
    sim: Simulator, contract: Contract, app: RawGraphClient, box: Mailbox
) -> None:
    walk_deltas(app, box)
    walk_lists(app)
    walk_messages(app, box)
    good = {
        str(operation)
        for exchange in sim.exchanges.all()
        if exchange.status < 400 and (operation := contract.find_operation(exchange.method, exchange.path))
    }
    walk_refusals(app, box)

    problems = [problem for exchange in sim.exchanges.all() for problem in contract.check(exchange)]

    assert problems == []
    assert {str(one) for one in contract.operations} - good == NOT_PLAYED
    assert {exchange.status for exchange in sim.exchanges.all()} >= {400, 403, 404, 405, 410, 429, 500, 503}


def test_parts_of_a_batch_answer_as_the_metadata_say(contract: Contract, app: RawGraphClient, box: Mailbox) -> None:
    laden = box.messages()[1]
    parts = (
        ("microsoft.graph.message", f"{BOX}/messages/{laden.id}"),
        ("microsoft.graph.attachmentCollectionResponse", f"{BOX}/messages/{laden.id}/attachments"),
        ("microsoft.graph.messageDeltaResponse", f"{INBOX}/messages/delta"),
        ("microsoft.graph.mailFolder", INBOX),
        ("microsoft.graph.ODataErrors.ODataError", f"{BOX}/messages/{UNKNOWN}"),
    )
    requests = [{"id": str(number), "method": "GET", "url": url} for number, (_, url) in enumerate(parts)]

    answers = ask(app, "POST", "/$batch", 200, {"requests": requests})["responses"]

    assert len(answers) == len(parts)
    for answer in answers:
        assert contract.check_schema(answer["body"], parts[int(answer["id"])][0]) == [], answer["id"]


def known_names(contract: Contract, parameter: str) -> set[str]:
    return set(contract.document["components"]["parameters"][parameter]["x-known-values"])


def test_the_names_of_properties_are_those_of_the_metadata(contract: Contract) -> None:
    assert known_names(contract, "msg-select") == properties.MESSAGE
    assert known_names(contract, "folder-select") == properties.FOLDER
    assert known_names(contract, "att-select") == properties.ATTACHMENT
    assert {name.lower() for name in known_names(contract, "msg-expand")} == properties.NAVIGATION


def name_rule(operation: Operation) -> str:
    """Return the name of the twin's rule for an operation."""
    last = operation.template.rstrip("/").split("/")[2:]
    what = {
        "messages": "ListMessages", "mailFolders": "ListMailFolders", "attachments": "ListAttachments",
        "delta()": "DeltaMessages", "move": "MoveMessages",
    }.get(last[-1])  # fmt: skip
    if what is not None:
        return what
    kind = {"{message-id}": "Messages", "{mailFolder-id}": "MailFolders", "{attachment-id}": "Attachments"}
    if last[-1] == "$value":
        return f"Get{kind[last[-2]]}Content"
    return {"GET": "Get", "PATCH": "Update"}[operation.method] + kind[last[-1]]


def test_the_permissions_are_those_of_the_permissions_data(contract: Contract) -> None:
    played = [one for one in contract.operations if str(one) not in NOT_PLAYED]

    for one in played:
        assert RULES[name_rule(one)] == frozenset(one.definition["x-graph-permissions"]["application"]), str(one)
    assert {name_rule(one) for one in played} == set(RULES) - {"DeleteMessages"}
    assert SEND not in frozenset().union(*RULES.values())
