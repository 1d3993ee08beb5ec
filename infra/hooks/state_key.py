"""Store the key that signs paging cursors, unless there is one: 32 random bytes in Base64, never shown.

azd runs this after `azd provision` with the deployment's outputs in the environment. Standard library and the Azure CLI
only. The deployer's role on the vault takes minutes to arrive, so a refusal is repeated; a vault that is closed to this
machine is told with what to do instead.

Source: https://learn.microsoft.com/cli/azure/keyvault/secret
"""
# ruff: noqa: INP001, T201 - a script beside the Bicep files, which talks to the person who deploys

import base64
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIES = 20
PAUSE = 30.0
_KEY_BYTES = 32


class NotStoredError(Exception):
    """The key could not be stored; the message says what to do."""


def main() -> int:
    """Make the key if need be; return 0 once it is there."""
    try:
        print(_ensure(os.environ.get("KEY_VAULT_NAME"), os.environ.get("STATE_KEY_NAME") or "gateway-state-key"))
    except NotStoredError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _ensure(vault: str | None, name: str) -> str:
    az = shutil.which("az")
    if not vault:
        raise NotStoredError("KEY_VAULT_NAME is not set: run this as `azd hooks run postprovision`.")
    if az is None:
        raise NotStoredError("The Azure CLI stores the state key: install it, `az login`, and provision again.")
    where = ["--vault-name", vault, "--name", name, "--output", "none"]
    for tried in range(TRIES):
        if tried:
            print(f"The vault does not let us in yet ({tried} of {TRIES}); a fresh role takes minutes.", flush=True)
            time.sleep(PAUSE)
        answer = _run([az, "keyvault", "secret", "show", *where])
        if answer.returncode == 0:
            return f"The state key {name} is in the vault {vault}."
        if "SecretNotFound" in answer.stderr:
            answer = _store([az, "keyvault", "secret", "set", *where])
            if answer.returncode == 0:
                return f"Stored a new state key as {name} in the vault {vault}."
        if "ForbiddenByFirewall" in answer.stderr or "Public network access is disabled" in answer.stderr:
            raise NotStoredError(f"{vault} is closed to this machine. From its network: azd hooks run postprovision")
        if "Forbidden" not in answer.stderr:
            raise NotStoredError(answer.stderr.strip())
    raise NotStoredError(f"{vault} still refuses. Needed on it: the role Key Vault Secrets Officer.")


def _store(command: list[str]) -> "subprocess.CompletedProcess[str]":
    """Pass the key through a file of our own: arguments can be read by everybody on the machine."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "key"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode())
        return _run([*command, "--file", str(file), "--encoding", "utf-8"])


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the Azure CLI


if __name__ == "__main__":
    sys.exit(main())
