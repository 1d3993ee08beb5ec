"""The fields of bodies: what the connector's definition names is what the app takes, no more and no less."""

import re
from typing import Any

import pytest

from devkit.connector.answers import load_definition
from tests.functional.booking_writes import open_page
from tests.functional.conftest import Gateway
from twin.seeds import sample, tiny

OPERATIONS = load_definition().operations()
WITH_BODY = sorted(
    name
    for name, (_, _, operation) in OPERATIONS.items()
    if any(p.get("in") == "body" for p in operation["parameters"])
)


@pytest.fixture
def gateway(gateway_process: Gateway) -> Gateway:
    gateway = open_page(gateway_process).gateway
    settings = sample.settings(gateway.sim) | sample.mail_settings() | sample.write_settings()
    gateway.configure(**settings | {"BOOKINGS_BUSINESSES": tiny.BUSINESS})
    return gateway


def ask(gateway: Gateway, name: str, body: Any) -> Any:
    method, path, _ = OPERATIONS[name]
    path = path.format(business=gateway.business, mailbox="support", key="0" * 40)
    query = {"id": "A"} if "/appointment" in path and "appointments" not in path else {}
    headers = {"x-functions-key": gateway.key}
    return gateway.http.request(
        method, f"{gateway.base_url}/api{path}", params=query, json=body, headers=headers
    ).json()


def known_fields(answer: Any) -> set[str]:
    """What the app takes, as it says itself when it gets something else."""
    error = answer["error"]
    assert error["code"] == "UnknownParameter", error
    return set(re.search(r"Known: (.+)\.", error["message"])[1].split(", "))  # type: ignore[index]  # it says so


def body_of(name: str) -> dict[str, Any]:
    operation = OPERATIONS[name][2]
    body = next(one for one in load_definition().parameters(operation) if one["in"] == "body")
    found: dict[str, Any] = body["schema"]
    return found


@pytest.mark.parametrize("name", WITH_BODY)
def test_every_field_of_a_body_is_one_the_app_takes(gateway: Gateway, name: str) -> None:
    assert set(body_of(name)["properties"]) == known_fields(ask(gateway, name, {"nonsense": 1}))


def test_a_customers_fields_are_those_the_app_takes(gateway: Gateway) -> None:
    properties = body_of("CreateAppointment")["properties"]
    sound = {"service": tiny.VISIT, "start": "2030-05-05T09:00:00Z"}
    one = known_fields(ask(gateway, "CreateAppointment", sound | {"customer": {"nonsense": 1}}))
    several = known_fields(ask(gateway, "CreateAppointment", sound | {"customers": [{"nonsense": 1}]}))
    assert set(properties["customer"]["properties"]) == one
    assert set(properties["customers"]["items"]["properties"]) == several


@pytest.mark.parametrize("name", WITH_BODY)
def test_what_the_definition_calls_required_is_missed_by_the_app(gateway: Gateway, name: str) -> None:
    """The converse is not asked: which of two customers' fields is needed, for one, no schema can say."""
    for missing in body_of(name).get("required", []):
        values = {"service": tiny.VISIT, "start": "2030-05-05T09:00:00Z", "end": "2030-05-05T10:00:00Z",
                  "staff": [tiny.ANNE], "customer": {"name": "Cleo"}}  # fmt: skip
        fields = body_of(name)["properties"]
        body = {field: value for field, value in values.items() if field in fields and field != missing}
        error = ask(gateway, name, body)["error"]
        assert (error["code"], error["target"]) == ("MissingParameter", missing)
