"""Make the rules of a mailbox from a table (CSV), as another mail robot's rules can be written down in Excel.

Each line is a rule. Its columns are fields of conditions, which must all hold, such as subject and from, fields of
rules, such as catalog_entry and urgency, and custom columns (e_...). A cell may name several texts, separated by |. The
rules are checked as the app checks them, and printed as JSON for the mailbox's `rules`.
"""

import argparse
import csv
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from shared.json_text import Json
from shared.settings.json_catalogue import CONDITION_FIELDS, CUSTOM_FIELD, RULE_FIELDS
from shared.settings.rules import read_rules

PASSES_ON = False
_GROUPS = ("all", "any")
_CONDITIONS = {one.name: one for one in CONDITION_FIELDS if one.name not in _GROUPS}
_OUTCOMES = {one.name: one for one in RULE_FIELDS if one.name not in (*_GROUPS, "custom_fields")}
_SEPARATORS = ";\t,"
_LONGEST_NAME = 32
_YES = ("true", "yes", "1", "x")


class TableError(Exception):
    """The file is no table of rules; the message says what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", type=Path, metavar="FILE.csv", help="the table; its first line names the columns")
    parser.add_argument("--folder", action="append", default=[], help="a folder that the mailbox reads; usual: inbox")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Print the rules; return 1 if the table cannot be read or holds a rule that the app would refuse."""
    try:
        lines = list(_read_lines(options.file))
    except (OSError, TableError) as error:
        sys.stderr.write(f"{options.file}: {error}\n")
        return 1
    names: set[str] = set()
    rules = [_make_rule(cells, names) for _, cells in lines]
    faults: list[str] = []

    def report(where: str, message: str) -> None:
        found = re.match(r"rules\[(\d+)\]\.?(.*)", where)
        place = f"line {lines[int(found[1])][0]}{f', {found[2]}' if found[2] else ''}" if found else where
        faults.append(f"{options.file}: {place}: {message}")

    sinks = {str(rule["sink"]) for rule in rules if "sink" in rule}  # those of SINKS are compared by the app
    read_rules(rules, options.folder or ["inbox"], sorted(sinks), report)
    if faults:
        sys.stderr.write("".join(f"{fault}\n" for fault in faults))
        return 1
    print(json.dumps(rules, indent=2, ensure_ascii=False))
    return 0


def _read_lines(file: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the number of each line that is not empty, and its cells that are not empty, by column."""
    text = _decode(file.read_bytes())
    head = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=head.count)
    reader = csv.DictReader(text.splitlines(), delimiter=separator)
    columns = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = columns
    known = [*_OUTCOMES, *_CONDITIONS]
    unknown = [name for name in columns if name not in known and not CUSTOM_FIELD.fullmatch(name)]
    if not columns or unknown:
        what = f"There is no column {unknown[0]!r}." if unknown else "The file is empty."
        raise TableError(f"{what} The first line names columns: {', '.join(known)}, or custom columns (e_...).")
    for row in reader:
        if None in row:
            raise TableError(f"Line {reader.line_num} has more cells than the first line names columns.")
        cells = {name: value.strip() for name, value in row.items() if value and value.strip()}
        if cells:
            yield reader.line_num, cells


def _decode(data: bytes) -> str:
    """Return the text of a file that Excel wrote: UTF-8, or the code page of Western Europe."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _make_rule(cells: Mapping[str, str], names: set[str]) -> Json:
    conditions: list[Json] = []
    for name in _CONDITIONS:
        if name in cells and name != "value":
            texts = [text.strip() for text in cells[name].split("|")]
            conditions.append({name: texts if len(texts) > 1 and name != "header" else texts[0]})
            if name == "header" and "value" in cells:
                conditions[-1]["value"] = [text.strip() for text in cells["value"].split("|")]
    rule: Json = {"name": _name(cells, names)}
    rule |= {"all": conditions} if conditions else {}
    for name, field in _OUTCOMES.items():
        if name in cells and name != "name":
            rule[name] = _read(cells[name], field.type)
    custom = {name: value for name, value in cells.items() if CUSTOM_FIELD.fullmatch(name)}
    return rule | ({"custom_fields": custom} if custom else {})


def _read(text: str, wanted: object) -> object:
    if wanted is bool:
        return text.casefold() in _YES
    return int(text) if wanted is int and text.isdecimal() else text


def _name(cells: Mapping[str, str], names: set[str]) -> str:
    """Return the rule's own name, or one made of what it is about."""
    if given := cells.get("name"):
        return given
    about = next((cells[name] for name in ("subject", "catalog_entry", *_CONDITIONS) if name in cells), "rule")
    made = re.sub(r"[^a-z0-9]+", "-", about.casefold()).strip("-")[: _LONGEST_NAME - 3].strip("-") or "rule"
    name = next(one for one in (made, *(f"{made}-{number}" for number in range(2, 101))) if one not in names)
    names.add(name)
    return name
