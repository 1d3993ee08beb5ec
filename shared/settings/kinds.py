"""The kinds of values that a setting can have. Each knows its bounds or choices and can say them in words."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """Any text; `form` says in words what it looks like."""

    form: str

    def describe(self) -> str:
        """Return the values that are allowed, in words."""
        return self.form


@dataclass(frozen=True)
class Choice:
    """One word of a few."""

    words: tuple[str, ...]

    def describe(self) -> str:
        """Return the values that are allowed, in words."""
        return list_words(self.words)


@dataclass(frozen=True)
class WholeNumber:
    """A whole number within bounds, both included."""

    least: int
    most: int

    def describe(self) -> str:
        """Return the values that are allowed, in words."""
        return f"{self.least} to {self.most}"

    def allows(self, number: int) -> bool:
        """Return whether the number is within the bounds."""
        return self.least <= number <= self.most

    @property
    def fault(self) -> str:
        """What to say when a value is no such number."""
        return f"Give a whole number from {self.least} to {self.most}."


@dataclass(frozen=True)
class JsonText:
    """A JSON text; `form` says in words what it holds."""

    form: str
    is_list: bool = False

    def describe(self) -> str:
        """Return the values that are allowed, in words."""
        return f"JSON {self.form}"


@dataclass(frozen=True)
class Schedule:
    """A timer schedule. The platform reads it itself and knows no default of ours, so it has to be set."""

    def describe(self) -> str:
        """Return the values that are allowed, in words."""
        return "an NCRONTAB expression of six fields, in UTC"


type ValueKind = Text | Choice | WholeNumber | JsonText | Schedule


def list_words(words: Sequence[str]) -> str:
    """Return the words as Markdown code in one phrase: `a`, `b` or `c`."""
    marked = [f"`{word}`" for word in words]
    return " or ".join((", ".join(marked[:-1]), marked[-1])) if len(marked) > 1 else marked[0]
