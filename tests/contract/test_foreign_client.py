import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from devkit.foreign import find_python
from devkit.installing import InstallError
from tests.contract.openapi import load_contract
from twin import Simulator
from twin.seeds import sample
from twin.seeds.booking_pages import LONDON
from twin.seeds.credentials import make_secret

START, END = "2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
SCRIPT = Path(__file__).with_name("foreign_client.py")


def run_script(python: Path, sim: Simulator) -> dict[str, Any]:
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    environment = plain | sim.environment() | {"FOREIGN_SECRET": make_secret("contoso")}
    command = [str(python), str(SCRIPT), sample.TENANT_ID, sample.CLIENT_ID, LONDON.id, START, END]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@pytest.mark.slow(reason="installs a foreign client")
def test_microsofts_own_sdk_feels_at_home() -> None:
    contract = load_contract("bookings")
    try:
        python = find_python()
    except InstallError as error:
        pytest.skip(str(error))
    with Simulator(sample.build()).running() as sim:
        printed = run_script(python, sim)
        business = sim.bookings.business(LONDON.id)

        kept = business.appointments.all()
        assert printed["businesses"] == sorted(one.id for one in sim.bookings.of_tenant(sample.TENANT_ID))
        assert printed["services"] == sorted(one["displayName"] for one in business.services.all())
        assert printed["view"] == sorted(one.id for one in kept)
        assert printed["seconds"] == sum((one.end - one.start).total_seconds() for one in kept)
        first = business.appointments.get(printed["first"])
        assert printed["customers"] == [one["emailAddress"] for one in first.values["customers"]]
        assert sim.refused == []
        graph = [one for one in sim.exchanges.all() if one.api == "bookings"]
        assert [problem for exchange in graph for problem in contract.check(exchange)] == []
