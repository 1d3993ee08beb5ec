"""Options of a sink as data: one table says what there is, what is right, and what the documentation prints."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_NAMES = {str: "text", int: "whole number", bool: "true or false", list: "list of texts", dict: "object of texts"}
_SECRET_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")


@dataclass(frozen=True)
class Option:
    """One option: `text` for the documentation, and what a value must be.

    `wrong` is the sentence for a value that does not match `pattern`, lie within `bounds` or occur in `choices`; a
    list is checked entry by entry. Without `usual` an option that is left out is None.
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
        """Return what is wrong with a value, or None."""
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
    """Return an option that holds the Key Vault name of a secret, or a list of such names; never a secret itself."""
    return Option(
        text,
        kind=kind,
        pattern=_SECRET_NAME,
        wrong="Give the name of a Key Vault secret (letters, digits, dashes), not the secret itself.",
    )


def check_options(known: Mapping[str, Option], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong, as (option, sentence): unknown, missing, or of a value that cannot be."""
    for name, value in given.items():
        if name not in known:
            yield name, f"There is no such option. Known: {', '.join(known)}."
        elif fault := known[name].check(value):
            yield name, fault
    for name, option in known.items():
        if option.needed and name not in given:
            yield name, f"Needed: {option.text}"


def read_options(known: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return checked options with what is usual for those left out."""
    return {name: given.get(name, option.usual) for name, option in known.items()}


def only_one(given: Mapping[str, Any], *names: str) -> Iterator[tuple[str, str]]:
    """Yield a fault unless exactly one of these options is given."""
    if sum(name in given for name in names) != 1:
        yield names[0], f"Give either {' or '.join(names)}."
