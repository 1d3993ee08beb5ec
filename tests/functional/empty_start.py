"""Runs on a Python without packages, but for those in the unpacked package: `python empty_start.py APP_FOLDER`.

Loads the unpacked app with the local host, less its HTTP server (which is no requirement of the app), asks for its
health as a probe would, and prints what it found as JSON.
"""

import asyncio
import importlib.metadata
import json
import os
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from devkit.host.host import LocalHost
from devkit.host.keys import Keys

OURS = ("blueprints", "bookings", "inbound_mail", "shared", "azure_functions_runtime", "requests", "msal")


async def ask(host: LocalHost, path: str) -> dict[str, Any]:
    sent: list[MutableMapping[str, Any]] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await host.asgi(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return {"status": sent[0]["status"], "body": json.loads(body)}


def main(app: Path) -> None:
    host = LocalHost.load(app, settings_file=None, environ=os.environ, keys=Keys.generate())
    found = {
        "functions": {each.name: str(each.error or "") for each in host.functions},
        "health": asyncio.run(ask(host, "/api/health")),
        "ours": {
            name: str(module.__file__)
            for name, module in sys.modules.items()
            if name.partition(".")[0] in OURS and getattr(module, "__file__", None)
        },
        "cached": {
            name: Path(module.__spec__.cached).is_file()
            for name, module in sys.modules.items()
            if name.partition(".")[0] in OURS and module.__spec__ and module.__spec__.cached
        },
        "distributions": {
            re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower(): each.version
            for each in importlib.metadata.distributions()
        },
        "python": "{}.{}".format(*sys.version_info),
    }
    host.stop()
    print(json.dumps(found))  # noqa: T201 - read by the test


if __name__ == "__main__":
    main(Path(sys.argv[1]))
