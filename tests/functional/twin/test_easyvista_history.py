import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.twin.easyvista import Caller
from twin import Simulator
from twin.seeds import service_desks

TICKET = f"/requests/{service_desks.OPEN_TICKET}"


@pytest.fixture
def caller(sim: Simulator) -> Iterator[Caller]:
    made = Caller(sim)
    yield made
    made.session.close()


def test_a_task_is_born_ended_and_answers_with_the_address_of_the_ticket(sim: Simulator, caller: Caller) -> None:
    answer = caller.comment(service_desks.OPEN_TICKET, "It works again.\r\nThanks", available_field_1="mail-9")

    assert (answer.status_code, answer.json()) == (201, {"HREF": f"{service_desks.ROOT}{TICKET}"})
    (task,) = sim.easyvista.ticket(service_desks.OPEN_TICKET).tasks
    assert (task.type.id, task.description) == (service_desks.PUBLIC_COMMENT, "It works again.\r\nThanks")
    assert task.ended is not None
    assert task.spare == {"AVAILABLE_FIELD_1": "mail-9"}


def test_an_action_is_born_open_and_is_no_comment(sim: Simulator, caller: Caller) -> None:
    body = {"action_type_id": "95", "group_id": 31, "description": "Call back"}

    assert caller.ask("POST", f"{TICKET}/actions", json=body).json() == {"HREF": f"{service_desks.ROOT}{TICKET}"}
    ticket = sim.easyvista.ticket(service_desks.OPEN_TICKET)
    assert ticket.actions[-1].ended is None
    assert ticket.tasks == []


@pytest.mark.parametrize(
    "body",
    [
        {"group_mail": service_desks.GROUP},
        {"action_type_id": service_desks.PUBLIC_COMMENT},
        {"action_type_id": 1, "group_mail": service_desks.GROUP},
        {"action_type_id": "public", "group_mail": service_desks.GROUP},
        {"action_type_id": service_desks.PUBLIC_COMMENT, "group_mail": "nobody@contoso.com"},
        {"action_type_name": "Nonsense", "group_id": 31},
        {"action_type_id": [94], "group_id": 31},
    ],
)
@pytest.mark.parametrize("kind", ["tasks", "actions"])
def test_a_row_needs_a_type_and_a_group_that_exist(sim: Simulator, caller: Caller, body: Any, kind: str) -> None:
    before = len(sim.easyvista.ticket(service_desks.OPEN_TICKET).actions)

    assert caller.ask("POST", f"{TICKET}/{kind}", json=body).status_code == 590
    assert len(sim.easyvista.ticket(service_desks.OPEN_TICKET).actions) == before


@pytest.mark.parametrize(
    "group", [{"group_id": 31}, {"GROUP_MAIL": service_desks.GROUP.upper()}, {"group_name": "Service desk"}]
)
def test_a_group_is_found_by_id_address_or_name_and_a_type_by_name_too(caller: Caller, group: Any) -> None:
    body = {"action_type_name": "Comment [Public]", "description": "x"} | group

    assert caller.ask("POST", f"{TICKET}/tasks", json=body).status_code == 201


def test_texts_of_the_history_are_read_one_by_one(caller: Caller) -> None:
    caller.comment(service_desks.OPEN_TICKET, "It works again.")
    fields = "ACTION_ID,ACTION_TYPE_ID,END_DATE_UT,REQUEST.RFC_NUMBER"
    query = {"search": f'REQUEST.RFC_NUMBER:"{service_desks.OPEN_TICKET}",ACTION_TYPE_ID:"94"', "fields": fields}

    (row,) = caller.ask("GET", "/actions", params=query).json()["records"]

    assert row["REQUEST"] == {"RFC_NUMBER": service_desks.OPEN_TICKET}
    assert row["END_DATE_UT"]
    address = f"/actions/{row['ACTION_ID']}"
    record = caller.ask("GET", address).json()
    assert record["DESCRIPTION"] == {"HREF": f"{service_desks.ROOT}{address}/description"}
    assert caller.ask("GET", f"{address}/description").json()["DESCRIPTION"] == "It works again."
    assert caller.ask("GET", f"{address}/comment").json()["COMMENT"] == ""
    assert caller.ask("GET", "/actions/1").status_code == 404
    assert caller.ask("GET", "/actions/one").status_code == 404


