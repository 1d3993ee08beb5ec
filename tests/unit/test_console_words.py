"""How the console words times and figures, and joins the history of several mailboxes: its own modules, run by Node."""

import json
import subprocess
from typing import Any

import pytest

from devkit.installing import OUTSIDE, InstallError
from devkit.npm_packages import find_program
from tests.house.source import ROOT

NOW = "2026-05-05T12:00:00Z"


def run(code: str) -> Any:
    try:
        node = find_program("node", "the console's modules")
    except InstallError as error:
        pytest.skip(str(error))
    done = subprocess.run(
        [node, "--input-type=module", "-e", code], cwd=ROOT / "console",
        env=OUTSIDE | {"TZ": "UTC"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def call(module: str, *calls: str) -> list[Any]:
    """Return what expressions of a module `m` are."""
    listed = ", ".join(calls)
    return list(run(f'import * as m from "./{module}"; console.log(JSON.stringify([{listed}]));'))


def test_ages_and_spans_are_words() -> None:
    now = f'Date.parse("{NOW}")'
    ages = {
        "2026-05-05T11:59:48Z": "12 s ago", "2026-05-05T11:55:01Z": "4 min ago", "2026-05-05T10:20:00Z": "100 min ago",
        "2026-05-05T08:59:00Z": "3 h ago", "2026-05-02T12:00:00Z": "3 days ago", "2026-05-05T12:00:01Z": "now",
        "2026-05-05T12:01:30Z": "in 90 s", "2026-05-05T12:30:00Z": "in 30 min", "2026-11-01T12:00:00Z": "in 180 days",
    }  # fmt: skip
    asked = [f'm.formatAge("{time}", {now})' for time in ages]
    assert call("lib/format.js", *asked, f"m.formatAge(null, {now})") == [*ages.values(), "–"]  # noqa: RUF001 - a dash
    spans = {"0": "0 s", "119": "119 s", "120": "2 min", "3599": "59 min", "3600": "1 h", "4500": "1 h 15 min",
             "172800": "2 days", "null": "–"}  # fmt: skip  # noqa: RUF001 - a dash
    assert call("lib/format.js", *(f"m.formatSpan({seconds})" for seconds in spans)) == list(spans.values())


def test_moments_and_figures_are_in_one_form_for_all_browsers() -> None:
    assert call(
        "lib/format.js", f'm.formatMoment("{NOW}")', f'm.formatClock("{NOW}", {{ seconds: true }})',
        'm.formatDay("2026-05-05")', "m.formatNumber(12345)", "m.formatShare(0.625)", 'm.countOf(1, "mail")',
        'm.countOf(1200, "mail")',
    ) == ["Tue 5 May, 12:00", "12:00:00", "Tue 5 May", "12,345", "63 %", "1 mail", "1,200 mails"]  # fmt: skip


def test_addresses_inside_the_page_lead_to_their_view_and_back() -> None:
    routes = '[{ path: "" }, { path: "mails" }, { path: "mails/:mailbox/:key" }]'
    address = 'm.link(["mails", "a/b c", "k?#"], { state: "", search: "50 % of #1" })'
    [link, found, root, unknown] = call(
        "lib/router.js", address, f"m.readHash({address}, {routes})", f'm.readHash("", {routes})',
        f'm.readHash("#/mails/x", {routes})',
    )  # fmt: skip
    assert link == "#/mails/a%2Fb%20c/k%3F%23?search=50+%25+of+%231"
    assert found["route"]["path"] == "mails/:mailbox/:key"
    assert found["params"] == {"mailbox": "a/b c", "key": "k?#", "search": "50 % of #1"}
    assert (root["route"], unknown) == ({"path": ""}, {"params": {}})


def test_the_history_of_several_mailboxes_is_added_and_of_delays_the_greatest_is_shown() -> None:
    one = {
        "startDateTime": NOW,
        "mails": 2,
        "tickets": 1,
        "failures": 0,
        "delaySecondsMedian": 5,
        "delaySecondsMost": 9,
    }
    other = one | {"mails": 3, "failures": 1, "delaySecondsMedian": None, "delaySecondsMost": 40}
    window = "globalThis.window = { matchMedia: () => ({ matches: false }) };"
    code = (
        f'{window} const m = await import("./lib/mail_history.js"); const p = await import("./lib/plot.js");'
        f"console.log(JSON.stringify([m.joinPoints([[{json.dumps(one)}], [{json.dumps(other)}]]), m.joinPoints([]),"
        "[0, 1, 3, 9, 11, 99, 101].map(p.niceTop), [5, 61, 4000].map(p.niceSeconds)]));"
    )
    joined, nothing, tops, seconds = run(code)
    assert joined == [one | {"mails": 5, "tickets": 2, "failures": 1, "delaySecondsMost": 40}]
    assert nothing == []
    assert tops == [2, 2, 4, 10, 20, 100, 200]
    assert seconds == [10, 120, 7200]
