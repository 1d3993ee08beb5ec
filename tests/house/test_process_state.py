"""What a process remembers: each such module is in the table of docs/architecture.md, with the reason why it may."""

import ast
import re

from tests.house.source import ROOT, deployed

REMEMBERING = {"BoundedSemaphore", "Semaphore", "TTLCache", "LRUCache", "lru_cache", "cache"}
# Locks around an object that is built once, and what is remembered within one call.
OTHERS = {
    "composition.connection_services",
    "composition.appointment_events",
    "composition.mail_events",
    "composition.subscription_feeds",
    "inbound_mail.reports.mail_events",
    "shared.storage.account",
    "inbound_mail.content.html",
    "blueprints.slots",
}
# Found by hand: attributes and module variables that change.
BY_HAND = {
    "composition.notifications",
    "composition.standing_in",
    "composition.unanswered_polls",
    "inbound_mail.delivery.circuit_breaker",
    "inbound_mail.reports.watched",
}


def remembering() -> set[str]:
    """Return the deployed modules that use a lock, a semaphore or a cache."""
    found = set()
    for module in deployed():
        for node in module.nodes:
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            if name in REMEMBERING or (name == "Lock" and isinstance(node, ast.Attribute)):
                found.add(module.name)
    return found


def listed() -> set[str]:
    text = (ROOT / "docs/architecture.md").read_text()
    table = text.partition("| Module | Remembers |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    paths = {path for cell in cells for path in re.findall(r"`([\w/]+)\.py`", cell)}
    return {path.replace("/", ".") for path in paths}


def test_every_module_that_remembers_something_says_why_no_other_process_has_to_know() -> None:
    found = remembering()
    assert len(found) > 10, "the search itself works"
    assert listed() == (found - OTHERS) | BY_HAND
