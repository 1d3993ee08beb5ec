"""What the routes that write to Bookings share: the switch in the settings, and Idempotency-Key."""

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from blueprints._fields import Fields
from blueprints._http import Content, Request
from shared.errors import Forbidden, Invalid
from shared.json_text import Json

if TYPE_CHECKING:
    from bookings.writing.appointments import Writes
    from shared.storage.idempotency import Attempt, Sameness

_KEY = r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?"
_HOLD = re.compile(r"[0-9a-f]{32}")
_RUN_HEADERS = ("x-ms-workflow-run-id", "x-ms-workflow-operation-name", "x-ms-action-tracking-id")


def read_hold(fields: Fields) -> str | None:
    """Return the id of a hold, or None if it is missing or empty."""
    wrong = "is not the id of a hold. Take it from the answer of POST .../slots/holds."
    return fields.formed_text("hold", _HOLD, wrong, code="InvalidId")


def get_writes(request: Request) -> "Writes":
    """Return what writes to the business in the path. Raises Forbidden unless the settings allow it."""
    _ = request.business  # the allow-list comes first
    if request.connection.writes is None:
        raise Forbidden(
            "The gateway may not write to Bookings. An administrator can switch it on with BOOKINGS_WRITES.",
            code="WritesOff",
        )
    return request.connection.writes


def run_idempotently(
    request: Request,
    operation: str,
    body: Fields,
    work: Callable[["Attempt"], Json],
    *,
    status: HTTPStatus = HTTPStatus.OK,
    same: "Sameness | None" = None,
    uses_run: bool = False,
    scope: str | None = None,
) -> Content:
    """Do the work once for its Idempotency-Key; a header marks an answer that was given before.

    `scope`: within which keys differ; None: the business in the path. `uses_run`: without a key, the run and the action
    of a flow are the key, where its engine names them.
    """
    key = request.http.headers.get("Idempotency-Key")
    if key is not None and not re.fullmatch(_KEY, key):
        raise Invalid(
            "The Idempotency-Key is malformed. Send 1 to 255 printable ASCII characters, no space at either end.",
            code="InvalidId",
            target="Idempotency-Key",
        )
    payload = {"body": body.values, "id": request.query.text("id")}
    given = request.services.idempotency.run(
        work,
        scope=scope or f"{request.connection_name}|{request.business.lower()}",
        operation=operation,
        payload=payload,
        key=_run_key(request, payload) if key is None and uses_run else key,
        same=same,
    )
    headers = {"Idempotency-Replayed": "true"} if given.is_replayed else {}
    return Content(given.body, status=status, headers=headers)


def _run_key(request: Request, payload: Json) -> str | None:
    """Return a key from what the engine of Logic Apps and Power Automate says about run and action, None without it.

    The engine delivers a call at least once (Azure/logicapps issues 1136 and 1483). Its headers are those of the sample
    answer "Workflow Run Action Request Histories - Get" and of LogicAppsUX issue 2683. The content is a part of the
    key, because one action of one run may book several appointments in a loop.
    """
    names = [request.http.headers.get(name) for name in _RUN_HEADERS]
    if not names[0] or not names[1]:
        return None
    return json.dumps(["run", *names, payload], sort_keys=True)
