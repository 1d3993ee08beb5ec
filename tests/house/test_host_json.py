"""host.json: what the platform's host does with the app, and what the documents say of it."""

import json
import random
import re

from blueprints._fields import MOST_BODY_BYTES
from blueprints._http import TIME_BUDGET
from blueprints.changes_work import TICK_SECONDS
from composition.mail_requests import POLL_SECONDS
from composition.standing_in import SECONDS as STAND_IN_SECONDS
from devkit.host.queues import Backoff
from devkit.host.settings import parse_time_span
from tests.house.source import ROOT

HOST = json.loads((ROOT / "host.json").read_text())
QUEUES = HOST["extensions"]["queues"]
HTTP = HOST["extensions"]["http"]
GATEWAY = (ROOT / "infra/modules/gateway.bicep").read_text()
GOAL, SCHEDULE = 16.0, 15.0
# Seconds of work on the way from mailbox to ticket: two functions begin, Graph and the sink answer.
WORK = 0.5


def test_a_mail_is_a_ticket_within_16_seconds_if_mailboxes_are_polled_every_15() -> None:
    """The mail waits for the timer, and each of two messages for the host's next look at its queue."""
    chance = random.Random(16)  # noqa: S311 - no secret
    interval = parse_time_span(QUEUES["maxPollingInterval"]).total_seconds()

    def wait_at_an_idle_queue() -> float:
        backoff = Backoff(interval)
        looks = [backoff.next_delay() for _ in range(12)]  # from the last message on, until it is looked at least often
        assert looks[-1] == interval
        return chance.uniform(0, looks[-1])

    times = sorted(
        chance.uniform(0, SCHEDULE) + wait_at_an_idle_queue() + wait_at_an_idle_queue() + WORK for _ in range(20_000)
    )
    assert times[19_000] <= GOAL
    text = " ".join((ROOT / "docs/telemetry.md").read_text().split())
    assert "keeps 95 of 100 mails within 16 seconds" in text


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


def test_every_run_of_a_function_ends_by_itself_well_before_the_time_out() -> None:
    """A run that reaches it takes its worker along, with all other runs there."""
    time_out = parse_time_span(HOST["functionTimeout"]).total_seconds()
    assert max(POLL_SECONDS, TICK_SECONDS, TIME_BUDGET, STAND_IN_SECONDS) <= time_out - 60


def test_the_hosts_storage_client_keeps_its_warnings_to_itself() -> None:
    assert HOST["logging"]["logLevel"]["Azure.Core"] == "Error"
