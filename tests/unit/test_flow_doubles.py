"""The doubles of other connectors record what was done and refuse what the genuine ones refuse."""

import base64
from typing import Any

import pytest
import requests

from devkit.flow_engine import Backend
from devkit.flow_runs.bodies import decode_body, encode_body
from devkit.flow_runs.connections import App, Connections
from devkit.flow_runs.doubles.dataverse import Dataverse
from devkit.flow_runs.doubles.forms import Forms
from devkit.flow_runs.doubles.outlook import Outlook
from devkit.flow_runs.doubles.sharepoint import SharePoint, SharePointList
from devkit.flow_runs.doubles.teams import Teams
from devkit.flow_runs.host import Answer, Call
from devkit.flows.calls import Request

SITE = "https://contoso.sharepoint.com/sites/desk"


@pytest.fixture
def sharepoint() -> SharePoint:
    tickets = SharePointList(frozenset({"Title", "EventId"}), frozenset({"Notes"}))
    tickets.add(Title="First", EventId="o'neil@example.com", Notes="a\nb")
    tickets.add(Title="Second", EventId="2")
    return SharePoint(SITE, {"Tickets": tickets})


def ask(
    sharepoint: SharePoint, operation: str, *, body: Any = None, queries: dict[str, Any] | None = None, **given: Any
) -> Answer:
    place = {"dataset": SITE, "table": "Tickets"} | given
    return sharepoint.answer(operation, place, Request("", "", queries or {}, body=body))


def find(sharepoint: SharePoint, text: str, **more: Any) -> list[str]:
    answer = ask(sharepoint, "GetItems", queries={"$filter": text} | more)
    assert answer.status == 200, answer.body
    return [item["Title"] for item in answer.body["value"]]


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("EventId eq 'o''neil@example.com'", ["First"]),
        ("EventId eq '2' or Title eq 'FIRST'", ["First", "Second"]),
        ("ID gt 1 and not (Title eq 'First')", ["Second"]),
        ("startswith(Title,'Fi')", ["First"]),
        ("substringof('con',Title)", ["Second"]),
        ("Notes eq null", ["Second"]),
        ("EventId eq 'no'", []),
    ],
)
def test_a_list_is_searched(sharepoint: SharePoint, text: str, titles: list[str]) -> None:
    assert find(sharepoint, text) == titles


def test_a_list_is_ordered_and_cut(sharepoint: SharePoint) -> None:
    assert find(sharepoint, "", **{"$orderby": "ID desc", "$top": 1}) == ["Second"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("EventId eq 'o'neil'", "is not valid. Creating query failed"),
        ("EventId eq", "is not valid"),
        ("EventId = '1'", "is not valid"),
        ("EventId eq '1' Title", "is not valid"),
        ("'1' eq EventId", "is not valid"),
        ("(EventId eq '1'", "is not valid"),
        ("Colour eq 'red'", "Column 'Colour' does not exist"),
    ],
)
def test_a_filter_is_parsed_as_odata(sharepoint: SharePoint, text: str, words: str) -> None:
    answer = ask(sharepoint, "GetItems", queries={"$filter": text})
    assert (answer.status, answer.body["status"]) == (400, 400)
    assert words in answer.body["message"]
    assert "error" not in answer.body


def test_items_are_added_changed_and_deleted(sharepoint: SharePoint) -> None:
    made = ask(sharepoint, "PostItem", body={"Title": "Third"}).body
    assert (made["ID"], made["EventId"], made["{HasAttachments}"]) == (3, None, False)
    changed = ask(sharepoint, "PatchItem", id=3, body={"Title": "Third", "Notes": "x", "EventId": None}).body
    assert changed == ask(sharepoint, "GetItem", id="3").body
    assert changed["Notes"] == "x"
    assert ask(sharepoint, "DeleteItem", id=3).status == 200
    for operation in ("GetItem", "DeleteItem", "PatchItem"):
        assert ask(sharepoint, operation, id=3, body={"Title": "x"}).status == 404
    assert ask(sharepoint, "GetItems", table="Others").status == 404
    assert ask(sharepoint, "PostItem", dataset="https://else").status == 404


@pytest.mark.parametrize(
    "values",
    [
        {"EventId": "no title"},
        {"Title": ""},
        {"Title": "x" * 256},
        {"Title": "\U0001f600" * 128},
        {"Title": "x", "Notes": "x" * 64_000},
        {"Title": "two\nlines"},
        {"Title": "x", "EventId": "x" * 256},
        {"Title": "x", "Colour": "red"},
    ],
)
def test_values_that_a_list_does_not_take_are_refused(sharepoint: SharePoint, values: dict[str, Any]) -> None:
    for operation in ("PostItem", "PatchItem"):
        assert ask(sharepoint, operation, body=values, id=1).status == 400
    assert len(sharepoint.lists["Tickets"].items) == 2


def attach(sharepoint: SharePoint, name: str, content: bytes = b"x") -> Answer:
    body = {"$content-type": "text/csv", "$content": base64.b64encode(content).decode()}
    return ask(sharepoint, "CreateAttachment", queries={"displayName": name}, body=body, itemId="1")


