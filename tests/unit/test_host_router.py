"""Routes: templates, precedence, and which route hides which."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devkit.host.errors import FunctionError, UnsupportedError
from devkit.host.router import Route, Router, hidden_routes


def find(template: str, path: str, method: str = "GET") -> dict[str, str] | None:
    found = Router([Route.parse("f", template, prefix="")]).find(method, path)
    return None if found is None else found[1]


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("items", "/items", {}),
        ("/items/", "/ITEMS/", {}),
        ("Items", "/items", {}),
        ("items/{id}", "/items/7", {"id": "7"}),
        ("items/{Id}", "/items/a%20b", {"Id": "a b"}),
        ("items/{id}", "/items/a%2Fb", {"id": "a%2Fb"}),
        ("items/{id}", "/items/%E2%82%AC", {"id": "€"}),
        ("items/{id}", "/items", None),
        ("items/{id}", "/items//", None),
        ("items/{id}", "/items/7/more", None),
        ("items/{id}/parts/{part}", "/items/7/PARTS/x", {"id": "7", "part": "x"}),
        ("", "/", {}),
        # as ASP.NET Core 8.0.34 answers for the same templates
        ("p/{*a}", "/p", {}),
        ("p/{*a}", "/p/", {}),
        ("p/{*a}", "/p//", None),
        ("p/{*a}", "/p/x", {"a": "x"}),
        ("p/{*a}", "/p/x/", {"a": "x/"}),
        ("p/{*a}", "/P/x/y", {"a": "x/y"}),
        ("p/{*a}", "/p/x//y", {"a": "x//y"}),
        ("p/{*a}", "/p//x", None),
        ("p/{*a}", "/p/x%2fy/z", {"a": "x%2fy/z"}),
        ("p/{*a}", "/p/m%C3%BCller/a%20b", {"a": "müller/a b"}),
        ("p/{*a}", "/q/x", None),
        ("{*a}", "/", {}),
        ("{*a}", "/x/y/", {"a": "x/y/"}),
        ("{*a}", "//x", None),
    ],
)
def test_templates_match_as_in_aspnet(template: str, path: str, values: dict[str, str] | None) -> None:
    assert find(template, path) == values


@pytest.mark.parametrize(
    "template", ["items/{id}/{ID}", "items//{id}", "admin/users", "Administration", "runtime", "{*a}/b", "{a}/{*A}"]
)
def test_a_route_that_the_platform_refuses_is_refused(template: str) -> None:
    with pytest.raises(FunctionError):
        Route.parse("f", template)


@pytest.mark.parametrize(
    "segment",
    [
        "{id:int}",
        "{id?}",
        "{id=1}",
        "{**rest}",
        "{a}{b}",
        "{name}.json",
        "v{major}",
        "a{{b}}",
        "{id",
        "id}",
        "{}",
    ],
)
def test_a_segment_that_this_host_does_not_know_stops_the_start_with_its_text(segment: str) -> None:
    with pytest.raises(UnsupportedError, match=re.escape(f"'{segment}'. The local host knows literal segments,")):
        Route.parse("f", f"items/{segment}")


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
        ("{kind}/recent", "items/{id}", True),
        ("items/{id}", "{kind}/recent", True),
        ("ITEMS/x", "items/X", True),
        ("{*rest}", "items/{id}", True),
        ("items/{*rest}", "items", True),
        ("items/{id}", "{*rest}", False),
        ("{*rest}", "{*other}", True),
        ("items/x/{*rest}", "items/{*rest}", False),
        ("items/{*rest}", "items/x/{*rest}", True),
        ("items/{*rest}", "things/{id}", False),
    ],
)
def test_hidden_routes_are_found_without_trying_paths(early: str, late: str, *, hidden: bool) -> None:
    found = hidden_routes([Route.parse("b_late", late), Route.parse("a_early", early)])
    assert found == ([("b_late", "a_early")] if hidden else [])


def test_routes_without_a_common_method_hide_nothing() -> None:
    routes = [Route.parse("a", "items/{id}", ["GET", "PUT"]), Route.parse("b", "items/recent", ["POST"])]
    assert hidden_routes(routes) == []
    assert hidden_routes([*routes, Route.parse("c", "items/first")]) == [("c", "a")]


SEGMENTS = st.sampled_from(["x", "y", "1", "{p}"])
TEMPLATES = st.lists(SEGMENTS, min_size=1, max_size=3).map(
    lambda parts: "/".join(
        part.replace("p", f"p{index}", 1) if "{" in part else part for index, part in enumerate(parts)
    )
)
TEMPLATES = st.one_of(TEMPLATES, TEMPLATES.map(lambda template: template + "/{*rest}"))
METHODS = st.sampled_from([None, ["GET"], ["POST"]])
PATHS = [
    "/api/" + "/".join(parts)
    for size in (1, 2, 3, 4)
    for parts in itertools.product(["x", "y", "1", "zz"], repeat=size)
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
