"""The app as the platform's worker sees it."""

from tests.functional.conftest import Stage


def test_every_function_is_indexed_and_none_is_at_fault(theatre: Stage) -> None:
    assert {function.name: function.error for function in theatre.host.functions if function.error} == {}
    assert len(theatre.host.functions) == 39


def test_no_route_hides_another(theatre: Stage) -> None:
    assert theatre.host.find_hidden_routes() == []


def test_every_route_but_health_needs_a_key(theatre: Stage) -> None:
    open_to_all = {function.name for function in theatre.host.functions if function.level.name == "ANONYMOUS"}
    assert open_to_all == {"health"}
