import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.functional.twin.easyvista import Caller
from twin import Answer, Drop, Simulator
from twin.core.faults import Delay, Garble, Hang
from twin.easyvista.errors import PROXY_PAGE
from twin.easyvista.instance import Profile
from twin.seeds import sample, service_desks

LOGIN_REFUSED = (401, {"error": "Invalid Login / Password"})
RIGHT_REFUSED = (403, {"error": "Unauthorized Method for your profile"})


@pytest.fixture
def caller(sim: Simulator) -> Iterator[Caller]:
    made = Caller(sim)
    yield made
    made.session.close()


def steer(sim: Simulator, method: str, path: str, **more: Any) -> Any:
    answer = requests.request(method, f"{sim.control_url}/easyvista{path}", timeout=10, **more)
    assert answer.ok, answer.text
    return answer.json() if answer.content else None


def knock(caller: Caller, authorization: str | None, **more: Any) -> tuple[int, Any]:
    answer = caller.ask("GET", "/requests", headers={"Authorization": authorization}, **more)
    return answer.status_code, answer.json()


def test_both_a_token_and_a_password_are_accepted(caller: Caller) -> None:
    assert knock(caller, f"Bearer {service_desks.token()}")[0] == 200
    assert knock(caller, service_desks.basic())[0] == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer wrong",
        "Bearer ",
        "Basic ???",
        "Basic " + base64.b64encode(b"mail-connector:wrong").decode(),
        "Basic " + base64.b64encode(b"nobody:x").decode(),
        "Digest x",
    ],
)
def test_any_other_key_is_401(caller: Caller, authorization: str | None) -> None:
    assert knock(caller, authorization) == LOGIN_REFUSED


def test_a_wrong_account_looks_like_a_wrong_password(caller: Caller) -> None:
    assert knock(caller, f"Bearer {service_desks.token()}", account="50999") == LOGIN_REFUSED


def test_the_sandbox_is_another_world(sim: Simulator, caller: Caller) -> None:
    body = {"requests": [{"catalog_code": service_desks.PLAIN_CODE, "title": "Try"}]}

    assert caller.ask("POST", "/requests", account=service_desks.SANDBOX, json=body).status_code == 201
    assert "Try" not in sim.easyvista.titles()
    assert sim.easyvista.instance(service_desks.SANDBOX).titles() == ["Try"]


def test_a_withdrawn_token_stops_working_at_once(sim: Simulator, caller: Caller) -> None:
    steer(sim, "PATCH", f"/users/{service_desks.LOGIN}", json={"token": "new"})

    assert knock(caller, f"Bearer {service_desks.token()}") == LOGIN_REFUSED
    assert knock(caller, "Bearer new")[0] == 200
    steer(sim, "PATCH", f"/users/{service_desks.LOGIN}", json={"enabled": False})
    assert knock(caller, "Bearer new") == LOGIN_REFUSED


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nonsense"),
        ("GET", ""),
        ("DELETE", f"/requests/{service_desks.OPEN_TICKET}"),
        ("POST", "/employees"),
        ("GET", f"/requests/{service_desks.OPEN_TICKET}/documents/1"),
    ],
)
def test_an_unknown_path_and_a_denied_one_look_the_same(sim: Simulator, caller: Caller, method: str, path: str) -> None:
    unknown = caller.ask(method, path)
    sim.easyvista.instance().change_user(service_desks.LOGIN, profile=Profile(denied=frozenset({"documents"})))
    denied = caller.attach(service_desks.OPEN_TICKET, "a.pdf", b"x")

    assert [(one.status_code, one.json()) for one in (unknown, denied)] == [RIGHT_REFUSED] * 2


def test_a_path_outside_of_all_accounts_is_403(sim: Simulator, caller: Caller) -> None:
    answer = caller.session.get(f"https://{service_desks.HOST}/", timeout=10)

    assert (answer.status_code, answer.json()) == RIGHT_REFUSED
    assert sim.easyvista.hosts == {service_desks.HOST}


def test_a_host_without_an_instance_does_not_exist(sim: Simulator, caller: Caller) -> None:
    with pytest.raises(requests.exceptions.ProxyError):
        caller.session.get("https://fabrikam.easyvista.com/api/v1/50004/requests", timeout=10)
    assert sim.refused == ["fabrikam.easyvista.com:443"]


def test_a_profile_may_read_and_not_write(sim: Simulator, caller: Caller) -> None:
    sim.easyvista.instance().change_user(service_desks.LOGIN, profile=Profile(writes=False))

    assert caller.create().status_code == 403
    assert caller.ask("GET", "/requests").status_code == 200


def test_an_account_sees_the_people_and_tickets_of_its_domains_only(sim: Simulator, caller: Caller) -> None:
    instance = sim.easyvista.instance()
    instance.add_employee("Far", "far@contoso.com", domain="Overseas")
    far = caller.made(recipient_mail="far@contoso.com", external_reference="mail-1")
    instance.change_user(service_desks.LOGIN, profile=Profile(domains=frozenset({"Contoso"})))

    assert caller.create(recipient_mail="far@contoso.com").status_code == 406
    assert caller.find('EXTERNAL_REFERENCE:"mail-1"')["records"] == []
    assert caller.ask("GET", f"/requests/{far}").status_code == 404
    sim.easyvista.switches.domain_hides_tickets = False
    assert len(caller.find('EXTERNAL_REFERENCE:"mail-1"')["records"]) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 406, 429, 500, 503, 590])
