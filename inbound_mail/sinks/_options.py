"""The options of a sink as data: name, type, permitted values, default, and the text for docs/sinks.md."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_NAMES = {str: "text", int: "whole number", bool: "true or false", list: "list of texts", dict: "object of texts"}
_SECRET_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")


@dataclass(frozen=True)
class Option:
    """One option: `text` is its documentation, `usual` its default (None if not given).

    A value must be of type `kind`, one of `choices`, and within `bounds`; a text, or each entry of a list, must match
    `pattern`. `wrong` is the message for a value that does not match.
    """

    text: str
    kind: type = str
    usual: Any = None
    needed: bool = False
    choices: tuple[str, ...] = ()
    bounds: tuple[int, int] | None = None
    pattern: re.Pattern[str] | None = None
    wrong: str = ""

    def check(self, value: Any) -> str | None:
        """Return the message for a wrong value, or None if the value is right."""
        fits: bool = isinstance(value, self.kind) and not (self.kind is int and isinstance(value, bool))
        if not fits:
            return f"This must be JSON: {_NAMES[self.kind]}."
        if self.choices and value not in self.choices:
            return f"Choose one of {', '.join(self.choices)}."
        if self.bounds and not self.bounds[0] <= value <= self.bounds[1]:
            return f"Give a whole number from {self.bounds[0]} to {self.bounds[1]}."
        parts = value if isinstance(value, list) else [value]
        if self.pattern and not all(isinstance(part, str) and self.pattern.fullmatch(part) for part in parts):
            return self.wrong
        return None


def secret(text: str, *, kind: type = str) -> Option:
    """Return an option for the Key Vault name of a secret, or for a list of such names; never the secret itself."""
    return Option(
        text,
        kind=kind,
        pattern=_SECRET_NAME,
        wrong="Give the name of a Key Vault secret (letters, digits, dashes), not the secret itself.",
    )


def check_options(known: Mapping[str, Option], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the faults, as (option, sentence): unknown options, wrong values, missing options."""
    for name, value in given.items():
        if name not in known:
            yield name, f"There is no such option. Known: {', '.join(known)}."
        elif fault := known[name].check(value):
            yield name, fault
    for name, option in known.items():
        if option.needed and name not in given:
            yield name, f"Needed: {option.text}"


def read_options(known: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checked options, with defaults for those left out."""
    return {name: given.get(name, option.usual) for name, option in known.items()}


def only_one(given: Mapping[str, Any], *names: str) -> Iterator[tuple[str, str]]:
    """Yield a fault unless exactly one of the options is given."""
    if sum(name in given for name in names) != 1:
        yield names[0], f"Give either {' or '.join(names)}."
