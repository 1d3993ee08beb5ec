"""Timers of a real app, their status in the blobs of a real emulator."""

import json
import queue
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from devkit.azurite import Azurite
from devkit.host import HostError
from tests.functional.host.apps.support import Running, run_app, wait_until

pytestmark = pytest.mark.slow(reason="waits for timers")

FUNCTIONS = ("hourly", "yearly_and_at_start", "unmonitored", "every_second", "patient")
HOURLY = "0 0 * * * *"
NEVER = "0001-01-01T00:00:00+00:00"


class Clock:
    """Runs the sample app with some of its timers, on storage that outlives the app."""

    def __init__(self, connection: str) -> None:
        self.connection = connection
        self.host_id = f"test-{uuid.uuid4().hex[:20]}"

    @contextmanager
    def run(self, *functions: str, schedule: str = HOURLY, listen: bool = True) -> Iterator[Running]:
        settings = {
            "AzureWebJobsStorage": self.connection,
            "AzureFunctionsWebHost__hostid": self.host_id,
            "HOURLY": schedule,
        }
        settings |= {f"AzureWebJobs_{name}_Disabled": "true" for name in FUNCTIONS if name not in functions}
        with run_app("clock", settings, listen=listen) as running:
            yield running

    def read(self, function: str) -> dict[str, str] | None:
        with BlobServiceClient.from_connection_string(self.connection, retry_total=0) as service:
            blob = service.get_blob_client("azure-webjobs-hosts", self._path(function))
            try:
                status: dict[str, str] = json.loads(blob.download_blob().readall())
            except ResourceNotFoundError:
                return None
            return status

    def write(self, function: str, *moments: datetime) -> None:
        with BlobServiceClient.from_connection_string(self.connection) as service:
            texts = (moment.isoformat() for moment in moments)
            status = dict(zip(("Last", "Next", "LastUpdated"), texts, strict=True))
            container = service.get_container_client("azure-webjobs-hosts")
            if not container.exists():
                container.create_container()
            container.upload_blob(self._path(function), json.dumps(status), overwrite=True)

    def _path(self, function: str) -> str:
        return f"timers/{self.host_id}/Host.Functions.{function}/status"


@pytest.fixture
def clock(azurite: Azurite) -> Clock:
    return Clock(azurite.connection_string)


def next_run(running: Running) -> Any:
    return running.module.RUNS.get(timeout=60)


def next_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def test_a_first_start_writes_the_status_and_runs_nothing(clock: Clock) -> None:
    before = datetime.now(UTC)
    with clock.run("hourly") as running, pytest.raises(queue.Empty):
        running.module.RUNS.get(timeout=0.3)
    status = clock.read("hourly")
    assert status is not None
    assert status["Last"] == NEVER
    assert datetime.fromisoformat(status["Next"]) in {next_hour(before), next_hour(datetime.now(UTC))}
    assert before <= datetime.fromisoformat(status["LastUpdated"]) <= datetime.now(UTC)


def test_a_start_after_missed_runs_makes_up_for_one_of_them(clock: Clock) -> None:
    last = next_hour(datetime.now(UTC)) - timedelta(hours=5)
    clock.write("hourly", last, last + timedelta(hours=1), last)
    with clock.run("hourly") as running:
        run = next_run(running)
        assert run.past_due
        assert run.status == {
            "Last": last.isoformat(),
            "Next": (last + timedelta(hours=1)).isoformat(),
            "LastUpdated": last.isoformat(),
        }
        wait_until(lambda: clock.read("hourly") != run.status, "the new status")
        updated = clock.read("hourly")
        assert updated is not None
        assert datetime.fromisoformat(updated["Last"]) > last + timedelta(hours=3)
        with pytest.raises(queue.Empty):
            running.module.RUNS.get(timeout=0.3)


def test_a_start_under_an_edited_schedule_is_not_past_due(clock: Clock) -> None:
    last = next_hour(datetime.now(UTC)) - timedelta(hours=5)
    clock.write("hourly", last, last + timedelta(hours=1), last)
    with clock.run("hourly", schedule="0 30 * * * *") as running, pytest.raises(queue.Empty):
        running.module.RUNS.get(timeout=0.3)
    status = clock.read("hourly")
    assert status is not None
    assert status["Last"] == NEVER
    assert datetime.fromisoformat(status["Next"]) > datetime.now(UTC)
    assert datetime.fromisoformat(status["Next"]).minute == 30


