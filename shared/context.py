"""The current call: its correlation id and the time that is left of its budget.

A run of a function that reaches the platform's time limit takes the whole worker process along, with every other run in
it. So each one ends by itself: what waits or asks others looks at `remaining`, and the storage account is asked nothing
more when a call `is_over`, a while later, in which it may still record what it has done.

Both are context variables, so that no function between a route and a socket has to pass them on. Work on other threads
runs in a copy of the context (`in_this_call`).
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context

RUN_SECONDS = 160.0
"""What a run of a timer or queue function may take, from when the host began it; functionTimeout is 300."""
GRACE_SECONDS = 45.0
"""For how long behind its time a call may still ask the storage account."""

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
_end: ContextVar[float] = ContextVar("end", default=float("inf"))


@contextmanager
def call(request_id: str, *, seconds: float) -> Iterator[None]:
    """Run the block as one call with this correlation id (a GUID) and a total time budget in seconds.

    A call within a call has no more time than that one has left.
    """
    id_token = _request_id.set(request_id)
    try:
        with within(seconds):
            yield
    finally:
        _request_id.reset(id_token)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Run the block with a time budget in seconds, or with what is left of the one that holds already."""
    outer, own = _deadline.get(), time.monotonic() + seconds
    deadline_token = _deadline.set(own if outer is None else min(own, outer))
    end_token = _end.set(min(own + GRACE_SECONDS, _end.get()))
    try:
        yield
    finally:
        _end.reset(end_token)
        _deadline.reset(deadline_token)


def request_id() -> str:
    """Return the correlation id of the current call, or a fresh GUID outside any call."""
    return _request_id.get() or str(uuid.uuid4())


def known_request_id() -> str | None:
    """Return the correlation id of the current call, or None outside any call."""
    return _request_id.get()


def remaining() -> float:
    """Return the seconds left of the call's budget (may be negative); infinite outside any call."""
    deadline = _deadline.get()
    return float("inf") if deadline is None else deadline - time.monotonic()


def is_over() -> bool:
    """Return whether the call has not even time to record what it has done."""
    return time.monotonic() >= _end.get()


def in_this_call[**P, T](function: Callable[P, T]) -> Callable[P, T]:
    """Return `function` bound to a copy of the current context, for use on another thread, once."""
    copied = copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return copied.run(function, *args, **kwargs)

    return run
