"""Rehearsal of mails: the app is killed again and again while it delivers them to a service desk that loses answers.

Afterwards every mail must be exactly one ticket, with each of its files once; odd ones are judged by their own
expectation (`odd_mails`). The app works against the simulator and real Azurite, and is killed at random moments.
"""

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableClient

from devkit.progress import Done, Progress
from devkit.rehearsals.app import MAILBOX, App, make_settings, open_shown_world
from devkit.rehearsals.odd_mails import KINDS, Expectation, Place, make_message_id
from devkit.rehearsals.plans import MailsPlan as Plan
from twin.mail.contents import File
from twin.seeds import mails, sample, service_desks
from twin.simulator import Simulator

_QUIET_SECONDS = 2.0
_START_SECONDS = 180.0  # on a busy machine
_SUBJECT = re.compile(r"Rehearsal \d{5}")
_AUTOMATIC = "AutomaticMail"
_ASTRAY = ("dropped", "duplicated", "reordered")


@dataclass
class Findings:
    """The result of a rehearsal."""

    mails: int = 0
    seconds: float = 0.0
    kills: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    tickets: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong_files: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    odd: Counter[str] = field(default_factory=Counter)
    quarantined: int = 0
    unread: int = 0
    lost_answers: int = 0
    announced: Counter[str] = field(default_factory=Counter)

    @property
    def is_good(self) -> bool:
        """Whether every mail became what was expected of it, with each file once."""
        return not (self.lost or self.doubled or self.wrong_files or self.wrong or self.quarantined or self.unread)

    def describe(self) -> str:
        """Return the figures as lines."""
        steps = "\n".join(f"    {count:4} x {step}" for step, count in sorted(self.steps.items()))
        odd = ", ".join(f"{count} x {kind}" for kind, count in sorted(self.odd.items())) or "none"
        examples = [*self.lost[:5], *self.doubled[:5], *self.wrong_files[:5], *self.wrong[:5]]
        return (
            f"{self.mails} mails, {self.tickets} tickets in {self.seconds:.0f} s\n"
            f"  odd mails among them: {odd}\n"
            f"  lost {len(self.lost)}, doubled {len(self.doubled)}, with wrong files {len(self.wrong_files)}, "
            f"wrong otherwise {len(self.wrong)}, quarantined {self.quarantined}, not marked as read {self.unread}\n"
            + "".join(f"    {example}\n" for example in examples)
            + self._describe_push()
            + f"  {self.lost_answers} answers of the service desk were lost after writing\n"
            f"  {self.kills} kills; what they interrupted (several steps each):\n{steps or '    nothing'}"
        )

    def _describe_push(self) -> str:
        if not self.announced:
            return ""
        return f"  notifications: {', '.join(f'{count} {what}' for what, count in self.announced.items())}\n"


def rehearse(plan: Plan, progress: Progress | None = None) -> Findings:
    """Run it and show how far it is; this takes minutes. Everything listens on loopback."""
    with open_shown_world(progress) as (shown, scratch, storage, sim):
        rehearsal = _Rehearsal(plan, scratch, storage, sim)
        title = f"{plan.mails} mails become tickets while the app is killed, at most {plan.kills} times"
        with shown.phase(title, rehearsal.measure):
            return rehearsal.run()


