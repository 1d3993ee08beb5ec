"""Troubles of the simulated Graph while a rehearsal runs: it throttles, fails, and breaks connections."""

import random
from collections import Counter

from twin.core.faults import Answer, Cut, Drop
from twin.simulator import Simulator

_THROTTLED_SECONDS = 2.0


class Troubles:
    """Makes one trouble at a time of the requests for bookings, and counts them by kind."""

    def __init__(self, sim: Simulator, generator: random.Random) -> None:
        self._sim = sim
        self._generator = generator
        self.made: Counter[str] = Counter()

    def make(self) -> None:
        """Make the next one; it strikes soon."""
        kinds = {
            "throttled requests": self._throttle,
            "failures": self._fail,
            "broken connections": self._break,
            "answers cut off": self._cut,
        }
        kind = self._generator.choice(list(kinds))
        self.made[kind] += 1
        self._sim.run(kinds[kind])

    def _throttle(self) -> None:
        if self._generator.random() < 1 / 2:
            self._sim.graph_limits.throttle_for(_THROTTLED_SECONDS)
        else:
            self._sim.faults.add(Answer(429, {"Retry-After": "1"}), api="bookings", times=2)

    def _fail(self) -> None:
        """Fail at anything, or only where a single appointment is read."""
        path = self._generator.choice((None, "/appointments/"))
        self._sim.faults.add(Answer(503), api="bookings", path=path, times=self._generator.randint(1, 8))

    def _break(self) -> None:
        self._sim.faults.add(Drop(), api="bookings", when=self._generator.choice(("before", "after")), times=2)

    def _cut(self) -> None:
        self._sim.faults.add(Cut(0.5), api="bookings", when="after", times=2)
