"""How much the fuzzer asks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """How much is asked; the seed makes the same requests again, as far as the world is the same again."""

    requests: int = 10_000
    seed: int = 1
