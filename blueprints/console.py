"""HTTP: the console, a page for people who watch the gateway, the files that it is made of, and the page at the root.

Page and files need no key: they are public files of the repository. What the console shows it asks of the routes that
have it, with the key that a person gives it.
"""

from functools import cache, lru_cache
from http import HTTPStatus
from urllib.parse import urlsplit

import azure.functions as func

from blueprints._assets import FILE_SECONDS, Kept, answer_kept, read_file
from blueprints._http import Content, Request, answers
from blueprints._routes import ROOT, Blueprint
from shared.errors import NotFound

bp = Blueprint()

_FOLDER = "console"
_PAGE, _FRONT = "index.html", "front.html"
# An app has one address as a rule, two behind a front door.
_ADDRESSES = 4
_TYPES = {".js": "text/javascript", ".css": "text/css"}
# No markup from texts: the page inserts texts only, and the browser refuses what would do otherwise.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)


@bp.route(route=ROOT, methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def show_front(request: Request) -> Content:
    """Get a page that leads to the others."""
    return answer_kept(request, _front(urlsplit(request.base_url).path))


@bp.route(route="console", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def show_console(request: Request) -> Content:
    """Get the page."""
    if urlsplit(request.http.url).path.endswith("/"):  # its files are named relative to the address without a slash
        return Content(b"", status=HTTPStatus.PERMANENT_REDIRECT, headers={"Location": "../console"})
    return answer_kept(request, _page())


@bp.route(route="console/{asset}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def show_console_file(request: Request) -> Content:
    """Get a file of the page."""
    return answer_kept(request, _file(str(request.http.route_params.get("asset", ""))))


@bp.route(route="console/{folder}/{asset}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def show_console_part(request: Request) -> Content:
    """Get a file of one of its folders: views, lib, vendor."""
    parts = request.http.route_params
    return answer_kept(request, _file(f"{parts.get('folder', '')}/{parts.get('asset', '')}"))


@cache
def _page() -> Kept:
    return Kept(read_file(f"{_FOLDER}/{_PAGE}"), "text/html", 0, {"Content-Security-Policy": _POLICY})


@lru_cache(maxsize=_ADDRESSES)
def _front(path: str) -> Kept:
    from html import escape

    page = read_file(f"{_FOLDER}/{_FRONT}").replace(b"{api}", escape(path).encode())
    return Kept(page, "text/html", 0, {"Content-Security-Policy": _POLICY})


def _file(name: str) -> Kept:
    """Return a file of the page. Raises NotFound."""
    found = _files().get(name)
    if found is None:
        raise NotFound("The console has no such file. Open GET console.", code="AssetNotFound", target="asset")
    return found


@cache
def _files() -> dict[str, Kept]:
    """Return every file that the page is made of, by its name in the folder.

    Its own files are asked for before each use, so that no page is ever made of two versions; foreign ones change
    their names with their versions.
    """
    from pathlib import Path

    folder = Path(__file__).resolve().parent.parent / _FOLDER
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in _TYPES)
    return {name: _load(name) for name in names}


def _load(name: str) -> Kept:
    kind = _TYPES[name[name.rindex(".") :]]
    return Kept(read_file(f"{_FOLDER}/{name}"), kind, FILE_SECONDS if name.startswith("vendor/") else 0)
