"""What is deployed, unpacked for a process of its own: the package, the local host alone, the requirements."""

import os
import shutil
import zipfile
from pathlib import Path

from devkit.clock import VARIABLES
from devkit.commands import package
from tests.house.source import ROOT

ID = "00000000-0000-0000-0000-000000000000"
SETTINGS = {
    "KEY_VAULT_URL": "https://kv.vault.azure.net/",
    "GRAPH_TENANT_ID": ID,
    "GRAPH_CLIENT_ID": ID,
    "IDENTITY_CLIENT_ID": ID,
    "MAILBOX_POLL_SCHEDULE": "0 * * * * *",
    "CHANGES_SCHEDULE": "15 */5 * * * *",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
}
_KEPT = ("PATH", "HOME", "SYSTEMROOT", "TMPDIR", *VARIABLES)


def unpack(folder: Path, script: Path) -> Path:
    """Put the package into `app` and what runs it into `tools`; return the script's new place."""
    package.write_package(folder / "app.zip", package.list_files())
    with zipfile.ZipFile(folder / "app.zip") as archive:
        archive.extractall(folder / "app")
    # the local host alone: nothing of the checkout may be found by accident
    shutil.copytree(ROOT / "devkit/host", folder / "tools/devkit/host")
    (folder / "tools/devkit/host/__init__.py").write_text("")  # the real one brings the HTTP server
    shutil.copy(ROOT / "devkit/__init__.py", folder / "tools/devkit")
    return Path(shutil.copy(script, folder / "tools"))


def plain_environ() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}
