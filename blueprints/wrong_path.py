"""HTTP: what no other function takes. Without this, the platform would answer 404 without a body.

The platform tries functions in the alphabet of their names, and this route fits every path: so no HTTP function may
have a name after `wrong_path`. It needs a key like most others: who has none gets the platform's 401 for every path.
"""

from http import HTTPStatus

from blueprints._http import Content, Request, answers
from blueprints._routes import Blueprint, find_methods, find_nearest
from shared.errors import NotFound, WrongMethod

bp = Blueprint()

_LONGEST_PATH = 500


@bp.route(route="{*path}")
@answers(any_parameter=True)
def wrong_path(request: Request) -> Content:
    """Answer 405 where a known path does not take the method, and 404 for an unknown path."""
    path = str(request.http.route_params.get("path") or "")[:_LONGEST_PATH]
    methods = find_methods(path)
    if not methods:
        nearest = find_nearest(path)
        found = f"Use {nearest}, or find" if nearest else "Find"
        raise NotFound(f"There is no such path. {found} the paths at GET docs.", code="UnknownPath")
    if request.http.method.upper() == "OPTIONS":
        return Content(b"", status=HTTPStatus.NO_CONTENT, headers={"Allow": ", ".join((*methods, "OPTIONS"))})
    raise WrongMethod(f"This path does not take this method. Use {' or '.join(methods)}.", methods=methods)
