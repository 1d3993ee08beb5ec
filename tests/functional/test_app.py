"""The app as the platform's worker sees it."""

import pytest

from tests.functional.conftest import Gateway
from tests.house.triggers import builders

pytestmark = pytest.mark.signs_in


def test_every_function_is_indexed_and_none_is_at_fault(gateway_process: Gateway) -> None:
    assert {function.name: function.error for function in gateway_process.host.functions if function.error} == {}
    assert {function.name for function in gateway_process.host.functions} == {
        each.get_function_name() for each in builders()
    }
    assert len(gateway_process.host.functions) > 40


def test_no_route_hides_another(gateway_process: Gateway) -> None:
    assert gateway_process.host.find_hidden_routes() == []


def test_every_route_needs_a_key_but_a_few(gateway_process: Gateway) -> None:
    """Health, the descriptions, where Graph posts to, and the end of an instant trigger, whose address is signed."""
    open_to_all = {function.name for function in gateway_process.host.functions if function.level.name == "ANONYMOUS"}
    described = {"get_openapi", "get_swagger", "show_docs", "show_docs_asset"}
    described |= {"show_front", "show_console", "show_console_file", "show_console_part"}
    signed_in = {"get_signed_in", "relay_signed_in"}  # who signed in is what these look at
    assert open_to_all == {"health", "receive_graph_notifications", "end_instant_trigger"} | described | signed_in
