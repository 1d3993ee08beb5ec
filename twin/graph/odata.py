"""Collections of OData: pages, links, contexts."""

import base64
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from twin.core.wire import Call, Json, Reply
from twin.graph.errors import refuse_option

SKIP_TOKEN = "$skiptoken"  # noqa: S105 - the name of a query option
_VERSION = "/v1.0/"


def read_integer(call: Call, name: str) -> int | None:
    """Read a query option that must be a number of 0 or more, or None where it is absent."""
    text = call.option(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise refuse_option(f"Invalid value '{text}' for {name} query option found. The {name} query option requires a "
                            "non-negative integer value.")  # fmt: skip
    return int(text)


def read_flag(call: Call, name: str) -> bool:
    """Read a query option that must be true or false; absent counts as false."""
    text = call.option(name) or "false"
    if text.lower() not in {"true", "false"}:
        raise refuse_option(
            f"Invalid value '{text}' for {name} query option found. Valid values are 'true' or 'false'."
        )
    return text.lower() == "true"


def read_position(call: Call) -> int:
    """Return where a page begins: the position in the skip token of an earlier link."""
    token = call.option(SKIP_TOKEN)
    if token is None:
        return 0
    try:
        position = json.loads(base64.urlsafe_b64decode(token.encode()))["at"]
    except (ValueError, KeyError, TypeError) as error:
        raise refuse_option("The skip token is invalid.") from error
    if not isinstance(position, int):
        raise refuse_option("The skip token is invalid.")
    return position


def make_link(call: Call, position: int) -> str:
    """Make the address of the page that begins at a position: this request's own, with another skip token."""
    token = base64.urlsafe_b64encode(json.dumps({"at": position}).encode()).decode()
    kept = [(name, value) for name, value in call.query if name != SKIP_TOKEN]
    query = urlencode([*kept, (SKIP_TOKEN, token)], safe="$:@", quote_via=quote)
    return f"https://{call.host}{call.raw_path}?{query}"


def make_context(call: Call, what: str) -> str:
    """Make an @odata.context for `what`, e.g. "solutions/bookingBusinesses"."""
    return f"https://{call.host}{_VERSION}$metadata#{what}"


def answer_collection(context: str, items: Sequence[Any], *, count: int | None, link: str | None) -> Reply:
    """Answer with a page of a collection; `count` and `link` are left out when None."""
    body: Json = {"@odata.context": context}
    if count is not None:
        body["@odata.count"] = count
    if link is not None:
        body["@odata.nextLink"] = link
    return Reply(200, body | {"value": list(items)})


def answer_entity(context: str, entity: Json, *, status: int = 200) -> Reply:
    """One object."""
    return Reply(status, {"@odata.context": context} | entity)


def read_preferences(call: Call) -> set[str]:
    """Read the preferences of the Prefer header, in lower case."""
    return {part.strip().lower() for part in call.headers.get("prefer", "").split(",") if part.strip()}
