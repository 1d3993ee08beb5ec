"""host.json: what the platform's host does with the app, and what the documents say of it."""

import json
import re

from bench import mail_delay
from blueprints import mail_work
from blueprints._fields import MOST_BODY_BYTES
from blueprints._http import TIME_BUDGET
from composition.mail_requests import LONGEST_WAIT
from composition.standing_in import SECONDS as STAND_IN_SECONDS
from devkit.host.settings import parse_time_span
from shared import context
from shared.storage.account import _LIMITS, _TIMEOUTS
from tests.house.source import ROOT

HOST = json.loads((ROOT / "host.json").read_text())
QUEUES = HOST["extensions"]["queues"]
HTTP = HOST["extensions"]["http"]
GATEWAY = (ROOT / "infra/modules/gateway.bicep").read_text()
GOAL, SCHEDULE = 16.0, 15.0


def test_a_mail_is_a_ticket_within_16_seconds_if_mailboxes_are_polled_every_15() -> None:
    """The mail waits for the timer, and each of two messages for the host's next look at its queue."""
    found = mail_delay.compute_delays(SCHEDULE, mail_delay.read_interval(), mails=2_000)
    assert found.most <= GOAL
    text = " ".join((ROOT / "docs/telemetry.md").read_text().split())
    assert "keeps 95 of 100 mails within 16 seconds" in text
    row = re.search(r"\| every 15 s, .*\| (\d+\.\d) \| (\d+\.\d) \|", (ROOT / "bench/README.md").read_text())
    assert row
    assert abs(found.median - float(row[1])) < 1
    assert abs(found.most - float(row[2])) < 1


def test_calls_beyond_the_threads_of_an_instance_wait_in_the_host_which_bounds_them() -> None:
    """What waits for a thread of the worker counts as running, and ends the worker when it has waited too long."""
    threads = re.search(r"PYTHON_THREADPOOL_THREAD_COUNT: (string\(.+\))", GATEWAY)
    at_once = re.search(r"http__maxConcurrentRequests: (string\(.+\))", GATEWAY)
    assert threads
    assert at_once
    assert threads[1] == at_once[1]
    # Even behind all that the host lets in, a call has its turn long before the host would give it up.
    waves = HTTP["maxOutstandingRequests"] / 24
    assert waves * TIME_BUDGET < parse_time_span(HOST["functionTimeout"]).total_seconds()


def test_the_platforms_bound_for_bodies_is_above_the_gateways_own() -> None:
    limit = re.search(r"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '(\d+)'", GATEWAY)
    assert limit
    assert MOST_BODY_BYTES * 4 <= int(limit[1]) <= 1024 * 1024


def test_every_answer_has_the_headers_that_browsers_need() -> None:
    """Those of the host too, such as 401; a page that shows more has a policy of its own."""
    assert HTTP["customHeaders"] == {
        "Strict-Transport-Security": "max-age=31536000",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }


def test_every_run_of_a_function_ends_by_itself_before_the_time_out() -> None:
    """A run that reaches it takes its worker along, with all other runs there.

    The last that a run may do is one request to storage that begins when its grace ends, and is tried three times.
    """
    time_out = parse_time_span(HOST["functionTimeout"]).total_seconds()
    one_try = _TIMEOUTS["connection_timeout"] + _TIMEOUTS["read_timeout"]
    pauses = 2
    longest_request = (1 + _LIMITS["retry_total"]) * one_try + pauses
    run = max(context.RUN_SECONDS, STAND_IN_SECONDS, TIME_BUDGET)
    assert run + context.GRACE_SECONDS + longest_request <= time_out - 10
    assert LONGEST_WAIT * 2 < context.RUN_SECONDS  # what waited so long has still time for the work
    assert time_out == mail_work._TIME_OUT
    text = "".join(path.read_text() for path in (ROOT / "blueprints").glob("*.py"))
    budgets = re.findall(r"context\.(?:call|within)\((?:.*seconds=)?([\w. ]+)\)|@answers\(.*seconds=(\d+)", text)
    assert {one or other for one, other in budgets} == {"context.RUN_SECONDS", "seconds or TIME_BUDGET", "90"}


def test_the_hosts_storage_client_keeps_its_warnings_to_itself() -> None:
    assert HOST["logging"]["logLevel"]["Azure.Core"] == "Error"
