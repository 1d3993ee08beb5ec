"""What makers can pick after each operation: few tokens at once, each with a title of its own.

Counted as Microsoft's designer does (`devkit/connector/tokens.py`), over every operation.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from devkit.connector.answers import load_definition
from devkit.connector.shapes import keep_in_view, list_of, text, thing
from devkit.connector.tokens import Token, list_tokens

MOST_IN_VIEW = 60
DOCUMENT = load_definition().document
OPERATIONS = load_definition().operations()
NAMES = sorted(OPERATIONS)
# Not the maker's words: designers have their own for the whole answer and for one entry of a list.
_NAMED_BY_DESIGNERS = ("Body", "Item")


def tokens(name: str) -> list[Token]:
    return list_tokens(OPERATIONS[name][2], DOCUMENT)


def repeated(titles: Iterable[str]) -> list[str]:
    return [title for title, count in Counter(titles).items() if count > 1]


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_offers_few_tokens_at_once(name: str) -> None:
    """Makers see these before they ask for more; answers of the largest operations have four times as many."""
    assert len([token for token in tokens(name) if token.is_in_view]) <= MOST_IN_VIEW


@pytest.mark.parametrize("name", NAMES)
def test_no_title_stands_twice(name: str) -> None:
    titled = [token for token in tokens(name) if token.own_title != token.key.rpartition("/")[2]]
    assert repeated(token.title for token in titled) == []  # in view or not
    shown = [token for token in tokens(name) if token.is_in_view]
    assert repeated(token.title for token in shown) == []
    # some designers leave out the titles of lists and objects around it
    assert repeated(token.own_title for token in shown if token.own_title not in _NAMED_BY_DESIGNERS) == []


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_in_view_has_a_title_in_words(name: str) -> None:
    shown = [token for token in tokens(name) if token.is_in_view]
    assert [token.key for token in shown if token.own_title in ("", token.key.rpartition("/")[2])] == []


@pytest.mark.parametrize("name", NAMES)
def test_siblings_have_different_titles_even_where_nobody_looks_at_once(name: str) -> None:
    families: dict[str, list[str]] = {}
    for token in tokens(name):
        families.setdefault(token.key.rpartition("/")[0], []).append(token.own_title)
    assert {place: repeated(titles) for place, titles in families.items() if repeated(titles)} == {}


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_with_an_answer_shows_it(name: str) -> None:
    """Some tokens beside the whole; a file is one token, and where nothing is answered there is none."""
    responses = OPERATIONS[name][2]["responses"]
    schemas = [response["schema"] for response in responses.values() if "schema" in response]
    expected = 0 if "204" in responses else 1 if schemas[0].get("format") == "binary" else 2
    assert len([token for token in tokens(name) if token.is_in_view]) >= expected
    assert (tokens(name) == []) == ("204" in responses)


@pytest.mark.parametrize("name", NAMES)
def test_no_operation_has_two_schemas_that_questions_fill(name: str) -> None:
    """Microsoft's designer follows the first and forgets the others (`getOutputParametersFromSwagger`)."""
    assert len([token for token in tokens(name) if token.is_dynamic]) <= 1


def test_fewer_actions_come_first_than_last() -> None:
    """Designers list what is important first, and what is advanced last: if all were important, nothing would be."""
    by_visibility: dict[str, list[str]] = {}
    for name, (_, _, operation) in OPERATIONS.items():
        if "x-ms-trigger" not in operation:
            by_visibility.setdefault(operation["x-ms-visibility"], []).append(name)
    assert len(by_visibility["important"]) < len(by_visibility["advanced"])


def test_files_come_as_bytes() -> None:
    """Engines read text/* as text and JSON as objects: only octets arrive as they were sent."""
    files = {
        name: operation.get("produces")
        for name, (_, _, operation) in OPERATIONS.items()
        if any(response.get("schema", {}).get("format") == "binary" for response in operation["responses"].values())
    }
    assert files == {"GetMailAttachment": ["application/octet-stream"], "ExportMail": ["application/octet-stream"]}
    assert [name for name, (_, _, each) in OPERATIONS.items() if "produces" in each and name not in files] == []


def test_the_page_s_own_zone_is_meant_wherever_a_zone_may_be_left_out() -> None:
    asked = [
        shape
        for _, _, operation in OPERATIONS.values()
        for one in load_definition().parameters(operation)
        for shape in ([one] if one["name"] == "timeZone" else find_named(one, "timeZone"))
    ]
    assert len(asked) > 20
    assert [one for one in asked if "default" in one or "page's own" not in one["description"]] == []


def find_named(node: Any, name: str) -> Iterator[Any]:
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict) and name in node["properties"]:
            yield node["properties"][name]
        for inner in node.values():
            yield from find_named(inner, name)
    elif isinstance(node, list):
        for inner in node:
            yield from find_named(inner, name)


def test_answers_go_by_keys_wherever_they_are_read_or_written() -> None:
    """A question's text is no name of a field: “/” separates levels in flows. Its title is shown, or its list named."""
    found = list(find_named(DOCUMENT, "answers"))
    assert len(found) > 4
    for shape in found:
        assert "x-ms-dynamic-schema" in shape or "keys" in shape["description"], shape


def answering(shape: Any, **more: Any) -> Any:
    return {"responses": {"200": {"schema": shape}, "400": {}}, **more}


PERSON = {"name": text("Name", "A name."), "mail": text("Mail", "An address.")}


def test_tokens_are_found_as_microsofts_parser_finds_them() -> None:
    """The cases of its own tests (`schemaprocessor.spec.ts`): prefixes of objects and lists, items, parents."""
    shape = thing({"rows": list_of(thing(PERSON), "Child", "Rows."), "more": thing(PERSON, "Boss", "Who leads.")})
    found = {token.key: token.title for token in list_tokens(answering(shape), {})}
    assert found == {
        "": "Body", "rows": "Child", "rows/[*]": "Child Item", "rows/[*]/name": "Child Name",
        "rows/[*]/mail": "Child Mail", "more": "Boss", "more/name": "Boss Name", "more/mail": "Boss Mail",
    }  # fmt: skip
    titled = list_of(thing(PERSON, "Row", "One."), "Child", "Rows.")
    assert [token.title for token in list_tokens(answering(titled), {})] == ["Child", "Row", "Row Name", "Row Mail"]


def test_the_list_that_a_trigger_splits_is_no_token() -> None:
    shape = thing({"value": list_of(thing(PERSON), "Person", "People.")})
    keys = [token.key for token in list_tokens(answering(shape, **{"x-ms-trigger": "batch"}), {})]
    assert keys == ["", "value/[*]", "value/[*]/name", "value/[*]/mail"]


def test_what_is_in_an_advanced_object_is_advanced_unless_it_is_marked() -> None:
    inner = thing(PERSON | {"tie": text("Tie", "Its colour.", visibility="important")}, visibility="advanced")
    hidden = text("Version", "For machines.", visibility="internal")
    shape = thing(keep_in_view({"a": text("A", "In view."), "b": text("B", "Not."), "c": inner, "d": hidden}, "a"))
    found = {token.key for token in list_tokens(answering(shape), {}) if token.is_in_view}
    assert found == {"", "a", "c/tie"}


def test_an_answer_under_another_status_is_not_seen() -> None:
    schema = {"schema": thing(PERSON)}
    assert list_tokens({"responses": {"202": schema, "400": {}}}, {}) == []
    assert len(list_tokens({"responses": {"201": schema, "400": {}}}, {})) == 3
