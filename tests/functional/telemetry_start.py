"""Runs with the deployed requirements and OpenTelemetry: `python telemetry_start.py APP_FOLDER FLOW ADDRESS SECRET`.

The local host lets the worker library configure OpenTelemetry; then a flow asks something that is refused, and an event
is told, and requests leave for addresses with secrets in them. All of it goes to the address in
APPLICATIONINSIGHTS_CONNECTION_STRING. Prints how long the start took.
"""

import asyncio
import contextlib
import importlib
import json
import logging
import os
import ssl
import sys
import time
import urllib.request
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from devkit.host.host import LocalHost
from devkit.host.keys import Keys


async def ask(host: LocalHost, path: str, headers: dict[str, str]) -> int:
    sent: list[MutableMapping[str, Any]] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"limit=no", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await host.asgi(scope, receive, send)
    return int(sent[0]["status"])


def call_secret_addresses(address: str, secret: str) -> None:
    """Call a webhook whose address is a secret, a service with a query, a queue, and the standard library's client."""
    names = ("shared.transport", "shared.key_vault", "inbound_mail.sinks.webhook.receiver", "azure.storage.queue")
    transport, vault, receiver, queue = (importlib.import_module(name) for name in names)

    class Secrets:
        def get(self, _name: str) -> Any:
            return vault.VaultSecret(f"{address}/hooks/{secret}?code={secret}&token={secret}", "1", None, None)

    sink = receiver.Receiver(
        url=None,
        url_secret=vault.RememberedSecret(Secrets(), "flow"),
        keys=[],
        content_type="application/json",
        timeout=10,
        wants_answer=False,
    )
    sink.send("mail-1", b"{}")
    transport.Transport().send("POST", f"{address}/search", query={"q": secret, "key": secret}, json={})
    parts = f"AccountName=a;AccountKey=AAAA;QueueEndpoint={address}/{secret}"
    client = queue.QueueClient.from_connection_string(parts, "polls", retry_total=0)
    with contextlib.suppress(Exception):  # no queue answers there
        client.send_message(secret)
    asked = urllib.request.Request(f"{address}/plain/{secret}?sig={secret}", data=b"{}")  # noqa: S310 - https
    trusted = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
    urllib.request.urlopen(asked, timeout=10, context=trusted).close()  # noqa: S310 - https


def main(app: Path, flow: str, address: str, secret: str) -> None:
    logging.getLogger().setLevel(logging.INFO)  # as the platform's worker process does
    began = time.monotonic()
    host = LocalHost.load(app, settings_file=None, environ=os.environ, keys=Keys.generate(), check_keys=False)
    took = time.monotonic() - began
    headers = {"host": "127.0.0.1", "x-ms-client-request-id": flow}
    status = asyncio.run(ask(host, "/api/bookings/businesses", headers))

    shared = {name: importlib.import_module(f"shared.{name}") for name in ("context", "events")}  # of the package
    with shared["context"].call(flow, seconds=1):
        shared["events"].log_event(shared["events"].Event.CIRCUIT_OPEN, sink="desk", mails=3)
    call_secret_addresses(address, secret)
    importlib.import_module("opentelemetry._logs").get_logger_provider().force_flush()
    importlib.import_module("opentelemetry.trace").get_tracer_provider().force_flush()
    host.stop()
    print(json.dumps({"status": status, "seconds": took}))  # noqa: T201 - read by the test


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
