"""HTTP: the console's questions and actions for people who have signed in with Entra ID, without a function key.

Each is answered by the function of the route itself; here it is decided only who may ask.
"""

from urllib.parse import unquote, urlsplit, urlunsplit

import azure.functions as func

from blueprints._http import Content, Request, answers
from blueprints._routes import Blueprint, KnownRoute, find_route
from shared import context
from shared.errors import NotFound
from shared.json_text import Json

bp = Blueprint()

_PREFIX = "signed-in"
_NOT_PASSED = ("cookie", "authorization", "x-functions-key", "x-ms-client-request-id")


@bp.route(route=_PREFIX, methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def get_signed_in(request: Request) -> Json:
    """Say whether the console takes a sign-in, and who has signed in."""
    from blueprints._signed_in import is_wanted, read_person

    if not is_wanted():
        return {"signIn": "off", "person": None}
    person = read_person(request.http.headers)
    return {"signIn": "on", "person": person.describe() if person else None}


@bp.route(route=f"{_PREFIX}/{{*path}}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
@answers(any_parameter=True)
def relay_signed_in(request: Request) -> Content:
    """Answer what the role of the person allows as the route itself does."""
    from blueprints._signed_in import NAMES_A_PERSON, check_person, name_person

    method = request.http.method.upper()
    person = check_person(request.http.headers, acts=method != "GET")
    address = urlsplit(request.http.url)
    above, _, path = address.path.partition(f"/{_PREFIX}/")
    route, segments = _find(path, method)
    body = request.raw_body
    given = {name: value for name, value in request.http.headers.items() if name.lower() not in _NOT_PASSED}
    response = route.function(
        func.HttpRequest(
            method=method,
            url=urlunsplit(address._replace(path=f"{above}/{path}")),
            headers=given | {"x-ms-client-request-id": context.request_id()},
            params={name: value for name, value in request.http.params.items() if name != "code"},
            route_params=route.read_parameters(segments),
            body=name_person(body, person) if route.path in NAMES_A_PERSON else body,
        )
    )
    return Content(
        response.get_body(),
        status=response.status_code,
        content_type=response.mimetype or "application/json",
        headers=dict(response.headers),
    )


def _find(path: str, method: str) -> tuple[KnownRoute, list[str]]:
    """Return the route of the console's lists that takes this path, and the path's parts. Raises NotFound."""
    from blueprints._signed_in import ACTIONS, READS

    segments = [unquote(part) for part in path.split("/")]
    for known in READS if method == "GET" else ACTIONS:
        route = find_route(known, method)
        if route is not None and route.takes(segments):
            return route, segments
    raise NotFound("The console asks no such question. Use the route itself, with a function key.", code="UnknownPath")
