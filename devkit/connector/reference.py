"""`.venv/bin/python -m devkit.connector.reference`: write the reference of operations, with recorded examples.

The same examples go into examples.json, for the descriptions of the API. It starts a sample world of its own, which
needs no `up`, and removes it afterwards: less than a minute.
"""

import json
import re
import sys
import time
from http import HTTPStatus
from typing import Any

from devkit.connector.client_description import SERVER
from devkit.connector.document import build_definition
from devkit.connector.files import EXAMPLES, REFERENCE
from devkit.connector.pages import heading, recorded_operations, titles
from devkit.connector.trials import Trial, TrialError, Trials
from devkit.fuzzing.world import running_world

_HEAD = """\
# Every operation, with an example

For makers of flows; [how to begin and what to know](flows.md) comes first. The examples were asked of the sample
world. Long ids are cut short, lists show their first item, and what is empty is left out. A trigger whose name ends in
*(instant)* has no section of its own: it takes what the polling trigger of the same name takes, and a run gets one item
of its list.
"""
_LONG_ID = re.compile(r"[A-Za-z0-9+/=_-]{48,}")
_FILE_LINK = re.compile(r'"http://[^"/]+/devstoreaccount1(/[^"?]+)\?[^"]*"')
_LONGEST_TEXT = 300
_KEPT = 24


def write_reference(trials: dict[str, Trial]) -> str:
    """Return the page. Raises KeyError for an operation without an example."""
    definition = build_definition()
    parts: dict[str, list[str]] = {}
    for operation in recorded_operations(definition):
        section = _describe(operation, trials[operation["operationId"]], definition)
        parts.setdefault(operation["tags"][0], []).append(section)
    return _HEAD + "".join(f"\n## {tag}\n" + "".join(sections) for tag, sections in parts.items())


def _describe(operation: dict[str, Any], trial: Trial, definition: dict[str, Any]) -> str:
    names = dict(titles(operation, definition))
    rows = [f"| {names[name]} | `{_shown(value)}` |" for name, value in trial.given.items()]
    given = "\n".join(["| Field | Value |", "|---|---|", *rows]) if rows else "Takes nothing."
    if isinstance(trial.answer, str):
        answer = f"The file's bytes, as `{trial.answer}`."
    elif trial.status == HTTPStatus.NO_CONTENT:
        answer = "Answers nothing."
    else:
        answer = f"```json\n{json.dumps(shorten(trial.answer), indent=1, ensure_ascii=False)}\n```"
    return f"\n{heading(operation)}\n\n{given}\n\n{answer}\n"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(shorten(value), ensure_ascii=False)
    return str(shorten(text))


def shorten(value: Any) -> Any:
    """Shorten ids and texts, keep one item of each list, and leave out empty values."""
    if isinstance(value, dict):
        return {name: shorten(inner) for name, inner in value.items() if inner not in (None, "", [], {})}
    if isinstance(value, list):
        return [shorten(each) for each in value[:1]]
    if isinstance(value, str) and _LONG_ID.fullmatch(value):
        return f"{value[:_KEPT]}…"
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value[:_LONGEST_TEXT]}…"
    return value


def write_examples(trials: dict[str, Trial], base_url: str) -> str:
    """Return the calls and answers as JSON, by operation; of a file only its content type is kept."""
    kept = {name: {"given": cut(trial.given), "answer": cut(trial.answer)} for name, trial in trials.items()}
    written = json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
    written = _FILE_LINK.sub(r'"https://YOURSTORAGE.blob.core.windows.net\1?sv=…"', written)
    return written.replace(base_url, SERVER.removesuffix("/api"))


def cut(value: Any) -> Any:
    """Shorten ids and texts, and keep one item of each list; what is empty stays."""
    if isinstance(value, dict):
        return {name: cut(inner) for name, inner in value.items()}
    return [cut(each) for each in value[:1]] if isinstance(value, list) else shorten(value)


def main() -> int:
    """Run the trials and write the page."""
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:5.1f} s  {text}", flush=True)

    say("Starting the sample world ...")
    try:
        with running_world() as world:
            trials = Trials(world, say).run()
        REFERENCE.write_text(write_reference(trials), encoding="utf-8")
        EXAMPLES.write_text(write_examples(trials, world.base_url), encoding="utf-8")
    except (RuntimeError, TrialError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    say(f"{len(trials)} operations are recorded in {REFERENCE.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
