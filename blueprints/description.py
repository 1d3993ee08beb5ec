"""HTTP: the definition of the API, which Power Platform imports by its address, and a page to read and try the API.

Both need no key: they are public files of the repository and hold neither settings nor data. The page is Swagger UI,
served from here, so that the browser calls no other host.
"""

import gzip
import json
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import azure.functions as func

from blueprints._http import Content, Request, answers
from blueprints._routes import Blueprint
from shared.errors import NotFound
from shared.json_text import Json

bp = Blueprint()

_ROOT = Path(__file__).resolve().parent.parent
_DEFINITION = _ROOT / "power-automate" / "apiDefinition.swagger.json"
_VIEWER = _ROOT / "viewer"
_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "initializer.js": "text/javascript",
}
_ASSET_SECONDS = 24 * 3600
# Swagger UI draws its icons from data: URLs.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@bp.route(route="openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def get_openapi(request: Request) -> Json:
    """Get the connector's definition (OpenAPI 2.0) with the address of this gateway."""
    parts = urlsplit(request.base_url)
    described = json.loads(_DEFINITION.read_bytes())
    described |= {"host": parts.netloc, "basePath": parts.path, "schemes": [parts.scheme]}
    return dict(described)


@bp.route(route="docs", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def show_docs(_request: Request) -> Content:
    """Get the page to read and try the API."""
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    return Content((_VIEWER / "index.html").read_bytes(), content_type="text/html", headers=headers)


@bp.route(route="docs/{asset}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def show_docs_asset(request: Request) -> Content:
    """Get a script or style of that page."""
    name = str(request.http.route_params.get("asset", ""))
    if name not in _ASSETS:
        raise NotFound("The API page has no such file. Open GET docs.", code="AssetNotFound", target="asset")
    headers: dict[str, Any] = {"Cache-Control": f"public, max-age={_ASSET_SECONDS}", "Vary": "Accept-Encoding"}
    if "gzip" in (request.http.headers.get("Accept-Encoding") or ""):
        return Content(_packed(name), content_type=_ASSETS[name], headers=headers | {"Content-Encoding": "gzip"})
    return Content((_VIEWER / name).read_bytes(), content_type=_ASSETS[name], headers=headers)


@lru_cache(maxsize=len(_ASSETS))
def _packed(name: str) -> bytes:
    return gzip.compress((_VIEWER / name).read_bytes())
