import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.twin.easyvista import Caller, rfcs
from twin import Simulator
from twin.seeds import service_desks


@pytest.fixture
def caller(sim: Simulator) -> Iterator[Caller]:
    made = Caller(sim)
    yield made
    made.session.close()


@pytest.fixture
def three(sim: Simulator) -> list[str]:
    """The numbers of three tickets and of the one that is seeded, oldest first."""
    instance = sim.easyvista.instance()
    entry = instance.entry(service_desks.PLAIN_CODE)
    for number in (1, 2, 3):
        instance.open_ticket(entry, title=f"Number {number}", reference=f"mail-{number}")
    return [one.rfc for one in instance.tickets]


def test_a_reference_is_found_in_any_case_and_only_in_whole(caller: Caller, three: list[str]) -> None:
    assert rfcs(caller.find('EXTERNAL_REFERENCE:"mail-2"')) == [three[2]]
    assert rfcs(caller.find('external_reference:"MAIL-2"')) == [three[2]]
    assert rfcs(caller.find('EXTERNAL_REFERENCE:"mail-"')) == []
    assert rfcs(caller.find(f'RFC_NUMBER:"{three[1].lower()}"')) == [three[1]]


def test_a_comma_means_or_within_a_column_and_and_across_columns(caller: Caller, three: list[str]) -> None:
    either = 'EXTERNAL_REFERENCE:"mail-1",EXTERNAL_REFERENCE:"mail-3"'

    assert rfcs(caller.find(either)) == [three[1], three[3]]
    assert rfcs(caller.find(f'{either},TITLE:"number 3"')) == [three[3]]
    assert rfcs(caller.find('TITLE:"Number 1",EXTERNAL_REFERENCE:"mail-2"')) == []


@pytest.mark.parametrize(
    "search",
    [
        "EXTERNAL_REFERENCE:mail-1",
        "EXTERNAL_REFERENCE='mail-1'",
        'EXTERNAL_REFERENCE:"mail-1',
        'EXTERNAL_REFERENCE:"a "quoted" word"',
        'EXTERNAL_REFERENCES:"mail-1"',
        'RECIPIENT.E_MAIL:"lee.gu@contoso.com"',
        'STATUS:"In progress"',
        'CATALOG_REQUEST_PATH:"x"',
        'EXTERNAL_REFERENCE:"mail-1",NONSENSE:"x"',
        'DESCRIPTION:"x"',
    ],
)
def test_a_search_that_is_not_understood_is_ignored_and_all_rows_come_back(
    caller: Caller, three: list[str], search: str
) -> None:
    assert rfcs(caller.find(search)) == three


def test_text_against_an_id_column_is_590(caller: Caller) -> None:
    assert caller.ask("GET", "/requests", params={"search": 'STATUS_ID:"open"'}).status_code == 590
    assert caller.ask("GET", "/requests", params={"search": 'STATUS_ID:"12"'}).status_code == 200


def test_contains_needs_wildcards_of_its_own_or_not_by_switch(sim: Simulator, caller: Caller, three: list[str]) -> None:
    assert rfcs(caller.find('TITLE~"umber"')) == []
    assert rfcs(caller.find('TITLE~"*umber*"')) == three[1:]
    assert rfcs(caller.find('TITLE~"Number _"')) == three[1:]
    assert rfcs(caller.find('TITLE~"Number [13]"')) == [three[1], three[3]]
    sim.easyvista.switches.tilde = "contains"
    assert rfcs(caller.find('TITLE~"umber"')) == three[1:]
    assert rfcs(caller.find('TITLE~"*umber*"')) == []


def test_without_fields_a_row_is_a_short_extract(caller: Caller, three: list[str]) -> None:
    record = caller.ask("GET", "/requests").json()["records"][0]

    assert record["RFC_NUMBER"] == three[0]
    assert not record.get("TITLE")
    assert "EXTERNAL_REFERENCE" not in record


def test_fields_choose_members_of_persons_too_and_unknown_ones_are_left_out(caller: Caller) -> None:
    fields = "title,recipient.e_mail,recipient.last_name,nonsense,recipient.nonsense"

    (record,) = caller.ask("GET", "/requests", params={"fields": fields}).json()["records"]

    assert record == {
        "HREF": f"{service_desks.ROOT}/requests/{service_desks.OPEN_TICKET}",
        "RFC_NUMBER": service_desks.OPEN_TICKET,
        "TITLE": service_desks.OPEN_TICKET_TITLE,
        "RECIPIENT": {"E_MAIL": service_desks.OPEN_TICKET_REQUESTOR, "LAST_NAME": "Wilber"},
    }