def test_files_are_kept_byte_for_byte(sharepoint: SharePoint) -> None:
    assert attach(sharepoint, "a.csv", b"M\xfcller").status == 200
    assert sharepoint.lists["Tickets"].items[1].attachments == {"a.csv": b"M\xfcller"}
    assert [one["DisplayName"] for one in ask(sharepoint, "GetItemAttachments", itemId="1").body] == ["a.csv"]
    assert attach(sharepoint, "A.CSV").status == 400


@pytest.mark.parametrize("name", [*(f"a{sign}b.txt" for sign in '"*:<>?/\\|'), "", " . ", " a", "a ", "x" * 256])
def test_names_that_no_file_may_have_are_refused(sharepoint: SharePoint, name: str) -> None:
    assert attach(sharepoint, name).status == 400
    assert sharepoint.lists["Tickets"].items[1].attachments == {}


def test_mails_need_addresses() -> None:
    outlook = Outlook()
    sent = {"To": "a@example.com; b@example.com", "Subject": "S", "Body": "B"}
    assert outlook.answer("SendEmailV2", {}, Request("", "", body=sent)).status == 200
    for to in (None, "", ";", "nobody", "a@b", "a@example.com, b@example.com"):
        answer = outlook.answer("SharedMailboxSendEmailV2", {}, Request("", "", body=sent | {"To": to}))
        assert (answer.status, answer.body["error"]["code"]) == (400, "ErrorInvalidRecipients")
    assert [mail.to for mail in outlook.mails] == [("a@example.com", "b@example.com")]


def test_messages_need_a_channel_and_a_body_of_28_kb() -> None:
    teams = Teams()

    def post(body: str, channel: str | None = "c") -> int:
        sent = {"recipient": {"groupId": "g", "channelId": channel}, "messageBody": body}
        return teams.answer("PostMessageToConversation", {}, Request("", "", body=sent)).status

    assert [post("x"), post("x", None), post(""), post("ä" * 15_000)] == [201, 400, 400, 413]
    assert len(teams.messages) == 1


def test_forms_and_secrets_are_looked_up() -> None:
    forms = Forms("f", {1: {"r1": "yes"}})
    for form, response, status in (("f", "1", 200), ("f", "2", 404), ("g", "1", 404), ("f", None, 404)):
        request = Request("", "", {"response_id": response})
        assert forms.answer("GetFormResponseById", {"form_id": form}, request).status == status
    dataverse = Dataverse({"ggw_Key": "secret"})
    given = {"actionName": "RetrieveEnvironmentVariableSecretValue"}
    request = Request("", "", body={"EnvironmentVariableName": "ggw_Key"})
    assert dataverse.answer("PerformUnboundAction", given, request).body == {"EnvironmentVariableSecretValue": "secret"}
    assert dataverse.answer("PerformUnboundAction", given, Request("", "", body={})).status == 404


@pytest.mark.parametrize(
    ("content", "media_type", "value"),
    [
        (b'{"a": 1}', "application/json; charset=utf-8", {"a": 1}),
        (b"[]", "application/problem+json", []),
        ("M\xfcller".encode("cp1252"), "text/csv; charset=windows-1252", "Müller"),
        (b"M\xfcller", "text/csv", "M\ufffdller"),
        (b"", "text/html", None),
        (b"\xff", "image/png", {"$content-type": "image/png", "$content": "/w=="}),
        (b"", "application/octet-stream", {"$content-type": "application/octet-stream", "$content": ""}),
        (b"<a/>", "application/xml", {"$content-type": "application/xml", "$content": "PGEvPg=="}),
    ],
)
def test_bodies_are_shown_as_the_engine_shows_them(content: bytes, media_type: str, value: Any) -> None:
    assert decode_body(content, media_type) == value


def test_only_bytes_are_sent_on_as_they_came() -> None:
    assert encode_body(decode_body(b"M\xfcller", "application/octet-stream"))[0] == b"M\xfcller"
    assert encode_body(decode_body(b"M\xfcller", "text/csv"))[0] == "M\ufffdller".encode()
    assert encode_body(decode_body(b'{ "a":1 }', "application/json"))[0] == b'{"a": 1}'
    assert encode_body(None) == (b"", "")


def test_requests_find_their_operation_by_the_definition() -> None:
    tickets = SharePointList(frozenset({"Title"}), frozenset())
    sharepoint = SharePoint(SITE, {"a/b c": tickets})
    outlook = Outlook()
    connections = Connections(App(Backend("https://gateway.invalid", ""), requests.Session()), [sharepoint, outlook])
    twice = "%252F".join(part for part in SITE.replace(":", "%253A").split("/"))
    path = f"/datasets/{twice}/tables/a%252Fb%2520c/items"

    def send(method: str, path: str, body: Any = None) -> Answer:
        request = Request(method, path, body=body)
        return connections.call(Call("step", SharePoint.name, request=request))

    assert send("POST", path, {"Title": "x"}).body["ID"] == 1
    assert send("PATCH", f"{path}/1", {"Title": "y"}).body["Title"] == "y"
    assert send("GET", f"{path}/1/attachments").body == []
    assert send("GET", "/tables").status == 404
    assert send("PATCH", f"{path}/2", {"Title": "y"}).status == 404
