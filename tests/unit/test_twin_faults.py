import pytest

from twin import Answer, Cut, Delay, Drop, Fault, Garble, Hang
from twin.core.faults import Action, Faults, When, fault_from_json
from twin.core.wire import Call


def make_call(method: str = "GET", path: str = "/a/b", api: str = "bookings") -> Call:
    return Call("graph.microsoft.com", method, path, path, "", {}, api=api)


def test_a_fault_fires_as_often_as_it_says_and_where_all_its_conditions_hold() -> None:
    faults = Faults()
    fault = faults.add(Answer(503), api="bookings", method="POST", path="/b$", times=2)

    assert faults.strike(make_call("GET"), "before") is None
    assert faults.strike(make_call("POST", "/a/c"), "before") is None
    assert faults.strike(make_call("POST", api="vault"), "before") is None
    assert faults.strike(make_call("POST"), "after") is None
    assert [faults.strike(make_call("POST"), "before") for _ in range(3)] == [fault, fault, None]
    assert faults.unfired() == []


def test_a_fault_can_look_for_words_in_the_body_as_a_firewall_does() -> None:
    faults = Faults()
    fault = faults.add(Answer(403), body="UNION SELECT", times=None)
    innocent, guilty = make_call("POST"), make_call("POST")
    guilty.body = b'{"title": "UNION SELECT 1"}'
    assert (faults.strike(innocent, "before"), faults.strike(guilty, "before")) == (None, fault)


def test_a_fault_that_still_waits_is_visible() -> None:
    faults = Faults()
    waiting = faults.add(Drop(), times=2)
    faults.add(Drop(), times=None, api="vault")

    faults.strike(make_call(), "before")

    assert faults.unfired() == [waiting]


def test_a_fault_with_a_span_of_time_ends_with_it() -> None:
    fault = Fault(action=Drop(), times=None, seconds=60)
    assert not fault.is_spent

    fault.added -= 61

    assert fault.is_spent


def test_connections_are_struck_by_connect_faults_only() -> None:
    faults = Faults()
    faults.add(Drop(), times=None)
    assert faults.take(api="proxy", host="a", method="CONNECT", path="/") is None

    wanted = faults.add(Drop(), method="CONNECT", host="a")

    assert faults.take(api="proxy", host="b", method="CONNECT", path="/") is None
    assert faults.take(api="proxy", host="a", method="CONNECT", path="/") is wanted


@pytest.mark.parametrize(
    "action",
    [Answer(500, {"retry-after": "3"}, {"x": 1}), Delay(0.5), Drop(), Cut(0.2), Garble("no"), Hang()],
    ids=lambda action: type(action).__name__,
)
def test_every_fault_survives_its_json_form(action: Action) -> None:
    when: When = "after" if isinstance(action, Cut) else "before"
    fault = fault_from_json(Fault(action=action, api="vault", times=None, seconds=3.0, when=when).to_json())

    assert (fault.action, fault.api, fault.times, fault.seconds, fault.when) == (action, "vault", None, 3.0, when)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"action": {"kind": "explode"}}, "action.kind"),
        ({"action": {"kind": "drop"}, "when": "later"}, "before"),
        ({"action": {"kind": "cut"}}, "after"),
        ({"action": {"kind": "drop"}, "path": "("}, "unterminated"),
        ({"action": {"kind": "drop"}, "body": "("}, "body"),
        ({"action": {"kind": "drop", "loudly": True}}, "loudly"),
        ({"action": {"kind": "drop"}, "rome": "vault"}, "rome"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(data: dict[str, object], complaint: str) -> None:
    with pytest.raises((ValueError, TypeError), match=complaint):
        fault_from_json(data)
