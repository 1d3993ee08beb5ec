"""The current call: its correlation id and the time that is left of its budget.

Both are context variables, so that no function between a route and a socket has to pass them on. Work on other threads
runs in a copy of the context (`in_this_call`).
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def call(request_id: str, *, seconds: float) -> Iterator[None]:
    """Run the block as one call with this correlation id (a GUID) and a total time budget in seconds.

    A call within a call has no more time than that one has left.
    """
    id_token = _request_id.set(request_id)
    outer = _deadline.get()
    own = time.monotonic() + seconds
    deadline_token = _deadline.set(own if outer is None else min(own, outer))
    try:
        yield
    finally:
        _deadline.reset(deadline_token)
        _request_id.reset(id_token)


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


def in_this_call[**P, T](function: Callable[P, T]) -> Callable[P, T]:
    """Return `function` bound to a copy of the current context, for use on another thread, once."""
    copied = copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return copied.run(function, *args, **kwargs)

    return run
