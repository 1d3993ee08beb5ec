import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from standardwebhooks.webhooks import Webhook

from twin import Answer, Drop, Simulator
from twin.seeds import sample, service_desks
from twin.webhook.flow import Workflow
from twin.webhook.signature import sign

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
EVENT = {"specversion": "1.0", "id": "mail-1", "data": {"subject": "Café"}}
BODY = json.dumps(EVENT, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.fixture
def session(sim: Simulator) -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.trust_env = False
        made.proxies = {"https": sim.proxy_url}
        made.verify = sim.ca_file
        yield made


@pytest.fixture
def workflow(sim: Simulator) -> Workflow:
    return sim.webhooks.workflows[service_desks.WORKFLOW]


def deliver(session: requests.Session, *, event: str = "mail-1", key: str = "", path: str = "/mail") -> Any:
    stamp = str(int(time.time()))
    headers = {
        "content-type": "application/cloudevents+json",
        "webhook-id": event,
        "webhook-timestamp": stamp,
        "webhook-signature": sign(key or service_desks.webhook_key(), event, stamp, BODY),
        "idempotency-key": f'"{event}"',
    }
    url = f"https://hooks.contoso.com{path}"
    return session.post(url, data=BODY, headers=headers, allow_redirects=False, timeout=10)


def steer(sim: Simulator, method: str, path: str, **more: Any) -> Any:
    answer = requests.request(method, f"{sim.control_url}/webhook{path}", timeout=10, **more)
    assert answer.ok, answer.text
    return answer.json() if answer.content else None


def test_a_delivery_is_answered_204_and_kept_byte_for_byte(sim: Simulator, session: requests.Session) -> None:
    assert deliver(session).status_code == 204

    (delivery,) = sim.webhooks.deliveries
    assert (delivery.method, delivery.path, delivery.id, delivery.status) == ("POST", "/mail", "mail-1", 204)
    assert delivery.body == BODY
    assert delivery.json == EVENT
    assert delivery.headers["idempotency-key"] == '"mail-1"'
    assert delivery.headers["content-type"] == "application/cloudevents+json"


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {}, {"ticket": "T-1"}),
        (429, {"retry-after": "30"}, None),
        (410, {}, None),
        (307, {"location": "https://elsewhere.example.com/"}, None),
        (500, {}, "<h1>broken</h1>"),
        (422, {"content-type": "application/problem+json"}, {"title": "No", "status": 422}),
    ],
)
def test_a_receiver_answers_as_it_is_set_to(
    sim: Simulator, session: requests.Session, status: int, headers: dict[str, str], body: Any
) -> None:
    sim.webhooks.answer(status, body, headers=headers, path="/mail", times=1)

    assert deliver(session, path="/other").status_code == 204
    answer = deliver(session)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in headers} == headers
    assert (answer.json() if isinstance(body, dict) else answer.text) == (body or "")
    assert deliver(session).status_code == 204


def test_answers_are_given_in_turn_and_number_the_events(sim: Simulator, session: requests.Session) -> None:
    steer(sim, "POST", "/answers", json={"status": 503, "times": 1, "headers": {"retry-after": 2}})
    steer(sim, "POST", "/answers", json={"body": {"ticket": "T-{number}"}})

    answers = [deliver(session, event=event) for event in ("mail-1", "mail-1", "mail-2", "mail-1")]

    assert [one.status_code for one in answers] == [503, 200, 200, 200]
    assert [one.json()["ticket"] for one in answers[1:]] == ["T-1", "T-2", "T-1"]
    assert [one["used"] for one in steer(sim, "GET", "")["answers"]] == [1, 3]
    steer(sim, "DELETE", "/answers")
    assert deliver(session).status_code == 204


def test_an_event_that_was_accepted_twice_is_a_duplicate(sim: Simulator, session: requests.Session) -> None:
    sim.webhooks.answer(500, times=1)
    for _ in range(2):
        deliver(session, event="mail-1")
    assert sim.webhooks.duplicates() == {}

    sim.faults.add(Drop(), api="webhook", when="after")
    with pytest.raises(requests.exceptions.ConnectionError):
        deliver(session, event="mail-2")
    deliver(session, event="mail-2")

    assert sim.webhooks.duplicates() == {"mail-2": [3, 4]}
    assert steer(sim, "GET", "/duplicates") == {"duplicates": {"mail-2": [3, 4]}}
    assert len(sim.webhooks.accepted) == 3


def test_a_signature_is_that_of_the_specification() -> None:
    made = sign(SECRET, "mail-1", "1763856000", BODY)

    assert len(BODY) == 62
    assert made == "v1,aLtu2j1YLQNiHijeBX6ZUjKu/MOSMUeKHw47l8VXAng="
    now = str(int(time.time()))
    headers = {"webhook-id": "mail-1", "webhook-timestamp": now, "webhook-signature": sign(SECRET, "mail-1", now, BODY)}
    assert Webhook(SECRET).verify(BODY, headers) == EVENT


