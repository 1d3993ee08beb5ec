"""What becomes of Graph's faults: the right status, a repeat only where it helps, and an end inside the time budget."""

import threading
import time
from collections import Counter
from typing import Any

import pytest

from blueprints import _http
from shared import retry
from tests.functional.conftest import Gateway, read_error
from twin.bookings.permissions import APPOINTMENT, READ
from twin.core.faults import Action, Answer, Cut, Delay, Drop, Garble, Hang
from twin.seeds import sample, tiny

pytestmark = [pytest.mark.signs_in, pytest.mark.slow(reason="waits for services that hang")]

PAGE = f"bookings/businesses/{tiny.BUSINESS}"


@pytest.fixture(autouse=True)
def quick_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries are short here, as their policy is tested elsewhere."""
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)


def break_graph(gateway: Gateway, action: Action, *, times: int | None = None, when: Any = "before") -> None:
    gateway.ask("/staff")  # signs in first: this is about Graph
    gateway.forget()
    gateway.sim.faults.add(action, api="bookings", times=times, when=when)


def graph_error(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": "Words of Graph that nobody should see."}}


@pytest.mark.parametrize(
    ("action", "when", "status", "code", "tries"),
    [
        (Answer(400, body=graph_error("ErrorInvalidRequest")), "before", 502, "UpstreamRefused", 1),
        (Answer(403, body=graph_error("ErrorAccessDenied")), "before", 403, "ConsentMissing", 1),
        (Answer(404, body=graph_error("ErrorNonExistentMailbox")), "before", 404, "BusinessNotFound", 1),
        (Answer(403, body=graph_error("ErrorFolderNotFound")), "before", 404, "BusinessNotFound", 1),
        (Answer(429, body=graph_error("ApplicationThrottled")), "before", 429, "Throttled", 5),
        (Answer(429, headers={"Retry-After": "60"}), "before", 429, "Throttled", 1),
        (Answer(500, body=graph_error("UnknownError")), "before", 502, "UpstreamError", 3),
        (Answer(500, body=graph_error("")), "before", 502, "UpstreamError", 3),
        (Answer(502, body="<html>Bad gateway</html>"), "before", 502, "UpstreamError", 3),
        (Answer(503, body=""), "before", 503, "UpstreamUnavailable", 5),
        (Answer(503, headers={"Retry-After": "40"}), "before", 503, "UpstreamUnavailable", 1),
        (Answer(504, body=""), "before", 504, "UpstreamTimeout", 3),
        (Drop(), "before", 502, "UpstreamError", 3),
        (Drop(), "after", 502, "UpstreamError", 3),
        (Cut(), "after", 502, "UpstreamError", 3),
        (Garble(), "before", 502, "UpstreamBadAnswer", 3),
        (Answer(200, body={"value": "no list"}), "before", 502, "UpstreamBadAnswer", 1),
        (Answer(200, body=[1, 2]), "before", 502, "UpstreamBadAnswer", 3),
        (Answer(301, headers={"Location": "https://evil.example/"}), "before", 500, "RedirectRefused", 1),
    ],
    ids=str,
)
def test_a_fault_of_graph_is_reported_by_its_status(  # noqa: PLR0917 - the columns of the table
    gateway: Gateway, action: Action, when: Any, status: int, code: str, tries: int
) -> None:
    break_graph(gateway, action, when=when)
    refused = gateway.refused(f"{PAGE}/staff")
    assert (refused["status"], refused["code"]) == (status, code)
    assert len(gateway.graph_calls()) == tries
    assert "Words of Graph" not in str(refused)
    assert ("retryAfter" in refused) == (status in (429, 503))


@pytest.mark.parametrize(
    ("action", "when"),
    [
        (Answer(429), "before"),
        (Answer(500), "before"),
        (Answer(503), "before"),
        (Answer(504), "before"),
        (Drop(), "before"),
        (Drop(), "after"),
        (Cut(), "after"),
        (Garble(), "before"),
    ],
    ids=str,
)
@pytest.mark.parametrize("route", ["staff", "availability"])
def test_a_fault_that_passes_is_not_noticed(gateway: Gateway, action: Action, when: Any, route: str) -> None:
    break_graph(gateway, action, when=when, times=2)
    if route == "staff":
        assert len(gateway.ask("/staff")["value"]) == 3
    else:
        answer = gateway.post(f"{PAGE}/availability", {"start": "2026-05-04", "end": "2026-05-05"})
        assert answer.status_code == 200, answer.text
    assert not gateway.sim.faults.unfired()


def test_retry_after_is_passed_on(gateway: Gateway) -> None:
    break_graph(gateway, Answer(429, headers={"Retry-After": "77"}))
    assert gateway.refused(f"{PAGE}/staff")["retryAfter"] == 77


def test_a_missing_permission_names_the_role_to_grant(gateway: Gateway) -> None:
    gateway.sim.entra.tenant(sample.TENANT_ID).principals[sample.CLIENT_ID].revoke_roles(
        READ, APPOINTMENT, "Bookings.ReadWrite.All"
    )
    refused = gateway.refused(f"{PAGE}/staff")
    assert (refused["status"], refused["code"]) == (403, "ConsentMissing")
    assert "Bookings.Read.All" in refused["message"]


@pytest.mark.parametrize("route", ["staff", "slots", "appointments"])
def test_a_call_ends_inside_its_time_budget_when_graph_hangs(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    monkeypatch.setattr(_http, "TIME_BUDGET", 1.5)
    break_graph(gateway, Hang())
    began = time.monotonic()
    query = {"start": "2026-05-04", "end": "2026-05-05"} | ({"service": tiny.VISIT} if route == "slots" else {})
    refused = gateway.refused(f"{PAGE}/{route}", **({} if route == "staff" else query))
    assert refused["status"] in (503, 504)
    assert refused["code"] in ("UpstreamTimeout", "OutOfTime")
    assert time.monotonic() - began < 25  # the budget plus what a busy machine may add


def test_slow_answers_are_waited_for(gateway: Gateway) -> None:
    break_graph(gateway, Delay(0.4), times=3)
    assert gateway.ask("/staff")["value"]


def test_connections_closed_while_idle_are_not_noticed(gateway: Gateway) -> None:
    for _ in range(3):
        assert gateway.ask("/staff")["value"]
        gateway.sim.close_connections()


def test_a_foreign_link_is_not_followed(gateway: Gateway) -> None:
    page = {"value": [], "@odata.nextLink": "https://evil.example/v1.0/solutions/x?$skiptoken=1"}
    break_graph(gateway, Answer(200, body=page))
    gateway.sim.refused.clear()
    refused = gateway.refused(f"{PAGE}/staff")
    assert (refused["status"], refused["code"]) == (502, "ForeignLink")
    assert gateway.sim.refused == []


def test_graph_unreachable_is_reported_as_such(gateway: Gateway) -> None:
    gateway.ask("/staff")
    gateway.sim.close_connections()
    gateway.sim.faults.add(Answer(502), host="graph.microsoft.com", method="CONNECT", times=None)
    refused = gateway.refused(f"{PAGE}/staff")
    assert (refused["status"], refused["code"], refused["retryAfter"]) == (503, "UpstreamUnreachable", 10)


def test_throttled_callers_get_answers_or_429_never_500(gateway: Gateway) -> None:
    gateway.ask("/staff")
    gateway.sim.graph_limits.throttle_for(2.0, retry_after=1)
    statuses: Counter[int] = Counter()

    def ask() -> None:
        answer = gateway.get(f"{PAGE}/staff")
        statuses[answer.status_code] += 1
        if answer.status_code == 429:
            assert int(read_error(answer)["retryAfter"]) >= 1

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(statuses.values()) == 12
    assert set(statuses) <= {200, 429}
    assert statuses[200] > 0


def test_many_callers_at_once_share_four_places_at_graph(contoso: Gateway) -> None:
    errors: list[str] = []

    def ask(route: str) -> None:
        answer = contoso.get(f"bookings/businesses/{contoso.business}/{route}")
        if answer.status_code != 200:
            errors.append(answer.text)

    threads = [threading.Thread(target=ask, args=[route]) for route in ("services", "staff", "customers", "") * 6]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert contoso.sim.exchanges.peaks["bookings"] <= 4
    assert not contoso.sim.graph_limits.refusals


def test_an_error_of_our_own_is_reported_without_its_details(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("secret inside")

    monkeypatch.setattr("bookings.reading.catalogue.Catalogue.staff", fail)
    refused = gateway.refused(f"{PAGE}/staff")
    assert (refused["status"], refused["code"]) == (500, "Internal")
    assert "secret inside" not in str(refused)
