"""The handshake with a notification URL: it must echo a token before anything is sent there.

Public source: "Receive change notifications through webhooks", the section on the validation of the URL. The token is
opaque and holds blanks and colons; the texts of the errors are those of public reports.
"""

import uuid
from http import HTTPStatus
from urllib.parse import quote_plus

from twin.core.outbound import post
from twin.subscriptions.errors import refuse_endpoint
from twin.subscriptions.state import Subscriptions

_MUST = "Notification endpoint must respond with 200 OK to validation request."


async def shake_hands(state: Subscriptions, url: str) -> None:
    """Return when the endpoint has echoed a new token. GraphRefusal 400 when it does not."""
    token = f"Validation: Testing client application reachability for subscription Request-Id: {uuid.uuid4()}"
    address = state.reach(url)
    if address is None:
        raise refuse_endpoint(f"Subscription validation request failed. {_MUST}")
    asked = f"{address}{'&' if '?' in address else '?'}validationToken={quote_plus(token)}"
    try:
        headers = {"content-type": "text/plain; charset=utf-8"}
        answer = await post(asked, b"", headers, seconds=state.switches.handshake_seconds)
    except TimeoutError:
        raise refuse_endpoint("Subscription validation request timed out.") from None
    except OSError:
        raise refuse_endpoint(f"Subscription validation request failed. {_MUST}") from None
    if answer.status != HTTPStatus.OK:
        name = _name(answer.status)
        raise refuse_endpoint(f"Subscription validation request failed. HTTP status code is '{name}'. {_MUST}")
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.body.decode(errors="replace") != token or media_type != "text/plain":
        message = "Response must exactly match validationToken query parameter."
        raise refuse_endpoint(f"Subscription validation request failed. {message}")


def _name(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.title().replace(" ", "")
    except ValueError:
        return str(status)
