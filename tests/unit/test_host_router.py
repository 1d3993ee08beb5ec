"""Routes: templates, precedence, and which route hides which."""

import itertools
import re

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from devkit.host.errors import FunctionError, UnsupportedError
from devkit.host.router import Route, Router, hidden_routes
from devkit.host.web import RefusedRequestError, Request
from tests.unit.host_vectors import read_vectors


def parse(prefix: str, route: str) -> Route | None:
    """Return the route, or None where the local host refuses to start."""
    try:
        return Route.parse("F", route, prefix=prefix)
    except (FunctionError, UnsupportedError):
        return None


def read(target: str) -> Request | None:
    path, _, query = target.partition("?")
    scope = {"method": "GET", "scheme": "http", "http_version": "1.1", "headers": [(b"host", b"h")]}
    try:
        return Request.read(scope | {"raw_path": path.encode(), "query_string": query.encode()})
    except RefusedRequestError:
        return None


def given(values: dict[str, str | None] | None) -> dict[str, str] | None:
    """Leave out parameters without a value, as the platform does before it calls a worker."""
    return None if values is None else {name: value for name, value in values.items() if value is not None}


def test_no_template_is_taken_that_the_platform_refuses() -> None:
    templates = read_vectors("routes")["templates"]
    assert [[prefix, route] for prefix, route, error in templates if error and parse(prefix, route)] == []
    assert sum(1 for prefix, route, _ in templates if parse(prefix, route)) > 20


def test_templates_match_as_in_aspnet() -> None:
    count = 0
    for prefix, template, cases in read_vectors("routes")["matches"]:
        if (route := parse(prefix, template)) is None:
            continue
        for target, values in cases:
            request = read(target)
            found = Router([route]).find("GET", request.path) if request else None
            assert (found and found[1]) == given(values), (template, target)
            count += 1
    assert count > 300


def test_functions_are_chosen_as_by_the_platform() -> None:
    count = 0
    for table in read_vectors("routes")["tables"]:
        try:
            router = Router(
                [Route.parse(name, route, methods, table["prefix"]) for name, route, methods in table["functions"]]
            )
        except UnsupportedError:
            assert table["name"] != "product"
            continue
        assert [route.function for route in router.routes] == table["order"]
        for method, target, function, values in table["requests"]:
            request = read(target)
            found = router.find(method, request.path) if request else None
            assert (found and (found[0].function, found[1])) == (function and (function, given(values))), target
            count += 1
    assert count > 300


def test_addresses_are_read_and_written_anew_as_by_kestrel() -> None:
    different, refused = [], []
    for target, status, path, url, _ in read_vectors("routes")["targets"]:
        request = None if " " in target else read(target)  # h11 refuses the blank
        if request is None and status == 200:
            refused.append(target)
        elif (request and (request.path, request.url)) != (path and (path, url)):
            different.append(target)
    assert refused == ["http://h/x", "http://h/a%20b", "https://h/x"]
    assert different == ["/api/p/x?", "/?"]  # the server library tells nobody of a lone "?"


@pytest.mark.parametrize("route", ["admin/users", "Administration", "runtime"])
def test_a_route_that_the_host_keeps_for_itself_puts_the_function_in_error(route: str) -> None:
    with pytest.raises(FunctionError, match="built in routes"):
        Route.parse("f", route)


@pytest.mark.parametrize(
    "segment", ["{id:int}", "{id?}", "{**rest}", "v{major}", "{id", "%NAME%", "a b", "", "{id}/{ID}"]
)
def test_a_template_that_this_host_does_not_know_stops_the_start_with_its_text(segment: str) -> None:
    with pytest.raises(UnsupportedError, match=re.escape(f"'api/items/{segment}' is none that the local host knows")):
        Route.parse("f", f"items/{segment}")


def test_the_route_is_the_functions_name_when_none_is_given() -> None:
    assert Router([Route.parse("Hello")]).find("GET", "/api/hello") is not None
    assert Router([Route.parse("Hello", "")]).find("GET", "/api/hello") is not None


def test_the_prefix_comes_first_and_may_be_empty() -> None:
    assert Router([Route.parse("f", "items", prefix="")]).find("GET", "/items") is not None


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


@for_all(TEMPLATES, METHODS, TEMPLATES, METHODS)
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
