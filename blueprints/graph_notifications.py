"""HTTP: where Microsoft Graph posts its change notifications. It has no key: addresses and contents prove who posts.

The answer says the same to a genuine notification and to one that proves nothing, so that nobody learns from it.
"""

from http import HTTPStatus

import azure.functions as func

from blueprints._http import Content, Request, answers
from blueprints._routes import Blueprint
from shared.errors import Invalid, TooLarge

bp = Blueprint()

_LONGEST_TOKEN = 1024
_PLAIN = "text/plain"


@bp.route(route="graph-notifications/{part}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers("validationToken")
def receive_graph_notifications(request: Request) -> Content:
    """Answer Graph's question whether this address is ours, or take notifications and wake what they are about."""
    from graph_notifications.receiving import MOST_BYTES

    used, part = request.services, str(request.http.route_params.get("part", ""))
    token = request.http.params.get("validationToken")
    if token is not None:
        used.notifications.check_address(part)
        return _echo(token)
    body = request.raw_body
    if len(body) > MOST_BYTES:
        raise TooLarge(f"Notifications have {MOST_BYTES} bytes at most. Send fewer of them.", target="body")
    used.notifications.receive(part, body, lambda: used.mail, used.read_mail_again)
    return Content(b"", status=HTTPStatus.ACCEPTED, content_type=_PLAIN)


def _echo(token: str) -> Content:
    """Return the token that Graph has sent, as it wants it: alone, and as plain text."""
    if not token.isprintable() or not 0 < len(token) <= _LONGEST_TOKEN:
        raise Invalid(
            f"A validation token has {_LONGEST_TOKEN} characters at most. Send one.", target="validationToken"
        )
    headers = {"Content-Security-Policy": "default-src 'none'"}
    return Content(token.encode(), content_type=_PLAIN, headers=headers)
