"""HTTP: the API described in OpenAPI 3.1, the connector's definition for Power Platform, and a page to try the API.

They need no key: they are public files of the repository and hold neither settings nor data; a setting turns them off.
The page is Swagger UI, served from here, so that the browser calls no other host. Each answer is made once and kept.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from urllib.parse import urlsplit

import azure.functions as func

from blueprints._assets import FILE_SECONDS, Kept, answer_kept, read_file
from blueprints._http import Content, Request, answers
from blueprints._routes import Blueprint
from shared.errors import NotFound
from shared.json_text import Json, parse_json, write_json

bp = Blueprint()

_DEFINITION = "power-automate/apiDefinition.swagger.json"
_DESCRIPTION = "viewer/openapi.json"
# An app has one address as a rule, two behind a front door; whoever asks under others makes nothing grow.
_ADDRESSES = 4
_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "page.css": "text/css",
    "page.json": "application/json",
    **dict.fromkeys(("initializer.js", "examples.js", "key.js", "lists.js", "plugin.js"), "text/javascript"),
}
# Swagger UI draws its icons from data: URLs.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@bp.route(route="openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def get_openapi(request: Request) -> Content:
    """Get the description (OpenAPI 3.1) with the address of this gateway."""
    return _answer(request, lambda: _describe(request.base_url))


@bp.route(route="swagger.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def get_swagger(request: Request) -> Content:
    """Get the connector's definition (Swagger 2.0) with the address of this gateway."""
    return _answer(request, lambda: _define(request.base_url))


@bp.route(route="docs", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def show_docs(request: Request) -> Content:
    """Get the page to read and try the API."""
    return _answer(request, _page)


@bp.route(route="docs/{asset}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def show_docs_asset(request: Request) -> Content:
    """Get a script or style of that page."""
    return _answer(request, lambda: _asset(str(request.http.route_params.get("asset", ""))))


def _answer(request: Request, find: Callable[[], Kept]) -> Content:
    """Answer what is found, unless the setting forbids it. Raises NotFound."""
    from shared.settings.config import is_on

    if not is_on("API_DOCS"):
        raise NotFound(
            "This gateway does not describe its API. An administrator can switch that on with API_DOCS.",
            code="ApiDocsOff",
        )
    return answer_kept(request, find())


@lru_cache(maxsize=_ADDRESSES)
def _describe(base_url: str) -> Kept:
    return Kept(write_json(_load(_DESCRIPTION) | {"servers": [{"url": base_url}]}))


@lru_cache(maxsize=_ADDRESSES)
def _define(base_url: str) -> Kept:
    parts = urlsplit(base_url)
    address = {"host": parts.netloc, "basePath": parts.path, "schemes": [parts.scheme]}
    return Kept(write_json(_load(_DEFINITION) | address))


@cache
def _page() -> Kept:
    return Kept(read_file("viewer/index.html"), "text/html", headers={"Content-Security-Policy": _POLICY})


@lru_cache(maxsize=len(_ASSETS))
def _asset(name: str) -> Kept:
    if name not in _ASSETS:
        raise NotFound("The API page has no such file. Open GET docs.", code="AssetNotFound", target="asset")
    return Kept(read_file(f"viewer/{name}"), _ASSETS[name], FILE_SECONDS)


@cache
def _load(place: str) -> Json:
    return dict(parse_json(read_file(place)))
