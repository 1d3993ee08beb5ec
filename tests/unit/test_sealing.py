"""Sealed texts can be read by the gateway alone, and only in the row that they were written for."""

import base64

import pytest

from shared.errors import ConfigurationError
from shared.sealing import Sealing
from shared.state_key import derive_key, read_state_key

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(1, 33))).decode()
ADDRESS = "https://prod-00.westeurope.logic.azure.com/workflows/1/triggers/t/versions/2/run?sig=geheim-ß"


def test_a_text_comes_back_and_is_never_sealed_to_the_same() -> None:
    sealing = Sealing(lambda: KEY)
    first, second = (sealing.seal(ADDRESS, binding="one") for _ in range(2))
    assert first != second
    assert "sig" not in first
    assert {sealing.open(each, binding="one") for each in (first, second)} == {ADDRESS}


@pytest.mark.parametrize("damage", ["row", "key", "letter", "cut", "no Base64", "empty"])
def test_what_was_not_sealed_for_this_row_with_this_key_cannot_be_opened(damage: str) -> None:
    sealed = Sealing(lambda: KEY).seal(ADDRESS, binding="one")
    changed = {
        "letter": sealed[:30] + ("A" if sealed[30] != "A" else "B") + sealed[31:],
        "cut": sealed[:-4],
        "no Base64": "ä",
        "empty": "",
    }.get(damage, sealed)
    with pytest.raises(ConfigurationError) as caught:
        Sealing(lambda: OTHER if damage == "key" else KEY).open(changed, binding="two" if damage == "row" else "one")
    assert caught.value.code == "StateKeyReplaced"
    assert caught.value.__cause__ is None


def test_keys_for_two_purposes_have_nothing_in_common() -> None:
    key = read_state_key(KEY)
    assert len({key, derive_key(key, "a"), derive_key(key, "b")}) == 3
    assert derive_key(key, "a") == derive_key(key, "a")


@pytest.mark.parametrize("text", ["", "ä", base64.b64encode(bytes(31)).decode()])
def test_a_state_key_that_is_none_is_the_settings_fault(text: str) -> None:
    with pytest.raises(ConfigurationError):
        Sealing(lambda: text).seal("x", binding="")
