"""A plan: what would be done and why, in numbered lines. Nothing is done before somebody says so."""

from collections.abc import Callable
from dataclasses import dataclass, field

from setup.screen import Screen


@dataclass(frozen=True)
class Step:
    """One change. `what` is an imperative sentence, `why` what was found; `act` does it."""

    what: str
    why: str
    act: Callable[[], None]
    replan: bool = False


@dataclass
class Plan:
    """Steps in their order, and notes on what a person should know though nothing follows from it here."""

    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, why: str, act: Callable[[], None], *, replan: bool = False) -> None:
        """Add a step; after one that says so, the rest has to be planned anew."""
        self.steps.append(Step(what, why, act, replan))

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.notes:
            self.notes.append(text)

    def show(self, screen: Screen) -> None:
        """Print it."""
        screen.say()
        screen.say("Plan" if self.steps else "Plan: nothing to do, all is as it should be.")
        for number, step in enumerate(self.steps, 1):
            screen.say(f"{number:3}. {step.what}")
            screen.say(f"     because {step.why}")
        for text in self.notes:
            screen.say(f"  !  {text}")

    def carry_out(self, screen: Screen) -> bool:
        """Do the steps; return True when all are done, False when the rest has to be planned anew."""
        for number, step in enumerate(self.steps, 1):
            screen.say(f"{number:3}. {step.what} ...")
            step.act()
            if step.replan and number < len(self.steps):
                return False
        return True
