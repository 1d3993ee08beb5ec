"""The protocol of polling triggers, as the engine of Power Automate and Logic Apps uses it.

The engine keeps only the Location of the last answer. 202: nothing is new, no run starts. 200: one run starts for each
item, and the next poll goes to Location. Anything else: the retry policy repeats the poll, later the next recurrence
does, always with the same Location. So a state that is not valid must never cause an error, because the platform turns
a flow off whose trigger fails for days.

Sources: Azure Logic Apps, "Create custom APIs ... polling triggers" and "Trigger and action types reference".
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from blueprints._http import Content, Request
from shared.errors import Invalid
from shared.events import Event, log_event
from shared.json_text import Json

MOST_ITEMS = 100  # the limit of split-on in flows that limit concurrent runs
STATE = "triggerState"
_RETRY_AT_ONCE = 1


class News(NamedTuple):
    """Trigger items, the state to go on from, and whether more are waiting."""

    items: list[Json]
    state: Any
    has_more: bool


class StaleState(Exception):  # noqa: N818 - not an error: the trigger gets a fresh state
    """The state was signed by the gateway, but what it points to is not kept any more."""


def poll(request: Request, *, seconds: int, begin: Callable[[], Any], go_on: Callable[[Any], News]) -> Content:
    """Answer one poll. `seconds`: when to poll again if nothing is new. States are JSON values, kept short."""
    given = request.http.params.get(STATE)  # not read through `query`: no length or form of it may cause an error
    if not given:
        return _answer(request, News([], begin(), has_more=False), seconds)
    try:
        news = go_on(_open(request, given))
    except StaleState:
        log_event(Event.TRIGGER_RESET, level=logging.INFO, trigger=request.http.route_params.get("kind"))
        fresh = _answer(request, News([], begin(), has_more=False), seconds)
        return replace(fresh, headers={**fresh.headers, "x-state-reset": "true"})
    return _answer(request, news, seconds)


def _open(request: Request, given: str) -> Any:
    try:
        return request.services.cursors.open(given, binding=request.binding)
    except Invalid as error:
        raise StaleState from error


def _answer(request: Request, news: News, seconds: int) -> Content:
    state = request.services.cursors.seal(news.state, binding=request.binding)
    headers = {
        "Location": request.link(**{STATE: state}),
        "Retry-After": str(_RETRY_AT_ONCE if news.has_more else seconds),
    }
    said = f" | items={len(news.items)}"
    if news.items:
        return Content({"value": news.items}, status=200, headers=headers, said=said)
    return Content(b"", status=202, headers=headers, said=said)
