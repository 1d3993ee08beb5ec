"""What `python3 -m devkit docs` writes: blocks between marks, tables, and parameters that follow from a setting."""

from dataclasses import replace
from pathlib import Path

import pytest

from devkit.documents import find_outdated, infrastructure, settings_tables
from devkit.documents.blocks import MissingBlockError, Texts, make_table
from shared.settings.catalogue import SETTINGS
from shared.settings.kinds import WholeNumber
from tests.house.source import ROOT


def test_a_block_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("before\n<!-- begin one -->\nold\n<!-- end one -->\nafter\n")
    texts = Texts(tmp_path)
    texts.put_block("a.md", "one", ["new"])
    written = texts.changed["a.md"]
    assert (written.splitlines()[0], written.splitlines()[-1]) == ("before", "after")
    assert "\nnew\n" in written
    assert "old" not in written


def test_a_block_keeps_its_indent(tmp_path: Path) -> None:
    (tmp_path / "a.bicep").write_text("{\n  // begin one\n  // end one\n}\n")
    texts = Texts(tmp_path)
    texts.put_block("a.bicep", "one", ["x: 1"])
    assert texts.read("a.bicep").splitlines()[2] == "  x: 1"


def test_a_file_without_the_marks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text\n")
    with pytest.raises(MissingBlockError, match=r"a\.md has no block one"):
        Texts(tmp_path).put_block("a.md", "one", [])


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert make_table(("a", "b"), [("x|y", "z")])[-1] == "| x\\|y | z |"


def test_one_bound_of_a_setting_is_one_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = [
        replace(each, kind=WholeNumber(20, 600), default="45") if each.name == "CHANGES_REFRESH_SECONDS" else each
        for each in SETTINGS
    ]
    monkeypatch.setattr(settings_tables, "SETTINGS", tuple(changed))
    monkeypatch.setattr(infrastructure, "SETTINGS", tuple(changed))
    outdated = find_outdated(ROOT)
    assert set(outdated) == {
        "docs/deploy.md",
        "docs/settings.md",
        "infra/main.bicep",
        "infra/main.parameters.json",
        "local.settings.sample.json",
    }
    assert "@minValue(20)\n@maxValue(600)\nparam changesRefreshSeconds int = 45\n" in outdated["infra/main.bicep"]
    assert '"${CHANGES_REFRESH_SECONDS=45}"' in outdated["infra/main.parameters.json"]
    assert "| `CHANGES_REFRESH_SECONDS` | `45` | 20 to 600 |" in outdated["docs/settings.md"]


def test_a_new_setting_gets_its_parameter_and_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    more = (*SETTINGS, replace(SETTINGS[-1], name="FUTURE_LIMIT", default="7", kind=WholeNumber(1, 9)))
    monkeypatch.setattr(settings_tables, "SETTINGS", more)
    monkeypatch.setattr(infrastructure, "SETTINGS", more)
    outdated = find_outdated(ROOT)
    assert "param futureLimit int = 7\n" in outdated["infra/main.bicep"]
    assert "FUTURE_LIMIT: string(futureLimit)\n" in outdated["infra/main.bicep"]
    assert '"futureLimit": { "value": "${FUTURE_LIMIT=7}" }' in outdated["infra/main.parameters.json"]
    assert '"FUTURE_LIMIT": "7"' in outdated["local.settings.sample.json"]
