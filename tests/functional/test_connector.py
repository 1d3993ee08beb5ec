"""What a designer asks for: a trial of the connection, lists to pick from, schemas of questions, previews."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from devkit.connector.answers import load_definition
from devkit.connector.document import build_properties
from tests.functional.booking_writes import CLEO, clock, open_page
from tests.functional.conftest import Gateway, read_error
from twin.bookings.permissions import APPOINTMENT, MANAGE, READ, WRITE
from twin.bookings.state import Bookings
from twin.seeds import sample, tiny
from twin.world import World

ASKED = {"business": tiny.BUSINESS}


def ask(gateway: Gateway, path: str, **query: Any) -> Any:
    answer = gateway.get(f"connector/{path}", **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def seed_questions(world: World) -> None:
    tiny.seed(world)
    business = world.state(Bookings).business(tiny.BUSINESS)
    choice = business.questions.add(
        {"displayName": "Which floor?", "answerInputType": "radioButton", "answerOptions": ["Ground", "First"]}
    )
    asked = [{"questionId": tiny.QUESTION, "isRequired": True}, {"questionId": choice, "isRequired": False}]
    business.services.patch(tiny.VISIT, {"customQuestions": asked})


@pytest.fixture
def quizzing(gateway_process: Gateway) -> Gateway:
    gateway_process.begin(seed_questions, BOOKINGS_BUSINESSES=tiny.BUSINESS)
    return gateway_process


def call_by_policies(gateway: Gateway, operation: str, **connection: str) -> requests.Response:
    """Call an operation as the platform's gateway does: host and query come from the connection, by the policies."""
    address, query = "", {}
    for policy in build_properties()["properties"]["policyTemplateInstances"]:
        given = {
            name.rpartition(".")[2]: re.sub(
                r"@connectionParameters\('(\w+)'(?:,'(\w+)')?\)",
                lambda found: connection.get(found[1]) or found[2],
                text,
            )
            for name, text in policy["parameters"].items()
        }
        if policy["templateId"] == "dynamichosturl":
            address = given["urlTemplate"]  # instead of host and base path
        elif policy["templateId"] == "setqueryparameter":
            query[given["name"]] = given["value"]
    method, path, _ = load_definition().operations()[operation]
    local = address.replace("https://", f"{urlsplit(gateway.base_url).scheme}://")
    return gateway.http.request(
        method, f"{local}{path}", params=query, headers={"x-functions-key": connection["api_key"]}, timeout=60
    )


@pytest.mark.parametrize("operation", ["TestConnection", "ListBookingPages"])
def test_a_connection_reaches_the_gateway_that_it_names(gateway: Gateway, operation: str) -> None:
    host = urlsplit(gateway.base_url).netloc
    assert call_by_policies(gateway, operation, host=host, api_key=gateway.key).status_code == 200
    assert call_by_policies(gateway, operation, host=host, api_key="wrong").status_code == 401
    stranger = read_error(call_by_policies(gateway, operation, host=host, api_key=gateway.key, tenant="nobody"))
    assert (stranger["status"], stranger["target"]) == (400, "connection")


def test_a_good_connection_says_so_for_one_call_to_graph(gateway: Gateway) -> None:
    said = ask(gateway, "connection")
    assert said == {"status": "ok", "connection": "default", "canWrite": False, "mailboxes": 0}
    assert len(gateway.graph_calls()) == 1


def test_a_connection_that_may_write_says_so(gateway_process: Gateway) -> None:
    assert ask(open_page(gateway_process).gateway, "connection")["canWrite"] is True


def test_a_connection_shows_that_consent_is_missing(gateway: Gateway) -> None:
    gateway.sim.entra.tenant(sample.TENANT_ID).principals[sample.CLIENT_ID].revoke_roles(
        READ, WRITE, APPOINTMENT, MANAGE
    )
    gateway.configure(**(sample.settings(gateway.sim) | {"BOOKINGS_BUSINESSES": tiny.BUSINESS}))
    error = read_error(gateway.get("connector/connection"))
    assert (error["status"], error["code"]) == (403, "ConsentMissing")


def test_a_connection_with_the_wrong_key_is_refused(gateway: Gateway) -> None:
    assert gateway.get("connector/connection", key="wrong").status_code == 401


