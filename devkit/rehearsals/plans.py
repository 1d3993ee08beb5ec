"""How large rehearsals are. Nothing is imported here, so that help on the command comes at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MailsPlan:
    """How large a rehearsal is: `share` of writes whose answer is lost, `alive` seconds between start and kill.

    After `kills` kills the app is left alone, so that it can finish. Every `odd_every`th mail is an odd one. With
    `push`, Graph announces mails; `astray` is the share of its notifications that is dropped, duplicated and reordered,
    each. The last mail is announced in any case: else a quarter of an hour might pass until the app looks by itself.
    """

    mails: int = 2_000
    odd_every: int = 10
    per_second: float = 10.0
    share: float = 0.05
    alive: tuple[float, float] = (1.0, 25.0)
    kills: int = 50
    limit: float = 3_600.0
    seed: int = 1
    push: bool = False
    astray: float = 0.3


@dataclass(frozen=True)
class FlowsPlan:
    """How large a rehearsal of flows is.

    `scale`: how much faster the engine's clock runs; `share`: the share of answers and of Locations that some of the
    flows lose; `troubles_per_minute`: how often the simulated Graph has one. A kill waits until a flow polls; with
    `waits_for_scans` every second one waits until the app scans the business.
    """

    minutes: float = 5.0
    kills: int = 4
    per_second: float = 1.5
    stock: int = 120
    scale: float = 15.0
    share: float = 0.1
    troubles_per_minute: float = 10.0
    waits_for_scans: bool = True
    limit: float = 420.0
    seed: int = 1
