"""Every error says what happened and what to do."""

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from tests.house.source import TREES, Module, deployed

pytestmark = pytest.mark.xdist_group(TREES)

_SENTENCE_END = re.compile(r"[.?!](?=\s|$)")
_PLACEHOLDER = "…"
# What an error says whose message is passed on: it was checked where it was made. `text` is that of a refused sign-in.
_CHECKED, _PASSED_ON = "It failed. Try what was said", ("message", "text")
# Classes that hold their own sentences: the call gives none.
_WITHOUT_MESSAGE = {"SettingsError"}
# What a sentence begins with that says what to do.
_INSTRUCTIONS = re.compile(
    "(Add|Allow|Ask|Assign|Begin|Cancel|Change|Check|Choose|Copy|Correct|Deliver|Find|Get|Give|Grant|Handle|Leave|Let|"
    "List|Look|Lower|Make|Name|Narrow|Open|Put|Read|Redeliver|Reopen|Report|Run|Search|Send|Set|Settle|Store|Take|Try|"
    "Use|Wait|Write|Known:|An administrator (can|finds)) "
)


def test_every_error_says_in_a_further_sentence_what_to_do() -> None:
    classes = _error_classes()
    found = [(module, line, text) for module in deployed() for line, text in _messages(module, classes)]
    assert len(found) > 200  # the search itself works
    silent = [f"{module.path.name}:{line}: {text}" for module, line, text in found if not _instructs(text)]
    assert silent == []


def test_the_check_sees_a_message_without_an_instruction(tmp_path: Path) -> None:
    assert not _instructs("Microsoft Graph failed to answer.")
    assert not _instructs("Microsoft Graph failed to answer. It is not known why.")
    assert _instructs("Microsoft Graph failed to answer. Try again later.")
    source = 'text = f"{name} is wrong."\nraise Invalid(text if name else "Name it.", code="WrongType")'
    (tmp_path / "sample.py").write_text(source)
    module = Module("sample", tmp_path / "sample.py")
    assert {text for _, text in _messages(module, {"Invalid"})} == {f"{_PLACEHOLDER} is wrong.", "Name it."}


_COUNTED = re.compile(
    " (?:free |booking )?(attendees|businesses|comments|connections|customers|days|faults|files|hours|items|mailboxes|"
    "mails|minutes|seats|sinks|tickets|times)\\b"
)
# Numbers that are never 1: constants, and these.
_SEVERAL = {
    "agenda: seats",
    "pickers: seats",
    "booking: len(plan.customers)",
    "changing: count",
    "_fields: longest.days",
    "_subscription_fields: LONGEST_LIFE.days",
}


def test_a_number_of_one_has_its_noun_in_the_singular() -> None:
    """`count_of` writes "1 customer"."""
    found = {
        f"{module.path.stem}: {ast.unparse(number.value)}"
        for module in deployed() for text in module.nodes if isinstance(text, ast.JoinedStr)
        for number, noun in pairwise(text.values)
        if isinstance(number, ast.FormattedValue) and isinstance(noun, ast.Constant)
        if _COUNTED.match(str(noun.value)) and not ast.unparse(number.value).isupper()
    }  # fmt: skip
    assert found == _SEVERAL


def _instructs(text: str) -> bool:
    _first, *others = [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]
    return any(_INSTRUCTIONS.match(f"{sentence} ") for sentence in others)


def _error_classes() -> set[str]:
    """Return the names of all errors of the family, and of what makes one of them for a status."""
    found = {"GatewayError", "StatusError"}
    bases = [
        (node.name, {each.id for each in node.bases if isinstance(each, ast.Name)})
        for module in deployed() for node in module.nodes if isinstance(node, ast.ClassDef)
    ]  # fmt: skip
    while more := {name for name, above in bases if above & found} - found:
        found |= more
    return found - _WITHOUT_MESSAGE


def _messages(module: Module, classes: set[str]) -> Iterator[tuple[int, str]]:
    """Yield line and text of each message that a module gives to an error; a message that is passed on is not one."""
    texts = _assigned_texts(module)
    for node in module.nodes:
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            is_class = isinstance(function, ast.Name) and name in classes
            if is_class or name == "restate":
                message = _message_of(node.args, classes)
                yield from ((node.lineno, text) for text in _read(message, texts))
        elif isinstance(node, ast.Tuple) and node.elts and getattr(node.elts[0], "id", "") in classes:
            is_entry = isinstance(node.elts[-1], ast.Constant | ast.JoinedStr)  # (class, code, message)
            yield from ((node.lineno, text) for text in (_read(node.elts[-1], texts) if is_entry else ()))


def _message_of(arguments: Sequence[ast.expr], classes: set[str]) -> ast.expr | None:
    """Return the first argument, or the second if the first is the class of an error."""
    if len(arguments) > 1 and getattr(arguments[0], "id", "") in classes:
        return arguments[1]
    return arguments[0] if arguments else None


def _assigned_texts(module: Module) -> dict[str, list[ast.expr]]:
    """Return what the names of a module are assigned, those that it imports from another deployed module as well."""
    found: dict[str, list[ast.expr]] = {}
    imported = {
        alias.name
        for node in module.nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name.isupper()
    }
    constants = [node for each in deployed() for node in each.tree.body if isinstance(node, ast.Assign)]
    taken = [node for node in constants if getattr(node.targets[0], "id", "") in imported]
    for node in (*module.nodes, *taken):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    return found


def _read(node: ast.expr | None, texts: dict[str, list[ast.expr]]) -> list[str]:
    """Return the texts that an expression can be; what is not known stands as a placeholder."""
    match node:
        case ast.Constant(str(text)):
            found = [text]
        case ast.JoinedStr(parts):
            found = _joined([_read(part, texts) for part in parts])
        case ast.FormattedValue(ast.Name(name)) | ast.Name(name) if name in texts:
            others = {each: values for each, values in texts.items() if each != name}
            found = [text for value in texts[name] for text in _read(value, others)]
        case ast.FormattedValue(ast.Attribute(_, name)) | ast.Attribute(_, name) if name in _PASSED_ON:
            found = [_CHECKED]
        case ast.FormattedValue():
            found = [_PLACEHOLDER]
        case ast.IfExp(_, body, otherwise):
            found = _read(body, texts) + _read(otherwise, texts)
        case ast.BinOp(left, ast.Add(), right):
            found = _joined([_read(left, texts), _read(right, texts)])
        case _:
            found = []
    return found


def _joined(parts: Sequence[Sequence[str]]) -> list[str]:
    found = [""]
    for part in parts:
        found = [text + more for text in found for more in part or (_PLACEHOLDER,)]
    return found
