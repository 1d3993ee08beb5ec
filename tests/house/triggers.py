"""The functions of the app, read from its blueprints without starting it."""

import importlib
from typing import Any

from tests.house.source import ROOT

EVERY_PATH = "{*path}"  # what no other route takes


def builders() -> list[Any]:
    """Return every function of every blueprint, as the platform's library keeps it before it is registered."""
    names = sorted(path.stem for path in (ROOT / "blueprints").glob("[a-z]*.py"))
    modules = [importlib.import_module(f"blueprints.{name}") for name in names]
    return [builder._function for module in modules for builder in module.bp._function_builders]


def functions() -> list[dict[str, Any]]:
    """Return each function with an HTTP trigger and a path of its own: its route, methods and query parameters."""
    found = []
    for function in builders():
        trigger = next(b for b in function.get_bindings() if "Trigger" in str(b.type)).get_dict_repr()
        if trigger.get("route") and trigger["route"] != EVERY_PATH:
            found.append(
                {
                    "route": trigger["route"],
                    "methods": [str(getattr(method, "value", method)) for method in trigger.get("methods") or ()],
                    "parameters": getattr(function.get_user_function(), "parameters", ()),
                }
            )
    return found
