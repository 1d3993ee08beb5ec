import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.functional.twin.easyvista import Caller, rfcs
from twin import Simulator
from twin.seeds import service_desks

LEE = "lee.gu@contoso.com"


@pytest.fixture
def caller(sim: Simulator) -> Iterator[Caller]:
    made = Caller(sim)
    yield made
    made.session.close()


def test_a_create_answers_201_with_an_address_and_nothing_else(sim: Simulator, caller: Caller) -> None:
    sim.world.clock.set(datetime(2026, 11, 23, 12, tzinfo=UTC))

    answer = caller.create(title="Printer", description="On fire", requestor_mail=LEE.upper(), origin="Email")

    assert answer.status_code == 201
    assert answer.json() == {"HREF": f"{service_desks.ROOT}/requests/I261123_00001"}
    ticket = sim.easyvista.ticket("I261123_00001")
    assert (ticket.title, ticket.description) == ("Printer", "On fire")
    assert (ticket.requestor_mail, ticket.recipient_mail) == (LEE, LEE)


def test_numbers_count_per_day_and_start_with_the_letter_of_the_subject(sim: Simulator, caller: Caller) -> None:
    sim.easyvista.instance().add_entry("SERVICE", "Service", guid="5E", kind="S")
    sim.world.clock.set(datetime(2026, 11, 23, 12, tzinfo=UTC))
    first = [caller.made(), caller.made(catalog_code="SERVICE")]
    sim.world.clock.set(datetime(2026, 11, 24, 12, tzinfo=UTC))

    assert [*first, caller.made()] == ["I261123_00001", "S261123_00002", "I261124_00001"]


def test_a_create_starts_a_workflow_of_at_least_three_actions(caller: Caller) -> None:
    rfc = caller.made()

    query = {"search": f'REQUEST.RFC_NUMBER:"{rfc}"', "fields": "ACTION_ID,WORKFLOW_ID,DONE_BY_ID"}
    records = caller.ask("GET", "/actions", params=query).json()["records"]

    assert len(records) >= 3
    assert all(record["WORKFLOW_ID"] and not record["DONE_BY_ID"] for record in records)


def test_member_names_count_without_case(sim: Simulator, caller: Caller) -> None:
    wish = {"Catalog_Code": service_desks.PLAIN_CODE, "TITLE": "Loud", "Recipient_Mail": LEE}

    answer = caller.ask("POST", "/requests", json={"Requests": [wish]})

    assert answer.status_code == 201
    assert sim.easyvista.tickets[-1].title == "Loud"


def test_unknown_members_are_ignored_or_refused_by_switch(sim: Simulator, caller: Caller) -> None:
    assert caller.create(colour="red", e_nothing="x").status_code == 201
    sim.easyvista.switches.unknown_members = "refuse"

    assert caller.create(colour="red").status_code == 590
    assert caller.create(e_message_id="<1@example.com>").status_code == 201
    assert sim.easyvista.tickets[-1].fields == {"E_MESSAGE_ID": "<1@example.com>"}


@pytest.mark.parametrize("body", [{}, {"requests": []}, {"requests": {}}, {"requests": [{}, {}]}, {"requests": ["x"]}])
def test_an_envelope_holds_exactly_one_element(sim: Simulator, caller: Caller, body: Any) -> None:
    before = len(sim.easyvista.tickets)

    assert caller.ask("POST", "/requests", json=body).status_code == 590
    assert len(sim.easyvista.tickets) == before


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_body_that_is_no_object_is_a_bad_request(caller: Caller, data: bytes) -> None:
    assert caller.ask("POST", "/requests", data=data).status_code == 400


def test_a_wrong_guid_aborts_although_the_code_is_right(caller: Caller) -> None:
    assert caller.create(catalog_guid="0-0").status_code == 590
    assert (
        caller.create(catalog_guid=f"{{{service_desks.PLAIN_GUID.lower()}}}", catalog_code="nonsense").status_code
        == 201
    )
    assert caller.create(catalog_code="nonsense").status_code == 590


def test_without_a_subject_the_answer_is_2013_in_the_words_of_sql(caller: Caller) -> None:
    answer = caller.create(catalog_code="")

    assert answer.status_code == 590
    assert answer.json()["error_code"] == 2013
    assert "SQL" in answer.json()["error"]


