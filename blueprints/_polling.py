"""The protocol of polling triggers, as the engine of Power Automate and Logic Apps speaks it.

The engine keeps nothing but the Location of the last answer. 202: nothing new, no run. 200: a run for each item, then
on from Location. Anything else: tried again by the retry policy, later at the next recurrence, always with the same
Location: so a state that cannot be used must never end in an error, or the flow would be switched off in the end.

Sources: Azure Logic Apps, "Create custom APIs ... polling triggers" and "Trigger and action types reference".
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from blueprints._http import Content, Request
from shared.errors import Invalid
from shared.events import Event, log_event
from shared.json_text import Json

MOST_ITEMS = 100  # split-on takes no more once a maker limits how many runs go on at once
STATE = "triggerState"
_SOON = 1


@dataclass(frozen=True)
class News:
    """What is new, the state to go on from, and whether more is waiting."""

    items: list[Json]
    state: Any
    has_more: bool


class StaleState(Exception):  # noqa: N818 - no error: it leads to a fresh state
    """The state is signed by us, but what it points to is not there any more."""


def poll(request: Request, *, seconds: int, begin: Callable[[], Any], go_on: Callable[[Any], News]) -> Content:
    """Answer one poll. `seconds`: how long nothing new can be expected; states are JSON values, kept short."""
    given = request.http.params.get(STATE)  # of any length and form: no reason to refuse
    if not given:
        return _answer(request, News([], begin(), has_more=False), seconds)
    try:
        news = go_on(_open(request, given))
    except StaleState:
        log_event(Event.TRIGGER_RESET, level=logging.INFO, trigger=request.http.route_params.get("kind"))
        fresh = _answer(request, News([], begin(), has_more=False), seconds)
        return Content(fresh.body, fresh.status, headers={**fresh.headers, "x-state-reset": "true"})
    return _answer(request, news, seconds)


def _open(request: Request, given: str) -> Any:
    try:
        return request.services.cursors.open(given, binding=request.binding)
    except Invalid as error:
        raise StaleState from error


def _answer(request: Request, news: News, seconds: int) -> Content:
    state = request.services.cursors.seal(news.state, binding=request.binding)
    headers = {"Location": request.link(**{STATE: state}), "Retry-After": str(_SOON if news.has_more else seconds)}
    if news.items:
        return Content({"value": news.items}, status=200, headers=headers)
    return Content(b"", status=202, headers=headers)