def test_signatures_are_checked_and_old_keys_may_overlap_with_new_ones(
    sim: Simulator, session: requests.Session
) -> None:
    sim.webhooks.check_signatures([service_desks.webhook_key(), SECRET])

    for key in (service_desks.webhook_key(), SECRET, "whsec_" + base64.b64encode(bytes(32)).decode()):
        assert deliver(session, key=key).status_code == 204

    assert [one.verified for one in sim.webhooks.deliveries] == [True, True, False]


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "mail-2"},
        {"webhook-id": "mail.1"},
        {"webhook-id": None},
        {"webhook-timestamp": "1763856000"},
        {"webhook-timestamp": "soon"},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": None},
    ],
)
def test_what_is_not_signed_right_is_refused_where_that_is_wished(
    sim: Simulator, session: requests.Session, change: dict[str, str | None]
) -> None:
    steer(sim, "PUT", "/signatures", json={"secrets": [SECRET], "refuse": True})
    now = str(int(time.time()))
    right: dict[str, str | None] = {
        "webhook-id": "mail-1",
        "webhook-timestamp": now,
        "webhook-signature": f"v1a,other {sign(SECRET, 'mail-1', now, BODY)}",
    }

    def post(headers: dict[str, str | None]) -> int:
        given = {name: value for name, value in headers.items() if value is not None}
        return session.post(service_desks.HOOK_URL, data=BODY, headers=given, timeout=10).status_code

    assert (post(right), post(right | change)) == (204, 401)
    assert [one.verified for one in sim.webhooks.deliveries] == [True, False]


def test_an_invalid_secret_is_a_bad_request(sim: Simulator) -> None:
    for secret in ("AAECAwQF", "whsec_?"):
        answer = requests.put(f"{sim.control_url}/webhook/signatures", json={"secrets": [secret]}, timeout=10)
        assert answer.status_code == 400
    steer(sim, "PUT", "/signatures", json={"secrets": []})
    assert sim.webhooks.secrets == ()


def test_the_control_path_shows_deliveries_and_forgets_them(sim: Simulator, session: requests.Session) -> None:
    for event in ("mail-1", "mail-2"):
        deliver(session, event=event)

    shown = steer(sim, "GET", "/deliveries?since=1&path=/mail")

    assert (shown["count"], shown["deliveries"][0]["id"], shown["deliveries"][0]["json"]) == (1, "mail-2", EVENT)
    assert shown["deliveries"][0]["verified"] is True
    assert steer(sim, "GET", "/deliveries?id=mail-1")["count"] == 1
    steer(sim, "DELETE", "/deliveries")
    assert steer(sim, "GET", "")["deliveries"] == 0


def test_faults_strike_receivers_with_a_problem_document(sim: Simulator, session: requests.Session) -> None:
    sim.faults.add(Answer(502), api="webhook")

    answer = deliver(session)

    assert (answer.status_code, answer.json()["status"]) == (502, 502)
    assert sim.webhooks.deliveries == []


def start(session: requests.Session, url: str = "", **more: Any) -> requests.Response:
    given: dict[str, Any] = {} if "data" in more else {"json": EVENT}
    return session.post(url or service_desks.flow_url(), timeout=10, **given, **more)


