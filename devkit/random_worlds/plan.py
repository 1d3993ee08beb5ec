"""Which random worlds are compared."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Which worlds: so many, beginning with this number."""

    worlds: int = 10_000
    first: int = 1