class _Rehearsal:
    def __init__(self, plan: Plan, scratch: Path, storage: str, sim: Simulator) -> None:
        self._plan = plan
        self._storage = storage
        self._sim = sim
        self._app = App(scratch, sim.environment() | make_settings(sim, storage, is_announced=plan.push))
        self._random = random.Random(plan.seed)  # noqa: S311 - a rehearsed accident, not a secret
        self._expected: dict[str, Expectation] = {}
        self._findings = Findings(mails=plan.mails)
        self._over = threading.Event()
        self._table = TableClient.from_connection_string(storage, "mails")

    def measure(self) -> Done:
        """Say how many tickets there are."""
        return Done(len(self._sim.easyvista.tickets), self._plan.mails, f"{self._app.kills} kills")

    def run(self) -> Findings:
        began = time.monotonic()
        unreliable = partial(self._sim.easyvista.unreliable, share=self._plan.share)
        faults = [unreliable(how="commit-then-drop", seed=1), unreliable(how="commit-then-590", seed=2)]
        self._sim.subscriptions.set_switches(dict.fromkeys(_ASTRAY, self._plan.astray) | {"seed": self._plan.seed})
        sender = threading.Thread(target=self._send, daemon=True)
        try:
            self._work(sender, began)
            sender.join()
        finally:  # Ctrl-C, too: nobody sends to a mailbox that is gone
            self._over.set()
            if sender.ident is not None:
                sender.join()
        self._findings.kills = self._app.kills
        self._findings.seconds = time.monotonic() - began
        self._findings.lost_answers = sum(fault.struck for fault in faults)
        self._compare()
        return self._findings

    def _work(self, sender: threading.Thread, began: float) -> None:
        """Start the app and kill it, until all is done."""
        while time.monotonic() - began < self._plan.limit:
            with self._app.running():
                if sender.ident is None:
                    self._wait_for_subscription()
                    sender.start()
                is_last = self._app.kills == self._plan.kills
                if self._wait(self._plan.limit if is_last else self._random.uniform(*self._plan.alive), sender):
                    break
                self._app.kill()
                self._findings.steps.update(self._count_steps())

    def _wait_for_subscription(self) -> None:
        """If Graph is to announce the mails, wait until the app has subscribed: the first ones count."""
        self._sim.subscriptions.sites[sample.GATEWAY_HOST] = self._app.wait_until_it_listens()
        latest = time.monotonic() + _START_SECONDS
        while self._plan.push and not self._sim.subscriptions.all():
            self._app.check(is_late=time.monotonic() > latest)
            time.sleep(0.05)

    def _wait(self, seconds: float, sender: threading.Thread) -> bool:
        """Let the app work for so long; return whether it has finished by then. It must not end by itself."""
        seen, latest = self._last_exchange(), time.monotonic() + _START_SECONDS
        self._sim.subscriptions.sites[sample.GATEWAY_HOST] = self._app.wait_until_it_listens()
        while self._last_exchange() == seen:
            self._app.check(is_late=time.monotonic() > latest)
            time.sleep(0.05)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._app.check()
            if not sender.is_alive() and not self._is_pending():
                time.sleep(_QUIET_SECONDS)
                if not self._is_pending():
                    return True
            time.sleep(0.2)
        return False

    def _last_exchange(self) -> int:
        seen = self._sim.exchanges.all()
        return seen[-1].seq if seen else 0

    def _is_pending(self) -> bool:
        """Whether the app still has work: a mail that is not marked as read although it should be, or an open row.

        A notification that is tried again is work, too, as long as none was taken.
        """
        is_unheard = self._plan.push and not self._list_announced(is_taken=True)
        return is_unheard or self._count_unread() > 0 or bool(self._rows("o|", "p"))

    def _count_unread(self) -> int:
        messages = self._sim.mail.mailbox(mails.SUPPORT).messages("inbox")
        wanted = sum(expected.unread for expected in self._expected.values())
        return sum(1 for message in messages if not message.is_read) - wanted

    def _rows(self, start: str, end: str) -> list[Any]:
        """Return the rows of the ledger between two keys. Raises ResourceNotFoundError before the first mail."""
        return list(
            self._table.query_entities(f"PartitionKey eq '{MAILBOX}' and RowKey ge '{start}' and RowKey lt '{end}'")
        )

    def _send(self) -> None:
        kinds, every = list(KINDS), self._plan.odd_every
        for number in range(self._plan.mails):
            if self._over.is_set():
                return
            if number == self._plan.mails - 1:
                self._sim.subscriptions.set_switches(dict.fromkeys(_ASTRAY, 0.0))
            subject = f"Rehearsal {number:05}"
            if number and number % every == 0:
                kind = kinds[(number // every - 1) % len(kinds)]
                self._findings.odd[kind] += 1
                drop = partial(self._drop_odd, kind, subject, f"Rehearsal {self._find_ordinary(number):05}")
            else:
                drop = partial(self._drop, subject, has_files=number % 5 == 1, count=1 + number % 2)
            self._expected[subject] = self._sim.run(drop)
            time.sleep(1 / self._plan.per_second)

    def _find_ordinary(self, number: int) -> int:
        """Return the number of an ordinary mail more than a second before this one: Graph's times have no fractions."""
        found = max(0, number - round(1.2 * self._plan.per_second) - 1)
        return found - 1 if found and found % self._plan.odd_every == 0 else found

    def _drop(self, subject: str, *, has_files: bool, count: int) -> Expectation:
        names = tuple(f"file of {subject} {index}.txt" for index in range(count if has_files else 0))
        self._sim.mail.mailbox(mails.SUPPORT).receive(
            subject=subject,
            sender=("Alex Wilber", service_desks.OPEN_TICKET_REQUESTOR),
            text=f"{subject}: it does not work.",
            attachments=[File(name, "text/plain", f"{name}\n".encode() * 200) for name in names],
            message_id=make_message_id(subject),
        )
        return Expectation(files=names)

    def _drop_odd(self, kind: str, subject: str, earlier: str) -> Expectation:
        box = self._sim.mail.mailbox(mails.SUPPORT)
        return KINDS[kind](Place(box, service_desks.OPEN_TICKET_REQUESTOR, earlier), subject)

    def _count_steps(self) -> Counter[str]:
        """Count the steps at which mails were when the app was killed."""
        found: Counter[str] = Counter()
        try:
            rows = self._rows("d|", "q")
        except ResourceNotFoundError:
            return Counter({"before the first mail was entered": 1})
        for row in rows:
            kind = row["RowKey"][0]
            if kind in "dp" and row["state"] == "claimed":
                progress = json.loads(row["progress"])
                found["claimed, with its ticket noted" if "ticket" in progress else "claimed, no ticket noted"] += 1
            elif kind in "dp" and row["state"] == "waiting" and row["interrupted"]:
                found["waiting after a lost answer"] += 1
            elif kind == "o" and row["phase"] == "fetch":
                found["entered, attachments not fetched"] += 1
            elif kind == "o" and not any(name.startswith("asked_") for name in row):
                found["stored, not handed on"] += 1
            elif kind == "p" and row["state"] == "delivered":
                found["delivered, not marked as read or closed"] += 1
        links = [row for row in rows if row["RowKey"].startswith("c|") and "skiptoken" in str(row.get("link")).lower()]
        found.update({"between two pages of a round": len(links)} if links else {})
        return found

    def _compare(self) -> None:
        findings = self._findings
        tickets: dict[str, list[Any]] = {}
        for ticket in self._sim.easyvista.tickets:
            if found := _SUBJECT.search(ticket.title):
                tickets.setdefault(found[0], []).append(ticket)
        for subject, expected in self._expected.items():
            self._judge(subject, expected, tickets)
        findings.tickets = sum(len(made) for made in tickets.values())
        rows = self._rows("q|", "r")
        aside = sum(1 for row in rows if row["cause"] == _AUTOMATIC)
        findings.quarantined = len(rows) - aside
        if aside != (wanted := sum(expected.is_aside for expected in self._expected.values())):
            findings.wrong.append(f"{aside} mails were set aside as automatic, expected were {wanted}")
        findings.unread = abs(self._count_unread())
        if self._plan.push:
            self._judge_push()

    def _judge_push(self) -> None:
        findings, state = self._findings, self._sim.subscriptions
        findings.announced["taken"] = len(self._list_announced(is_taken=True))
        findings.announced["not answered in time"] = len(self._list_announced(is_taken=False))
        findings.announced["dropped or given up"] = state.lost
        findings.announced["subscriptions at the end"] = len(state.all())
        if not findings.announced["taken"]:
            findings.wrong.append("no notification was taken")

    def _list_announced(self, *, is_taken: bool) -> list[Any]:
        """Return the notifications of changes that were sent, and that the app has taken or has not."""
        sent = [one for one in tuple(self._sim.subscriptions.deliveries) if one.is_taken is is_taken]
        return [item for one in sent for item in one.items if "changeType" in item]

    def _judge(self, subject: str, expected: Expectation, tickets: Mapping[str, list[Any]]) -> None:
        findings, made = self._findings, tickets.get(subject, [])
        documents = sorted(document.name for ticket in made for document in ticket.documents)
        if len(made) < expected.tickets:
            findings.lost.append(subject)
        elif len(made) > expected.tickets:
            findings.doubled.append(subject)
        elif len(documents) != len(expected.files) or (
            not expected.are_names_cleaned and documents != sorted(expected.files)
        ):
            findings.wrong_files.append(f"{subject}: {documents}")
        elif any(expected.text not in ticket.description for ticket in made):
            findings.wrong.append(f"{subject}: its ticket lacks {expected.text!r}")
        if expected.comment_on is None:
            return
        actions = [action for ticket in tickets.get(expected.comment_on, []) for action in ticket.actions]
        if (comments := sum(subject in action.text for action in actions)) != 1:
            (findings.doubled if comments else findings.lost).append(f"{subject}: {comments} comments")
