"""`python3 -m devkit rules`: rules of another robot, written down as a table, become rules of a mailbox."""

import argparse
import json
from pathlib import Path

import pytest

from devkit.commands import rules
from shared.settings.rules import read_rules

TABLE = """subject;from;header;value;catalog_entry;urgency;set_aside;sink;takes_automatic;e_channel
VPN | remote access;;;;VPN_INCIDENT;2;;;;mail to {address}
;@news.contoso.com;List-Id;;;;A newsletter.;;;
Drucker;;;;PRINTER;;;;;
Drucker;lee.gu@contoso.com;;;PRINTER_VIP;;;;;

;;X-Severity;critical|high;;;;operations;yes;
"""
RULES: list[dict[str, object]] = [
    {
        "name": "vpn-remote-access",
        "all": [{"subject": ["VPN", "remote access"]}],
        "catalog_entry": "VPN_INCIDENT",
        "urgency": 2,
        "custom_fields": {"e_channel": "mail to {address}"},
    },
    {
        "name": "news-contoso-com",
        "all": [{"from": "@news.contoso.com"}, {"header": "List-Id"}],
        "set_aside": "A newsletter.",
    },
    {"name": "drucker", "all": [{"subject": "Drucker"}], "catalog_entry": "PRINTER"},
    {
        "name": "drucker-2",
        "all": [{"from": "lee.gu@contoso.com"}, {"subject": "Drucker"}],
        "catalog_entry": "PRINTER_VIP",
    },
    {
        "name": "x-severity",
        "all": [{"header": "X-Severity", "value": ["critical", "high"]}],
        "sink": "operations",
        "takes_automatic": True,
    },
]


def _run(file: Path, content: bytes, *folders: str) -> int:
    file.write_bytes(content)
    parser = argparse.ArgumentParser()
    rules.add_arguments(parser)
    return rules.run(parser.parse_args([str(file), *(f"--folder={name}" for name in folders)]), [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_each_line_becomes_a_rule_that_the_app_takes(
    encoding: str, separator: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = TABLE.replace(";", separator).replace("PRINTER_VIP", "PRINTER_VÖP").encode(encoding)
    assert _run(tmp_path / "rules.csv", content) == 0
    made = json.loads(capsys.readouterr().out)
    assert made == [*RULES[:3], RULES[3] | {"catalog_entry": "PRINTER_VÖP"}, RULES[4]]
    faults: list[str] = []
    read = read_rules(made, ["inbox"], ["operations"], lambda where, message: faults.append(f"{where} {message}"))
    assert (len(read), faults) == (len(RULES), [])


def test_what_the_app_would_refuse_is_named_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = "name,subject,recipient,folder,urgency\na,x,,,1\n\nb,!,,,2\na,y,desk,sentitems,soon\n,,,,3\n"
    assert _run(tmp_path / "rules.csv", table.encode()) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    for expected in (
        "line 4, all[0].subject: Give words",
        "line 5, all[0].recipient: Give a mail address",
        "line 5, all[1].folder: The mailbox does not read this folder",
        "line 5, urgency: This must be a whole number",
        'line 6: Give its conditions: a list "all"',
    ):
        assert expected in shown.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("subject,prio\nx,1\n", "There is no column 'prio'. The first line names columns: name, sink"),
        ("", "The file is empty."),
        ("subject,urgency\nx,1,2\n", "Line 2 has more cells"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(
    content: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(tmp_path / "rules.csv", content.encode()) == 1
    assert message in capsys.readouterr().err


def test_folders_that_the_mailbox_reads_may_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = "folder,catalog_entry\nAAMkAG,VPN\n"
    assert _run(tmp_path / "rules.csv", table.encode(), "inbox", "AAMkAG") == 0
    assert json.loads(capsys.readouterr().out)[0]["all"] == [{"folder": "AAMkAG"}]
