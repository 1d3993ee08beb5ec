"""What Microsoft's packages behind Azure Functions answered when they were run alone, one case per line.

``about`` in each file names the package and its version, ``columns`` says what stands where. A missing answer is null.
They were observed once, on .NET 8 and .NET 10, and hold no source text of others.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def read_vectors(name: str) -> dict[str, Any]:
    """Return one file."""
    vectors: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text("utf-8"))
    return vectors
