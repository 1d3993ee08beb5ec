"""The world: one state per API, a clock, and the seed that fills them."""

from typing import TYPE_CHECKING, Any

from twin.core.bell import Bell
from twin.core.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable


class World:
    """All state of the simulated services.

    `seed` fills an empty world; `reset` empties it and seeds it again. States are made on first use and found by
    their class: `world.state(Bookings)`. The twin reads them on its own thread while a test may change them, so
    states use single assignments and iterate over copies: a change is seen as a whole or not at all.

    bell   rings when background work of the twin should look again: after a reset or a move of the clock, for example
    sites  where on this machine the servers of public names are that the twin itself calls; a reset keeps it
    """

    def __init__(self, seed: "Callable[[World], None] | None" = None) -> None:
        self.bell = Bell()
        self.sites: dict[str, str] = {}
        self.clock = Clock(self.bell.ring)
        self._seed = seed
        self._states: dict[Any, Any] = {}
        self.reset()

    def state[S](self, kind: "Callable[[World], S]") -> S:
        """Return the state of one API, by its class."""
        if kind not in self._states:
            self._states[kind] = kind(self)
        state: S = self._states[kind]
        return state

    def reseed(self, seed: "Callable[[World], None]") -> None:
        """Empty the world and fill it with another seed, which later resets use, too."""
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        """Empty the world and seed it again."""
        self._states = {}
        self.clock.follow_machine()
        if self._seed is not None:
            self._seed(self)
        self.bell.ring()
