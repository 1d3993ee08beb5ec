"""What the console's answers cost with 50 mailboxes and 100,000 mails: CPU of the app, and requests to storage.

A month of mails is written as the product writes it: entered, delivered, closed, and rolled up by the timer, on a moved
clock. Then the app's own functions answer. Storage is in memory. What is read goes through the JSON of the service, as
its client reads it, so that only HTTP is missing: about 0.7 ms of CPU for each request (docs/dependencies.md).
"""

import base64
import itertools
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from threading import Event
from typing import Any
from unittest import mock

import azure.functions as func
import time_machine

from bench.counting import CountingTable
from bench.settings import SINK, load_mail_settings
from blueprints import mail_search, operations
from composition.connections import Services, build_services
from composition.services import replace_services
from inbound_mail.ledger.planned_polls import KnownPlan, QuietMailbox
from inbound_mail.ledger.records import DeliveryState, MailState, NewMail, Phase
from shared.cursors import Cursors
from shared.json_text import parse_json
from shared.storage.queues import Queue
from shared.storage.table_values import read_entity, write_entity
from shared.storage.tables import Operation, Row, Table

GOAL = 0.200
_DAYS = 30
_STEPS = 60
_BUSY, _NEW = 5, 3  # one of five mailboxes has three mails that are not rolled up
_WORDS = re.findall(
    r"\w+",
    "printer laptop monitor password account network licence access meeting room phone docking station keyboard mouse "
    "mail calendar order delivery invoice contract backup server update error screen cable headset camera software "
    "installation replacement Größe Zugang Drucker Störung broken slow missing urgent question request confirmation",
)


@dataclass(frozen=True)
class Plan:
    """How much there is, and how often each question is asked."""

    mailboxes: int = 50
    mails: int = 2_000  # in each
    rounds: int = 9


class _Wire(CountingTable):
    """A table whose rows are read, once `is_read` is set, from the JSON in which the service sends them."""

    def __init__(self, counts: Counter[str], is_read: Event) -> None:
        super().__init__(counts)
        self._is_read = is_read
        self._sent: dict[tuple[str, ...], bytes] = {}

    def get(self, partition: str, row: str) -> Row | None:
        """Return one entity, or None."""
        found = super().get(partition, row)
        return self._receive(found) if found else None

    def query(self, partition: str, **options: Any) -> Iterator[Row]:
        """Yield entities."""
        return map(self._receive, super().query(partition, **options))

    def _receive(self, row: Row) -> Row:
        if not self._is_read.is_set():
            return row
        name = (row.values.get("PartitionKey", ""), row.row_key, row.etag, *row.values)
        if (sent := self._sent.get(name)) is None:
            typed = {"value@odata.etag": row.etag} | parse_json(write_entity(row.values))
            sent = self._sent[name] = json.dumps(typed).encode()
        return Row(read_entity(parse_json(sent))[0], row.etag)


def run(plan: Plan | None = None) -> None:
    """Measure and print."""
    plan = plan or Plan()
    counts, is_read = Counter[str](), Event()
    with _open(plan, counts, is_read) as used:
        began = time.process_time()
        seed(used, plan)
        is_read.set()
        print(f"{plan.mailboxes} mailboxes, {plan.mailboxes * plan.mails:,} mails of {_DAYS} days")
        print(f"  written with their history in {time.process_time() - began:.0f} s of CPU")
        for name, ask in list_questions(used).items():
            figures = measure(ask, plan.rounds, counts)
            print(
                f"  {name:34} CPU median {figures.cpu * 1e3:6.1f} ms  {figures.requests:4} requests, "
                f"{figures.requests / plan.mailboxes:.2f} a mailbox  {figures.size / 1e3:7.1f} KB"
            )
        print(f"  goal: a search at most {GOAL * 1e3:.0f} ms, a refresh at most 2 requests a mailbox\n")


@dataclass(frozen=True)
class Figures:
    """What one answer costs: seconds of CPU, requests to storage; and the bytes that it has."""

    cpu: float
    requests: int
    size: int


def measure(ask: Callable[[], func.HttpResponse], rounds: int, counts: Counter[str]) -> Figures:
    """Ask once to load what is needed, then several times."""
    ask()
    cpu: list[float] = []
    for _ in range(rounds):
        counts.clear()
        began = time.process_time()
        answer = ask()
        cpu.append(time.process_time() - began)
        if answer.status_code != 200:  # noqa: PLR2004 - OK
            raise RuntimeError(answer.get_body().decode())
    return Figures(median(cpu), counts.total(), len(answer.get_body()))