def test_any_status_can_be_ordered_and_comes_in_the_shape_of_the_service_desk(
    sim: Simulator, caller: Caller, status: int
) -> None:
    sim.faults.add(Answer(status, {"retry-after": "7"}), api="easyvista", method="POST")
    before = len(sim.easyvista.tickets)

    answer = caller.create()

    assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
    assert answer.json()["error"]
    assert len(sim.easyvista.tickets) == before
    assert caller.create().status_code == 201


def test_a_gateway_in_front_answers_with_a_page(sim: Simulator, caller: Caller) -> None:
    sim.faults.add(Answer(502, body=PROXY_PAGE), api="easyvista")

    answer = caller.create()

    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")


def test_garbled_answers_and_late_ones(sim: Simulator, caller: Caller) -> None:
    sim.faults.add(Garble(), api="easyvista", when="after")
    assert "<html>" in caller.create().text
    sim.faults.add(Delay(0.05), api="easyvista", when="after")
    assert caller.create().elapsed.total_seconds() > 0.05
    sim.faults.add(Hang(), api="easyvista")
    with pytest.raises(requests.exceptions.ReadTimeout):
        caller.ask("GET", "/requests", timeout=0.1)


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ("plain", {"error_code", "error"}),
        ("code", {"code", "message"}),
        ("nested", {"message"}),
    ],
)
def test_errors_come_in_three_shapes(sim: Simulator, caller: Caller, shape: Any, body: set[str]) -> None:
    sim.easyvista.switches.error_shape = shape

    for answer in (caller.create(catalog_code=""), caller.create(catalog_code=service_desks.HARDWARE_CODE)):
        assert answer.json().keys() == body
    if shape == "nested":
        assert caller.create(catalog_code="").json()["message"].startswith('{"error_code": 2013')


def test_writes_may_answer_200(sim: Simulator, caller: Caller) -> None:
    sim.easyvista.switches.write_status = 200

    statuses = {
        caller.create().status_code,
        caller.comment(service_desks.OPEN_TICKET, "x").status_code,
        caller.attach(service_desks.OPEN_TICKET, "a", b"x").status_code,
        caller.ask("PUT", f"/requests/{service_desks.OPEN_TICKET}", json={"title": "x"}).status_code,
    }

    assert statuses == {200}


def test_work_may_be_done_and_the_connection_dropped(sim: Simulator, caller: Caller) -> None:
    sim.faults.add(Drop(), api="easyvista", method="POST", path="/requests$", when="after")

    with pytest.raises(requests.exceptions.ConnectionError):
        caller.create(external_reference="mail-1")

    assert len(caller.find('EXTERNAL_REFERENCE:"mail-1"')["records"]) == 1


def test_work_may_be_done_and_answered_590(sim: Simulator, caller: Caller) -> None:
    sim.faults.add(Answer(590), api="easyvista", method="POST", path="/requests$", when="after")

    answer = caller.create(external_reference="mail-1")

    assert (answer.status_code, answer.json()["error_code"]) == (590, 2013)
    assert len(caller.find('EXTERNAL_REFERENCE:"mail-1"')["records"]) == 1


def attempts(caller: Caller, count: int) -> list[str]:
    """Return the outcomes of that many creates."""
    seen = []
    for number in range(count):
        try:
            seen.append(str(caller.create(external_reference=f"mail-{number}").status_code))
        except requests.exceptions.ConnectionError:
            seen.append("dropped")
    return seen


def test_a_share_of_the_writes_is_done_but_not_answered_the_same_ones_every_time(
    sim: Simulator, caller: Caller
) -> None:
    hazard = sim.easyvista.unreliable(share=0.2, seed=7)
    sim.easyvista.unreliable(share=0.2, seed=8, how="commit-then-590")
    before = len(sim.easyvista.tickets)

    first = attempts(caller, 60)

    assert len(sim.easyvista.tickets) == before + 60
    assert set(first) == {"201", "dropped", "590"}
    assert (hazard.met, hazard.struck) == (60, first.count("dropped"))
    assert sim.faults.unfired() == []
    sim.easyvista.reliable()
    assert attempts(caller, 20) == ["201"] * 20
    sim.easyvista.unreliable(share=0.2, seed=7)
    sim.easyvista.unreliable(share=0.2, seed=8, how="commit-then-590")
    assert attempts(caller, 60) == first


def test_a_hazard_strikes_the_kinds_it_names_and_no_reading(sim: Simulator, caller: Caller) -> None:
    steer(sim, "POST", "/hazards", json={"share": 1, "how": "commit-then-590", "on": ["task"]})

    assert caller.comment(service_desks.OPEN_TICKET, "x").status_code == 590
    assert caller.create().status_code == 201
    assert caller.ask("GET", "/requests").status_code == 200
    assert steer(sim, "GET", "")["hazards"][0]["struck"] == 1
    steer(sim, "DELETE", "/hazards")
    assert caller.comment(service_desks.OPEN_TICKET, "x").status_code == 201


