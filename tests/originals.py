"""Documents and mails of others, which this repository does not hold, and where they are looked for.

GATEWAY_CONTRACTS names the folder with Graph's metadata and Microsoft's JSON schemas, GATEWAY_MAILS a folder of sample
mails. Without these variables they are looked for in `../shared` beside the repository. The few tests that need them
are skipped, with one sentence, where they are absent.
"""

import os
from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared"
CONTRACTS = Path(os.environ.get("GATEWAY_CONTRACTS") or _SHARED / "contracts")
MAILS = Path(os.environ.get("GATEWAY_MAILS") or _SHARED / "data" / "mails")


def find_contracts(*names: str) -> list[Path]:
    """Return the paths of these documents, or skip the test."""
    found = [CONTRACTS / name for name in names]
    for path in found:
        if not path.is_file():
            pytest.skip(f"{path.name} may not be copied into this repository: set GATEWAY_CONTRACTS to its folder")
    return found


def find_mails() -> list[Path]:
    """Return the sample mails, or skip the test."""
    found = sorted(path for path in MAILS.rglob("*") if path.is_file())
    if not found:
        pytest.skip("the sample mails of others are not in this repository: set GATEWAY_MAILS to a folder of mails")
    return found
