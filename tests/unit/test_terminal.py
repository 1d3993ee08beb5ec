"""Nothing that commands print is an order to the terminal, whoever wrote it."""

import json
import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from devkit import commands
from devkit.commands import NAMES, main
from devkit.host import command as host_command
from devkit.terminal import escape, escaped_output

FOREIGN = "Printer\x1b]52;c;cm0gLXJm\x07\x1b[2J\x9b1A\rok \u202etxt.exe \u2028 ö 🖨"
ESCAPED = "Printer\\u001b]52;c;cm0gLXJm\\u0007\\u001b[2J\\u009b1A\\rok \\u202etxt.exe \\u2028 ö 🖨"


def test_characters_that_are_not_shown_are_escaped_and_json_reads_as_before() -> None:
    assert escape(FOREIGN) == ESCAPED
    assert escape("a\tb\nc") == "a\tb\nc"
    assert json.loads(escape(json.dumps({"subject": FOREIGN}, ensure_ascii=False, indent=2))) == {"subject": FOREIGN}


def say_everywhere(*_: Any) -> int:
    print(FOREIGN)  # noqa: T201 - as the commands do
    sys.stdout.writelines([FOREIGN, "\n"])
    print(FOREIGN, file=sys.stderr)  # noqa: T201 - the same
    handler = logging.StreamHandler()
    handler.emit(logging.LogRecord("another", logging.INFO, "", 0, FOREIGN, (), None))
    return 0


@pytest.mark.parametrize("name", NAMES)
def test_no_command_prints_anything_else(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = SimpleNamespace(add_arguments=lambda _: None, run=say_everywhere, PASSES_ON=False)
    monkeypatch.setattr(commands, "import_module", lambda _: module)
    before = sys.stdout, sys.stderr
    assert main([name]) == 0
    assert (sys.stdout, sys.stderr) == before
    shown = capsys.readouterr()
    assert shown.out == f"{ESCAPED}\n" * 2
    assert shown.err == f"{ESCAPED}\n" * 2


def test_nor_does_the_local_host(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_command, "_serve", say_everywhere)
    assert host_command.main(["--no-reload"]) == 0
    assert capsys.readouterr().out == f"{ESCAPED}\n" * 2


def test_a_stream_behaves_otherwise_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    with escaped_output():
        assert sys.stdout.write("a\x1b") == 2
        assert sys.stdout.encoding.lower() == "utf-8"
        sys.stdout.flush()
        with pytest.raises(ZeroDivisionError), escaped_output():
            raise ZeroDivisionError
    assert capsys.readouterr().out == "a\\u001b"