@pytest.mark.parametrize("wish", [{"share": 2}, {"share": 0.1, "how": "x"}, {"share": 0.1, "on": ["x"]}, {}])
def test_a_hazard_that_cannot_be_is_a_bad_request(sim: Simulator, wish: Any) -> None:
    assert requests.post(f"{sim.control_url}/easyvista/hazards", json=wish, timeout=10).status_code == 400


def test_a_stopped_service_desk_drops_or_refuses_everybody_until_it_is_started(sim: Simulator, caller: Caller) -> None:
    steer(sim, "POST", "/stop")
    for _ in range(3):
        with pytest.raises(requests.exceptions.ConnectionError):
            caller.create()
    steer(sim, "POST", "/stop", json={"how": "refuse"})
    assert caller.create().status_code == 503
    steer(sim, "POST", "/start")

    assert caller.create().status_code == 201
    assert sim.faults.unfired() == []
    assert len(sim.easyvista.tickets) == 2


def test_the_control_path_shows_tickets_with_the_sums_of_their_files(sim: Simulator, caller: Caller) -> None:
    caller.attach(service_desks.OPEN_TICKET, "a.pdf", b"content")
    caller.comment(service_desks.OPEN_TICKET, "It works")

    (ticket,) = steer(sim, "GET", "/tickets?title=notebook")["tickets"]

    assert (ticket["rfc"], ticket["requestor"]) == (service_desks.OPEN_TICKET, service_desks.OPEN_TICKET_REQUESTOR)
    assert (ticket["status"], ticket["closed"], ticket["parent"]) == ("In progress", False, None)
    (document,) = ticket["documents"]
    assert document["sha256"] == hashlib.sha256(b"content").hexdigest()
    assert (document["name"], document["size"]) == ("a.pdf", 7)
    assert [task["text"] for task in ticket["tasks"]] == ["It works"]
    url = f"{sim.control_url}/easyvista/tickets/{service_desks.OPEN_TICKET}/documents/{document['id']}"
    assert requests.get(url, timeout=10).content == b"content"


def test_the_control_path_does_what_people_at_the_service_desk_do(sim: Simulator, caller: Caller) -> None:
    made = steer(sim, "POST", "/tickets", json={"title": "Phone", "requestor": "lee.gu@contoso.com", "reference": "r"})
    assert caller.ask("GET", f"/requests/{made['rfc']}").json()["TITLE"] == "Phone"
    assert steer(sim, "GET", f"/tickets?since={service_desks.OPEN_TICKET}")["count"] == 1
    assert steer(sim, "GET", "/tickets?reference=R")["tickets"] == [made]

    assert steer(sim, "POST", f"/tickets/{made['rfc']}/suspend")["status"] == "Suspended"
    assert steer(sim, "POST", f"/tickets/{made['rfc']}/close")["closed"]
    assert steer(sim, "GET", "/duplicates") == {"duplicates": {}}
    steer(sim, "POST", "/employees", json={"last_name": "New", "e_mail": "new@contoso.com"})
    assert caller.create(recipient_mail="new@contoso.com").status_code == 201
    steer(sim, "DELETE", "/employees?mail=new@contoso.com")
    assert caller.create(recipient_mail="new@contoso.com").status_code == 406
    assert len(steer(sim, "GET", "/employees")["employees"]) == len(service_desks.PEOPLE) + 1
    steer(sim, "DELETE", "/tickets")
    assert steer(sim, "GET", "/tickets?account=50004")["tickets"] == []


def test_switches_are_set_all_or_none(sim: Simulator) -> None:
    url = f"{sim.control_url}/easyvista/switches"

    assert requests.patch(url, json={"write_status": 200, "nonsense": 1}, timeout=10).status_code == 400
    assert requests.patch(url, json={"write_status": "200"}, timeout=10).status_code == 400
    assert requests.get(url, timeout=10).json()["write_status"] == 201
    assert requests.patch(url, json={"write_status": 200}, timeout=10).json()["write_status"] == 200


def test_the_secrets_of_the_service_desk_are_in_the_vault(sim: Simulator) -> None:
    vault = sim.vaults.vault(sample.VAULT)

    assert vault.find_secret(service_desks.TOKEN_NAME).value == service_desks.token()
    login, _, password = vault.find_secret(service_desks.BASIC_NAME).value.partition(":")
    assert (login, password) == (service_desks.LOGIN, service_desks.password())


def test_keys_of_callers_are_not_recorded(sim: Simulator, caller: Caller) -> None:
    knock(caller, f"Bearer {service_desks.token()}")
    knock(caller, service_desks.basic())

    seen = str([exchange.to_json() for exchange in sim.exchanges.all(api="easyvista")])
    assert service_desks.token() not in seen
    assert service_desks.basic().removeprefix("Basic ") not in seen
