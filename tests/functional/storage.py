"""One storage emulator for all tests that need one, real as the platform's; each test gets names of its own."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from devkit.azurite import Azurite, start_azurite
from devkit.memory_storage import MemoryContainer, MemoryTable
from shared.identity import Identity
from shared.settings.choices import IdentitySource
from shared.settings.mail_settings import StorageSettings
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.tables import Table

_TABLE_METHODS = ("get", "query", "transact")  # its other methods call these
_CONTAINER_METHODS = ("make", "put", "get", "delete", "read", "lease", "list_versions")


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    with start_azurite() as running:
        yield running


@pytest.fixture
def storage(azurite: Azurite) -> Storage:
    settings = StorageSettings(azurite.connection_string, None, None, None, None)
    return Storage(settings, Identity(IdentitySource.MANAGED))


@pytest.fixture
def name() -> str:
    """A name that no other test uses, good for tables, containers and queues."""
    return f"t{uuid.uuid4().hex[:20]}"


@contextmanager
def storage_in_memory() -> Iterator[None]:
    """Let every table and container of the app keep its contents in memory instead of the emulator.

    For tests that begin the same work hundreds of times: nearly all of their time would be HTTP to the emulator.
    `test_storage.py` holds both to the same promises. What only the emulator has, such as versions of blobs, fails.
    """
    tables: defaultdict[str, MemoryTable] = defaultdict(MemoryTable)
    containers: defaultdict[str, MemoryContainer] = defaultdict(MemoryContainer)
    leads: dict[tuple[type, str], Any] = {(Table, method): _lead_to(tables, method) for method in _TABLE_METHODS}
    leads |= {(Container, method): _lead_to(containers, method) for method in _CONTAINER_METHODS}
    with pytest.MonkeyPatch.context() as patch:
        for (kind, method), lead in leads.items():
            patch.setattr(kind, method, lead)
        patch.setattr(Storage, "open_table", _refuse)
        patch.setattr(Storage, "open_container", _refuse)
        patch.setattr(Storage, "open_blobs", _refuse)
        yield
        # What is undone later would put the memory in place of the emulator again, for all tests that follow.
        changed = [method for (kind, method), lead in leads.items() if kind.__dict__[method] is not lead]
        assert changed == [], "replaced within the memory's context, and not restored before its end"


def _lead_to(kept: defaultdict[str, Any], method: str) -> Callable[..., Any]:
    def call(self: Table | Container, *args: Any, **options: Any) -> Any:
        return getattr(kept[self._name], method)(*args, **options)

    return call


def _refuse(*_: object) -> Any:
    raise AssertionError("the memory does not have this")


@pytest.fixture
def rows_in_memory() -> Iterator[None]:
    """Rows and blobs are in memory, for tests of what is done with mails whatever keeps them."""
    with storage_in_memory():
        yield


@pytest.fixture(params=["emulator", "memory"])
def either_storage(request: pytest.FixtureRequest) -> Iterator[None]:
    """The emulator, and then the memory that stands in for it in crash tests."""
    if request.param == "emulator":
        yield
        return
    with storage_in_memory():
        yield
