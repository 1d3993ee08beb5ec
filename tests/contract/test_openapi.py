from copy import deepcopy
from typing import Any

import pytest

from tests.contract.openapi import Contract, load_contract
from twin.core.record import Exchange

B = "/v1.0/solutions/bookingBusinesses/ithelpdesk@contoso.com"


@pytest.fixture
def contract() -> Contract:
    return load_contract("bookings")


def example(contract: Contract, name: str) -> Any:
    return deepcopy(contract.document["components"]["examples"][name]["value"])


def make_exchange(  # noqa: PLR0917 - the parts of an exchange in their order
    method: str, path: str, status: int = 200, answer: Any = None, request: Any = None, query: str = ""
) -> Exchange:
    pairs = [(name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)]
    return Exchange(1, "bookings", "h", method, path, pairs, {}, request, 1, 0.0, 1.0, status, {}, answer, "answered")


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("businessList", "bookingBusinessCollectionResponse"),
        ("appointmentList", "bookingAppointmentCollectionResponse"),
        ("appointment", "bookingAppointment"),
        ("appointmentCreate", "bookingAppointment"),
        ("appointmentReschedule", "bookingAppointment"),
        ("staffList", "bookingStaffMemberBaseCollectionResponse"),
        ("customerCreate", "bookingCustomerBase"),
        ("errorUnknown", "ODataErrors.ODataError"),
    ],
)
def test_the_documents_own_examples_are_good(contract: Contract, name: str, schema: str) -> None:
    assert contract.check_schema(example(contract, name), f"microsoft.graph.{schema}") == []


def spoil(value: Any, path: str, new: Any) -> Any:
    *steps, last = path.split(".")
    for step in steps:
        value = value[int(step)] if step.isdecimal() else value[step]
    if new is ...:
        del value[last]
    else:
        value[last] = new
    return value


@pytest.mark.parametrize(
    ("path", "new", "complaint"),
    [
        ("startTime", "x", "unknown property startTime"),
        ("startDateTime.datetime", "x", "unknown property datetime"),
        ("customers.0.mail", "x", "unknown property mail"),
        ("customers.0.customQuestionAnswers.0.text", "x", "unknown property text"),
        ("serviceLocation.adress", {}, "unknown property adress"),
        ("serviceLocation.address.zip", "x", "unknown property zip"),
        ("maximumAttendeesCount", "1", "is not of type 'integer'"),
        ("customers.0.name", 7, "is not of type 'string'"),
        ("serviceLocation.displayName", 7, "is not of type 'string'"),
        ("serviceName", None, "None for not nullable"),
        ("duration", "half an hour", "does not match"),
        ("createdDateTime", "yesterday", "is not a 'date-time'"),
        ("priceType", "cheap", "is not one of"),
        ("customers.0.customQuestionAnswers.0.answerInputType", "essay", "is not valid under any"),
        ("customers.0.@odata.type", ..., "is a required property"),
    ],
)
def test_a_fault_in_an_answer_is_found(contract: Contract, path: str, new: Any, complaint: str) -> None:
    body = example(contract, "appointment")
    exchange = make_exchange("GET", f"{B}/appointments/1", answer=body)
    assert contract.check(exchange) == []

    if path == "customers.0.@odata.type":
        del body["customers"][0]["@odata.type"]
    else:
        spoil(body, path, new)

    assert any(complaint in problem for problem in contract.check(exchange)), contract.check(exchange)


def test_a_fault_in_a_request_is_found(contract: Contract) -> None:
    body = example(contract, "appointmentCreate")
    answer = example(contract, "appointment")
    exchange = make_exchange("POST", f"{B}/appointments", 201, answer, body)
    assert contract.check(exchange) == []

    body["customers"][0]["smsNotificationsEnabled"] = True
    body["isLocationOnline"] = "yes"

    assert sorted(problem.partition(": ")[2] for problem in contract.check(exchange)) == [
        "request.customers[0]: unknown property smsNotificationsEnabled",
        "request.isLocationOnline: 'yes' is not of type 'boolean'",
    ]


@pytest.mark.parametrize(
    ("exchange", "complaint"),
    [
        (make_exchange("GET", f"{B}/colours", answer={}), "unknown path"),
        (make_exchange("PUT", B, 204), "unknown path"),
        (
            make_exchange("GET", f"{B}/services", answer={"value": []}, query="colour=red"),
            "unknown query option colour",
        ),
        (make_exchange("GET", f"{B}/services", answer={"value": []}, query="$select=colour"), "colour is not allowed"),
        (make_exchange("GET", B, answer={"id": "1"}, query="$skiptoken=x"), "unknown query option $skiptoken"),
        (
            make_exchange("GET", f"{B}/calendarView", answer={"value": []}, query="start=x"),
            "query option end is missing",
        ),
        (make_exchange("GET", f"{B}/services", answer=None), "came without its body"),
        (make_exchange("GET", f"{B}/services", answer={"items": []}), "unknown property items"),
        (make_exchange("GET", f"{B}/services", answer=[]), "is not of type 'object'"),
        (make_exchange("POST", f"{B}/publish", 204, request={"a": 1}), "a body was sent, none is declared"),
        (make_exchange("POST", f"{B}/publish", 204, {"a": 1}), "came with a body, none is declared"),
        (make_exchange("POST", f"{B}/publish", 302), "status 302 is not declared"),
        (make_exchange("POST", f"{B}/services", 201, {"id": "1"}), "the body is missing"),
        (make_exchange("GET", B, 404, {"error": {"code": "x"}}), "'message' is a required property"),
        (make_exchange("GET", B, 404, {"fault": {}}), "'error' is a required property"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_in_an_exchange_is_found(contract: Contract, exchange: Exchange, complaint: str) -> None:
    assert any(complaint in problem for problem in contract.check(exchange)), contract.check(exchange)


def test_annotations_links_and_refused_requests_are_fine(contract: Contract) -> None:
    page = {"@odata.context": "c", "@odata.nextLink": "l", "@odata.count": 1, "value": []}
    error = {"error": {"code": "", "message": "", "innerError": {"date": "2026-05-05T09:00:00"}}}

    assert contract.check(make_exchange("GET", f"{B}/services", answer=page, query="$skiptoken=x&$count=true")) == []
    assert contract.check(make_exchange("GET", f"{B}/services", 400, error, query="colour=red")) == []
    assert contract.check(make_exchange("GET", f"{B}/colours", 400, error)) == []
    assert contract.check(make_exchange("GET", f"/v1.0/{B[5:]}/services".replace("/v1.0", "/v1.0/"), answer=page)) == []
