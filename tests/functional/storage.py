"""One storage emulator for all tests that need one, real as the platform's; each test gets names of its own."""

import uuid
from collections.abc import Iterator

import pytest

from devkit.azurite import Azurite, start_azurite
from shared.key_vault import Identity
from shared.settings.choices import IdentitySource
from shared.settings.mail_settings import StorageSettings
from shared.storage.account import Storage


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