def test_an_unreadable_status_stops_the_start_with_its_name(clock: Clock) -> None:
    clock.write("hourly", *[datetime.now(UTC)] * 3)
    with BlobServiceClient.from_connection_string(clock.connection) as service:
        container = service.get_container_client("azure-webjobs-hosts")
        name = f"timers/{clock.host_id}/Host.Functions.hourly/status"
        container.upload_blob(name, "{broken", overwrite=True)
    with pytest.raises(HostError, match=f"cannot read the timer status {name}.*Delete the blob"), clock.run("hourly"):
        pass


def test_a_timer_runs_in_the_process_of_its_own_group_only(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    for group, runs in (("http", False), ("function:patient", False), ("FUNCTION:Yearly_and_at_start", True)):
        monkeypatch.setenv("FUNCTIONS_TARGET_GROUP", group)
        with clock.run("yearly_and_at_start") as running:
            if runs:
                next_run(running)
        assert (clock.read("yearly_and_at_start") is not None) is runs
    monkeypatch.setenv("FUNCTIONS_TARGET_GROUP", "durable")
    with pytest.raises(HostError, match="FUNCTIONS_TARGET_GROUP is durable"), clock.run("hourly"):
        pass


def test_a_timer_that_runs_at_start_up_is_not_past_due_and_has_run_afterwards(clock: Clock) -> None:
    with clock.run("yearly_and_at_start") as running:
        run = next_run(running)
        assert not run.past_due
        assert run.status["Last"] == NEVER
        wait_until(lambda: (clock.read("yearly_and_at_start") or run.status)["Last"] != NEVER, "the new status")


def test_a_timer_without_monitor_sees_no_status_and_stores_none(clock: Clock) -> None:
    with clock.run("unmonitored") as running:
        assert next_run(running).status == {}
    assert clock.read("unmonitored") is None


def test_a_timer_of_seconds_is_never_monitored_and_never_overlaps_itself(clock: Clock) -> None:
    with clock.run("every_second") as running:
        runs = [next_run(running) for _ in range(2)]
    assert runs[1].began - runs[0].began >= 1.2
    assert all(run.status == {} and not run.past_due for run in runs)
    assert clock.read("every_second") is None


def test_a_timer_fired_by_hand_is_not_past_due_and_keeps_its_status(clock: Clock) -> None:
    last = next_hour(datetime.now(UTC)) - timedelta(hours=5)
    clock.write("hourly", last, last + timedelta(hours=1), last)
    stored = clock.read("hourly")
    with clock.run("hourly", listen=False) as running:
        assert running.host.fire("Hourly").result(60).ok
        run = next_run(running)
        assert not run.past_due
        assert run.status == stored
        assert running.call("POST", "/admin/functions/hourly", json={}, key="the-master-key").status_code == 202
        assert next_run(running).name == "hourly"
    assert clock.read("hourly") == stored


def test_disabled_timers_do_not_start(clock: Clock) -> None:
    with clock.run() as running, pytest.raises(queue.Empty):
        running.module.RUNS.get(timeout=0.3)
    assert all(clock.read(function) is None for function in FUNCTIONS)


def test_a_stop_waits_for_a_running_timer(clock: Clock) -> None:
    with clock.run("every_second") as running:
        run = next_run(running)
        assert running.host.stop()
    assert time.monotonic() - run.began >= 1.2


def test_a_run_that_the_stop_cut_off_does_not_count(clock: Clock) -> None:
    with clock.run("patient") as running:
        next_run(running)
        gate = running.module.GATE
        assert not running.host.stop(limit=0.2)
        gate.set()
    status = clock.read("patient")
    assert status is not None
    assert status["Last"] == NEVER


def test_timers_without_storage_stop_the_start_with_the_reason() -> None:
    dead = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:9/a;"
    with pytest.raises(HostError, match="AzureWebJobsStorage, which does not answer"), Clock(dead).run("hourly"):
        pass
