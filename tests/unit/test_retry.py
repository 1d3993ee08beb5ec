import sys
from types import SimpleNamespace

import pytest

from shared import context
from shared.errors import GatewayError, OutcomeUnknown, Refused, Throttled, Unavailable
from shared.retry import READ, WRITE, RetryPolicy, call_with_retry, space_tries


class Flaky:
    """Fails with the given errors in turn, then answers; counts the tries."""

    def __init__(self, *errors: GatewayError) -> None:
        self.errors = list(errors)
        self.tries = 0

    def __call__(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits pass at once and are written down."""
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    return waits


def test_a_call_that_succeeds_at_once_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tenacity", None)
    assert call_with_retry(READ, Flaky()) == "answer"
    with pytest.raises(ImportError):
        call_with_retry(READ, Flaky(Unavailable("x")))


def test_a_passing_fault_is_tried_again_until_it_is_over(slept: list[float]) -> None:
    flaky = Flaky(Unavailable("x"), Unavailable("x"), Unavailable("x"))
    assert call_with_retry(READ, flaky) == "answer"
    assert (flaky.tries, len(slept)) == (4, 3)


def test_retry_after_is_waited_for(slept: list[float]) -> None:
    assert call_with_retry(READ, Flaky(Throttled("x", retry_after=7))) == "answer"
    assert slept[0] >= 7


def test_a_wait_longer_than_the_policy_is_not_begun(slept: list[float]) -> None:
    flaky = Flaky(Throttled("x", retry_after=26))
    with pytest.raises(Throttled):
        call_with_retry(READ, flaky)
    assert (flaky.tries, slept) == (1, [])


def test_a_wait_longer_than_the_call_has_left_is_not_begun(slept: list[float]) -> None:
    flaky = Flaky(Throttled("x", retry_after=6))
    with context.call("id", seconds=5), pytest.raises(Throttled):
        call_with_retry(READ, flaky)
    assert (flaky.tries, slept) == (1, [])


def test_the_time_of_the_policy_counts_the_tries_themselves(
    slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    # only the clock of this module: an event loop of another thread would wait for hours
    monkeypatch.setattr("shared.retry.time", SimpleNamespace(monotonic=lambda: clock[0]))
    flaky = Flaky(*[Unavailable("x")] * 9)

    def take_four_seconds() -> str:
        clock[0] += 4
        return flaky()

    with pytest.raises(Unavailable):
        call_with_retry(RetryPolicy(attempts=9, within=11, on=(Unavailable,)), take_four_seconds)
    assert flaky.tries <= 3
    assert len(slept) == flaky.tries - 1


def test_an_unknown_outcome_of_a_read_is_tried_three_times_in_all(slept: list[float]) -> None:
    flaky = Flaky(*[OutcomeUnknown("x")] * 9)
    with pytest.raises(OutcomeUnknown):
        call_with_retry(READ, flaky)
    assert (flaky.tries, len(slept)) == (3, 2)


def test_a_write_whose_outcome_is_unknown_is_never_repeated(slept: list[float]) -> None:
    flaky = Flaky(OutcomeUnknown("x"))
    with pytest.raises(OutcomeUnknown):
        call_with_retry(WRITE, flaky)
    assert (flaky.tries, slept) == (1, [])


def test_a_refusal_is_never_repeated(slept: list[float]) -> None:
    flaky = Flaky(Refused("x"))
    with pytest.raises(Refused):
        call_with_retry(READ, flaky)
    assert (flaky.tries, slept) == (1, [])


def test_the_error_that_comes_out_is_the_last_one_itself(slept: list[float]) -> None:
    last = Unavailable("last")
    with pytest.raises(Unavailable) as raised:
        call_with_retry(RetryPolicy(attempts=2, within=60, on=(Unavailable,)), Flaky(Unavailable("first"), last))
    assert raised.value is last
    assert len(slept) == 1


def test_waits_are_spread_so_that_callers_do_not_come_back_together(slept: list[float]) -> None:
    for _ in range(20):
        call_with_retry(READ, Flaky(Unavailable("x")))
    assert len({round(wait, 3) for wait in slept}) > 10
    assert all(wait <= 8 for wait in slept)


def test_tries_to_write_a_row_wait_a_random_time_that_grows(slept: list[float]) -> None:
    assert list(space_tries(20)) == list(range(20))
    assert len(slept) == 19
    assert slept[0] <= 0.02
    assert max(slept) <= 0.5
    assert len(set(slept)) == 19
    assert sum(slept[:6]) < sum(slept[-6:])
