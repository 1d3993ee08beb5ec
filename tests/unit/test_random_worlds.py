"""Free slots of random booking pages, against an oracle that was written from the documents alone."""

import pytest

from devkit.commands import main
from devkit.random_worlds import comparing
from devkit.random_worlds.comparing import compare
from devkit.random_worlds.making import make_world
from devkit.random_worlds.oracle import Offer
from devkit.random_worlds.plan import Plan
from devkit.random_worlds.product import find_slots
from devkit.random_worlds.world import World


@pytest.mark.slow(reason="compares hundreds of worlds", seconds=4)
def test_slots_of_random_worlds_are_those_of_the_documents() -> None:
    found = compare(Plan(worlds=300))
    assert found.is_good, found.describe()
    assert found.with_slots > 120
    assert found.with_groups > 15


def test_a_number_makes_the_same_world() -> None:
    assert make_world(7) == make_world(7)
    assert make_world(7) != make_world(8)


def test_a_difference_is_made_small_and_described(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As if the product offered nothing at ten, and failed for pages with a certain buffer."""

    def find_other_slots(world: World) -> list[Offer]:
        if world.after == 60:
            raise KeyError("postBuffer")
        return [slot for slot in find_slots(world) if "T10:" not in slot.start_local]

    monkeypatch.setattr(comparing, "find_slots", find_other_slots)
    assert main(["slots", "--worlds", "20", "--first", "100"]) == 1
    shown = capsys.readouterr().out
    texts = shown.split("\n\n")
    assert "the product failed: KeyError('postBuffer')" in shown
    missing = next(text for text in texts if "missing:" in text)
    assert "T10:00:00" in missing
    assert "appointment" not in missing
    assert "timeOff" not in missing
    assert texts[-1].startswith("20 worlds, ")


def test_the_command_says_what_it_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slots", "--worlds", "3"]) == 0
    assert capsys.readouterr().out.startswith("3 worlds, ")
