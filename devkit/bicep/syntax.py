"""Names in Bicep text: what is declared, what is used. Enough for files of our style; the compiler does the rest."""

import re
from collections.abc import Iterator

_WORDS = frozenset(
    re.findall(
        r"\w+",
        "targetScope param var resource module output existing for in if true false null string int bool array object",
    )
)
_DECLARED = re.compile(r"^(param|var|resource|module|output) +(\w+)", re.MULTILINE)
_LOOP = re.compile(r"\bfor +(?:\((\w+), *(\w+)\)|(\w+)) +in\b")
_NAME = re.compile(r"(?<![.\w@$'-])[A-Za-z_]\w*(?![\w'-]|:|\()")


def find_declared(text: str) -> list[tuple[str, str]]:
    """Return (kind, name) of every declaration, in order; a name that stands twice is listed twice."""
    return [(found[1], found[2]) for found in _DECLARED.finditer(strip_texts(text))]


def find_loop_names(text: str) -> set[str]:
    """Return the names that loops give to their items and counters."""
    return {name for found in _LOOP.finditer(strip_texts(text)) for name in found.groups() if name}


def find_used(text: str) -> set[str]:
    """Return every name that is read: not keys, members, functions, types or the declared names themselves."""
    code = _LOOP.sub(" in", _DECLARED.sub("", strip_texts(text)))
    code = re.sub(r"\bin +(\w+):", r"in \1 :", code)  # what a loop goes through is no key
    return {found[0] for found in _NAME.finditer(code)} - _WORDS


def strip_texts(text: str) -> str:
    """Return the code without comments and without the texts between quotes; what is interpolated stays."""
    return "".join(_strip(text))


def _strip(text: str) -> Iterator[str]:
    position, depths = 0, [0]  # one count of braces for each interpolation that we are inside of
    in_text = False
    while position < len(text):
        here = text[position : position + 2]
        if in_text:
            if here[0] == "\\":
                position += 1
            elif here == "${":
                in_text, position = False, position + 1
                depths.append(0)
                yield " "
            elif here[0] == "'":
                in_text = False
                yield "''"
        elif here == "//":
            position = text.find("\n", position) - 1 if "\n" in text[position:] else len(text)
        elif here[0] == "'":
            in_text = True
        elif here[0] == "}" and len(depths) > 1 and depths[-1] == 0:
            depths.pop()
            in_text = True
            yield " "
        else:
            depths[-1] += {"{": 1, "}": -1}.get(here[0], 0)
            yield here[0]
        position += 1