def test_a_missing_mandatory_field_answers_590_and_writes_the_row_all_the_same(sim: Simulator, caller: Caller) -> None:
    before = len(sim.easyvista.tickets)

    answer = caller.create(catalog_code=service_desks.HARDWARE_CODE, external_reference="mail-1")

    assert (answer.status_code, answer.json()["error_code"]) == (590, 2013)
    assert "department" not in answer.text.lower()
    assert len(sim.easyvista.tickets) == before + 1
    (found,) = caller.find('EXTERNAL_REFERENCE:"mail-1"')["records"]
    assert not sim.easyvista.ticket(found["RFC_NUMBER"]).is_complete
    assert caller.create(catalog_code=service_desks.HARDWARE_CODE, department_code="IT").status_code == 201


def test_a_service_desk_can_be_switched_to_write_no_row_for_a_refused_create(sim: Simulator, caller: Caller) -> None:
    sim.easyvista.switches.incomplete_create_stores = False
    before = len(sim.easyvista.tickets)

    assert caller.create(catalog_code=service_desks.HARDWARE_CODE).status_code == 590
    assert len(sim.easyvista.tickets) == before


@pytest.mark.parametrize("member", ["recipient_mail", "requestor_mail"])
def test_an_unknown_person_is_406_and_no_row(sim: Simulator, caller: Caller, member: str) -> None:
    before = len(sim.easyvista.tickets)

    assert caller.create(**{member: "stranger@example.com"}).status_code == 406
    assert len(sim.easyvista.tickets) == before


def test_a_person_is_found_by_the_first_member_of_the_family_that_fits(sim: Simulator, caller: Caller) -> None:
    lee = sim.easyvista.instance().employee(LEE)

    caller.made(recipient_id=lee.id, recipient_mail="adele.vance@contoso.com")
    caller.made(recipient_identification="nobody", recipient_mail="adele.vance@contoso.com")

    assert [one.recipient_mail for one in sim.easyvista.tickets[-2:]] == [LEE, "adele.vance@contoso.com"]


def test_what_differs_between_service_desks_is_switched(sim: Simulator, caller: Caller) -> None:
    switches = {"several_elements": "first", "unknown_requestor": "blank", "title_limit": 10, "workflow_actions": 12}
    sim.easyvista.switches.set(switches)
    wish = {"catalog_code": service_desks.PLAIN_CODE, "title": "0123456789", "requestor_mail": "stranger@example.com"}

    answer = caller.ask("POST", "/requests", json={"requests": [wish, wish]})

    assert answer.status_code == 201
    ticket = sim.easyvista.tickets[-1]
    assert (ticket.requestor_mail, len(ticket.actions), len(sim.easyvista.tickets)) == (None, 12, 2)
    assert caller.create(title="0123456789A").status_code == 590


@pytest.mark.parametrize(("length", "status"), [(45, 201), (50, 201), (51, 590)])
def test_a_reference_holds_fifty_characters(caller: Caller, length: int, status: int) -> None:
    assert caller.create(external_reference="x" * length).status_code == status


def test_the_same_reference_twice_is_two_tickets(sim: Simulator, caller: Caller) -> None:
    both = [caller.made(external_reference="mail-1"), caller.made(external_reference="MAIL-1")]

    assert rfcs(caller.find('EXTERNAL_REFERENCE:"Mail-1"')) == both
    assert sim.easyvista.duplicates() == {"mail-1": both}


def test_text_is_kept_byte_for_byte(caller: Caller) -> None:
    text = "<b>Grüße</b>\r\n\tline two\u00a0\U0001f525 \"quoted\" 'single' & <script>alert(1)</script>"
    rfc = caller.made(description=text)

    assert caller.ask("GET", f"/requests/{rfc}/description").json()["DESCRIPTION"] == text
    assert caller.ask("GET", f"/requests/{rfc}/comment").json()["COMMENT"] == ""


def test_a_service_desk_may_lose_the_description_of_a_create(sim: Simulator, caller: Caller) -> None:
    sim.easyvista.switches.create_loses_description = True
    rfc = caller.made(description="text")
    assert caller.ask("GET", f"/requests/{rfc}/description").json()["DESCRIPTION"] == ""

    assert caller.ask("PUT", f"/requests/{rfc}", json={"description": "again"}).status_code == 201
    assert caller.ask("GET", f"/requests/{rfc}/comment").json()["COMMENT"] == "again"


