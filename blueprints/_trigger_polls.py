"""Who polls a trigger, as the request says, and noting what the poll was answered."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import azure.functions as func

from blueprints._http import Content, Request, status_of
from shared.errors import GatewayError
from shared.log_text import quoted

if TYPE_CHECKING:
    from trigger_polls.poll import Asker

_ABOUT = ("business", "mailbox")
_FILTERS = ("service", "staff", "folder", "minutes", "timeZone", "details", "expand")


def name_trigger(request: func.HttpRequest) -> str:
    """Return which trigger a poll is of, and of which page or mailbox, for its log line."""
    name = f"{_feed_of(request)}/{request.route_params.get('kind')}"
    return f" | trigger={quoted(name[:100])} | of={quoted(_about(request) or 'nothing')}"


def note_poll(request: Request, kind: str, answer: Callable[[], Content]) -> Content:
    """Answer a poll of a trigger of this kind, and note who asked and what came of it.

    What cannot be one of a flow is not noted: a poll of nothing, or of a connection that there is not.
    """
    from trigger_polls.poll import AskedTrigger, PollAnswer, shorten

    about, connection = _about(request.http), request.connection_name
    if about is None:
        return answer()
    notes = request.services.stores.trigger_polls
    params = request.http.params
    asked = AskedTrigger(
        connection=connection,
        kind=f"{_feed_of(request.http)}/{kind}",
        about=about,
        filters={name: text for name in _FILTERS if (text := shorten(params.get(name)))},
        asker=_read_asker(request.http),
    )
    run = shorten(request.http.headers.get("x-ms-workflow-run-id"))
    try:
        content = answer()
    except GatewayError as error:
        notes.note(asked, PollAnswer(datetime.now(UTC), status_of(error), code=error.code, run=run))
        raise
    items = len(content.body["value"]) if isinstance(content.body, dict) else 0
    notes.note(asked, PollAnswer(datetime.now(UTC), content.status, items, run=run))
    return content


def _read_asker(request: func.HttpRequest) -> "Asker":
    """Return who asks, by the headers that engines of flows were seen to send behind a connector's gateway."""
    from shared.web_address import is_connector_gateway
    from trigger_polls.poll import Asker, shorten

    headers = request.headers
    prefix = headers.get("x-ms-apim-referrer-prefix") or ""
    environment = (urlsplit(prefix).hostname or "").partition(".")[0] if is_connector_gateway(prefix) else None
    return Asker(
        workflow=shorten(headers.get("x-ms-workflow-name")),
        workflow_id=shorten(headers.get("x-ms-workflow-id")),
        environment=shorten(environment),
        program=shorten((headers.get("user-agent") or "").partition(" ")[0]),
    )


def _feed_of(request: func.HttpRequest) -> str:
    """Return the part of the path before the kind, such as appointments."""
    path = str(urlsplit(request.url).path)
    return path.rstrip("/").rpartition("/")[0].rpartition("/")[2].lower()


def _about(request: func.HttpRequest) -> str | None:
    from trigger_polls.poll import shorten

    return next((text for name in _ABOUT if (text := shorten(request.params.get(name)))), None)
