"""Tenants with more businesses than Graph lists: 500, without a link and without a word."""

from functools import partial

import pytest

from tests.functional.conftest import Gateway
from twin.bookings.state import Bookings
from twin.seeds import bulk, sample
from twin.world import World


def many(count: int, world: World) -> None:
    bulk._seed_many(world, count)


@pytest.fixture
def crowd(gateway_process: Gateway) -> Gateway:
    gateway_process.begin(partial(many, 1200), BOOKINGS_BUSINESSES="*")
    return gateway_process


def test_all_of_1200_businesses_are_found_by_partitioned_searches(crowd: Gateway) -> None:
    answer = crowd.get("bookings/businesses").json()
    assert len(answer["value"]) == 1200
    assert len({item["id"] for item in answer["value"]}) == 1200
    assert "truncated" not in answer
    assert crowd.sim.exchanges.peaks["bookings"] <= 4


def test_a_search_that_is_cut_is_partitioned_too(crowd: Gateway) -> None:
    answer = crowd.get("bookings/businesses", search="desk").json()
    assert len(answer["value"]) == 1200


def test_a_search_below_the_cap_is_one_call(crowd: Gateway) -> None:
    crowd.get("bookings/businesses", search="Desk 0001")
    crowd.forget()
    answer = crowd.get("bookings/businesses", search="Desk 0001").json()
    assert ([item["displayName"] for item in answer["value"]], len(crowd.graph_calls())) == (["Desk 0001"], 1)


def test_names_in_other_scripts_are_found_by_their_own_letters(crowd: Gateway) -> None:
    bookings = crowd.sim.world.state(Bookings)
    names = ["Приём", "Ремонт", "相談窓口", "Ünal Servis", "#1"]
    for number, name in enumerate(names):
        bookings.add_business(f"other{number}@contoso.com", sample.TENANT_ID, {"displayName": name})
    bookings.switches.list_cap = 5_000
    everything = {item["displayName"] for item in crowd.get("bookings/businesses").json()["value"]}
    assert set(names) <= everything
    bookings.switches.list_cap = 500
    found = {item["displayName"] for item in crowd.get("bookings/businesses").json()["value"]}
    assert {"Ünal Servis", "#1"} <= found


def test_a_list_that_cannot_be_completed_says_so(gateway_process: Gateway) -> None:
    def same_names(world: World) -> None:
        bulk._seed_many(world, 0)
        for number in range(700):
            world.state(Bookings).add_business(f"b{number}@contoso.com", sample.TENANT_ID, {"displayName": "aaaa"})

    gateway_process.begin(same_names, BOOKINGS_BUSINESSES="*")
    answer = gateway_process.get("bookings/businesses").json()
    assert answer["truncated"] is True
    assert "search" in answer["message"]
    assert len(answer["value"]) >= 500


def test_businesses_on_a_short_allow_list_are_found_beyond_the_cap_one_by_one(gateway_process: Gateway) -> None:
    gateway_process.begin(
        partial(many, 1200), BOOKINGS_BUSINESSES="desk0003@contoso.com,desk1199@contoso.com,gone@contoso.com"
    )
    answer = gateway_process.get("bookings/businesses").json()
    assert [item["id"] for item in answer["value"]] == ["desk0003@contoso.com", "desk1199@contoso.com"]
    assert "truncated" not in answer
    only = gateway_process.get("bookings/businesses", search="1199").json()
    assert [item["id"] for item in only["value"]] == ["desk1199@contoso.com"]
