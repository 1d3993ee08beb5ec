"""A plan: numbered steps, each with its reason, and notes. Steps are carried out only with --apply."""

from collections.abc import Callable
from dataclasses import dataclass, field

from setup.console import Console


@dataclass(frozen=True)
class Step:
    """One change. `what` is an imperative sentence, `why` the reason; `act` makes the change.

    After a step with `replan`, the following steps have to be planned again.
    """

    what: str
    why: str
    act: Callable[[], None]
    replan: bool = False


@dataclass
class Progress:
    """What was carried out so far, by this plan and those before it, and the step that has begun and not ended."""

    done: list[str] = field(default_factory=list)
    begun: str | None = None


@dataclass
class Plan:
    """Steps in their order, and notes: findings that the person should know and that this command does not change."""

    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)

    def add(self, what: str, why: str, act: Callable[[], None], *, replan: bool = False) -> None:
        """Add a step."""
        self.steps.append(Step(what, why, act, replan))

    def note(self, text: str) -> None:
        """Add a note, unless it is there already."""
        if text not in self.notes:
            self.notes.append(text)

    def show(self, console: Console) -> None:
        """Print steps and notes."""
        console.say()
        console.say("Plan" if self.steps else "Plan: there is nothing to do.")
        for number, step in enumerate(self.steps, 1):
            console.say(f"{number:3}. {step.what}")
            console.say(f"     because {step.why}")
        for text in self.notes:
            console.say(f"  !  {text}")

    def carry_out(self, console: Console) -> bool:
        """Carry out the steps; return True when all are done, False when the rest has to be planned again."""
        for number, step in enumerate(self.steps, 1):
            console.say(f"{number:3}. {step.what} ...")
            self.progress.begun = step.what
            step.act()
            self.progress.begun = None
            self.progress.done.append(step.what)
            if step.replan and number < len(self.steps):
                return False
        return True
