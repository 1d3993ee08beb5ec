import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cursors import Cursors
from shared.errors import ConfigurationError, Invalid

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = base64.b64encode(bytes(range(1, 33))).decode()


def cursors(key: str = KEY) -> Cursors:
    return Cursors(lambda: key)


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(payload=json_values, binding=st.text())
def test_a_cursor_gives_back_what_was_put_in_even_after_a_restart(payload: object, binding: str) -> None:
    sealed = cursors().seal(payload, binding=binding)
    assert cursors().open(sealed, binding=binding) == payload
    assert set(sealed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(payload=json_values, position=st.integers(min_value=0), replacement=st.sampled_from("AZaz09-_"))
def test_a_cursor_with_one_character_changed_is_refused(payload: object, position: int, replacement: str) -> None:
    sealed = cursors().seal(payload, binding="q")
    position %= len(sealed) - 1  # the last character may hold unused bits
    forged = sealed[:position] + replacement + sealed[position + 1 :]
    if forged != sealed:
        with pytest.raises(Invalid):
            cursors().open(forged, binding="q")


@pytest.mark.parametrize("text", ["", "x", "AAAA", "!!!!", "é", "A" * 5000])
def test_what_is_no_cursor_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(Invalid) as raised:
        cursors().open(text, binding="q")
    assert (raised.value.code, raised.value.target) == ("InvalidCursor", "cursor")


def test_a_cursor_of_another_question_or_another_key_is_refused() -> None:
    sealed = cursors().seal([1], binding="q")
    with pytest.raises(Invalid):
        cursors().open(sealed, binding="another q")
    with pytest.raises(Invalid):
        cursors(OTHER_KEY).open(sealed, binding="q")


@pytest.mark.parametrize("key", ["", "short", "not base64!", base64.b64encode(bytes(31)).decode()])
def test_a_weak_or_broken_key_is_the_administrators_matter(key: str) -> None:
    with pytest.raises(ConfigurationError):
        cursors(key).seal([1], binding="q")
