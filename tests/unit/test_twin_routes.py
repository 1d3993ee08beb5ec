import pytest

from twin.core.routes import Found, Miss, Router, Routes
from twin.core.wire import Call, Reply


def answer(call: Call, state: object) -> Reply:
    _ = call, state
    return Reply()


def make_router(*lines: str) -> Router[str]:
    routes = Routes[object]()
    for line in lines:
        method, pattern = line.split()
        routes.add(method, pattern)(answer)
    return Router([("api", routes)])


def test_literal_segments_win_over_parameters_and_are_found_without_case() -> None:
    router = make_router("GET /secrets/{name}/versions", "GET /secrets/{name}/{version}")

    by_literal = router.find("GET", "/Secrets/one/VERSIONS")
    by_parameter = router.find("GET", "/secrets/one/2/")

    assert isinstance(by_literal, Found)
    assert (by_literal.route.pattern, by_literal.params) == ("/secrets/{name}/versions", {"name": "one"})
    assert isinstance(by_parameter, Found)
    assert by_parameter.params == {"name": "one", "version": "2"}


def test_a_literal_turning_that_leads_nowhere_is_taken_back() -> None:
    router = make_router("GET /common/userrealm/{user}", "POST /{tenant}/oauth2/v2.0/token")

    found = router.find("POST", "/common/oauth2/v2.0/token")

    assert isinstance(found, Found)
    assert found.params == {"tenant": "common"}


@pytest.mark.parametrize(
    ("method", "path", "miss"),
    [
        ("GET", "/v1.0/desks/1/chairs", Miss("chairs")),
        ("GET", "/v1.0/tables", Miss("tables")),
        ("GET", "/v2.0/desks", Miss("v2.0")),
        ("GET", "/", Miss("/")),
        ("GET", "/v1.0", Miss("v1.0")),
        ("PUT", "/v1.0/desks", Miss("", ("GET", "POST"))),
        ("GET", "/v1.0/desks/1/a/b", Miss("a")),
    ],
)
def test_a_miss_names_what_was_unknown(method: str, path: str, miss: Miss) -> None:
    router = make_router("GET /v1.0/desks", "POST /v1.0/desks", "GET /v1.0/desks/{id}")

    assert router.find(method, path) == miss


def test_two_answers_for_one_path_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="answered twice"):
        make_router("GET /a/{x}", "GET /a/{y}")
