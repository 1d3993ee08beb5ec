"""No name in the repository contains a word that docs/vocabulary.md rules out."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.house.source import ROOT, TREES, Module, modules

pytestmark = pytest.mark.xdist_group(TREES)

SECTION = (ROOT / "docs/vocabulary.md").read_text().partition("## Words that no name contains")[2]
WORD_LIST, EXCEPTION_TABLE = SECTION.split("They were names", 1)
FORBIDDEN = frozenset(re.findall(r"`([a-z]+)`", WORD_LIST))


def split_words(name: str) -> list[str]:
    """Split snake_case, CamelCase and dotted names into words, letter case kept."""
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)


ALLOWED = [
    split_words(name)
    for cell in re.findall(r"^\| (`.+?`) \|", EXCEPTION_TABLE, flags=re.MULTILINE)
    for name in re.findall(r"`([^`]+)`", cell)
]


_WORD = re.compile(r"[^\W\d]\w*")


def is_same(word: str, allowed: str) -> bool:
    """Return whether a word is the allowed one; an allowed word in small letters stands for any letter case."""
    return word == allowed or (allowed.islower() and word.lower() == allowed)


@cache
def forbidden_words(name: str) -> set[str]:
    """Return the forbidden words of a name, without those that belong to an allowed part of it."""
    words = split_words(name)
    for allowed in ALLOWED:
        for start in range(len(words) - len(allowed), -1, -1):
            part = words[start : start + len(allowed)]
            if all(map(is_same, part, allowed)):
                words[start : start + len(allowed)] = []
    return {word.lower() for word in words} & FORBIDDEN


def names_in(module: Module) -> Iterator[str]:
    """Every name that the module defines or uses."""
    yield module.name
    for node in module.nodes:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.keyword(arg=str(name)) | ast.alias(asname=str(name)):
                yield name
            case ast.TypeAlias(name=ast.Name(id=name)) | ast.TypeVar(name=name):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name


def test_the_document_lists_words_and_exceptions() -> None:
    assert {"desk", "told", "house"} <= FORBIDDEN
    assert ["out", "of", "office"] in ALLOWED


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("service_desk_url", set()),
        ("add_desk", {"desk"}),
        ("ServiceDesks", set()),
        ("ControlDesk", {"desk"}),
        ("VISIT", set()),
        ("visit", {"visit"}),
        ("test_what_is_told", {"told"}),
        ("network", set()),
        ("isToldAgain", {"told"}),
    ],
)
def test_names_are_split_into_words(name: str, found: set[str]) -> None:
    assert forbidden_words(name) == found


def test_no_name_contains_a_forbidden_word() -> None:
    found = {
        f"{module.path.relative_to(ROOT)}: {name}"
        for module in modules()
        if any(map(forbidden_words, (module.name, *_WORD.findall(module.text))))  # else it need not be parsed
        for name in names_in(module)
        if forbidden_words(name)
    }
    assert sorted(found) == []
