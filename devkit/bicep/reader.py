"""Runs in the tools' environment: reads {"texts", "classes"} from stdin, writes {"files", "models"} to stdout.

A file is {"declared", "used", "scoped", "unread"}: what it declares, each {kind, name, type, decorators, path,
existing, value, hasValue}; the names that are read; those that loops and functions give; the places that the grammar
does not know. A value is what JSON has, and {"code": text} for an expression; loops and conditions are left out.

A model is {property: kind}; a kind is str, int, bool, any, {"enum": values}, {"list": kind}, {"map": kind}, {"class":
model} or {"fields": model}; what must be given stands under "$required". The management libraries come in two
generations: fields with type hints, and `_attribute_map` with types as texts.
"""

import enum
import importlib
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

_PLAIN = {"str": "str", "int": "int", "long": "int", "bool": "bool"}
_SPREAD = "_: "
_AROUND = ("if_statement", "for_statement", "parenthesized_expression")
# the places of a name that is no reading of it: what it is in, and whether it must be the first name there
_NO_READING = {
    "object_property": True,
    "call_expression": True,
    "lambda_expression": True,
    "for_statement": True,
    "for_loop_parameters": False,
    "parameter": True,
    "import_functionality": False,
    "decorator": False,
}


def main() -> None:
    """Answer one request."""
    asked = json.load(sys.stdin)
    models: dict[str, dict[str, Any]] = {}
    for name in asked["classes"]:
        _describe(name, models)
    tree_sitter, bicep = map(importlib.import_module, ("tree_sitter", "tree_sitter_bicep"))
    parser = tree_sitter.Parser(tree_sitter.Language(bicep.language()))
    files = [_read_file(parser.parse(_replace_spreads(text).encode()).root_node) for text in asked["texts"]]
    json.dump({"files": files, "models": models}, sys.stdout)


def _replace_spreads(text: str) -> str:
    """Return the text with what the grammar reads in place of `...first`: a property, in a list an entry."""
    for found in reversed(list(re.finditer(r"\.\.\.(?=[\w(])", text))):
        closed, start = 0, found.start()
        while start and closed >= 0:
            start -= 1
            closed += (text[start] in "}])") - (text[start] in "{[(")
        text = text[: found.start()] + (_SPREAD if text[start] == "{" else "   ") + text[found.end() :]
    return text


def _read_file(root: Any) -> dict[str, Any]:
    nodes = list(_walk(root))
    unread = [each for each in nodes if each.is_missing or each.type == "ERROR"]
    return {
        "declared": list(_list_declared(root)),
        "used": sorted({_text(each) for each in nodes if each.type == "identifier" and _is_reading(each)}),
        "scoped": sorted({_text(each) for each in nodes if _is_scoped(each)}),
        "unread": [f"line {each.start_point[0] + 1}: {_text(each)[:60]}" for each in unread],
    }


def _walk(node: Any) -> Iterator[Any]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _list_declared(root: Any) -> Iterator[dict[str, Any]]:
    decorators: dict[str, Any] = {}
    for node in root.named_children:
        if node.type == "decorators":
            calls = [each.named_children[0] for each in node.named_children]
            decorators = {_text(each.named_children[0]): _read_arguments(each) for each in calls}
        if node.type == "import_functionality":
            for each in node.named_children[:-1]:
                yield {"kind": "import", "name": _text(each), "decorators": {}}
        if not node.type.endswith("_declaration"):
            continue
        name, *more = node.named_children
        kind = next((_text(each) for each in more if each.type == "type"), "")
        path = _read_value(more[0]) if node.type in ("resource_declaration", "module_declaration") else ""
        yield {
            "kind": node.type.removesuffix("_declaration"), "name": _text(name), "type": kind, "path": path,
            "decorators": decorators, "existing": any(each.type == "existing" for each in node.children),
            "value": _read_body(more[-1]) if more and more[-1].type != "type" else None,
            "hasValue": any(each.type == "=" for each in node.children),
        }  # fmt: skip
        decorators = {}


def _read_arguments(call: Any) -> list[Any]:
    return [_read_value(each) for each in call.named_children[-1].named_children]