def error_of(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_workflow_without_a_response_action_answers_202_with_the_id_of_its_run(
    sim: Simulator, session: requests.Session, workflow: Workflow
) -> None:
    answer = start(session)

    assert (answer.status_code, answer.content) == (202, b"")
    assert [answer.headers["x-ms-workflow-run-id"]] == workflow.runs
    assert sim.webhooks.deliveries[0].trigger_body == EVENT
    assert sim.webhooks.deliveries[0].path == service_desks.FLOW_PATH


def test_a_response_action_answers_with_its_own_status_and_body(
    sim: Simulator, session: requests.Session, workflow: Workflow
) -> None:
    steer(sim, "PATCH", f"/workflows/{workflow.id}", json={"response": {"status": 201, "body": {"ticket": "T-1"}}})

    answer = start(session)

    assert (answer.status_code, answer.json()) == (201, {"ticket": "T-1"})
    assert answer.headers["x-ms-workflow-run-id"]


@pytest.mark.parametrize("option", ["sig", "sp", "sv"])
def test_an_address_that_is_not_whole_is_401(session: requests.Session, workflow: Workflow, option: str) -> None:
    url = service_desks.flow_url().replace(f"{option}=", "x=")

    assert error_of(start(session, url)) == (401, "DirectApiAuthorizationRequired")
    assert workflow.runs == []


def test_a_wrong_key_an_unknown_workflow_and_a_missing_version_are_refused(session: requests.Session) -> None:
    url = service_desks.flow_url()

    assert error_of(start(session, url + "x")) == (401, "AuthorizationFailed")
    assert error_of(start(session, url.replace(service_desks.WORKFLOW, "0"))) == (404, "WorkflowNotFound")
    assert error_of(start(session, url.replace("api-version", "v"))) == (400, "MissingApiVersionParameter")


@pytest.mark.parametrize("state", ["Disabled", "Suspended", "Deleted"])
def test_a_workflow_that_is_turned_off_starts_nothing(
    session: requests.Session, workflow: Workflow, state: str
) -> None:
    workflow.state = state
    answer = start(session)

    assert error_of(answer) == (400, "WorkflowTriggerIsNotEnabled")
    assert f"with state '{state}'" in answer.json()["error"]["message"]
    assert workflow.runs == []


def test_the_callback_of_an_instant_trigger_has_the_address_of_one_version(
    session: requests.Session, workflow: Workflow
) -> None:
    workflow.trigger, workflow.version = "When_an_appointment_is_created", "08585330776762131491"

    assert start(session, workflow.callback).status_code == 202
    earlier = workflow.callback.replace(f"/versions/{workflow.version}", "/versions/08585330776762131490")
    assert error_of(start(session, earlier)) == (404, "WorkflowNotFound")
    assert error_of(start(session, service_desks.flow_url())) == (404, "WorkflowNotFound")
    assert len(workflow.received) == len(workflow.runs) == 1


def test_a_response_that_comes_too_late_is_504_although_the_run_goes_on(
    session: requests.Session, workflow: Workflow
) -> None:
    workflow.too_slow = True

    assert error_of(start(session)) == (504, "GatewayTimeout")
    assert len(workflow.runs) == 1


@pytest.mark.parametrize(
    ("schema", "status"),
    [
        ({"type": "object", "properties": {"data": {"type": "object", "required": ["subject"]}}}, 202),
        ({"type": "object", "required": ["ticket"]}, 400),
        ({"type": "object", "properties": {"id": {"type": "integer"}}}, 400),
        ({"type": ["array", "null"], "items": {"type": "string"}}, 400),
    ],
)
def test_a_body_that_does_not_match_the_schema_is_400(
    session: requests.Session, workflow: Workflow, schema: Any, status: int
) -> None:
    workflow.schema = schema

    answer = start(session)

    assert answer.status_code == status
    if status == 400:
        assert error_of(answer) == (400, "TriggerInputSchemaMismatch")


def test_only_json_and_text_reach_a_workflow_as_they_are(sim: Simulator, session: requests.Session) -> None:
    kind = "application/cloudevents+json"
    statuses = [
        start(session, data=BODY, headers={"content-type": given}).status_code
        for given in ("application/json; charset=utf-8", "text/plain", kind)
    ]

    wrapped = {"$content-type": kind, "$content": base64.b64encode(BODY).decode()}
    assert statuses == [202, 202, 202]
    assert [one.trigger_body for one in sim.webhooks.deliveries] == [EVENT, BODY.decode(), wrapped]


def test_invalid_json_starts_no_run(session: requests.Session, workflow: Workflow) -> None:
    answer = start(session, data=b"{", headers={"content-type": "application/json"})

    assert error_of(answer) == (400, "InvalidRequestContent")
    assert workflow.runs == []


def test_a_throttled_workflow_answers_in_its_own_error_format(sim: Simulator, session: requests.Session) -> None:
    sim.faults.add(Answer(429, {"retry-after": "5"}), api="flow")

    assert error_of(start(session)) == (429, "WorkflowTriggerRequestRateLimited")


def test_no_property_of_a_workflow_is_made_up(sim: Simulator) -> None:
    url = f"{sim.control_url}/webhook/workflows/{service_desks.WORKFLOW}"

    assert requests.patch(url, json={"sig": "x"}, timeout=10).status_code == 400
    assert requests.patch(url + "0", json={}, timeout=10).status_code == 404


def test_the_keys_lie_in_the_vault_and_not_in_the_record(sim: Simulator, session: requests.Session) -> None:
    vault = sim.vaults.vault(sample.VAULT)
    start(session)
    deliver(session)

    assert vault.find_secret(service_desks.FLOW_URL_NAME).value == service_desks.flow_url()
    assert vault.find_secret(service_desks.WEBHOOK_KEY_NAME).value == service_desks.webhook_key()
    seen = str([exchange.to_json() for exchange in sim.exchanges.all()]) + str(steer(sim, "GET", "/deliveries"))
    assert service_desks.flow_url().rpartition("sig=")[2] not in seen
