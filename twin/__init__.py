"""A twin of the services the gateway talks to, over real HTTP and HTTPS on the loopback address, with state and rules.

It imports nothing of the product: a twin that shared the product's code would share its mistakes. What is offered here
is imported when it is first used, so that a command that needs one constant does not load the whole cloud.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twin.core.faults import Answer, Cut, Delay, Drop, Fault, Garble, Hang
    from twin.simulator import Simulator, SimulatorBrokenError
    from twin.world import World

_PLACES = dict.fromkeys(("Answer", "Cut", "Delay", "Drop", "Fault", "Garble", "Hang"), "twin.core.faults")
_PLACES.update(Simulator="twin.simulator", SimulatorBrokenError="twin.simulator", World="twin.world")

__all__ = [
    "Answer",
    "Cut",
    "Delay",
    "Drop",
    "Fault",
    "Garble",
    "Hang",
    "Simulator",
    "SimulatorBrokenError",
    "World",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(name)
    return getattr(import_module(_PLACES[name]), name)
