"""Write intro.md in the form of Microsoft's template (templates/readme.md of microsoft/PowerPlatformConnectors).

Title, first paragraph and operations come from the definition, the other sections from the connector's readme. Links to
files of the repository become their texts, because whoever reads intro.md does not have the files.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from devkit.connector.pages import visible_operations

PUBLISHER, OPERATIONS = "Publisher: ", "Supported Operations"
# The headings of the template, in its order; the one of the publisher goes on with the name.
HEADINGS = (
    PUBLISHER, "Prerequisites", OPERATIONS, "Obtaining Credentials", "Getting Started", "Known Issues and Limitations",
    "Frequently Asked Questions", "Deployment Instructions",
)  # fmt: skip
_SECTION = re.compile(r"^## (.+)\n", flags=re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?://)[^)]*\)")
_STOCK = re.compile(r"\bstock\b|Microsoft Bookings connector", re.IGNORECASE)


def write_introduction(definition: Mapping[str, Any], readme: str, publisher: str) -> str:
    """Return the page. KeyError if the readme lacks a section."""
    info = definition["info"]
    sections = _read_sections(readme)
    parts = [f"# {info['title']}\n\n{info['description']}"]
    for heading in HEADINGS:
        if heading == PUBLISHER:
            parts.append(f"## {PUBLISHER}{publisher}")
        elif heading == OPERATIONS:
            parts.append(f"## {OPERATIONS}")
            parts += [f"### {one['summary']}\n\n{one['description']}" for one in visible_operations(definition)]
        else:
            parts.append(f"## {heading}\n\n{_LINK.sub(lambda found: found[1], sections[heading])}")
    return "\n\n".join(parts) + "\n"


def _read_sections(page: str) -> dict[str, str]:
    found = list(_SECTION.finditer(page))
    ends = [each.start() for each in found[1:]] + [len(page)]
    return {each[1]: page[each.end() : end].strip() for each, end in zip(found, ends, strict=True)}


def check_introduction(page: str, definition: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return what differs from the template, as places and messages."""
    headings = _SECTION.findall(page)
    names = [PUBLISHER if each.startswith(PUBLISHER) else each for each in headings]
    if names != list(HEADINGS):
        yield "headings", f"are {headings}, not those of Microsoft's template"
    if not page.startswith(f"# {definition['info']['title']}\n"):
        yield "title", "is not the connector's"
    for operation in visible_operations(definition):
        if f"\n### {operation['summary']}\n\n{operation['description']}\n" not in page:
            yield str(operation["operationId"]), "has no heading with its description"
    for link in _LINK.finditer(page):
        yield "links", f"{link[0]} leads to a file that is not in the zip"
    if stock := _STOCK.search(page):
        yield "text", f"compares itself with another connector: “{stock[0]}”"
