"""The console without a key: people who have signed in with Entra ID in front of the app, and their roles."""

import base64
import json
from typing import Any

import pytest
import requests

from blueprints._routes import find_route
from blueprints._signed_in import ACTIONS, HEADER, NAMES_A_PERSON, OPERATE, READ, READS, read_person
from devkit.connector.answers import load_definition
from tests.functional.conftest import Gateway, read_error
from tests.functional.mail.conftest import MailScenario
from twin.seeds import sample

CONSOLE = {HEADER: "1"}


def principal(*roles: str, provider: str = "aad", name: str = "lee.gu@contoso.com") -> dict[str, str]:
    """The header that the platform's sign-in writes."""
    claims = [{"typ": "preferred_username", "val": name}, *({"typ": "roles", "val": role} for role in roles)]
    text = json.dumps({"auth_typ": provider, "claims": claims, "name_typ": "x", "role_typ": "roles"})
    return {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(text.encode()).decode()}


@pytest.fixture
def front(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """The sample world, with the platform's sign-in in front and the setting on."""
    gateway.begin(sample.seed, **sample.mail_settings(), CONSOLE_SIGN_IN="on")
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    return gateway


def _get(front: Gateway, path: str, *headers: dict[str, str], **query: Any) -> requests.Response:
    sent = {name: value for some in headers for name, value in some.items()}
    return front.get(path, key="", headers=sent, **query)


def _post(front: Gateway, path: str, body: Any, *headers: dict[str, str]) -> requests.Response:
    sent = {name: value for some in headers for name, value in some.items()}
    return front.http.post(f"{front.base_url}/api/{path}", json=body, headers=sent, timeout=60)


def test_a_reader_asks_without_a_key_and_gets_what_the_route_answers(front: Gateway) -> None:
    answer = _get(front, "signed-in/mailboxes/support", CONSOLE, principal(READ))
    assert answer.status_code == 200
    assert set(answer.json()) == set(front.get("mailboxes/support").json())
    refused = _get(front, "signed-in/mailboxes/nowhere", CONSOLE, principal(READ))
    assert read_error(refused)["code"] == "UnknownMailbox"
    page = _get(front, "signed-in/mailboxes/support/mails", CONSOLE, principal(OPERATE), limit=1000000)
    assert read_error(page)["target"] == "limit"


def test_who_has_signed_in_is_said_to_them_alone(front: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _get(front, "signed-in").json() == {"signIn": "on", "person": None}
    person = _get(front, "signed-in", principal(READ, "Other.Role")).json()["person"]
    assert person == {"name": "lee.gu@contoso.com", "roles": [READ]}
    monkeypatch.delenv("WEBSITE_AUTH_ENABLED")
    assert _get(front, "signed-in", principal(READ)).json() == {"signIn": "off", "person": None}


@pytest.mark.parametrize("enabled", [None, "", "False", "0"])
def test_a_forged_header_counts_for_nothing_without_the_platforms_sign_in(
    enabled: str | None, front: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEBSITE_AUTH_ENABLED")
    if enabled is not None:
        monkeypatch.setenv("WEBSITE_AUTH_ENABLED", enabled)
    refused = read_error(_get(front, "signed-in/status", CONSOLE, principal(OPERATE)))
    assert (refused["status"], refused["code"]) == (403, "SignInOff")


def test_it_is_off_by_default(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.begin(sample.seed)
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    refused = read_error(_get(gateway, "signed-in/status", CONSOLE, principal(OPERATE)))
    assert (refused["status"], refused["code"]) == (403, "SignInOff")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (principal(OPERATE), "NotTheConsole"),
        (CONSOLE, "NotSignedIn"),
        (CONSOLE | {"X-MS-CLIENT-PRINCIPAL": "no base64"}, "NotSignedIn"),
        (CONSOLE | {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(b"[1]").decode()}, "NotSignedIn"),
        (CONSOLE | principal(OPERATE, provider="github"), "NotSignedIn"),
        (CONSOLE | principal(OPERATE, name=""), "NotSignedIn"),
        (CONSOLE | principal(), "RoleMissing"),
        (CONSOLE | principal("gateway.read", "Gateway.Reader"), "RoleMissing"),
    ],
)
def test_who_may_not_ask_is_refused_with_a_reason(headers: dict[str, str], code: str, front: Gateway) -> None:
    refused = read_error(_get(front, "signed-in/status", headers))
    assert (refused["status"], refused["code"]) == (403, code)


def test_readers_decide_nothing_and_operators_do_under_their_own_name(front: Gateway) -> None:
    key, path = "0" * 40, "signed-in/mailboxes/support"
    refused = read_error(_post(front, f"{path}/poll", None, CONSOLE, principal(READ)))
    assert (refused["status"], refused["code"]) == (403, "RoleMissing")
    assert _post(front, f"{path}/poll", None, CONSOLE, principal(OPERATE)).json()["status"] == "queued"
    body = {"reason": "A test.", "by": "somebody else"}
    assert read_error(_post(front, f"{path}/mails/{key}/set-aside", body, CONSOLE, principal(OPERATE)))["status"] == 404


def test_the_decision_bears_the_name_of_who_signed_in(scenario: MailScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    monkeypatch.setenv("CONSOLE_SIGN_IN", "on")
    scenario.receive(subject="Nobody needs this")
    scenario.poll()
    [mail] = scenario.gateway.get(f"mailboxes/{scenario.name}/mails").json()["value"]
    path = f"mailboxes/{scenario.name}/mails/{mail['key']}"
    body = {"reason": "A test.", "by": "somebody else"}
    done = _post(scenario.gateway, f"signed-in/{path}/set-aside", body, CONSOLE, principal(OPERATE))
    assert done.status_code == 200, done.text
    history = [entry for one in scenario.gateway.get(path).json()["deliveries"] for entry in one["history"]]
    assert {entry["by"] for entry in history if "by" in entry} == {"lee.gu@contoso.com"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "doctor"),
        ("GET", "mailboxes/support/mails/" + "0" * 40 + "/eml"),
        ("GET", "bookings/businesses/ithelpdesk@contoso.com/customers"),
        ("GET", "signed-in/status"),
        ("GET", "status/"),
        ("GET", "../api/doctor"),
        ("POST", "bookings/businesses/ithelpdesk@contoso.com/appointments"),
        ("POST", "subscriptions"),
        ("POST", "status"),
    ],
)
def test_what_the_console_does_not_ask_is_refused(method: str, path: str, front: Gateway) -> None:
    sent = CONSOLE | principal(OPERATE)
    request = requests.Request(method, f"{front.base_url}/api/signed-in/{path}", headers=sent).prepare()
    answer = front.http.send(request, timeout=60)
    assert answer.status_code in (401, 404)


def test_links_in_answers_lead_to_the_routes_themselves(
    scenario: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBSITE_AUTH_ENABLED", "True")
    monkeypatch.setenv("CONSOLE_SIGN_IN", "on")
    for number in range(2):
        scenario.receive(subject=f"Mail {number}")
        scenario.poll()
    path = f"mailboxes/{scenario.name}/mails"
    answer = _get(scenario.gateway, f"signed-in/{path}", CONSOLE, principal(READ), limit=1)
    assert answer.json()["nextLink"].startswith(f"{scenario.gateway.base_url}/api/{path}?")


def test_nothing_that_came_with_the_sign_in_is_in_the_log(front: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    sent = principal(READ)
    assert _get(front, "signed-in/status", CONSOLE, sent).status_code == 200
    assert sent["X-MS-CLIENT-PRINCIPAL"] not in caplog.text
    assert "lee.gu@contoso.com" not in caplog.text


def test_every_question_and_action_is_a_route_of_the_app() -> None:
    assert [path for path in READS if find_route(path, "GET") is None] == []
    assert [path for path in ACTIONS if find_route(path, "POST") is None] == []


def test_every_action_whose_body_names_a_person_bears_the_name_of_who_signed_in() -> None:
    definition = load_definition()
    naming = {
        path.removeprefix("/")
        for method, path, operation in definition.operations().values()
        for body in definition.parameters(operation)
        if method == "POST" and "by" in definition.resolve(body.get("schema", {})).get("properties", {})
    }
    assert naming & set(ACTIONS) == set(NAMES_A_PERSON)


def test_roles_are_those_of_the_claims_that_entra_id_writes() -> None:
    claims = [
        {"typ": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role", "val": READ},
        {"typ": "groups", "val": OPERATE},
        {"typ": "name", "val": "Lee Gu"},
    ]
    header = base64.b64encode(json.dumps({"auth_typ": "aad", "claims": claims}).encode()).decode()
    person = read_person({"X-MS-CLIENT-PRINCIPAL": header})
    assert person is not None
    assert person.describe() == {"name": "Lee Gu", "roles": [READ]}