def test_there_is_no_list_of_tasks_under_a_ticket(caller: Caller) -> None:
    assert caller.ask("GET", f"{TICKET}/tasks").status_code == 403
    assert caller.ask("GET", f"{TICKET}/actions").status_code == 403
    assert caller.ask("GET", "/requests/I000000_00000/nonsense").status_code == 403


def test_a_comment_on_a_ticket_that_does_not_exist_is_404(caller: Caller) -> None:
    assert caller.comment("I000000_00000", "x").status_code == 404
    assert caller.attach("I000000_00000", "x", b"").status_code == 404


def test_a_suspended_ticket_takes_comments(sim: Simulator, caller: Caller) -> None:
    sim.easyvista.suspend(service_desks.OPEN_TICKET)

    assert caller.comment(service_desks.OPEN_TICKET, "x").status_code == 201
    assert sim.easyvista.ticket(service_desks.OPEN_TICKET).status.label == "Suspended"


def test_files_are_kept_byte_for_byte_and_listed_with_a_capital_letter(sim: Simulator, caller: Caller) -> None:
    data = bytes(range(256)) * 4096

    assert caller.attach(service_desks.OPEN_TICKET, "Größe ä.pdf", data).status_code == 201
    assert caller.attach(service_desks.OPEN_TICKET, "empty.txt", b"").status_code == 201

    listed = caller.ask("GET", f"{TICKET}/documents").json()["Documents"]
    assert [one["DOCUMENT"] for one in listed] == ["Größe ä.pdf", "empty.txt"]
    assert all(one["DOCUMENT_ID"] and one["DDL_HREF"].startswith("https://") for one in listed)
    assert [one.data for one in sim.easyvista.ticket(service_desks.OPEN_TICKET).documents] == [data, b""]


def test_two_files_may_have_the_same_name(sim: Simulator, caller: Caller) -> None:
    for _ in range(2):
        caller.attach(service_desks.OPEN_TICKET, "a.pdf", b"x")

    assert sim.easyvista.ticket(service_desks.OPEN_TICKET).file_names == ["a.pdf", "a.pdf"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"documents": []},
        {"documents": ["a.pdf"]},
        {"documents": [{"filedata": "eA=="}]},
        {"documents": [{"filename": "a.pdf", "filedata": "not base64!"}]},
        {"documents": [{"filename": "a.pdf", "filedata": "ä"}]},
        {"documents": [{"filename": "a.pdf", "filedata": "eA=="}, {"filename": "b.pdf", "filedata": "x"}]},
    ],
)
def test_an_upload_that_is_not_right_in_whole_is_590_and_attaches_nothing(
    sim: Simulator, caller: Caller, body: Any
) -> None:
    assert caller.ask("POST", f"{TICKET}/documents", json=body).status_code == 590
    assert sim.easyvista.ticket(service_desks.OPEN_TICKET).documents == []


def test_files_may_come_in_a_form(sim: Simulator, caller: Caller) -> None:
    def text(name: str) -> str:
        return json.dumps([{"filename": name, "filedata": base64.b64encode(b"\x00\xff").decode()}])

    as_parts = caller.ask("POST", f"{TICKET}/documents", files={"documents": (None, text("a.bin"))})
    as_fields = caller.ask("POST", f"{TICKET}/documents", data={"documents": text("b.bin")})
    without = caller.ask("POST", f"{TICKET}/documents", files={"other": (None, text("c.bin"))})
    no_text = caller.ask(
        "POST",
        f"{TICKET}/documents",
        data=b"\xff",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )

    assert [one.status_code for one in (as_parts, as_fields, without, no_text)] == [201, 201, 590, 590]
    assert sim.easyvista.ticket(service_desks.OPEN_TICKET).file_names == ["a.bin", "b.bin"]


def test_a_service_desk_may_limit_the_size_of_files(sim: Simulator, caller: Caller) -> None:
    sim.easyvista.switches.document_limit = 1000

    assert caller.attach(service_desks.OPEN_TICKET, "a.bin", b"x" * 1000).status_code == 201
    assert caller.attach(service_desks.OPEN_TICKET, "b.bin", b"x" * 1001).status_code == 590
