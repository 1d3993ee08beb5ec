"""How work that takes long is shown: a line that moves on a terminal, and else one plain line for each phase."""

import io
import re
import time

import pytest

from devkit import progress
from devkit.progress import Done, Progress


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_TICK_SECONDS", 0.01)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)


def plain(text: str) -> str:
    return re.sub(r"\d+\.\d s", "N s", text)


def test_elsewhere_a_phase_is_one_line_with_its_seconds_and_other_lines_stay_whole() -> None:
    stream = io.StringIO()
    shown = Progress(stream)
    with shown.phase("Installing", lambda: Done(1, 2)):
        pass
    with shown.phase("Starting"):
        shown.say("Port 7071 is taken.", is_bad=True)
    with pytest.raises(ValueError, match="no"), shown.phase("Waiting"):
        raise ValueError("no")
    assert plain(stream.getvalue()) == (
        "Installing ... N s\nStarting ... \nPort 7071 is taken.\nStarting ... N s\nWaiting ... stopped after N s\n"
    )


def test_on_a_terminal_a_bar_moves_and_is_replaced_by_what_was_done() -> None:
    stream = Terminal()
    done = iter(Done(number, 4, "numpy") for number in (1, 2, 3, *[4] * 10_000))
    with Progress(stream).phase("Installing", lambda: next(done)):
        deadline = time.monotonic() + 60
        while "4 of 4" not in stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
    drawn = stream.getvalue().split("\r")
    assert any("━━━━━━──────────────────  1 of 4" in line and line.rstrip().endswith("numpy") for line in drawn)
    assert plain(drawn[-1]) == "\x1b[32m✓\x1b[0m Installing  N s\n"
    widths = [len(line) for line in drawn[:-2]]
    assert all(after >= len(before.rstrip()) for before, after in zip(drawn, widths[1:], strict=False)), (
        "nothing is left"
    )


def test_no_colour_is_used_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    shown = Progress(stream)
    with shown.phase("Installing"):
        shown.say("bad", is_bad=True)
    assert "\x1b" not in stream.getvalue()
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with Progress(stream).phase("Installing"):
        pass
    assert plain(stream.getvalue()) == "Installing ... N s\n"