def test_a_connection_for_mail_alone_asks_nothing_of_bookings(gateway_process: Gateway) -> None:
    gateway_process.begin(tiny.seed, BOOKINGS_BUSINESSES="")
    assert ask(gateway_process, "connection")["status"] == "ok"
    assert gateway_process.graph_calls() == []


def test_folders_of_a_mailbox_can_be_picked(contoso: Gateway) -> None:
    contoso.configure(**sample.settings(contoso.sim), **sample.mail_settings())
    assert ask(contoso, "connection")["mailboxes"] == 3
    assert ask(contoso, "folders", mailbox="support") == {"value": [{"name": "inbox"}]}
    assert read_error(contoso.get("connector/folders", mailbox="nobody"))["code"] == "UnknownMailbox"
    assert read_error(contoso.get("connector/folders"))["code"] == "MissingParameter"


def test_every_time_zone_that_can_be_picked_is_understood(gateway: Gateway) -> None:
    zones = ask(gateway, "time-zones")["value"]
    names = [zone["name"] for zone in zones]
    assert names == sorted(names)
    assert len(names) > 130
    assert {"name": "W. Europe Standard Time", "title": "W. Europe Standard Time (Europe/Berlin)",
            "iana": "Europe/Berlin"} in zones  # fmt: skip
    for name in names[:: len(names) // 5]:
        gateway.ask("/appointments", start=clock(0), end=clock(1), timeZone=name)


def titles(schema: Any) -> dict[str, str]:
    """The keys of the questions by their texts."""
    return {shape["title"]: key for key, shape in schema["properties"].items()}


def test_answers_that_are_read_have_the_questions_as_properties(quizzing: Gateway) -> None:
    schema = ask(quizzing, "schemas/answers", **ASKED)["schema"]
    assert schema["type"] == "object"
    assert set(titles(schema)) == {"Asset tag?", "Which floor?"}
    assert schema["properties"][titles(schema)["Asset tag?"]]["x-ms-summary"] == "Asset tag?"
    assert "required" not in schema


def test_answers_that_are_written_know_choices_and_what_must_be_said(quizzing: Gateway) -> None:
    schema = ask(quizzing, "schemas/questions", **ASKED, service=tiny.VISIT)["schema"]
    keys = titles(schema)
    assert schema["properties"][keys["Which floor?"]]["enum"] == ["Ground", "First"]
    assert "enum" not in schema["properties"][keys["Asset tag?"]]
    assert schema["required"] == [keys["Asset tag?"]]


def test_a_service_shows_only_its_own_questions(quizzing: Gateway) -> None:
    assert ask(quizzing, "schemas/questions", **ASKED, service=tiny.GROUP)["schema"]["properties"] == {}
    assert len(ask(quizzing, "schemas/questions", **ASKED)["schema"]["properties"]) == 2


def test_schemas_are_of_allowed_pages_only(gateway: Gateway) -> None:
    for path in ("answers", "questions"):
        assert (
            read_error(gateway.get(f"connector/schemas/{path}", business="other@contoso.com"))["code"]
            == "BusinessNotAllowed"
        )


def test_a_schema_names_what_a_booking_then_takes_and_shows(gateway_process: Gateway) -> None:
    writer = open_page(gateway_process)
    [(question, shape)] = ask(writer.gateway, "schemas/questions", **ASKED)["schema"]["properties"].items()
    made = writer.made(customers=None, customer=CLEO | {"answers": {question: "LT-0042"}})
    assert made["answers"] == {question: "LT-0042"}
    assert made["answersText"] == f"{shape['title']} LT-0042"


def test_one_customer_and_several_at_once_are_refused(gateway_process: Gateway) -> None:
    error = read_error(open_page(gateway_process).create(customer=CLEO))
    assert (error["status"], error["code"], error["target"]) == (400, "Contradiction", "customer")


def test_a_customer_that_a_form_left_blank_is_none(gateway_process: Gateway) -> None:
    error = read_error(open_page(gateway_process).create(customers=None, customer={}))
    assert (error["code"], error["target"]) == ("MissingParameter", "customers")


def test_a_fault_in_the_one_customer_is_named_by_its_place(gateway_process: Gateway) -> None:
    error = read_error(open_page(gateway_process).create(customers=None, customer={"name": 5}))
    assert (error["code"], error["target"]) == ("WrongType", "customer.name")
