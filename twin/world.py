"""The world behind the wire: one state per api, a clock, and the seed that made it."""

from typing import TYPE_CHECKING, Any

from twin.core.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable


class World:
    """All state of the simulated services.

    `seed` fills an empty world; `reset` empties it and seeds it again. States are made on first use and found by
    their class: `world.state(Bookings)`. The simulator reads them on its own thread while a test may change them:
    states keep to single assignments and iterate over copies, so that a change is seen whole or not at all.
    """

    def __init__(self, seed: "Callable[[World], None] | None" = None) -> None:
        self.clock = Clock()
        self._seed = seed
        self._states: dict[Any, Any] = {}
        self.reset()

    def state[S](self, kind: "Callable[[World], S]") -> S:
        """Return the state of one api, by its class."""
        if kind not in self._states:
            self._states[kind] = kind(self)
        state: S = self._states[kind]
        return state

    def reseed(self, seed: "Callable[[World], None]") -> None:
        """Forget everything and seed the world with another seed, which later resets use too."""
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        """Forget everything and seed the world anew."""
        self._states = {}
        self.clock.follow_machine()
        if self._seed is not None:
            self._seed(self)
