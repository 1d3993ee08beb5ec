"""docs/sinks.md describes each kind of sink and its options, word for word."""

import json
import re

import pytest

from inbound_mail.sinks import KINDS, check_sink
from inbound_mail.sinks._options import Option
from shared.settings.mail_settings import SinkSettings
from tests.house.source import ROOT

TEXT = (ROOT / "docs/sinks.md").read_text()


def section(kind: str) -> str:
    found = re.search(rf"^## {kind}$(.*?)(?=^## |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert found, kind
    return found[1]


def usual(option: Option) -> str:
    if option.needed:
        return "needed"
    return "none" if option.usual in (None, ()) else f"`{option.usual}`"


def test_every_kind_has_its_section() -> None:
    headings = set(re.findall(r"^## (.+)$", TEXT, flags=re.MULTILINE))
    assert headings - {"Which ticket a mail belongs to"} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_is_documented_word_for_word(kind: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", section(kind), flags=re.MULTILINE)
    wanted = [(name, usual(option), option.text) for name, option in KINDS[kind].options.items()]
    assert rows == wanted


def test_the_example_is_valid() -> None:
    example = re.search(r"```json\n(.*?)```", TEXT, flags=re.DOTALL)
    assert example
    for name, given in json.loads(example[1]).items():
        options = {key: value for key, value in given.items() if key != "kind"}
        assert list(check_sink(SinkSettings(name, given["kind"], options))) == []
