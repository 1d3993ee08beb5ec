"""The set-ups that people get wrong: each is broken, its remedy is followed to the letter, and then all is well.

What the doctor said is kept in `devkit/documents/broken_set_ups.json`, from which docs/operations.md has its table. To
record it anew: RECORD_BROKEN_SET_UPS=1 python3 -m devkit test tests/functional/doctor/test_remedies.py
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from devkit.commands import doctor, main
from devkit.documents.broken_set_ups import FILE
from devkit.local_run.checks import UpError, check_settings
from devkit.running import Running
from setup import waiting
from shared import retry
from tests.functional.conftest import Gateway, read_error
from tests.functional.doctor.administrator import APP, GROUP, STORAGE
from tests.functional.doctor.broken_set_ups import CASES, World
from twin.seeds import sample
from twin.seeds.booking_pages import LONDON

pytestmark = [pytest.mark.signs_in, pytest.mark.slow(reason="breaks and mends an installation 26 times", seconds=30)]

ROOT = Path(__file__).parents[3]
RECORDS = "RECORD_BROKEN_SET_UPS" in os.environ
_CHANGING = re.compile(r", correlation id [0-9a-f-]{36}|-[0-9a-f]{8}\b(?!-)")


@pytest.fixture(scope="module")
def world(gateway_process: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for all: each case leaves it as it was."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("administrator")
        patch.setattr(retry, "_FIRST_WAIT", 0.01)
        patch.setattr(retry, "_LONGEST_WAIT", 0.02)
        patch.setattr(waiting, "PAUSE", 0.01)
        patch.setenv("WEBSITE_SITE_NAME", APP)
        patch.setenv("WEBSITE_RESOURCE_GROUP", GROUP)
        patch.setenv(STORAGE, os.environ[STORAGE])
        patch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
        yield World(gateway_process, folder)


def cut(text: str) -> str:
    """Return a text without what differs from run to run: ids of sign-ins, names of mailboxes, seconds."""
    return re.sub(r"[\d]{4} s", "3625 s", _CHANGING.sub("", text)).strip()


@pytest.mark.parametrize("name", CASES)
def test_a_remedy_that_is_followed_to_the_letter_mends(
    world: World, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case = CASES[name]
    world.configure()
    if not world.is_well:  # at first, and after a case that has failed
        assert world.doctor(capsys) == []
    world.is_well = False
    case.break_it(world)
    names = {
        re.sub(r"-[0-9a-f]{8}\b", "", f"{one['step']} {one['about']}".strip()): one for one in world.doctor(capsys)
    }
    assert case.step in names, names
    found = names[case.step]
    same = {one["remedy"] for one in names.values()}
    assert (len(same), found["status"]) == (1, case.status), names
    text = cut(f"{found['message']} {found['remedy']}")
    assert [words for words in case.words if words not in text] == [], text
    if case.callers is not None:
        error = read_error(world.gateway.get(f"bookings/businesses/{LONDON.id}/staff"))
        assert (error["status"], case.callers[1] in error["message"]) == (case.callers[0], True), error
    if case.mend_by_hand is not None:
        case.mend_by_hand(world)
    else:
        world.administrator.follow(found["remedy"], case.knows(world))
    assert world.doctor(capsys) == []
    world.is_well = True
    shown = {"setUp": case.set_up, "step": case.step, "finding": found["message"], "remedy": found["remedy"]}
    check_record(name, {key: cut(text) for key, text in shown.items()})


def test_a_settings_file_that_is_not_json_is_mended_where_the_doctor_says(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for the app of `up`, which ends when its file cannot be read, and so does not answer the doctor."""
    world.configure()
    good = json.dumps({"Values": sample.settings(world.sim) | {"CHANGES_SCHEDULE": "15 */5 * * * *"}}, indent=1)
    lines = good.splitlines()
    file = Path(world.write("\n".join([*lines[:3], lines[3].replace(": ", " ", 1), *lines[4:]])))
    assert main(["doctor", "--settings", str(file)]) == 1
    words = capsys.readouterr().err
    found = re.search(r"not valid JSON, line (\d+), column (\d+): expecting '(.)' delimiter", words)
    assert found is not None, words
    running = Running(os.getpid(), "http://127.0.0.1:9", "", "key", None, settings_file=str(file))
    monkeypatch.setattr(doctor, "find_running", lambda: running)
    assert main(["doctor"]) == 1
    assert capsys.readouterr().err == words
    broken = file.read_text().splitlines()
    row, column = int(found[1]) - 1, int(found[2]) - 1
    broken[row] = broken[row][:column] + found[3] + broken[row][column:]
    file.write_text("\n".join(broken))
    main(["doctor", "--settings", str(file)])
    assert "ok       settings " in capsys.readouterr().out
    finding, _, remedy = words.replace(str(file), "local.settings.json").strip().partition(". ")
    check_record("10d", {"setUp": "the settings file is not JSON", "step": "-", "finding": finding, "remedy": remedy})


def test_a_time_zone_that_does_not_exist_is_mended_by_the_example_of_the_refusal(world: World) -> None:
    world.configure()
    path = f"bookings/businesses/{LONDON.id}/appointments"
    day: dict[str, Any] = {"start": "2030-05-06", "end": "2030-05-07"}
    error = read_error(world.gateway.get(path, timeZone="Europe/Londn", **day))
    assert (error["status"], error["target"]) == (400, "timeZone")
    finding, _, remedy = error["message"].partition(". ")
    example = re.search(r"such as ([A-Za-z]+/[A-Za-z]+)", remedy)
    assert example is not None, remedy
    assert world.gateway.get(path, timeZone=example[1], **day).status_code == 200
    check_record("8b", {"setUp": "a call names no time zone", "step": "-", "finding": finding, "remedy": remedy})


def test_up_refuses_the_sample_file_before_anything_starts() -> None:
    values = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    with pytest.raises(UpError) as raised:
        check_settings(values)
    for name in ("KEY_VAULT_URL", "GRAPH_TENANT_ID", "GRAPH_CLIENT_ID", "BOOKINGS_BUSINESSES"):
        assert f"  {name}: This is the placeholder of the sample file. Give " in str(raised.value)


def check_record(name: str, shown: Mapping[str, str]) -> None:
    """Compare with what the documents say; or record it, if that is wanted."""
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    if RECORDS:
        found = known | {name: shown}
        ordered = {one: found[one] for one in sorted(found, key=lambda one: (int(re.sub(r"\D", "", one)), one))}
        FILE.write_text(json.dumps(ordered, indent=2, ensure_ascii=False) + "\n")
    else:
        assert known.get(name) == shown
