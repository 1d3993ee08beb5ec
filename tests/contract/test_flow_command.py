"""`python3 -m devkit connector`, as somebody who runs an environment types it."""

import json
import re
from pathlib import Path

import pytest

from devkit.commands import main
from devkit.flows.names import make_identity
from devkit.flows.solution import bind_flow
from devkit.flows.sources import FLOWS, load_flow

type Says = pytest.CaptureFixture[str]


def test_it_writes_what_is_imported_and_says_what_may_stand_in_the_way(tmp_path: Path, capsys: Says) -> None:
    assert main(["connector", "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    written = {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
    assert {
        "README.md",
        "CONTENTS.md",
        "solutions/connector.zip",
        "solutions/forms.zip",
        "connector/icon.png",
    } <= written
    assert not [name for name in written if "certification" in name]
    assert (
        "solutions/forms.zip: connections: Graph Gateway, Microsoft Forms, Office 365 Outlook; to fill in: " in said.out
    )
    assert f"{len(written)} files for 12 flows" in said.out
    assert re.search(r"connector: Microsoft's coding standards: \d{5,} passed, 0 failed\.\n", said.out)
    assert "asks for the gateway's host and a key" in said.err
    assert "allow https://azurewebsites.net" in said.err
    assert "hold their flows as turned off" in said.err


SUBMITTED = {
    "--publisher": "Ada Lovelace", "--support-url": "https://contoso.com/support", "--support-mail": "help@contoso.com",
    "--website": "https://contoso.com", "--privacy-policy": "https://contoso.com/privacy",
}  # fmt: skip


def submit(folder: Path, given: dict[str, str], *more: str) -> int:
    return main(["connector", "--output", str(folder), *more, *(part for pair in given.items() for part in pair)])


def test_what_is_handed_in_for_certification_is_written_on_demand(tmp_path: Path, capsys: Says) -> None:
    assert submit(tmp_path, SUBMITTED, "--certification") == 0
    names = sorted(path.name for path in (tmp_path / "certification").iterdir())
    assert names == ["apiDefinition.swagger.json", "apiProperties.json", "readme.md"]
    assert (tmp_path / "certification.zip").is_file()
    assert re.search(
        r"certification: Microsoft's coding standards: \d{5,} passed, 0 failed\.\n", capsys.readouterr().out
    )


@pytest.mark.parametrize("option", SUBMITTED)
def test_certification_names_what_it_lacks(tmp_path: Path, capsys: Says, option: str) -> None:
    given = {name: value for name, value in SUBMITTED.items() if name != option}
    assert submit(tmp_path / "out", given, "--certification") == 2
    assert f"give {option}, too." in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("option", "value", "words"), [
    ("--publisher", "Ada <Lovelace>", "letters, digits, blanks"),
    ("--support-mail", "help@gateway.example.com", "no mail address that somebody reads"),
    ("--support-mail", "help", "no mail address that somebody reads"),
    ("--website", "https://gateway.example.com", "no page that Microsoft can open"),
    ("--support-url", "http://contoso.com", "no page that Microsoft can open"),
    ("--privacy-policy", "privacy", "no page that Microsoft can open"),
])  # fmt: skip
def test_certification_refuses_who_cannot_be_published(
    tmp_path: Path, capsys: Says, option: str, value: str, words: str
) -> None:
    assert submit(tmp_path / "out", SUBMITTED | {option: value}, "--certification") == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_who_submits_is_asked_for_certification_only(tmp_path: Path, capsys: Says) -> None:
    assert submit(tmp_path / "out", {"--website": "https://contoso.com"}) == 2
    assert "--website: only --certification" in capsys.readouterr().err


def test_a_wrong_option_is_refused_and_nothing_written(tmp_path: Path, capsys: Says) -> None:
    assert main(["connector", "--connector-name", "Graph Gateway", "--output", str(tmp_path / "out")]) == 2
    assert "no connector's name" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_sample_flows_pass(capsys: Says) -> None:
    assert main(["connector", "--check"]) == 0
    assert capsys.readouterr().out.endswith("flows: 12, complaints: 0\n")


def test_an_exported_flow_may_name_its_tenant_and_other_connectors(tmp_path: Path, capsys: Says) -> None:
    identity = make_identity("Graph Gateway", "shared_ggw-5fgraph-20gateway-5f0123456789abcdef")
    document = bind_flow(load_flow(FLOWS / "daily-agenda.json"), identity)
    work = document["properties"]["definition"]["actions"]["Work"]["actions"]
    mail = work["Mail_the_agenda"]
    mail["inputs"]["parameters"]["emailMessage/To"] = "team@fabrikam.com"
    del mail["description"]
    teams = document["properties"]["connectionReferences"]["shared_teams"]["api"]
    work["Tell_the_team"]["inputs"]["host"]["apiId"] = "/providers/Microsoft.PowerApps/apis/shared_slack"
    teams["name"] = "shared_slack"
    (tmp_path / "DailyAgenda-1234.json").write_text(json.dumps(document))
    assert main(["connector", "--check", str(tmp_path / "DailyAgenda-1234.json")]) == 0
    assert capsys.readouterr().out == "flows: 1, complaints: 0\n"


def test_a_flow_of_ones_own_is_checked(tmp_path: Path, capsys: Says) -> None:
    flow = json.loads((FLOWS / "daily-agenda.json").read_text())
    work = flow["properties"]["definition"]["actions"]["Work"]["actions"]
    work["Get_the_agenda"]["inputs"]["parameters"]["day"] = "2026-05-05"
    (tmp_path / "mine.json").write_text(json.dumps(flow))
    assert main(["connector", "--check", str(tmp_path / "mine.json")]) == 1
    assert (
        "mine: Get_the_agenda: GetAgenda has no input “day” [input]\nflows: 1, complaints: 1\n"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(("content", "words"), [("{", "is no flow"), (None, "No such file")])
def test_a_file_that_is_none_is_named(tmp_path: Path, capsys: Says, content: str | None, words: str) -> None:
    path = tmp_path / "mine.json"
    if content is not None:
        path.write_text(content)
    assert main(["connector", "--check", str(path)]) == 2
    said = capsys.readouterr().err
    assert "mine.json" in said
    assert words in said