def _read_body(node: Any) -> Any:
    while node.type in _AROUND:
        node = node.named_children[-1]
    return _read_value(node)


def _read_value(node: Any) -> Any:
    if node.type == "object" and _SPREAD not in _text(node):
        pairs = [each.named_children for each in node.named_children if each.type == "object_property"]
        return {_text(pair[0]).strip("'"): _read_value(pair[-1]) for pair in pairs}
    if node.type == "array" and not any(each.type == "for_statement" for each in node.named_children):
        return [_read_value(each) for each in node.named_children if each.type != "comment"]
    if node.type == "string" and not any(each.type == "interpolation" for each in node.named_children):
        return _text(node)[1:-1].replace("\\'", "'")
    return json.loads(_text(node)) if node.type in ("number", "boolean", "null") else {"code": _text(node)}


def _is_reading(node: Any) -> bool:
    parent, first = node.parent, node.parent.named_children[0]
    if parent.type.endswith("_declaration") or parent.type == "user_defined_function":
        return bool(node.id != first.id)
    if parent.type in _NO_READING:
        return _NO_READING[parent.type] and node.id != first.id
    return True


def _is_scoped(node: Any) -> bool:
    if node.type in ("loop_variable", "loop_enumerator"):
        return True
    named = node.type == "identifier" and node.parent.type in ("lambda_expression", "for_statement", "parameter")
    return bool(named and node.id == node.parent.named_children[0].id)


def _text(node: Any) -> str:
    return str(node.text.decode())


def _describe(name: str, models: dict[str, dict[str, Any]]) -> None:
    """Describe a class, `module:class`, and those that it is made of."""
    if name in models:
        return
    models[name] = {}
    module = importlib.import_module(name.partition(":")[0])
    cls = getattr(module, name.partition(":")[2])
    for wire, kind, is_required in _list_old(cls) if hasattr(cls, "_attribute_map") else _list_new(cls):
        fields = models[name]
        *above, last = [each.replace("\0", ".") for each in wire.split(".")]
        for each in (*above, last):
            if is_required:
                fields.setdefault("$required", []).append(each)
            if each != last:
                fields = fields.setdefault(each, {"fields": {}})["fields"]
        fields[last] = _read_kind(kind, module, models)


def _list_old(cls: Any) -> Iterator[tuple[str, str, bool]]:
    required = {name for name, rules in getattr(cls, "_validation", {}).items() if rules.get("required")}
    for name, each in cls._attribute_map.items():
        yield each["key"].replace("\\.", "\0"), each["type"], name in required


def _list_new(cls: type) -> Iterator[tuple[str, str, bool]]:
    for base in reversed(cls.__mro__):
        for name, hint in getattr(base, "__annotations__", {}).items():
            field: Any = vars(base).get(name)
            if type(field).__name__ == "_RestField":
                wire = (field._rest_name_input or name).replace(".", "\0")  # noqa: SLF001 - the library keeps it nowhere else
                is_required = not re.search("Optional|None", repr(hint)) and field._visibility != ["read"]  # noqa: SLF001 - as above
                yield wire, repr(hint), is_required


def _read_kind(text: str, module: Any, models: dict[str, dict[str, Any]]) -> Any:
    """Return the kind that a type stands for: `[Sku]` or `Optional[list[ForwardRef('_models.Sku')]]`, and the like."""
    if found := re.search(r"(?:^\[|\b[Ll]ist\[)(.+)\]", text):
        return {"list": _read_kind(found[1], module, models)}
    if found := re.search(r"(?:^\{|\b[Dd]ict\[str, )(.+)[\]}]", text):
        return {"map": _read_kind(found[1], module, models)}
    word = re.findall(r"\w+", text.replace("NoneType", ""))[-1]
    cls = getattr(module, word, None)
    if word in _PLAIN or not isinstance(cls, type):
        return _PLAIN.get(word, "any")
    if issubclass(cls, enum.Enum):
        return {"enum": [str(each.value) for each in cls]}
    _describe(f"{module.__name__}:{word}", models)
    return {"class": f"{module.__name__}:{word}"}


if __name__ == "__main__":
    main()
