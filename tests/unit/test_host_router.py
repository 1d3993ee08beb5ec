"""Routes: templates, constraints, precedence, and what hides what."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devkit.host.constraints import parse_constraint
from devkit.host.errors import FunctionError
from devkit.host.router import Route, Router, hidden_routes


def find(template: str, path: str, method: str = "GET") -> dict[str, str] | None:
    found = Router([Route.parse("f", template, prefix="")]).find(method, path)
    return None if found is None else found[1]


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("items", "/items", {}),
        ("/items/", "/ITEMS/", {}),
        ("items/{id}", "/items/7", {"id": "7"}),
        ("items/{Id}", "/items/a%20b", {"Id": "a b"}),
        ("items/{id}", "/items/a%2Fb", {"id": "a%2Fb"}),
        ("items/{id}", "/items/%E2%82%AC", {"id": "€"}),
        ("items/{id}", "/items", None),
        ("items/{id}", "/items//", None),
        ("items/{id}", "/items/7/more", None),
        ("items/{id?}", "/items", {}),
        ("items/{id?}", "/items/7", {"id": "7"}),
        ("items/{id=all}", "/items", {"id": "all"}),
        ("{kind=car}/{id?}", "/", {"kind": "car"}),
        ("items/{*rest}", "/items", {}),
        ("items/{*rest}", "/items/a/b%20c", {"rest": "a/b c"}),
        ("items/{**rest}", "/items/a", {"rest": "a"}),
        ("items/{*rest=none}", "/items", {"rest": "none"}),
        ("files/{name}.{kind}", "/files/a.b.txt", {"name": "a.b", "kind": "txt"}),
        ("files/v{major}-{minor}", "/files/V1-2", {"major": "1", "minor": "2"}),
        ("files/v{major}", "/files/v", None),
        ("a{{b}}", "/a%7Bb%7D", {}),
        ("items/{id:int}", "/items/7", {"id": "7"}),
        ("items/{id:int}", "/items/x", None),
        ("items/{id:int?}", "/items", {}),
        ("items/{id:int=5}", "/items", {"id": "5"}),
        ("items/{id:int:range(1,5)}", "/items/5", {"id": "5"}),
        ("items/{id:int:range(1,5)}", "/items/6", None),
        ("items/{id:regex(^a{{2}}$)}", "/items/aa", {"id": "aa"}),
        ("items/{id:regex(^\\d+:\\d$)}", "/items/12:3", {"id": "12:3"}),
        ("", "/", {}),
    ],
)
def test_templates_match_as_in_aspnet(template: str, path: str, values: dict[str, str] | None) -> None:
    assert find(template, path) == values


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("int", ["0", "-1", "2147483647", "+5"], ["2147483648", "1.0", "x", "", "٣"]),
        ("long", ["2147483648"], ["9223372036854775808"]),
        ("bool", ["true", "FALSE"], ["1", "yes"]),
        ("double", ["1.5e3", "-.5", "7"], ["1,5x", "e5"]),
        ("float", ["1.5"], ["x"]),
        ("decimal", ["1.5", "-7"], ["1e5"]),
        (
            "guid",
            ["6F9619FF-8B86-D011-B42D-00CF4FC964FF", "{6f9619ff-8b86-d011-b42d-00cf4fc964ff}", "0" * 32],
            ["6f9619ff", "{6f9619ff-8b86-d011-b42d-00cf4fc964ff)"],
        ),
        ("datetime", ["2026-01-31", "2026-01-31T10:00:00Z", "01/31/2026"], ["31", "2026-13-01", "now"]),
        ("alpha", ["abC"], ["a1", "ä"]),
        ("length(3)", ["abc"], ["ab", "abcd"]),
        ("length(2,3)", ["ab", "abc"], ["a", "abcd"]),
        ("minlength(2)", ["ab"], ["a"]),
        ("maxlength(2)", ["ab"], ["abc"]),
        ("min(5)", ["5", "99"], ["4", "x"]),
        ("max(5)", ["5", "-9"], ["6"]),
        ("range(5,7)", ["5", "7"], ["4", "8"]),
        ("regex(b+)", ["abba", "B"], ["ac"]),
        ("required", ["x"], [""]),
    ],
)
def test_constraints_accept_and_refuse(text: str, good: list[str], bad: list[str]) -> None:
    constraint = parse_constraint(text)
    assert [value for value in good if not constraint.accepts(value)] == []
    assert [value for value in bad if constraint.accepts(value)] == []


@pytest.mark.parametrize(
    "template",
    [
        "items/{id:whole}",
        "items/{id:range(1)}",
        "items/{id:regex([)}",
        "items/{id:length}",
        "items/{id",
        "items/id}",
        "items/{}",
        "items/{a}{b}",
        "items/{id}/{ID}",
        "items//{id}",
        "{*rest}/items",
        "{id?}/items",
        "a{*rest}",
        "admin/users",
        "Administration",
        "runtime",
    ],
)
def test_a_route_that_the_platform_refuses_is_refused(template: str) -> None:
    with pytest.raises(FunctionError):
        Route.parse("f", template)


def test_the_route_is_the_functions_name_when_none_is_given() -> None:
    assert Router([Route.parse("Hello")]).find("GET", "/api/hello") is not None


def test_the_prefix_comes_first_and_may_be_empty() -> None:
    assert find("items", "/items") == {}
    assert Router([Route.parse("f", "items", prefix="v1/api")]).find("GET", "/v1/api/items") is not None


def test_a_wrong_method_is_no_match() -> None:
    router = Router([Route.parse("f", "items", ["get"])])
    assert router.find("GET", "/api/items") is not None
    assert router.find("HEAD", "/api/items") is None
    assert router.find("POST", "/api/items") is None


def test_no_methods_mean_every_method() -> None:
    assert Router([Route.parse("f", "items")]).find("PROPFIND", "/api/items") is not None


def test_the_first_function_in_the_alphabet_wins_and_not_the_most_specific_route() -> None:
    routes = [Route.parse("recent_items", "items/recent"), Route.parse("get_item", "items/{id}")]
    found = Router(routes).find("GET", "/api/items/recent")
    assert found is not None
    assert found[0].function == "get_item"


def test_underscores_come_after_all_letters_in_the_platforms_alphabet() -> None:
    names = [route.function for route in Router([Route.parse("get_all", "a"), Route.parse("getItem", "b")]).routes]
    assert names == ["getItem", "get_all"]


def test_a_wrong_method_lets_the_next_function_have_the_request() -> None:
    routes = [Route.parse("a", "items/{id}", ["POST"]), Route.parse("b", "items/recent", ["GET"])]
    found = Router(routes).find("GET", "/api/items/recent")
    assert found is not None
    assert found[0].function == "b"


@pytest.mark.parametrize(
    ("early", "late", "hidden"),
    [
        ("items/{id}", "items/recent", True),
        ("items/recent", "items/{id}", False),
        ("items/{id}", "items/{name}", True),
        ("items/{id}", "things/{id}", False),
        ("items/{id}", "items/{id}/parts", False),
        ("items/{id:int}", "items/recent", False),
        ("items/{id:int}", "items/42", True),
        ("items/{id:int}", "items/{name}", False),
        ("items/{name}", "items/{id:int}", True),
        ("items/{id:int}", "items/{id:long}", False),
        ("items/{id:long}", "items/{id:int}", True),
        ("items/{id:int}", "items/{id:guid}", False),
        ("items/{id:alpha}", "items/{id:length(3)}", True),
        ("items/{id:range(1,5)}", "items/{id:range(6,9)}", False),
        ("items/{id:range(1,5)}", "items/{id:range(4,9)}", True),
        ("items/{id:regex(^a)}", "items/{id:regex(^b)}", True),
        ("{kind}/recent", "items/{id}", True),
        ("items/{id}", "{kind}/recent", True),
        ("items/{id?}", "items", True),
        ("items", "items/{id?}", False),
        ("items/{page=1}", "items/{id}", True),
        ("{*rest}", "items/{id}/parts", True),
        ("items/{*rest}", "items", True),
        ("items/{id}", "{*rest}", False),
        ("items/{*rest}", "things/{*rest}", False),
        ("files/{name}.json", "files/readme.json", True),
        ("files/{name}.json", "files/readme.txt", False),
        ("files/{name}.json", "files/{name}", False),
        ("ITEMS/x", "items/X", True),
    ],
)
def test_hidden_routes_are_found_without_trying_paths(early: str, late: str, *, hidden: bool) -> None:
    found = hidden_routes([Route.parse("b_late", late), Route.parse("a_early", early)])
    assert found == ([("b_late", "a_early")] if hidden else [])


def test_routes_without_a_common_method_hide_nothing() -> None:
    routes = [Route.parse("a", "items/{id}", ["GET", "PUT"]), Route.parse("b", "items/recent", ["POST"])]
    assert hidden_routes(routes) == []
    assert hidden_routes([*routes, Route.parse("c", "items/first")]) == [("c", "a")]


SEGMENTS = st.sampled_from(["x", "y", "1", "{p}", "{p:int}", "{p:alpha}", "{p:length(1)}"])
TEMPLATES = st.lists(SEGMENTS, min_size=1, max_size=3).map(
    lambda parts: "/".join(
        part.replace("p", f"p{index}", 1) if "{" in part else part for index, part in enumerate(parts)
    )
)
METHODS = st.sampled_from([None, ["GET"], ["POST"]])
PATHS = [
    "/api/" + "/".join(parts)
    for size in (1, 2, 3)
    for parts in itertools.product(["x", "y", "zz", "1", "22"], repeat=size)
]


@given(TEMPLATES, METHODS, TEMPLATES, METHODS)
def test_a_route_that_gets_no_requests_of_its_own_is_always_reported(
    early: str, early_methods: list[str] | None, late: str, late_methods: list[str] | None
) -> None:
    first, second = Route.parse("a", early, early_methods), Route.parse("b", late, late_methods)
    wanted = {(method, path) for method in ("GET", "POST") for path in PATHS if Router([second]).find(method, path)}
    taken = {each for each in wanted if Router([first]).find(*each)}
    early_takes = {(method, path) for method in ("GET", "POST") for path in PATHS if Router([first]).find(method, path)}
    reported = bool(hidden_routes([first, second]))
    if wanted and taken == wanted and early_takes != wanted:
        assert reported
    if not taken:
        assert not reported