def test_a_dropped_field_is_accepted_and_not_stored(sim: Simulator, caller: Caller) -> None:
    sim.easyvista.switches.set({"dropped_fields": ["external_reference"]})

    rfc = caller.made(external_reference="mail-1")

    assert sim.easyvista.ticket(rfc).reference == ""
    assert rfcs(caller.find('EXTERNAL_REFERENCE:"mail-1"')) == []


def test_a_ticket_shows_text_only_with_pointers_for_memos_and_an_object_for_the_status(caller: Caller) -> None:
    rfc = caller.made(external_reference="mail-1", urgency_id=2, origin="Email")

    record = caller.ask("GET", f"/requests/{rfc.lower()}").json()

    assert record["RFC_NUMBER"] == rfc
    assert record["DESCRIPTION"] == {"HREF": f"{service_desks.ROOT}/requests/{rfc}/description"}
    assert record["STATUS"].keys() >= {"STATUS_ID", "STATUS_GUID"}
    assert (record["END_DATE_UT"], record["URGENCY_ID"], record["REQUEST_ORIGIN_ID"]) == ("", "2", "3")
    assert record["RECIPIENT"]["E_MAIL"] == LEE
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", record["SUBMIT_DATE_UT"])
    assert all(isinstance(value, str | dict) for value in record.values())


def test_a_ticket_that_does_not_exist_is_404(caller: Caller) -> None:
    answer = caller.ask("GET", "/requests/I000000_00000")

    assert (answer.status_code, answer.json()) == (404, {"error": "Resource not found"})


def test_a_follow_up_names_its_parent(sim: Simulator, caller: Caller) -> None:
    rfc = caller.made(parentrequest=service_desks.OPEN_TICKET)

    parent = sim.easyvista.ticket(rfc).parent
    assert parent is not None
    assert parent.rfc == service_desks.OPEN_TICKET
    assert caller.create(parentrequest="I000000_00000").status_code == 590


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_update_changes_what_it_names(sim: Simulator, caller: Caller, method: str) -> None:
    rfc = caller.made(external_reference="mail-1")

    answer = caller.ask(method, f"/requests/{rfc}", json={"Title": "New", "EXTERNAL_REFERENCE": "mail-2"})

    assert answer.json() == {"HREF": f"{service_desks.ROOT}/requests/{rfc}"}
    assert sim.easyvista.ticket(rfc).title == "New"
    assert rfcs(caller.find('EXTERNAL_REFERENCE:"mail-1"')) == []
    assert rfcs(caller.find('EXTERNAL_REFERENCE:"mail-2"')) == [rfc]


def test_an_update_without_a_field_is_400(caller: Caller) -> None:
    answer = caller.ask("PUT", f"/requests/{service_desks.OPEN_TICKET}", json={"colour": "red"})

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Nothing to update (check")


def test_a_ticket_closes_through_its_wrapper_and_takes_nothing_more(sim: Simulator, caller: Caller) -> None:
    path = f"/requests/{service_desks.OPEN_TICKET}"
    assert caller.ask("PUT", path, json={"closed": {"comment": "done"}}).status_code == 201

    assert caller.ask("GET", path).json()["END_DATE_UT"] != ""
    assert caller.ask("PUT", path, json={"title": "x"}).status_code == 590
    assert caller.comment(service_desks.OPEN_TICKET, "late").status_code == 590
    assert caller.attach(service_desks.OPEN_TICKET, "late.txt", b"x").status_code == 590
    assert caller.ask("PUT", path, json={"restarted": {}}).status_code == 590
    sim.easyvista.switches.closed_refuses = False
    assert caller.comment(service_desks.OPEN_TICKET, "late").status_code == 201


def test_a_ticket_is_suspended_once_and_restarted_once(caller: Caller) -> None:
    path = f"/requests/{service_desks.OPEN_TICKET}"

    statuses = [
        caller.ask("PUT", path, json={wrapper: {}}).status_code
        for wrapper in ("restarted", "suspended", "suspended", "restarted")
    ]

    assert statuses == [590, 201, 590, 201]
