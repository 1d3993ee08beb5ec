import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.json_text import parse_json, write_json

values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_is_written_is_read_again_by_anybody(value: Any) -> None:
    text = write_json(value)
    assert parse_json(text) == value
    assert json.loads(text) == value


@given(values, st.booleans())
def test_what_others_write_is_read(value: Any, as_ascii: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=as_ascii).encode()) == value


def test_half_an_emoji_stands_in_nobodys_way() -> None:
    found = parse_json(b'{"subject":"printer \\ud83d","from":"\\u00e9"}')
    assert found == {"subject": "printer \ud83d", "from": "é"}
    assert parse_json(write_json(found)) == {"subject": "printer \ufffd", "from": "é"}
    assert write_json({"\ud83d": 1}) == '{"\ufffd":1}'.encode()


@pytest.mark.parametrize("text", [b"", b"<html>", b'{"a":', b"\xff\xfe\xfd", b"[1,]"])
def test_what_is_no_json_is_reported(text: bytes) -> None:
    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
        parse_json(text)
