"""Access keys and the file that keeps them."""

import json
import stat
import threading
from pathlib import Path

import pytest

from devkit.host.errors import KeysError
from devkit.host.keys import Keys, Level

KEYS = Keys("the-master", {"default": "the-host", "second": "another"})


@pytest.mark.parametrize(
    ("presented", "level"),
    [
        ("the-master", Level.ADMIN),
        ("the-host", Level.FUNCTION),
        ("another", Level.FUNCTION),
        ("THE-HOST", Level.ANONYMOUS),
        ("wrong", Level.ANONYMOUS),
        ("schlüssel", Level.ANONYMOUS),
        ("\udcff", Level.ANONYMOUS),
        ("", Level.ANONYMOUS),
        (None, Level.ANONYMOUS),
    ],
)
def test_each_key_opens_what_it_should(presented: str | None, level: Level) -> None:
    assert KEYS.find_level(presented) is level


def test_keys_do_not_show_in_their_representation() -> None:
    assert "the-" not in repr(KEYS)


def test_a_missing_file_is_created_private_with_random_keys(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keys.json"
    keys = Keys.open(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert len(keys.master) > 30
    assert keys.master != keys.host["default"]
    assert Keys.open(path) == keys
    assert Keys.open(tmp_path / "other.json") != keys


def test_two_starters_end_up_with_the_same_keys(tmp_path: Path) -> None:
    path, found, barrier = tmp_path / "keys.json", [], threading.Barrier(8)

    def open_keys() -> None:
        barrier.wait()
        found.append(Keys.open(path).master)

    threads = [threading.Thread(target=open_keys) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_file_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"master": "m", "host": {"default": "h"}, "functions": {}}))
    path.chmod(0o644)
    assert Keys.open(path).find_level("h") is Level.FUNCTION
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", "{}", '{"master": "secret-master"}', '{"master": "secret-master", "host": {"default": 7}}'),
        '{"master": "secret-master", "host": {"default": "h"}, "functions": {"poll": {"default": "p"}}}',
    ],
)
def test_a_file_of_another_shape_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(KeysError) as refusal:
        Keys.open(path)
    assert str(path) in str(refusal.value)
    assert "secret-master" not in str(refusal.value)
