"""The command that compiles the lists: what uv is asked, and what is read of its answer."""

import os
from pathlib import Path

import pytest

from devkit import locking
from devkit.commands import lock, main
from devkit.locking import LockError, compile_list, read_compiled, read_written

UV = """#!/bin/sh
printf '%s\\n' "$@" > asked
printf '%s' "$UV_DEFAULT_INDEX" > index
if [ -e fails ]; then echo "No solution found" >&2; exit 1; fi
for last; do :; done
printf 'a==1 \\\\\\n    --hash=sha256:{hash}\\n    # via -r %s\\n' "$last" > "${{last%.in}}.txt"
"""
HASH = "0" * 64


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list by hand, and a program in uv's place."""
    uv = tmp_path / "bin/uv"
    uv.parent.mkdir()
    uv.write_text(UV.format(hash=HASH))
    uv.chmod(0o755)
    monkeypatch.setattr(locking, "find_python", lambda _packages: uv.with_name("python"))
    (tmp_path / "some.in").write_text("# why\na  # reason\n-r other.in\nB_c==1\n")
    return tmp_path / "some.in"


def test_versions_stay_unless_they_shall_be_the_newest(written: Path) -> None:
    compile_list(written, upgrade=False)
    asked = (written.parent / "asked").read_text().splitlines()
    assert {"--universal", "--generate-hashes", "--no-emit-index-url"} <= set(asked)
    assert asked[asked.index("--python-version") + 1] == "3.13"
    assert asked[-3:] == ["--output-file", "some.txt", "some.in"]
    assert "--upgrade" not in asked
    compile_list(written, upgrade=True)
    assert "--upgrade" in (written.parent / "asked").read_text().splitlines()


@pytest.mark.parametrize(
    ("variables", "index"),
    [
        ({}, ""),
        ({"PIP_INDEX_URL": "https://mirror.contoso.example/simple"}, "https://mirror.contoso.example/simple"),
        ({"PIP_INDEX_URL": "https://a.example", "UV_DEFAULT_INDEX": "https://b.example"}, "https://b.example"),
    ],
)
def test_the_index_is_pips_unless_uv_has_one(written: Path, variables: dict[str, str], index: str) -> None:
    compile_list(written, upgrade=False, environ={"PATH": os.environ["PATH"]} | variables)
    assert (written.parent / "index").read_text() == index


def test_what_people_wrote_and_what_was_compiled_are_read(written: Path) -> None:
    assert list(read_written(written)) == ["a", "b-c"]
    compile_list(written, upgrade=False)
    [pin] = read_compiled(written.with_suffix(".txt")).values()
    assert (pin.version, pin.hashes, pin.reasons) == ("1", frozenset({f"sha256:{HASH}"}), ("-r some.in",))


def test_many_reasons_are_read_and_two_versions_are_none(tmp_path: Path) -> None:
    compiled = tmp_path / "some.txt"
    compiled.write_text(
        f"# made\na==1 ; sys_platform == 'win32' \\\n    --hash=sha256:{HASH}\n    # via\n    #   -r x.in\n    #   b\n"
        f"b>=1\n"
    )
    pins = read_compiled(compiled)
    assert pins["a"].reasons == ("-r x.in", "b")
    assert str(pins["a"].requirement.marker) == 'sys_platform == "win32"'
    assert (pins["b"].version, pins["b"].hashes) == ("", frozenset())


def test_the_command_names_what_changed_and_passes_on_what_uv_says(
    written: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(locking, "find_inputs", lambda: [written])
    monkeypatch.setattr(lock, "ROOT", written.parent)
    assert main(["lock"]) == 0
    assert capsys.readouterr().out == "some.txt is written\n"
    assert main(["lock"]) == 0
    assert capsys.readouterr().out == ""
    (written.parent / "fails").touch()
    with pytest.raises(LockError):
        compile_list(written, upgrade=False)
    assert main(["lock"]) == 1
    assert "some.in cannot be compiled:\nNo solution found" in capsys.readouterr().err