def list_questions(used: Services) -> dict[str, Callable[[], func.HttpResponse]]:
    """Return what the console asks."""
    name = next(iter(used.mail.mailboxes))

    def ask(function: Any, path: str, **query: str) -> Callable[[], func.HttpResponse]:
        request = func.HttpRequest("GET", f"https://localhost/api/{path}", params=query, route_params={}, body=b"")
        answer = function.build().get_user_function() if hasattr(function, "build") else function
        return lambda: answer(request)

    return {
        "status": ask(operations.status, "status"),
        "history, 24 hours": ask(mail_search.get_mail_history, "mail-history", period="day"),
        "history, 30 days": ask(mail_search.get_mail_history, "mail-history", period="month"),
        "newest mails": ask(mail_search.search_mails, "mails"),
        "search: in no mail": ask(mail_search.search_mails, "mails", search="no such text"),
        "search: in one mail, a month old": ask(mail_search.search_mails, "mails", ticket="I0000000"),
        "search: in every tenth mail": ask(mail_search.search_mails, "mails", search="drucker"),
        "mails of one mailbox": ask(mail_search.search_mails, "mails", mailbox=name),
        "mails in quarantine": ask(mail_search.search_mails, "mails", state="quarantined"),
    }


def seed(used: Services, plan: Plan) -> None:
    """Let mails come, become tickets and be rolled up for a month; at its end some mailboxes have new mails."""
    chosen = random.Random(1)  # noqa: S311 - the same mails each time
    numbers = itertools.count()
    with time_machine.travel(datetime.now(UTC) - timedelta(days=_DAYS), tick=False) as clock:
        for step in range(_STEPS):
            wanted = plan.mails * (step + 1) // _STEPS - plan.mails * step // _STEPS
            for name in used.mail.mailboxes:
                _bring(used, name, [_write_mail(chosen, next(numbers)) for _ in range(wanted)])
            clock.shift(timedelta(days=_DAYS) / _STEPS)
            used.mail.roll_up_history()
    for name in list(used.mail.mailboxes)[::_BUSY]:
        _bring(used, name, [_write_mail(chosen, next(numbers)) for _ in range(_NEW)])


def _bring(used: Services, mailbox: str, messages: Sequence[dict[str, Any]]) -> None:
    """Enter, deliver and close mails, as a poll does that ends now; the next one found nothing."""
    ledger, now = used.mail.mailboxes[mailbox].ledger, datetime.now(UTC)
    ledger.add([NewMail(message["id"], message, "inbox", Phase.DELIVER) for message in messages], [SINK])
    for mail in ledger.open_mails():
        number = mail.graph_id[-7:]
        is_refused = number.endswith("99")
        done = {"finished_at": now, "ticket": f"I{number}", "notes": "[]", "state": DeliveryState.DELIVERED}
        done |= {"state": DeliveryState.QUARANTINED, "cause": "NoCustomer"} if is_refused else {}
        for delivery in mail.deliveries:
            used.mail.table.transact([Operation("merge", dict(delivery.values) | done)])
    ended = {DeliveryState.DELIVERED: MailState.DELIVERED, DeliveryState.QUARANTINED: MailState.QUARANTINED}
    ledger.close([(mail, ended[mail.deliveries[0].state]) for mail in ledger.open_mails()])
    nothing = QuietMailbox(now, ())
    ledger.plan.put(
        mailbox, now + timedelta(minutes=5), began=now, is_quiet=True, reads="", quiet=nothing, known=KnownPlan(None)
    )


def _write_mail(chosen: random.Random, number: int) -> dict[str, Any]:
    author = f"{chosen.choice(_WORDS)}.{chosen.choice(_WORDS)}{chosen.randrange(900)}@example.com"
    received = datetime.now(UTC) - timedelta(seconds=chosen.randrange(3, 90))
    return {
        "id": f"{chosen.getrandbits(132):033x}{number:07}",
        "internetMessageId": f"<{number}@example.com>",
        "subject": " ".join(chosen.sample(_WORDS, 5)).capitalize(),
        "from": {"emailAddress": {"address": author}},
        "receivedDateTime": received.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "conversationId": f"c{number}",
        "parentFolderId": "inbox",
        "body": {"contentType": "text", "content": "Please help."},
    }


@contextmanager
def _open(plan: Plan, counts: Counter[str], is_read: Event) -> Iterator[Services]:
    """Yield the app's services, which its functions use, with tables in memory: see `_Wire`."""
    given = [
        {"name": f"m{number:02}", "address": f"m{number:02}@contoso.com", "sinks": [SINK]}
        for number in range(plan.mailboxes)
    ]
    settings = load_mail_settings(given)
    key = base64.b64encode(bytes(32)).decode()
    used = replace(build_services(settings), cursors=Cursors(lambda: key))
    tables: dict[str, _Wire] = {}

    def lead(method: str) -> Callable[..., Any]:
        def call(table: Any, *args: Any, **options: Any) -> Any:
            return getattr(tables.setdefault(vars(table)["_name"], _Wire(counts, is_read)), method)(*args, **options)

        return call

    with ExitStack() as stack:
        for method in ("get", "query", "transact"):
            stack.enter_context(mock.patch.object(Table, method, lead(method)))
        stack.enter_context(mock.patch.object(Queue, "count", return_value=0))
        replace_services(used)
        try:
            yield used
        finally:
            replace_services(None)
