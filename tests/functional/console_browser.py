"""The console in a browser: which views there are, and runs of `foreign_console.py`."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from devkit.foreign import LOCKED
from devkit.installing import OUTSIDE
from tests.house.source import ROOT
from tests.house.tools import find_browser_or_skip, find_or_skip, install_npm_or_skip

CONSOLE = ROOT / "console"
_SCRIPT = Path(__file__).with_name("foreign_console.py")
# What stands for the named parts of a path in a walk through all views.
_NAMES = re.compile(r":(\w+)")


def find_views(**examples: str) -> dict[str, str]:
    """Return the address inside the page of every view, by its path in the registry; `examples` by named part."""
    registry = (CONSOLE / "views/registry.js").read_text()
    paths = re.findall(r'{ path: "([^"]*)", view: \w+ }', registry)
    return {path or "overview": f"#/{_NAMES.sub(lambda part: examples[part[1]], path)}" for path in paths}


def name_views() -> list[str]:
    """Return the paths of all views, as `find_views` names them."""
    return list(find_views(mailbox="m", key="k", business="b"))


def use_console(
    base_url: str, key: str, *scenarios: str, wait: Callable[[], None] | None = None, **more: Any
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
