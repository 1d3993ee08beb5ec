"""A twin of the services the gateway talks to, over real HTTP and HTTPS on the loopback address, with state and rules.

It imports nothing of the product: a twin that shared the product's code would share its mistakes.
"""

from twin.core.faults import Answer, Cut, Delay, Drop, Fault, Garble, Hang
from twin.simulator import Simulator, SimulatorBrokenError
from twin.world import World

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
