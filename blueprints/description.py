"""HTTP: the API described in OpenAPI 3.1, the connector's definition for Power Platform, and a page to try the API.

They need no key: they are public files of the repository and hold neither settings nor data. The page is Swagger UI,
served from here, so that the browser calls no other host.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import azure.functions as func

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
def get_openapi(request: Request) -> Content:
    """Get the description (OpenAPI 3.1) with the address of this gateway."""
    return _answer(request, _describe(request.base_url))


@bp.route(route="swagger.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def get_swagger(request: Request) -> Content:
    """Get the connector's definition (Swagger 2.0) with the address of this gateway."""
    return _answer(request, _define(request.base_url))


@bp.route(route="docs", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def show_docs(_request: Request) -> Content:
    """Get the page to read and try the API."""
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    return Content(_read_file("viewer/index.html"), content_type="text/html", headers=headers)


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
    return Content(_read_file(f"viewer/{name}"), content_type=_ASSETS[name], headers=headers)


@dataclass(frozen=True)
class _Text:
    body: bytes
    etag: str


def _answer(request: Request, text: _Text) -> Content:
    """Answer the text, or 304 if the caller has it."""
    headers = {"ETag": text.etag, "Cache-Control": "no-cache"}
    known = {each.strip().removeprefix("W/") for each in (request.http.headers.get("If-None-Match") or "").split(",")}
    if known & {text.etag, "*"}:
        return Content(b"", status=304, headers=headers)
    return Content(text.body, headers=headers)


@lru_cache(maxsize=_ADDRESSES)
def _describe(base_url: str) -> _Text:
    return _make_text(_load(_DESCRIPTION) | {"servers": [{"url": base_url}]})


@lru_cache(maxsize=_ADDRESSES)
def _define(base_url: str) -> _Text:
    parts = urlsplit(base_url)
    address = {"host": parts.netloc, "basePath": parts.path, "schemes": [parts.scheme]}
    return _make_text(_load(_DEFINITION) | address)


def _load(place: str) -> Json:
    return dict(parse_json(_read_file(place)))


def _read_file(place: str) -> bytes:
    from pathlib import Path

    return (Path(__file__).resolve().parent.parent / place).read_bytes()


def _make_text(described: Json) -> _Text:
    body = write_json(described)
    return _Text(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


@lru_cache(maxsize=len(_ASSETS))
def _packed(name: str) -> bytes:
    import gzip

    return gzip.compress(_read_file(f"viewer/{name}"))
