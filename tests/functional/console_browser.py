"""The console in a browser: which views there are, and runs of `foreign_console.py`."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devkit.foreign import LOCKED
from devkit.installing import OUTSIDE
from tests.house.source import ROOT
from tests.house.tools import find_browser_or_skip, find_or_skip, install_npm_or_skip

CONSOLE = ROOT / "console"
PICTURES = ROOT / "docs/pictures"
# With this variable, tests write the pictures of docs/pictures anew.
TAKE_PICTURES = "TAKE_PICTURES"
_SCRIPT = Path(__file__).with_name("foreign_console.py")
# What stands for the named parts of a path in a walk through all views.
_NAMES = re.compile(r":(\w+)")


API_PAGE = "/api/docs"


@dataclass(frozen=True)
class Picture:
    """A picture of the documents, how it is taken, and what must be seen on its page."""

    name: str
    shows: tuple[str, ...]
    view: str = "overview"
    size: str = "desk"
    scheme: str = "light"
    is_broken: bool = False

    def hold(self, text: str) -> None:
        """Assert that a page's text has what the picture is to show."""
        assert not [words for words in self.shows if words not in text], self.name


THE_API_PAGE = Picture("api-page", ("Function key", "Console", "Execute"), view=API_PAGE)
# Of the running sample world.
OF_THE_SAMPLE = (
    Picture(
        "console-wall", ("Well", "support", "facilities", "security", "Last 24 hours", "Last 30 days"), size="wall"
    ),
    Picture("console-desk", ("Well", "support", "Oldest waits", "Poll now", "Mails and tickets")),
    Picture("console-phone", ("Well", "support", "Oldest waits"), size="phone"),
    Picture("console-dark", ("Well", "support", "Mails and tickets"), scheme="dark"),
    Picture("console-mails", ("Search", "delivered", "support"), view="mails"),
    Picture("console-bookings", ("Bookings", "Next free"), view="bookings/:business"),
    THE_API_PAGE,
    Picture("console-broken", ("NoAnswer", "Try again", "What follows was last known"), is_broken=True),
)
# Of an app whose settings name no mailbox.
OF_AN_EMPTY_APP = (Picture("console-empty", ("Nothing is wrong", "name no support mailbox")),)


def take_pictures(base_url: str, key: str, pictures: Sequence[Picture], views: Mapping[str, str]) -> None:
    """Open what pictures show, hold it to that, and write the pictures anew, if that is wished: else nothing."""
    if not os.environ.get(TAKE_PICTURES):
        return
    asked = [
        {
            "name": one.name,
            "address": views.get(one.view, one.view),
            "size": one.size,
            "scheme": one.scheme,
            "isBroken": one.is_broken,
        }
        for one in pictures
    ]
    seen = use_console(base_url, key, "pictures", pictures=asked, folder=str(PICTURES))["pictures"]
    for one in pictures:
        one.hold(seen[one.name])


def find_views(**examples: str) -> dict[str, str]:
    """Return the address inside the page of every view, by its path in the registry; `examples` by named part."""
    registry = (CONSOLE / "views/registry.js").read_text()
    paths = re.findall(r'{ path: "([^"]*)", view: \w+ }', registry)
    return {path or "overview": f"#/{_NAMES.sub(lambda part: examples[part[1]], path)}" for path in paths}


def name_views() -> list[str]:
    """Return the paths of all views, as `find_views` names them."""
    return list(find_views(mailbox="m", key="k", business="b"))


def use_console(
    base_url: str, key: str, *scenarios: str, wait: Callable[[], object] | None = None, **more: Any
) -> Mapping[str, Any]:
    """Run scenarios of the script; `wait` is called when it says that it is ready, and it goes on after that."""
    program, python = find_browser_or_skip(), find_or_skip(LOCKED / "playwright.txt")
    given = {"program": program, "base_url": base_url, "scenarios": scenarios, "views": {}} | more
    given["axe"] = str(install_npm_or_skip("axe"))
    with subprocess.Popen(
        [str(python), str(_SCRIPT)], env=OUTSIDE | {"GATEWAY_KEY": key}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(given) + "\n")
        process.stdin.flush()
        if wait:
            assert process.stdout.readline() == "ready\n", process.communicate()[1][-3000:]
            wait()
        out, errors = process.communicate("go on\n", timeout=300)
    assert process.returncode == 0, errors[-3000:]
    seen: dict[str, Any] = json.loads(out)
    return seen
