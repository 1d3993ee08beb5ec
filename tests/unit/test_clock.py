import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devkit.clock import DAYS, NODE_SCRIPT, SHIFT, VARIABLES, pick_moment, read_moment, shift_environment

LEAP_DAY = datetime(2028, 2, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2028-02-29", LEAP_DAY),
        ("2028-02-29T00:55", datetime(2028, 2, 29, 0, 55, tzinfo=UTC)),
        ("2028-02-29T23:30:00+02:00", datetime(2028, 2, 29, 21, 30, tzinfo=UTC)),
    ],
)
def test_a_date_alone_means_noon_utc(text: str, moment: datetime) -> None:
    assert read_moment(text) == moment


@pytest.mark.parametrize("text", ["", "tomorrow", "2027-02-29"])
def test_what_is_not_a_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_moment(text)


def test_every_day_of_the_list_is_picked_and_at_any_hour() -> None:
    dice = random.Random(1)  # noqa: S311 - a choice of test data, not a secret
    picked = [pick_moment(dice) for _ in range(2000)]
    assert {moment.date(): reason for moment, reason in picked} == DAYS
    assert {moment.hour for moment, _ in picked} == set(range(24))


def read_clocks(code: str, environ: dict[str, str], *, program: str = sys.executable, option: str = "-c") -> str:
    done = subprocess.run([program, option, code], env=environ, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_child_process_reads_the_shifted_time_and_a_true_monotonic_one() -> None:
    environ = shift_environment({name: text for name, text in os.environ.items() if name not in VARIABLES}, LEAP_DAY)
    code = "import datetime, time; print(datetime.date.today(), time.strftime('%F', time.gmtime()), time.monotonic())"
    today, also_today, monotonic = read_clocks(code, environ).split()
    assert (today, also_today) == ("2028-02-29", "2028-02-29")
    assert float(monotonic) == pytest.approx(float(read_clocks("import time; print(time.monotonic())", {})), abs=60)


def test_a_shifted_process_imports_neither_pytest_nor_what_is_not_needed() -> None:
    environ = shift_environment(dict(os.environ), LEAP_DAY)
    assert read_clocks("import sys; print('pytest' in sys.modules)", environ) == "False"


def test_the_storage_emulator_reads_the_shifted_time() -> None:
    environ = shift_environment({name: text for name, text in os.environ.items() if name not in VARIABLES}, LEAP_DAY)
    code = (
        "const text = d => d.toISOString().slice(0, 10);"
        f"require({str(NODE_SCRIPT)!r});"
        "console.log(text(new Date()), text(new Date(Date.now())), text(new Date(0)), new Date() instanceof Date)"
    )
    assert read_clocks(code, environ, program="node", option="-e") == "2028-02-29 2028-02-29 1970-01-01 true"


def test_a_search_path_of_the_process_is_kept() -> None:
    found = shift_environment({"PYTHONPATH": "elsewhere"}, LEAP_DAY)
    assert found["PYTHONPATH"].split(os.pathsep) == [str(NODE_SCRIPT.parent), "elsewhere"]
    real = datetime.now(UTC) - timedelta(seconds=float(os.environ.get(SHIFT) or 0))
    assert float(found[SHIFT]) == pytest.approx((LEAP_DAY - real).total_seconds(), abs=60)
    assert Path(found["PYTHONPATH"].split(os.pathsep)[0], "sitecustomize.py").is_file()
