"""A mail and a poll of a quiet mailbox need no more requests than they did: those figures can only fall."""

import json
import logging
import math
import re
from collections import Counter
from pathlib import Path

import pytest

from bench import cost_figures
from bench.mail_cost import Plan, measure, measure_other, print_table
from bench.measured_app import Log, count_log
from bench.storage_requests import name_request
from inbound_mail.messages import OneDelivery, share_deliveries
from tests.functional.conftest import Gateway
from tests.house.source import ROOT

PLAN = Plan(mails=50, polls=5, calls=2, latency=0.0, rest=0.1)
_POLLS_OF_MAILS = 2  # one reads them, one closes them; the recorded figures spread these over more mails
# Of a whole poll that finds something: the timer's row, the plan, its own row twice, the folder, and the open work
# after each step.
_WHOLE_POLL = {"table reads": 8, "table writes": 2, "blob leases": 2, "messages": 1}
_NOT_FULL = 2  # pages and batches more than the recorded figure has: 50 mails do not fill them
_JOINED_LESS = 2  # of fewer mails fewer writes are due at the same moment, and on a busy machine
_COLLISIONS = 1.1  # deliveries that meet at one row read it once more; on a busy machine they meet more often


@pytest.mark.slow(reason="starts the app, the twin and the storage emulator as processes")
def test_a_mail_and_an_idle_poll_need_no_more_requests_than_is_written_down(capsys: pytest.CaptureFixture[str]) -> None:
    measured = measure(PLAN)
    print_table(PLAN, measured, before=measured)
    table = capsys.readouterr().out
    assert [name for name in cost_figures.FIGURES if f"  {name} " not in table] == []
    assert re.search(r"bytes of log per mail +before +(\d+) +now +\1 +goal 600", table), table
    assert re.search(r"  before: CPU at rest: .* ms\n", table), table
    idle, mails, graph = measured.idle, measured.mails, measured.graph
    poll, mail = cost_figures.POLL, cost_figures.MAIL
    assert idle.storage.total() > 0
    assert find_excess(idle.storage, {kind: PLAN.polls * number for kind, number in poll.storage.items()}) == {}
    allowed = {
        kind: PLAN.mails * mail.storage.get(kind, 0) * _COLLISIONS + _POLLS_OF_MAILS * _WHOLE_POLL.get(kind, 0)
        for kind in {*mail.storage, *_WHOLE_POLL}
    }
    deliveries = [OneDelivery("key", "hook")] * PLAN.mails  # the more there are, the more of them share a message
    allowed["messages"] = len(share_deliveries("cost", deliveries)) + _POLLS_OF_MAILS
    allowed["table reads"] += 2 * allowed["messages"]  # what its deliveries need, and their texts
    for kind in ("table transactions", "table writes"):
        allowed[kind] *= _JOINED_LESS
    assert mails.storage.total() > PLAN.mails
    assert find_excess(mails.storage, allowed) == {}
    per_hundred = cost_figures.FIGURES["requests to Graph per 100 mails"].measured
    assert 0 < graph <= math.ceil(per_hundred * PLAN.mails / 100) + _NOT_FULL
    assert 0 < idle.log.size <= PLAN.polls * 150
    assert 0 < mails.log.size <= PLAN.mails * 600


@pytest.mark.slow(reason="starts the app, the twin and the storage emulator as processes")
def test_a_checkout_that_cannot_be_measured_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure_other(PLAN, tmp_path) is None
    said = capsys.readouterr().out
    assert said.startswith(f"The app in {tmp_path} cannot be measured by this checkout's benchmark: RuntimeError: ")
    assert "No module named" in said


def find_excess(counted: Counter[str], allowed: dict[str, float]) -> dict[str, tuple[int, float]]:
    """Return what was asked for more often than is allowed: the numbers by kind."""
    return {kind: (count, allowed.get(kind, 0)) for kind, count in counted.items() if count > allowed.get(kind, 0)}


@pytest.mark.parametrize(
    ("request_line", "kind"),
    [
        ("POST /devstoreaccount1/$batch", "table transactions"),
        ("GET /devstoreaccount1/mails(PartitionKey='p',RowKey='a')", "table reads"),
        ("GET /devstoreaccount1/mails()?$top=1000&$filter=x", "table reads"),
        ("PUT /devstoreaccount1/mails(PartitionKey='p',RowKey='a')", "table writes"),
        ("PATCH /devstoreaccount1/mails(PartitionKey='p',RowKey='a')", "table writes"),
        ("POST /devstoreaccount1/Tables", "made"),
        ("PUT /devstoreaccount1/mails?restype=container", "made"),
        ("PUT /devstoreaccount1/mailbox-polls", "made"),
        ("PUT /devstoreaccount1/mails/leases/x?comp=lease", "blob leases"),
        ("PUT /devstoreaccount1/mails/a/b.json", "blob writes"),
        ("GET /devstoreaccount1/mails/a/b.json", "blob reads"),
        ("POST /devstoreaccount1/mailbox-polls/messages?messagettl=-1", "messages"),
        ("GET /devstoreaccount1/mailbox-polls?comp=metadata", "queue lengths"),
        ("GET /devstoreaccount1/mailbox-polls/messages?numofmessages=8", None),
        ("DELETE /devstoreaccount1/mailbox-polls/messages/1?popreceipt=x", None),
        ("PUT /devstoreaccount1/azure-webjobs-hosts/timers/x", None),
    ],
)
def test_the_emulators_access_log_is_read(request_line: str, kind: str | None) -> None:
    line = f'127.0.0.1 - - [30/Nov/2026:10:53:32 +0000] "{request_line} HTTP/1.1" 200 -\n'
    assert name_request(line) == kind


def test_the_log_is_counted_as_the_platform_forwards_it() -> None:
    log = (
        "2026-11-30 10:00:00,001 INFO    [-] devkit.host.access: GET / -> 200\n"
        "2026-11-30 10:00:00,002 INFO    [-] devkit.host: Executing 'Functions.a' (Id=1)\n"
        "2026-11-30 10:00:00,003 INFO    [1b] gateway.mail: polled\nmore\n"
        "2026-11-30 10:00:00,004 INFO    [-] devkit.host.queues: no\nmore\n"
    )
    assert count_log(log) == Log(records=2, size=len("Executing 'Functions.a' (Id=1)") + len("polled") + len("more"))


def test_a_probe_logs_nothing_and_asks_nobody(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    levels = json.loads((ROOT / "host.json").read_text())["logging"]["logLevel"]
    caplog.set_level(logging.INFO)
    caplog.clear()
    for method in (gateway.http.get, gateway.http.head):
        assert method(f"{gateway.base_url}/api/health", timeout=9).status_code == 200
    forwarded = [one.getMessage() for one in caplog.records if one.name.startswith("gateway")]
    assert (len(forwarded), levels["Function.health"]) == (cost_figures.PROBE.records, "Warning")
    assert gateway.sim.exchanges.all() == []


def test_a_month_is_computed_from_figures_and_prices() -> None:
    work = cost_figures.Work({"table reads": 10, "messages": 1, "blob writes": 2}, records=1, size=100)
    month = cost_figures.compute_monthly_cost(work, 10_000)
    assert month.log_bytes == 10_000 * 2_100
    assert month.storage_requests == 10_000 * (13 + 2)
    assert month.storage == pytest.approx(10 * 0.00036 + 3 * 0.004 + 2 * 0.05)
    assert month.total == pytest.approx(month.log + month.storage + month.compute)
