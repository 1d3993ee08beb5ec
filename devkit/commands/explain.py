"""Explain what the gateway would do with mails: verdict, rule, thread, requestor, files and the ticket's text.

The gateway's own code runs in this process against a simulated mailbox. Nothing is sent, written or asked for. Several
files are mails that come one after the other, so that answers find the tickets of earlier ones. Without --settings the
mailboxes and sinks are those of local.settings.json, or of `up` if there is no such file.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from devkit.bootstrap import ROOT
from devkit.explaining.errors import BadFileError, CannotExplainError

if TYPE_CHECKING:
    from shared.json_text import Json

PASSES_ON = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.eml", help="mails as MIME")
    parser.add_argument("--mailbox", metavar="NAME", help="the mailbox that gets them; by default the first one")
    parser.add_argument("--folder", metavar="NAME", help="the folder in which they lie; by default the first one")
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="a file like local.settings.sample.json, or what a settings blob holds",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Explain every file; return 1 if one cannot be read, or if the settings are wrong."""
    bad: list[str] = []
    try:
        found = list(_explain(options, bad))
    except CannotExplainError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if options.json:
        print(json.dumps(found, indent=2))
    elif found:
        from devkit.explaining.report import render

        print("\n\n".join("\n".join(map(_printable, render(one))) for one in found))
    for sentence in bad:
        sys.stderr.write(f"{sentence}\n")
    return 1 if bad else 0


def _explain(options: argparse.Namespace, bad: list[str]) -> "Iterator[Json]":
    from devkit.explaining.report import describe
    from devkit.explaining.run import open_gateway

    tickets: dict[str, str] = {}
    with open_gateway(_read_settings(options.settings), options.mailbox, options.folder) as gateway:
        for path in options.files:
            try:
                yield describe(gateway.explain(path), gateway.settings, gateway.mailbox.name, tickets)
            except BadFileError as error:
                bad.append(str(error))


def _read_settings(path: Path | None) -> Mapping[str, str]:
    """Return the settings of the file, or of `up`. Raises CannotExplainError."""
    usual = ROOT / "local.settings.json"
    if path is None and not usual.exists():
        from twin.seeds import sample

        return sample.mail_settings()
    chosen = path or usual
    try:
        given = json.loads(chosen.read_text(encoding="utf-8-sig"))
        if "mailboxes" in given:  # what one blob holds for both settings
            return {"MAILBOXES": json.dumps(given["mailboxes"]), "SINKS": json.dumps(given.get("sinks", {}))}
        return {str(name): str(value) for name, value in given["Values"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CannotExplainError(f"{chosen} is no settings file like local.settings.sample.json: {error}") from None


def _printable(line: str) -> str:
    """Return the line without characters that the terminal cannot show."""
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "replace").decode(encoding)