def test_what_is_not_set_is_an_empty_text(caller: Caller) -> None:
    (record,) = caller.find(f'RFC_NUMBER:"{service_desks.OPEN_TICKET}"')["records"]

    assert (record["EXTERNAL_REFERENCE"], record["END_DATE_UT"]) == ("", "")


def test_open_and_closed_tickets_differ_in_their_end_date(sim: Simulator, caller: Caller) -> None:
    sim.run(lambda: sim.easyvista.close(service_desks.OPEN_TICKET))

    assert caller.find(f'RFC_NUMBER:"{service_desks.OPEN_TICKET}"')["records"][0]["END_DATE_UT"]


def test_counts_are_texts_or_numbers_by_switch(sim: Simulator, caller: Caller, three: list[str]) -> None:
    def counts() -> tuple[Any, Any]:
        answer = caller.find('EXTERNAL_REFERENCE:"mail-1",EXTERNAL_REFERENCE:"mail-2"', max_rows="1")
        return answer["record_count"], answer["total_record_count"]

    assert counts() == ("1", "2")
    sim.easyvista.switches.counts = "number"
    assert counts() == (1, 2)
    assert len(three) == 4


def test_pages_lead_on_and_back(caller: Caller, three: list[str]) -> None:
    first = caller.find("", max_rows="3")
    assert "@previous" not in first

    second = caller.session.get(first["@next"], timeout=10).json()

    assert rfcs(first) + rfcs(second) == three
    assert "@next" not in second
    assert rfcs(caller.session.get(second["@previous"], timeout=10).json()) == three[:3]


def test_a_page_holds_a_hundred_rows_by_default(sim: Simulator, caller: Caller) -> None:
    instance = sim.easyvista.instance()
    for _ in range(120):
        instance.open_ticket(instance.catalog[0], workflow=False)

    assert len(caller.find("")["records"]) == 100
    assert len(caller.find("", max_rows="110")["records"]) == 110
    assert len(caller.find("", max_rows="many")["records"]) == 100


def test_order_is_asked_for_with_a_plus_sign_and_ignored_in_any_other_spelling(
    caller: Caller, three: list[str]
) -> None:
    def order(query: str) -> list[str]:
        return rfcs(caller.ask("GET", f"/requests?{query}").json())

    assert order("sort=REQUEST_ID+desc") == three[::-1]
    assert order("sort=request_id%20DESC") == three[::-1]
    assert order("sort=-REQUEST_ID") == three
    assert order("sort=REQUEST_ID:desc") == three
    assert order("sort=NONSENSE+desc") == three
    assert order("sort=STATUS_ID,TITLE+desc") == [three[3], three[2], three[1], three[0]]


def test_employees_are_found_by_address(caller: Caller) -> None:
    query = {"search": 'E_MAIL:"LEE.GU@contoso.com"', "fields": "E_MAIL", "max_rows": "2"}

    answer = caller.ask("GET", "/employees", params=query).json()

    assert [record["E_MAIL"] for record in answer["records"]] == ["lee.gu@contoso.com"]
    assert caller.ask("GET", "/employees", params=query | {"search": 'E_MAIL:"x@y.z"'}).json()["records"] == []


def test_the_instance_describes_itself_with_201(caller: Caller) -> None:
    answer = caller.ask("GET", "/swagger")

    assert answer.status_code == 201
    assert answer.json()["openapi"].startswith("3.1")
    assert "post" in answer.json()["paths"]["/requests"]


def test_a_reference_is_found_at_once_among_thousands(sim: Simulator, caller: Caller) -> None:
    instance = sim.easyvista.instance()
    for number in range(5000):
        instance.open_ticket(instance.catalog[0], title="Mass", reference=f"mail-{number:040x}")

    started = time.process_time()  # of this process alone: other work on the machine does not count
    for number in range(0, 5000, 100):
        assert len(caller.find(f'EXTERNAL_REFERENCE:"mail-{number:040x}"')["records"]) == 1

    assert (time.process_time() - started) / 50 < 0.05
