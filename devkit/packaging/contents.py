"""Which files of the repository are deployed: an allow-list."""

from collections.abc import Iterator
from pathlib import Path

from devkit.bootstrap import ROOT

FILES = (
    "function_app.py",
    "host.json",
    "requirements.txt",
    "power-automate/apiDefinition.swagger.json",
)
PACKAGES = (
    "blueprints",
    "bookings",
    "composition",
    "doctor",
    "event_subscriptions",
    "graph_notifications",
    "inbound_mail",
    "shared",
    "trigger_polls",
)
PAGES = ("console", "viewer")
"""Folders that a page is made of: all their files but those that say where foreign ones come from."""
SOURCES = "sources.json"
_SUFFIX = ".py"


def list_files(root: Path = ROOT) -> list[str]:
    """Name the files that are deployed, relative to the root and sorted."""
    return sorted([*FILES, *_find_modules(root), *_find_pages(root)])


def _find_modules(root: Path) -> Iterator[str]:
    for package in PACKAGES:
        for path in (root / package).rglob(f"*{_SUFFIX}"):
            yield path.relative_to(root).as_posix()


def _find_pages(root: Path) -> Iterator[str]:
    for page in PAGES:
        for path in (root / page).rglob("*"):
            if path.is_file() and path.name != SOURCES:
                yield path.relative_to(root).as_posix()
