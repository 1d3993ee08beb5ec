"""Expressions of flows are read as the platform reads them."""

import pytest

from devkit.flows.expressions import (
    Call,
    ExpressionError,
    Literal,
    Member,
    find_expressions,
    parse_expression,
    walk,
)
from devkit.flows.rewriting import as_expression, replace_parameters, unfold_paths


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain", []),
        ("@utcNow()", ["utcNow()"]),
        ("a @{one()} b @{two()}", ["one()", "two()"]),
        ("@{concat('}', '@{')}", ["concat('}', '@{')"]),
        ("@@literal", []),
        ("mail @@{not}", []),
        ("someone@example.com", []),
    ],
)
def test_expressions_are_found_in_texts(text: str, found: list[str]) -> None:
    assert find_expressions(text) == found


def test_an_expression_becomes_a_tree() -> None:
    assert parse_expression("first(body('A')?['value'])?['b'].c[0]") == Member(
        Member(
            Member(
                Call("first", (Member(Call("body", (Literal("A"),)), Literal("value"), is_optional=True),)),
                Literal("b"),
                is_optional=True,
            ),
            Literal("c"),
        ),
        Literal(0),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"), [("'it''s'", "it's"), ("-3", -3), ("1.5", 1.5), ("true", True), ("null", None)]
)
def test_literals_are_read(text: str, value: object) -> None:
    assert parse_expression(text) == Literal(value)  # type: ignore[arg-type]  # each of them is one


@pytest.mark.parametrize("text", ["", "concat('a'", "a", "body('A')?", "body('A')['b'", "one() two()", "f(,)", "'open"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(text)


def test_everything_below_is_walked() -> None:
    calls = [node.name for node in walk(parse_expression("if(empty(a()),b()[c()],d())")) if isinstance(node, Call)]
    assert sorted(calls) == ["a", "b", "c", "d", "empty", "if"]


@pytest.mark.parametrize(
    ("value", "expression"),
    [
        ("plain", "'plain'"),
        ("it's", "'it''s'"),
        ("@utcNow()", "utcNow()"),
        ("@{utcNow()}", "utcNow()"),
        ("a-@{b()}-c", "concat('a-', b(), '-c')"),
        (7, "7"),
        (True, "true"),
    ],
)
def test_values_become_expressions(value: object, expression: str) -> None:
    assert as_expression(value) == expression


def test_paths_that_only_power_automate_reads_are_unfolded() -> None:
    assert unfold_paths("@concat(outputs('A')?['body/b/c'],triggerOutputs()?['body/d'],body('E')?['f'])") == (
        "@concat(outputs('A')?['body']?['b']?['c'],triggerOutputs()?['body']?['d'],body('E')?['f'])"
    )


def test_parameters_are_replaced_by_their_whole_name() -> None:
    text = "@concat(parameters('A (x_A)'),parameters('AB (x_AB)'))"
    assert replace_parameters(text, {"A (x_A)": "one()"}) == "@concat(one(),parameters('AB (x_AB)'))"
