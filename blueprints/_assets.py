"""What pages are made of: files of the package, kept as they are and packed, for whoever asks.

Anybody may ask for them, so asking must cost little: each is read once, and a caller who has it gets 304.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus

from blueprints._http import Content, Request

# How long a cache may answer without asking: a deployment shows after that time.
TEXT_SECONDS, FILE_SECONDS = 300, 24 * 3600


@dataclass(frozen=True)
class Kept:
    """One answer, as it is kept for the life of the process; after no `seconds`, caches ask before each use."""

    body: bytes
    content_type: str = "application/json"
    seconds: int = TEXT_SECONDS
    headers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def packed(self) -> bytes:
        """The body for who can unpack it."""
        import gzip

        return gzip.compress(self.body)

    @cached_property
    def etag(self) -> str:
        """What names this version."""
        import hashlib

        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


def answer_kept(request: Request, kept: Kept) -> Content:
    """Answer what is kept, packed if the caller takes it, or 304 if the caller has it."""
    headers = {
        "ETag": kept.etag,
        "Cache-Control": f"public, max-age={kept.seconds}" if kept.seconds else "no-cache",
        "Vary": "Accept-Encoding",
        **kept.headers,
    }
    given = request.http.headers
    known = {each.strip().removeprefix("W/") for each in (given.get("If-None-Match") or "").split(",")}
    if known & {kept.etag, "*"}:
        return Content(b"", status=HTTPStatus.NOT_MODIFIED, content_type=kept.content_type, headers=headers)
    if "gzip" in (given.get("Accept-Encoding") or ""):
        return Content(kept.packed, content_type=kept.content_type, headers=headers | {"Content-Encoding": "gzip"})
    return Content(kept.body, content_type=kept.content_type, headers=headers)


def read_file(place: str) -> bytes:
    """Return what a file of the package holds; its place is relative to the root."""
    from pathlib import Path

    return (Path(__file__).resolve().parent.parent / place).read_bytes()
